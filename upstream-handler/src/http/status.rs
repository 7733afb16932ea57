//! `GET /api/v1/app/{slug}/status`: what the status informers see (`h/app.go:134`).
//!
//! The target is looked at anew: what was seen when the version was deployed says nothing of now.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use wire::app::{AppStatus, AppStatusReply};

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::store::apps::AppRow;
use crate::store::now_text;
use crate::store::outputs::Observed;
use crate::target::observe;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let mut observed = shared.store.observed(&app.id).await?;
    if let Some(observed) = &mut observed {
        look(&shared, &app, observed).await?;
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

/// Replaces what was seen by what is there now, when the target still holds that version.
async fn look(shared: &Shared, app: &AppRow, observed: &mut Observed) -> Result<(), Failure> {
    let sequence = observed.sequence;
    let Some(row) = shared.store.version(&app.id, sequence).await? else { return Ok(()) };
    let (shared, namespace) = (Arc::clone(shared), app.namespace.clone());
    let informers = row.facts().status_informers;
    let seen =
        tokio::task::spawn_blocking(move || shared.target.look(sequence, &namespace, &informers));
    match seen.await {
        Ok(Ok(Some(resources))) => {
            observed.state = observe::worst(&resources);
            observed.resources = resources;
            observed.updated_at = now_text();
        }
        // Another version is in place: what was seen of this one stands.
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            "degraded".clone_into(&mut observed.state);
            let reason =
                std::iter::successors(Some(&error as &dyn std::error::Error), |it| it.source())
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(": ");
            for resource in &mut observed.resources {
                "degraded".clone_into(&mut resource.state);
                resource.reason = Some(reason.clone());
            }
        }
        Err(_) => {
            let words = "looking at the target ended in a bug of this server";
            return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, words));
        }
    }
    Ok(())
}
