//! `GET /api/v1/app/{slug}/automated/status`: how an installation goes (`h/app.go:645`).

use axum::extract::{Path, State};
use serde_json::json;
use wire::app::AutomatedStatusReply;

use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::store::tasks::automated_install;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let Some(task) = shared.store.task(&automated_install(&slug)).await? else {
        return Ok(Reply::ok(&AutomatedStatusReply::default()));
    };
    let version = match shared.store.app(&slug).await? {
        Some(app) => shared.store.newest_version(&app.id).await?,
        None => None,
    };
    let status = match task.status.as_str() {
        "done" => "success",
        other => other,
    };
    let message = json!({
        "message": task.message,
        "versionStatus": version.map(|row| row.status).unwrap_or_default(),
        "error": task.last_error.clone().unwrap_or_default(),
    });
    let updated_at = jiff::Timestamp::from_millisecond(task.touched_ms).ok();
    Ok(Reply::ok(&AutomatedStatusReply {
        message: message.to_string(),
        status: status.to_owned(),
        updated_at: updated_at.map(|at| at.to_string()),
    }))
}
