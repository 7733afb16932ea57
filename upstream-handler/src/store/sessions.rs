//! Sessions that were logged in by password.

use super::{Store, StoreError, failed, now_ms};

/// Whether a stored session may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// It may.
    Valid,
    /// It was there and is too old.
    Expired,
    /// There is none, or it was logged out.
    Unknown,
}

impl Store {
    /// Stores a session that lasts `lifetime_ms`.
    pub(crate) async fn create_session(
        &self,
        id: &str,
        lifetime_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let now = now_ms();
        sqlx::query("DELETE FROM session WHERE expires_ms < ?")
            .bind(now - lifetime_ms)
            .execute(&mut *tx)
            .await
            .map_err(failed("forget old sessions"))?;
        sqlx::query("INSERT INTO session (id, issued_ms, expires_ms) VALUES (?, ?, ?)")
            .bind(id)
            .bind(now)
            .bind(now + lifetime_ms)
            .execute(&mut *tx)
            .await
            .map_err(failed("store a session"))?;
        Self::commit(tx).await
    }

    /// Brings times that lie ahead back to `now_ms`: the clock was put back while nobody served. A session lasts as
    /// long as it was given, from now on: it neither ends with the others nor goes on until the clock is where it was.
    pub(crate) async fn bring_back(&self, now_ms: i64) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for statement in [
            "UPDATE session SET expires_ms = ?1 + (expires_ms - issued_ms), issued_ms = ?1 WHERE issued_ms > ?1",
            "UPDATE task SET touched_ms = ?1 WHERE touched_ms > ?1",
            "UPDATE upload SET touched_ms = ?1 WHERE touched_ms > ?1",
            "UPDATE idempotency SET created_ms = ?1 WHERE created_ms > ?1",
        ] {
            sqlx::query(statement)
                .bind(now_ms)
                .execute(&mut *tx)
                .await
                .map_err(failed("bring times back that lie ahead"))?;
        }
        Self::commit(tx).await
    }

    /// Looks a session up.
    pub(crate) async fn session_state(&self, id: &str) -> Result<SessionState, StoreError> {
        let expires: Option<i64> =
            sqlx::query_scalar("SELECT expires_ms FROM session WHERE id = ?")
                .bind(id)
                .fetch_optional(self.reader())
                .await
                .map_err(failed("look a session up"))?;
        Ok(match expires {
            None => SessionState::Unknown,
            Some(at) if at <= now_ms() => SessionState::Expired,
            Some(_) => SessionState::Valid,
        })
    }

    /// Ends a session.
    pub(crate) async fn delete_session(&self, id: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM session WHERE id = ?")
            .bind(id)
            .execute(&mut *tx)
            .await
            .map_err(failed("end a session"))?;
        Self::commit(tx).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    async fn write(store: &Store, statement: &'static str, value: i64) {
        let mut tx = store.begin().await.expect("a write");
        sqlx::query(statement).bind(value).execute(&mut *tx).await.expect("it is written");
        Store::commit(tx).await.expect("a commit");
    }

    async fn number(store: &Store, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(store.reader()).await.expect("a number")
    }

    #[tokio::test]
    async fn a_clock_that_was_put_back_neither_ends_sessions_nor_makes_them_last() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        let now = now_ms();
        store.create_session("a", 12 * HOUR_MS).await.expect("a session");
        store.task_running("t", "boot", "…").await.expect("a task");
        // The clock was a year ahead, and an hour went by.
        let year = 365 * 24 * HOUR_MS;
        let ahead = "UPDATE session SET issued_ms = issued_ms + ?1, expires_ms = expires_ms + ?1";
        write(&store, ahead, year - HOUR_MS).await;
        write(&store, "UPDATE task SET touched_ms = touched_ms + ?1", year).await;
        store.bring_back(now).await.expect("times are brought back");
        assert_eq!(store.session_state("a").await.expect("a state"), SessionState::Valid);
        let expires = number(&store, "SELECT expires_ms FROM session").await;
        assert_eq!(expires, now + 12 * HOUR_MS);
        let task = store.task("t").await.expect("a task").expect("it is there");
        assert_eq!(task.touched_ms, now);
        assert_eq!(task.visible(now).0, "running");
        // What does not lie ahead stays.
        store.bring_back(now + HOUR_MS).await.expect("nothing is to do");
        assert_eq!(number(&store, "SELECT expires_ms FROM session").await, expires);
    }
}
