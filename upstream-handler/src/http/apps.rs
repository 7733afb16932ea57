//! `GET /api/v1/apps` and `GET /api/v1/app/{slug}` (`h/app.go:88,156`).
//!
//! Bodies are made of rows only; no archive is opened for them.

use axum::extract::{Path, State};
use wire::app::{App, AppsReply, Cluster, Downstream};

use super::reply::{Failure, Reply};
use super::versions::{Shown, is_semver_required};
use crate::context::{Context, Shared};
use crate::store::apps::{AppRow, INSTALLED};
use crate::store::versions::{Page, VersionRow};

/// Id, name and slug of the one downstream there is.
pub(crate) const CLUSTER: &str = "this-cluster";

/// `GET /api/v1/apps`.
pub(crate) async fn list(State(shared): State<Shared>) -> Result<Reply, Failure> {
    let mut apps = Vec::new();
    for app in shared.store.apps().await? {
        apps.push(body(&shared, app).await?);
    }
    Ok(Reply::ok(&AppsReply { apps }))
}

/// `GET /api/v1/app/{slug}`.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = installed(&shared, &slug).await?;
    Ok(Reply::ok(&body(&shared, app).await?))
}

/// The installed application `slug`.
///
/// The original answers 500 with nothing for an unknown one; here the body says so.
pub(crate) async fn installed(shared: &Context, slug: &str) -> Result<AppRow, Failure> {
    let unknown = || Failure::refused(format!("app with slug {slug} not found"));
    find(shared, slug).await?.ok_or_else(unknown)
}

/// The installed application `slug`, if there is one.
pub(crate) async fn find(shared: &Context, slug: &str) -> Result<Option<AppRow>, Failure> {
    let app = shared.store.app(slug).await?;
    Ok(app.filter(|app| app.install_state == INSTALLED))
}

/// A sequence in a path.
pub(crate) fn sequence(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| {
        Failure::bad_request("failed to parse sequence number")
            .cause(format!("`{text}` is not a whole number"))
    })
}

async fn body(shared: &Context, app: AppRow) -> Result<App, Failure> {
    let rows = shared.store.versions(&app.id, Page { size: None, number: 0 }).await?;
    let observed = shared.store.observed(&app.id).await?;
    let newest = rows.first().cloned();
    let facts = newest.as_ref().map(VersionRow::facts).unwrap_or_default();
    // Stored is what was verified; a key that is no longer trusted hides what the licence says.
    let license = kinds::license::verify(&app.license, &shared.root_keys)
        .map(|verified| verified.license)
        .unwrap_or_default();
    let is_semver_required = is_semver_required(&license, &app.selected_channel_id);
    let shown = Shown::new(&app, is_semver_required, &rows);
    let current = app.current_sequence;
    let side = |wanted: fn(i64, i64) -> bool| {
        rows.iter()
            .filter(|row| current.is_none_or(|current| wanted(row.sequence, current)))
            .map(|row| shown.version(row))
            .collect::<Vec<_>>()
    };
    let downstream = Downstream {
        name: CLUSTER.to_owned(),
        links: Vec::new(),
        current_version: rows
            .iter()
            .find(|row| Some(row.sequence) == current)
            .map(|row| shown.version(row)),
        pending_versions: side(|sequence, current| sequence > current),
        past_versions: if current.is_none() {
            Vec::new()
        } else {
            side(|it, current| it < current)
        },
        cluster: Cluster { id: CLUSTER.to_owned(), slug: CLUSTER.to_owned() },
    };
    Ok(App {
        upstream_uri: format!("replicated://{}", app.slug),
        icon_uri: facts.icon,
        current_sequence: newest.as_ref().map_or(-1, |row| row.sequence),
        has_preflight: facts.has_preflight,
        is_configurable: facts.has_config,
        app_state: observed.map_or_else(|| "missing".to_owned(), |observed| observed.state),
        is_git_ops_supported: license.is_git_ops_supported,
        is_identity_service_supported: license.is_identity_service_supported,
        is_app_identity_service_supported: facts.has_identity,
        is_geoaxis_supported: license.is_geoaxis_supported,
        is_semver_required,
        is_support_bundle_upload_supported: license.is_support_bundle_upload_supported,
        is_embedded_cluster_multi_node_enabled: license.is_embedded_cluster_multi_node_enabled,
        allow_rollback: facts.allow_rollback,
        allow_snapshots: facts.has_backup && license.is_snapshot_supported,
        target_kots_version: facts.target_kots_version,
        license_type: license.license_type,
        channel_id: app.selected_channel_id,
        id: app.id,
        slug: app.slug,
        name: app.name,
        is_airgap: app.is_airgap,
        created_at: app.created_at,
        updated_at: app.updated_at,
        last_update_check_at: app.last_update_check_at,
        update_checker_spec: app.update_checker_spec,
        auto_deploy: app.auto_deploy,
        namespace: app.namespace,
        downstream,
    })
}
