//! Bundles that come in chunks: what of them has come.

use sqlx::FromRow;

use super::{Store, StoreError, failed, now_ms};
use crate::uploads::Shape;

/// How long an upload to which nothing is added is kept, in milliseconds: three days.
const EXPIRES_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// An upload as it is stored.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct UploadRow {
    pub key: String,
    pub app_id: String,
    total_size: i64,
    chunk_size: i64,
    total_chunks: i64,
    touched_ms: i64,
    /// What is being done with it; none while chunks come.
    pub process: Option<String>,
}

impl UploadRow {
    /// Whether nobody goes on with it, so that it may be forgotten.
    pub(crate) fn is_left_alone(&self, now_ms: i64) -> bool {
        self.process.is_none() && self.touched_ms < now_ms - EXPIRES_MS
    }

    /// How it is cut. What is stored was checked when it came.
    pub(crate) fn shape(&self) -> Option<Shape> {
        let number = |it: i64| u64::try_from(it).ok();
        Shape::new(number(self.total_size)?, number(self.chunk_size)?, number(self.total_chunks)?)
            .ok()
    }
}

/// Whether an upload may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It has, or had already.
    Yes,
    /// It is being processed and takes no more chunks.
    Processing,
    /// All uploads together would be larger than allowed.
    TooMuch,
}

impl Store {
    /// All uploads, the one touched last first.
    pub(crate) async fn uploads(&self) -> Result<Vec<UploadRow>, StoreError> {
        sqlx::query_as(
            "SELECT key, app_id, total_size, chunk_size, total_chunks, touched_ms, process
             FROM upload ORDER BY touched_ms DESC, key",
        )
        .fetch_all(self.reader())
        .await
        .map_err(failed("list the uploads"))
    }

    /// The upload a client means that tells its name and number of chunks; the one touched last, if it has several.
    pub(crate) async fn upload(
        &self,
        app_id: &str,
        identifier: &str,
        total_chunks: u64,
    ) -> Result<Option<UploadRow>, StoreError> {
        sqlx::query_as(
            "SELECT key, app_id, total_size, chunk_size, total_chunks, touched_ms, process
             FROM upload WHERE app_id = ? AND identifier = ? AND total_chunks = ?
             ORDER BY touched_ms DESC, key LIMIT 1",
        )
        .bind(app_id)
        .bind(identifier)
        .bind(i64::try_from(total_chunks).unwrap_or(i64::MAX))
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read an upload"))
    }

    /// Notes that an upload begins or goes on, unless all would be larger than `quota_bytes`.
    pub(crate) async fn begin_upload(
        &self,
        key: &str,
        app_id: &str,
        identifier: &str,
        shape: &Shape,
        quota_bytes: u64,
    ) -> Result<Begun, StoreError> {
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        let mut tx = self.begin().await?;
        let process: Option<Option<String>> =
            sqlx::query_scalar("SELECT process FROM upload WHERE key = ?")
                .bind(key)
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed("read an upload"))?;
        if let Some(Some(_)) = process {
            return Ok(Begun::Processing);
        }
        let others: i64 =
            sqlx::query_scalar("SELECT coalesce(sum(total_size), 0) FROM upload WHERE key <> ?")
                .bind(key)
                .fetch_one(&mut *tx)
                .await
                .map_err(failed("read the uploads"))?;
        if others.saturating_add(number(shape.total_size())) > number(quota_bytes) {
            return Ok(Begun::TooMuch);
        }
        sqlx::query(
            "INSERT INTO upload
                 (key, app_id, identifier, total_size, chunk_size, total_chunks, touched_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET touched_ms = excluded.touched_ms",
        )
        .bind(key)
        .bind(app_id)
        .bind(identifier)
        .bind(number(shape.total_size()))
        .bind(number(shape.chunk_size()))
        .bind(number(shape.total_chunks()))
        .bind(now_ms())
        .execute(&mut *tx)
        .await
        .map_err(failed("store an upload"))?;
        Self::commit(tx).await?;
        Ok(Begun::Yes)
    }

    /// The digest of a chunk that has come.
    pub(crate) async fn chunk(&self, key: &str, number: u64) -> Result<Option<String>, StoreError> {
        sqlx::query_scalar("SELECT sha256 FROM upload_chunk WHERE key = ? AND number = ?")
            .bind(key)
            .bind(i64::try_from(number).unwrap_or(i64::MAX))
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a chunk"))
    }

    /// The chunks that have come, with their digests, in order.
    pub(crate) async fn chunks(&self, key: &str) -> Result<Vec<(u64, String)>, StoreError> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT number, sha256 FROM upload_chunk WHERE key = ? ORDER BY number")
                .bind(key)
                .fetch_all(self.reader())
                .await
                .map_err(failed("list the chunks"))?;
        Ok(rows.into_iter().map(|it| (it.0.unsigned_abs(), it.1)).collect())
    }

    /// Notes a chunk that is on the disk, or (`None`) that it is about to be another one.
    pub(crate) async fn note_chunk(
        &self,
        key: &str,
        number: u64,
        sha256: Option<&str>,
    ) -> Result<(), StoreError> {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let mut tx = self.begin().await?;
        match sha256 {
            Some(sha256) => sqlx::query(
                "INSERT INTO upload_chunk (key, number, sha256) VALUES (?, ?, ?)
                 ON CONFLICT (key, number) DO UPDATE SET sha256 = excluded.sha256",
            )
            .bind(key)
            .bind(number)
            .bind(sha256),
            None => sqlx::query("DELETE FROM upload_chunk WHERE key = ? AND number = ?")
                .bind(key)
                .bind(number),
        }
        .execute(&mut *tx)
        .await
        .map_err(failed("store a chunk"))?;
        Self::commit(tx).await
    }

    /// Notes what is being done with an upload; false when something is already, or it is gone.
    pub(crate) async fn process_upload(
        &self,
        key: &str,
        process: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE upload SET process = ?, touched_ms = ? WHERE key = ? AND process IS NULL",
        )
        .bind(process)
        .bind(now_ms())
        .bind(key)
        .execute(&mut *tx)
        .await
        .map_err(failed("store what is done with an upload"))?;
        Self::commit(tx).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes that nothing is being done with an upload any more: its chunks stay for another try.
    pub(crate) async fn rest_upload(&self, key: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE upload SET process = NULL, touched_ms = ? WHERE key = ?")
            .bind(now_ms())
            .bind(key)
            .execute(&mut *tx)
            .await
            .map_err(failed("store what is done with an upload"))?;
        Self::commit(tx).await
    }

    /// Forgets uploads.
    pub(crate) async fn forget_uploads(&self, keys: &[String]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for key in keys {
            sqlx::query("DELETE FROM upload WHERE key = ?")
                .bind(key)
                .execute(&mut *tx)
                .await
                .map_err(failed("forget an upload"))?;
        }
        Self::commit(tx).await
    }
}
