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
