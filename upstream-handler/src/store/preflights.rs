//! Preflights of versions: which are to be run, and what they found.

use sqlx::FromRow;
use wire::preflight::PreflightResults;

use super::versions::{PENDING, PENDING_PREFLIGHT};
use super::{Store, StoreError, Tx, failed, now_text};

/// Checks of a version that are to be run.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Queued {
    pub app_id: String,
    pub sequence: i64,
    pub tree_sha256: String,
    /// Whether checks run although permissions are missing.
    #[sqlx(rename = "preflight_ignores_permissions")]
    pub ignores_permissions: bool,
    /// Which request they belong to: a later one makes this one's results worthless.
    #[sqlx(rename = "preflight_run")]
    run: i64,
}

impl Store {
    /// What is to be run, oldest version first.
    pub(crate) async fn preflight_queue(&self) -> Result<Vec<Queued>, StoreError> {
        sqlx::query_as(
            "SELECT app_id, sequence, tree_sha256, preflight_ignores_permissions, preflight_run
             FROM version WHERE preflight_is_queued ORDER BY created_at, sequence",
        )
        .fetch_all(self.reader())
        .await
        .map_err(failed("read the preflights that are to be run"))
    }

    /// Says how far a run is.
    pub(crate) async fn preflight_progress(
        &self,
        queued: &Queued,
        progress: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE version SET preflight_progress = ?
             WHERE app_id = ? AND sequence = ? AND preflight_run = ?",
        )
        .bind(progress)
        .bind(&queued.app_id)
        .bind(queued.sequence)
        .bind(queued.run)
        .execute(&mut *tx)
        .await
        .map_err(failed("store how far preflights are"))?;
        Store::commit(tx).await
    }
}

/// Forgets what a version's checks found and has them run. A version that is not deployed waits for
/// them.
pub(crate) async fn queue_preflight(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    ignores_permissions: bool,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE version SET preflight_is_queued = 1, preflight_run = preflight_run + 1,
             preflight_progress = '', preflight_result = NULL, preflight_result_at = NULL,
             preflight_ignores_permissions = ?,
             status = CASE WHEN status = ? THEN ? ELSE status END
         WHERE app_id = ? AND sequence = ?",
    )
    .bind(ignores_permissions)
    .bind(PENDING)
    .bind(PENDING_PREFLIGHT)
    .bind(app_id)
    .bind(sequence)
    .execute(&mut **tx)
    .await
    .map_err(failed("queue preflights"))?;
    Ok(())
}

/// Stores what the checks of a run found; false when it was asked for anew meanwhile.
pub(crate) async fn end_preflight(
    tx: &mut Tx,
    queued: &Queued,
    found: &PreflightResults,
) -> Result<bool, StoreError> {
    let (app_id, sequence) = (&queued.app_id, queued.sequence);
    put_results(tx, app_id, sequence, Some(queued.run), found).await
}

/// Stores results that somebody else found, in place of those of a run that is under way.
pub(crate) async fn put_foreign_results(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    found: &PreflightResults,
) -> Result<(), StoreError> {
    put_results(tx, app_id, sequence, None, found).await.map(drop)
}

async fn put_results(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    run: Option<i64>,
    found: &PreflightResults,
) -> Result<bool, StoreError> {
    let text = serde_json::to_string(found)
        .map_err(|source| StoreError::Unreadable { what: "preflight result", source })?;
    let done = sqlx::query(
        "UPDATE version SET preflight_is_queued = 0, preflight_run = preflight_run + 1,
             preflight_progress = '', preflight_result = ?, preflight_result_at = ?,
             preflight_skipped = 0, status = CASE WHEN status = ? THEN ? ELSE status END
         WHERE app_id = ? AND sequence = ? AND preflight_run = coalesce(?, preflight_run)",
    )
    .bind(text)
    .bind(now_text())
    .bind(PENDING_PREFLIGHT)
    .bind(PENDING)
    .bind(app_id)
    .bind(sequence)
    .bind(run)
    .execute(&mut **tx)
    .await
    .map_err(failed("store what preflights found"))?;
    Ok(done.rows_affected() == 1)
}
