//! What steps leave behind, and the sessions of those who may ask.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::{Store, StoreError, failed};

impl Store {
    /// Keeps a document; an earlier one of the name is replaced.
    pub(crate) async fn put<T: Serialize + Sync>(
        &self,
        name: &str,
        document: &T,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_string(document).map_err(|error| StoreError::Unreadable {
            what: name.to_owned(),
            why: error.to_string(),
        })?;
        let mut write = self.begin().await?;
        sqlx::query(
            "INSERT INTO document (name, body) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        )
        .bind(name)
        .bind(body)
        .execute(&mut *write.tx)
        .await
        .map_err(failed("keep a document"))?;
        self.commit(write).await
    }

    /// A document; `None` when there is none.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let row = sqlx::query("SELECT body FROM document WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pools.reader)
            .await
            .map_err(failed("read a document"))?;
        row.map(|row| {
            serde_json::from_str(row.get::<&str, _>(0)).map_err(|error| StoreError::Unreadable {
                what: name.to_owned(),
                why: error.to_string(),
            })
        })
        .transpose()
    }

    /// Forgets a document.
    pub(crate) async fn drop_document(&self, name: &str) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM document WHERE name = ?")
            .bind(name)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("forget a document"))?;
        self.commit(write).await
    }

    /// Opens a session, and forgets those that have ended.
    pub(crate) async fn open_session(
        &self,
        id: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM session WHERE expires_ms <= ?")
            .bind(now_ms)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("forget old sessions"))?;
        sqlx::query("INSERT INTO session (id, expires_ms) VALUES (?, ?)")
            .bind(id)
            .bind(expires_ms)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("open a session"))?;
        self.commit(write).await?;
        self.live.open_session(id, now_ms, expires_ms);
        Ok(())
    }

    /// Ends every session.
    pub(crate) async fn end_sessions(&self) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM session")
            .execute(&mut *write.tx)
            .await
            .map_err(failed("end the sessions"))?;
        self.commit(write).await?;
        self.live.end_sessions();
        Ok(())
    }

    /// When a session ends, in milliseconds.
    pub(crate) fn session_end(&self, id: &str) -> Option<i64> {
        self.live.session_end(id)
    }

    /// Lets a session go on until `expires_ms`. The disk follows: nobody waits for it.
    pub(crate) fn renew_session(&self, id: &str, expires_ms: i64) {
        self.live.renew_session(id, expires_ms);
        let (store, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Err(error) = store.write_session_end(&id, expires_ms).await {
                tracing::warn!("{}", crate::refusal::chain(&error));
            }
        });
    }

    async fn write_session_end(&self, id: &str, expires_ms: i64) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("UPDATE session SET expires_ms = ? WHERE id = ?")
            .bind(expires_ms)
            .bind(id)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("renew a session"))?;
        self.commit(write).await
    }
}
