//! `PUT` and `GET /api/v1/app/{slug}/license` (`h/license.go:109,179`).

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kinds::license::{EntitlementValue, VerifiedLicense};
use std::sync::Arc;
use wire::ZERO_TIME;
use wire::license::{Entitlement, License, LicenseReply, LicenseRequest};

use super::once::{self, Whole};
use super::reply::{Failure, Reply};
use super::{apps, body};
use crate::context::{LeaseError, Shared};
use crate::license::{self, SyncError};
use crate::store::apps::AppRow;

/// Entitlements with a field of their own.
const NOT_LISTED: [&str; 2] = ["expires_at", "gitops_enabled"];

/// `PUT …/license`.
pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    match sync(&shared, slug, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn sync(shared: &Shared, slug: String, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked: LicenseRequest =
        body::json(&bytes, StatusCode::INTERNAL_SERVER_ERROR, "failed to decode request")?;
    let app = apps::find(shared, &slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from slug", &slug))?;
    let act = |once| {
        let shared = Arc::clone(shared);
        async move {
            let reply = |synced, app: &AppRow, verified: &VerifiedLicense| {
                Reply::ok(&LicenseReply {
                    success: true,
                    error: None,
                    synced: Some(synced),
                    license: Some(show(app, verified)),
                })
            };
            let once: Arc<super::once::Once> = once;
            license::sync(&shared, app, asked.license_data, &once, reply).await.map_err(refuse)
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

fn refuse(error: SyncError) -> Failure {
    match error {
        SyncError::Lease(LeaseError::Busy { .. }) => {
            Failure::at(StatusCode::CONFLICT, "failed to sync license", &error).retry_after(5)
        }
        SyncError::Airgapped => Failure::because("failed to sync license", &error)
            .hint("give the license: `kots deploy` with --airgap-bundle and --license"),
        error => Failure::because("failed to sync license", &error),
    }
}

/// `GET …/license`.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = apps::find(&shared, &slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from slug", &slug))?;
    let verified = kinds::license::verify(&app.license, &shared.root_keys)
        .map_err(|error| Failure::because("failed to get license for app", &error))?;
    Ok(Reply::ok(&LicenseReply {
        success: true,
        error: None,
        synced: None,
        license: Some(show(&app, &verified)),
    }))
}

/// What is told of a licence (`h/license.go:38-56`).
fn show(app: &AppRow, verified: &VerifiedLicense) -> License {
    let license = &verified.license;
    let channel =
        license.channel(&app.selected_channel_id).unwrap_or_else(|_| license.default_channel());
    let mut entitlements: Vec<Entitlement> = license
        .entitlements
        .iter()
        .filter(|(name, it)| !it.is_hidden && !NOT_LISTED.contains(&name.as_str()))
        .map(|(name, it)| Entitlement {
            title: it.title.clone(),
            value: value(&it.value),
            label: name.clone(),
            value_type: it.value_type.clone(),
        })
        .collect();
    entitlements.sort_by(|a, b| a.title.cmp(&b.title));
    License {
        id: license.license_id.clone(),
        assignee: license.customer_name.clone(),
        expires_at: match license.expires_at() {
            Ok(Some(end)) => end.to_string(),
            Ok(None) | Err(_) => ZERO_TIME.to_owned(),
        },
        channel_name: channel.channel_name,
        license_sequence: license.license_sequence,
        license_type: license.license_type.clone(),
        entitlements,
        is_airgap_supported: license.is_airgap_supported,
        is_git_ops_supported: license.is_git_ops_supported,
        is_identity_service_supported: license.is_identity_service_supported,
        is_geoaxis_supported: license.is_geoaxis_supported,
        is_semver_required: channel.is_semver_required || license.is_semver_required,
        is_snapshot_supported: license.is_snapshot_supported,
        is_disaster_recovery_supported: license.is_disaster_recovery_supported,
        is_support_bundle_upload_supported: license.is_support_bundle_upload_supported,
        is_embedded_cluster_multi_node_enabled: license.is_embedded_cluster_multi_node_enabled,
        last_synced_at: app.last_license_sync.clone().unwrap_or_default(),
    }
}

fn value(value: &EntitlementValue) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
