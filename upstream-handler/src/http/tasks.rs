//! `GET …/task/updatedownload`: how an update goes (`h/status.go`).
//!
//! The original blanks what was not touched for 60 s, and so a failure reads like a success. The
//! fields it has behave the same here; `lastError` keeps the reason.

use axum::extract::{Path, State};
use wire::app::TaskStatusReply;

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::store::{now_ms, tasks};

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    Ok(Reply::ok(&read(&shared, &slug).await?))
}

/// The variant for a version that is downloaded again; here no version exists before its archive.
pub(crate) async fn of_sequence(
    State(shared): State<Shared>,
    Path((slug, _sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    let task = read(&shared, &slug).await?;
    let mut reply = Reply::ok(&task);
    reply.body["error"] = "".into();
    Ok(reply)
}

async fn read(shared: &Shared, slug: &str) -> Result<TaskStatusReply, Failure> {
    // The original ignores the slug: one task for all applications.
    let app = apps::installed(shared, slug).await?;
    let Some(task) = shared.store.task(&tasks::update_download(&app.id)).await? else {
        return Ok(TaskStatusReply::default());
    };
    let (status, message) = task.visible(now_ms());
    Ok(TaskStatusReply {
        current_message: message.to_owned(),
        status: status.to_owned(),
        last_error: task.last_error.clone(),
    })
}
