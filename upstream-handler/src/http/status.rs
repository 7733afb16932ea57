//! `GET /api/v1/app/{slug}/status`: what the status informers see (`h/app.go:134`).
//!
//! The target is looked at anew: what was seen when the version was deployed says nothing of now.

use axum::extract::{Path, State};
use wire::app::{AppStatus, AppStatusReply};

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::deploy::follow;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let mut observed = shared.store.observed(&app.id).await?;
    if let Some(observed) = &mut observed {
        follow::look(&shared, &app, observed).await?;
    }
    let appstatus = observed.map(|observed| AppStatus {
        app_id: app.id,
        resource_states: observed.resources,
        updated_at: observed.updated_at,
        state: observed.state,
        sequence: observed.sequence,
    });
    Ok(Reply::ok(&AppStatusReply { appstatus }))
}
