//! `POST …/updatecheck` and `GET …/updates` (`h/update.go:53,152`).
//!
//! The original's check downloads every new release. Here it only looks: a release is brought in by
//! `upstream/update`, one that was named.

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kinds::license::verify;
use serde_json::json;
use upstream::PendingQuery;
use wire::update::{AvailableUpdate, UpdateCheckReply, UpdateRelease, UpdatesReply};
use wire::upstream::ChannelRelease;

use super::reply::{Failure, Reply, chain};
use super::upstream_update::{self, Asked};
use super::{apps, upload};
use crate::context::Shared;
use crate::store::apps::AppRow;
use crate::vendor::{self, VendorError};

/// `POST …/updatecheck`.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let app = match apps::find(&shared, &slug).await {
        Ok(Some(app)) => app,
        Ok(None) => {
            let text = format!("app with slug {slug} not found");
            let unknown = Failure::new(StatusCode::NOT_FOUND, text);
            return upload::refuse(request.into_body(), unknown);
        }
        Err(failure) => return upload::refuse(request.into_body(), failure),
    };
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if content_type.starts_with("multipart/form-data") {
        return upstream_update::take(&shared, app, &asked, request, &json!({})).await;
    }
    if !content_type.starts_with("application/json") {
        let text = format!(
            "the Content-Type `{content_type}` is not taken here: expected application/json or \
             multipart/form-data"
        );
        return upload::refuse(request.into_body(), Failure::bad_request(text));
    }
    check(&shared, &app).await.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

async fn check(shared: &Shared, app: &AppRow) -> Result<Reply, Failure> {
    let newest = shared.store.newest_version(&app.id).await?;
    let base = newest.as_ref().map_or(-1, |row| row.sequence);
    let pending = pending(shared, app)
        .await
        .map_err(|error| Failure::because("failed to check for updates", &error))?;
    shared.store.touch_update_check(&app.id).await?;
    let current = match app.current_sequence {
        Some(sequence) => shared.store.version(&app.id, sequence).await?,
        None => None,
    };
    let releases: Vec<UpdateRelease> = pending
        .iter()
        .zip(base + 1..)
        .map(|(release, sequence)| UpdateRelease {
            sequence,
            version: release.version_label.clone(),
        })
        .collect();
    Ok(Reply::ok(&UpdateCheckReply {
        available_updates: i64::try_from(releases.len()).unwrap_or(i64::MAX),
        current_app_sequence: base,
        current_release: current
            .map(|row| UpdateRelease { sequence: row.sequence, version: row.version_label }),
        available_releases: (!releases.is_empty()).then_some(releases),
        deploying_release: None,
    }))
}

/// `GET …/updates`, newest first.
pub(crate) async fn available(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let pending = pending(&shared, &app).await.map_err(|error| {
        Failure::refused(format!("failed to get available updates: {}", chain(&error).join(": ")))
    })?;
    let mut required: Vec<String> = Vec::new();
    let mut updates: Vec<AvailableUpdate> = pending
        .into_iter()
        .map(|release| {
            let cause = (!required.is_empty()).then(|| first(&required));
            if release.is_required {
                required.push(release.version_label.clone());
            }
            AvailableUpdate {
                version_label: release.version_label,
                update_cursor: release.channel_sequence.to_string(),
                channel_id: app.selected_channel_id.clone(),
                is_required: release.is_required,
                upstream_released_at: Some(release.created_at).filter(|at| !at.is_empty()),
                release_notes: Some(release.release_notes).filter(|notes| !notes.is_empty()),
                is_deployable: cause.is_none(),
                non_deployable_cause: cause,
            }
        })
        .collect();
    updates.reverse();
    Ok(Reply::ok(&UpdatesReply { success: true, error: None, updates }))
}

fn first(labels: &[String]) -> String {
    kinds::release::RequiredFirst { labels: labels.to_vec() }.to_string()
}

/// Releases newer than the newest version, oldest first. An air-gapped installation has none.
async fn pending(shared: &Shared, app: &AppRow) -> Result<Vec<ChannelRelease>, VendorError> {
    if app.is_airgap {
        return Ok(Vec::new());
    }
    let Ok(verified) = verify(&app.license, &shared.root_keys) else { return Ok(Vec::new()) };
    let newest = shared.store.newest_version(&app.id).await.ok().flatten();
    let cursor: Option<i64> = newest
        .filter(|row| row.channel_id == app.selected_channel_id)
        .and_then(|row| row.update_cursor.parse().ok());
    let query = PendingQuery {
        channel_sequence: cursor,
        license_sequence: verified.license.license_sequence,
        channel_id: app.selected_channel_id.clone(),
        last_update_check_at: None,
    };
    let mut releases =
        vendor::client(shared, &verified.license, app)?.pending(&query).await?.releases;
    releases.retain(|release| cursor.is_none_or(|cursor| release.channel_sequence > cursor));
    releases.sort_by_key(|release| release.channel_sequence);
    Ok(releases)
}
