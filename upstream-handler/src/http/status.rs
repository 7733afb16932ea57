//! `GET /api/v1/app/{slug}/status`: what the status informers last saw (`h/app.go:134`).

use axum::extract::{Path, State};
use wire::app::{AppStatus, AppStatusReply};

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let observed = shared.store.observed(&app.id).await?;
    let appstatus = observed.map(|observed| AppStatus {
        app_id: app.id,
        resource_states: observed.resources,
        updated_at: observed.updated_at,
        state: observed.state,
        sequence: observed.sequence,
    });
    Ok(Reply::ok(&AppStatusReply { appstatus }))
}
