//! Answers that were given to requests with an `Idempotency-Key`.
//!
//! The answer is stored in the transaction that has the effect, so there is never one without the
//! other.

use sqlx::FromRow;

use super::{Store, StoreError, Tx, failed, now_ms};

/// How long an answer is kept, in milliseconds: 30 days.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A request that may be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// What the client sent.
    pub key: String,
    /// Digest over method, path, query and body.
    pub digest: String,
}

/// An answer that was given.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Recorded {
    /// Digest of the request it answered.
    pub digest: String,
    /// The status.
    pub status: i64,
    /// The body, JSON.
    pub body: String,
}

impl Store {
    /// The answer given to `key`, if any.
    pub(crate) async fn recorded(&self, key: &str) -> Result<Option<Recorded>, StoreError> {
        sqlx::query_as("SELECT digest, status, body FROM idempotency WHERE key = ?")
            .bind(key)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("look an earlier answer up"))
    }

    /// Stores an answer whose request had no effect in the database.
    pub(crate) async fn record_answer(
        &self,
        key: &Key,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        record(&mut tx, key, status, body).await?;
        Self::commit(tx).await
    }
}

/// Stores the answer to `key` beside the effect `tx` has.
pub(crate) async fn record(
    tx: &mut Tx,
    key: &Key,
    status: u16,
    body: &str,
) -> Result<(), StoreError> {
    let now = now_ms();
    sqlx::query("DELETE FROM idempotency WHERE created_ms < ?")
        .bind(now - KEPT_MS)
        .execute(&mut **tx)
        .await
        .map_err(failed("forget old answers"))?;
    sqlx::query(
        "INSERT INTO idempotency (key, digest, status, body, created_ms) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(&key.key)
    .bind(&key.digest)
    .bind(i64::from(status))
    .bind(body)
    .bind(now)
    .execute(&mut **tx)
    .await
    .map_err(failed("store an answer"))?;
    Ok(())
}
