//! The HTTP API: a table of routes, and one file per verb.
//!
//! Shapes and statuses are the original's (KOTS commit `370ae903`, `pkg/handlers`). Where the original
//! loses a reason, the reason is added beside what its clients parse.

mod airgap_chunk;
mod airgap_install;
mod airgap_update;
mod airgap_uploads;
mod apps;
mod automated;
mod body;
mod can_install;
mod config;
mod config_update;
mod config_values;
mod deploy;
mod downstream_output;
mod frame;
mod healthz;
mod license;
mod login;
mod multipart;
mod new_license;
pub(crate) mod once;
mod preflight;
mod preflight_command;
mod registry_settings;
pub(crate) mod reply;
mod session;
mod status;
mod tasks;
mod update_check;
mod upload;
mod upstream_update;
pub(crate) mod versions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::context::Shared;

/// How long a client may pause while it sends a body.
const BODY_IDLE: Duration = Duration::from_mins(1);

/// Every route there is.
pub(crate) fn router(shared: Shared) -> Router {
    let session = Router::new()
        .route("/api/v1/license", post(new_license::post))
        .route("/api/v1/license/resume", put(new_license::resume))
        .route("/api/v1/apps", get(apps::list))
        .route("/api/v1/app/{slug}", get(apps::get))
        .route("/api/v1/app/{slug}/airgap/chunk", get(airgap_chunk::get).post(airgap_chunk::post))
        .route(
            "/api/v1/app/{slug}/airgap/bundleprogress/{identifier}/{total}",
            get(airgap_uploads::progress),
        )
        .route(
            "/api/v1/app/{slug}/airgap/bundleexists/{identifier}/{total}",
            get(airgap_uploads::exists),
        )
        .route(
            "/api/v1/app/{slug}/airgap/processbundle/{identifier}/{total}",
            put(airgap_uploads::update).post(airgap_uploads::create),
        )
        .route("/api/v1/app/{slug}/airgap/status", get(airgap_uploads::status))
        .route("/api/v1/app/{slug}/airgap/reset", post(airgap_uploads::reset))
        .route("/api/v1/app/{slug}/airgap/config", get(airgap_uploads::config))
        .route("/api/v1/app/{slug}/airgap/update", put(airgap_update::put))
        .route("/api/v1/app/{slug}/automated/status", get(automated::get))
        .route("/api/v1/app/{slug}/can-install", post(can_install::post))
        .route("/api/v1/app/{slug}/config", put(config_update::put))
        .route("/api/v1/app/{slug}/config/values", post(config_values::post))
        .route("/api/v1/app/{slug}/config/{sequence}", get(config::get))
        .route("/api/v1/app/{slug}/config/{sequence}/{filename}/download", get(config::download))
        .route("/api/v1/app/{slug}/liveconfig", post(config::live))
        .route("/api/v1/app/{slug}/license", get(license::get).put(license::put))
        .route("/api/v1/app/{slug}/preflight/result", get(preflight::first))
        .route("/api/v1/app/{slug}/sequence/{sequence}/deploy", post(deploy::post))
        .route("/api/v1/app/{slug}/sequence/{sequence}/redeploy", post(deploy::again))
        .route("/api/v1/app/{slug}/sequence/{sequence}/preflight/result", get(preflight::get))
        .route("/api/v1/app/{slug}/sequence/{sequence}/preflight/run", post(preflight::run))
        .route(
            "/api/v1/app/{slug}/sequence/{sequence}/preflight/ignore-rbac",
            post(preflight::ignore_rbac),
        )
        .route(
            "/api/v1/app/{slug}/sequence/{sequence}/preflightcommand",
            post(preflight_command::post),
        )
        .route("/api/v1/app/{slug}/preflight/report", post(preflight::report))
        .route(
            "/api/v1/app/{slug}/sequence/{sequence}/task/updatedownload",
            get(tasks::of_sequence),
        )
        .route(
            "/api/v1/app/{slug}/registry",
            get(registry_settings::get).put(registry_settings::put),
        )
        .route("/api/v1/app/{slug}/registry/validate", post(registry_settings::validate))
        .route("/api/v1/app/{slug}/imagerewritestatus", get(registry_settings::status))
        .route("/api/v1/registry", get(registry_settings::own))
        .route("/api/v1/app/{slug}/status", get(status::get))
        .route("/api/v1/app/{slug}/task/updatedownload", get(tasks::get))
        .route("/api/v1/app/{slug}/updatecheck", post(update_check::post))
        .route("/api/v1/app/{slug}/updates", get(update_check::available))
        .route("/api/v1/app/{slug}/upstream/update", post(upstream_update::post))
        .route("/api/v1/app/{slug}/versions", get(versions::list))
        .route(
            "/api/v1/app/{slug}/cluster/{cluster}/sequence/{sequence}/downstreamoutput",
            get(downstream_output::get),
        )
        .route_layer(from_fn_with_state(Arc::clone(&shared), session::require_session));
    let token = Router::new()
        .route("/api/v1/airgap/install", post(airgap_install::post))
        .route_layer(from_fn_with_state(Arc::clone(&shared), session::require_token));
    let open = Router::new()
        .route("/healthz", get(healthz::get))
        .route("/api/v1/login", any(login::post))
        .route("/api/v1/login/info", get(login::info))
        // A session or the token of the command that posts.
        .route("/api/v1/preflight/app/{slug}/sequence/{sequence}", post(preflight::post))
        .route("/api/v1/logout", any(login::logout));
    session
        .merge(token)
        .merge(open)
        .fallback(frame::unknown_path)
        .method_not_allowed_fallback(frame::unknown_method)
        .layer(CatchPanicLayer::custom(frame::panicked))
        .layer(from_fn(frame::surround))
        .layer(RequestBodyTimeoutLayer::new(BODY_IDLE))
        .with_state(shared)
}
