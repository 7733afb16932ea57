//! What deploying said, and what the status informers saw.

use sqlx::FromRow;
use wire::app::{DownstreamLogs, ResourceState};

use super::{Store, StoreError, Tx, failed, now_text};

/// What the informers last saw.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    /// The version they belong to.
    pub sequence: i64,
    /// Worst of all.
    pub state: String,
    /// One each.
    pub resources: Vec<ResourceState>,
    /// RFC 3339.
    pub updated_at: String,
}

#[derive(FromRow)]
struct OutputRow {
    dryrun_stdout: String,
    dryrun_stderr: String,
    apply_stdout: String,
    apply_stderr: String,
    helm_stdout: String,
    helm_stderr: String,
    render_error: String,
}

#[derive(FromRow)]
struct StatusRow {
    sequence: i64,
    state: String,
    resources: String,
    updated_at: String,
}

impl Store {
    /// The output of a version's last deploy.
    pub(crate) async fn output(
        &self,
        app_id: &str,
        sequence: i64,
    ) -> Result<Option<DownstreamLogs>, StoreError> {
        let row: Option<OutputRow> = sqlx::query_as(
            "SELECT dryrun_stdout, dryrun_stderr, apply_stdout, apply_stderr, helm_stdout,
                 helm_stderr, render_error
             FROM deploy_output WHERE app_id = ? AND sequence = ?",
        )
        .bind(app_id)
        .bind(sequence)
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read a deploy's output"))?;
        Ok(row.map(|row| DownstreamLogs {
            dryrun_stdout: row.dryrun_stdout,
            dryrun_stderr: row.dryrun_stderr,
            apply_stdout: row.apply_stdout,
            apply_stderr: row.apply_stderr,
            helm_stdout: row.helm_stdout,
            helm_stderr: row.helm_stderr,
            render_error: row.render_error,
        }))
    }

    /// What the informers last saw of an application.
    pub(crate) async fn observed(&self, app_id: &str) -> Result<Option<Observed>, StoreError> {
        let row: Option<StatusRow> = sqlx::query_as(
            "SELECT sequence, state, resources, updated_at FROM app_status WHERE app_id = ?",
        )
        .bind(app_id)
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read an application's status"))?;
        row.map(|row| {
            Ok(Observed {
                sequence: row.sequence,
                state: row.state,
                resources: serde_json::from_str(&row.resources).map_err(|source| {
                    StoreError::Unreadable { what: "list of resource states", source }
                })?,
                updated_at: row.updated_at,
            })
        })
        .transpose()
    }
}

/// Stores a deploy's output, over that of an earlier one.
pub(crate) async fn put_output(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    logs: &DownstreamLogs,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR REPLACE INTO deploy_output (app_id, sequence, dryrun_stdout, dryrun_stderr,
             apply_stdout, apply_stderr, helm_stdout, helm_stderr, render_error)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(app_id)
    .bind(sequence)
    .bind(&logs.dryrun_stdout)
    .bind(&logs.dryrun_stderr)
    .bind(&logs.apply_stdout)
    .bind(&logs.apply_stderr)
    .bind(&logs.helm_stdout)
    .bind(&logs.helm_stderr)
    .bind(&logs.render_error)
    .execute(&mut **tx)
    .await
    .map_err(failed("store a deploy's output"))?;
    Ok(())
}

/// Stores what the informers saw.
pub(crate) async fn put_observed(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    state: &str,
    resources: &[ResourceState],
) -> Result<(), StoreError> {
    let resources = serde_json::to_string(resources)
        .map_err(|source| StoreError::Unreadable { what: "list of resource states", source })?;
    sqlx::query(
        "INSERT OR REPLACE INTO app_status (app_id, sequence, state, resources, updated_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(app_id)
    .bind(sequence)
    .bind(state)
    .bind(resources)
    .bind(now_text())
    .execute(&mut **tx)
    .await
    .map_err(failed("store an application's status"))?;
    Ok(())
}
