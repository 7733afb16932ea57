//! Long work, its progress and its durable end.
//!
//! The original's view (`pkg/tasks/tasks.go:130-135`) blanks a row that was not touched for 60 s;
//! the row itself never forgets how the task ended.

use sqlx::FromRow;

use super::{Store, StoreError, Tx, failed, now_ms};

/// How long the wire shows a task that is no longer touched, in milliseconds.
const VISIBLE_MS: i64 = 60_000;

/// Id of the update task of one application.
pub(crate) fn update_download(app_id: &str) -> String {
    format!("update-download.{app_id}")
}

/// Id of the automated installation of one application.
pub(crate) fn automated_install(slug: &str) -> String {
    format!("automated-install-slug-{slug}")
}

/// Id of the task of one application whose registry is changed.
pub(crate) fn image_rewrite(app_id: &str) -> String {
    format!("image-rewrite.{app_id}")
}

/// A task as it is stored.
#[derive(Debug, Clone, Default, FromRow)]
pub(crate) struct Task {
    /// `running`, `failed`, `done`.
    pub status: String,
    /// For a person.
    pub message: String,
    /// The last failure's reason, until the task succeeds.
    pub last_error: Option<String>,
    /// When it was last touched.
    pub touched_ms: i64,
}

impl Task {
    /// What the wire shows at `now_ms`: nothing of a task that succeeded or was left alone.
    pub(crate) fn visible(&self, now_ms: i64) -> (&str, &str) {
        let fresh = now_ms.saturating_sub(self.touched_ms) < VISIBLE_MS;
        match self.status.as_str() {
            "running" | "failed" if fresh => (&self.status, &self.message),
            _ => ("", ""),
        }
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TaskEnd<'a> {
    /// Well.
    Done,
    /// With this reason.
    Failed(&'a str),
}

impl Store {
    /// Reads a task.
    pub(crate) async fn task(&self, id: &str) -> Result<Option<Task>, StoreError> {
        sqlx::query_as("SELECT status, message, last_error, touched_ms FROM task WHERE id = ?")
            .bind(id)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a task"))
    }

    /// Begins a task or tells its progress.
    pub(crate) async fn task_running(
        &self,
        id: &str,
        boot_id: &str,
        message: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO task (id, status, message, boot_id, touched_ms)
             VALUES (?, 'running', ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET status = 'running', message = excluded.message,
                 boot_id = excluded.boot_id, touched_ms = excluded.touched_ms",
        )
        .bind(id)
        .bind(message)
        .bind(boot_id)
        .bind(now_ms())
        .execute(&mut *tx)
        .await
        .map_err(failed("store a task's progress"))?;
        Self::commit(tx).await
    }

    /// Ends a task for good.
    pub(crate) async fn task_ended(&self, id: &str, end: TaskEnd<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        end_task(&mut tx, id, end).await?;
        Self::commit(tx).await
    }

    /// Ends the tasks that processes before this one left running; there is nobody behind them.
    pub(crate) async fn end_orphaned_tasks(&self, boot_id: &str) -> Result<(), StoreError> {
        let reason = "kotsadm was stopped before this was finished; nothing of it was kept";
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE task SET status = 'failed', message = ?, last_error = ?, touched_ms = ?
             WHERE status = 'running' AND boot_id <> ?",
        )
        .bind(reason)
        .bind(reason)
        .bind(now_ms())
        .bind(boot_id)
        .execute(&mut *tx)
        .await
        .map_err(failed("end the tasks of a stopped server"))?;
        Self::commit(tx).await
    }
}

/// Ends a task inside a transaction that does more.
pub(crate) async fn end_task(tx: &mut Tx, id: &str, end: TaskEnd<'_>) -> Result<(), StoreError> {
    let (status, message, error) = match end {
        TaskEnd::Done => ("done", "", None),
        TaskEnd::Failed(reason) => ("failed", reason, Some(reason)),
    };
    sqlx::query(
        "UPDATE task SET status = ?, message = ?, last_error = ?, touched_ms = ? WHERE id = ?",
    )
    .bind(status)
    .bind(message)
    .bind(error)
    .bind(now_ms())
    .bind(id)
    .execute(&mut **tx)
    .await
    .map_err(failed("store how a task ended"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: &str, age_ms: i64) -> String {
        let task = Task {
            status: status.to_owned(),
            message: "why".to_owned(),
            last_error: None,
            touched_ms: 1_000_000,
        };
        let (status, message) = task.visible(1_000_000 + age_ms);
        format!("{status}:{message}")
    }

    #[test]
    fn a_task_is_shown_for_a_minute() {
        assert_eq!(check("running", 59_999), "running:why");
        assert_eq!(check("running", 60_000), ":");
        assert_eq!(check("failed", 0), "failed:why");
        assert_eq!(check("failed", 60_000), ":");
        assert_eq!(check("done", 0), ":");
    }
}
