//! The HTTP API: one table of routes for every target and mode, from which the router and the OpenAPI
//! document are made.
//!
//! Shapes, statuses and messages are the original's (embedded-cluster `ee523c7b5`, `api/`). Only
//! this module and those below it see axum.

pub(crate) mod auth;
mod body;
mod decode;
mod events;
mod frame;
mod handlers;
pub(crate) mod headless;
pub(crate) mod limiter;
mod listen;
pub(crate) mod openapi;
mod page;
mod progress;
mod query;
mod token;
pub(crate) mod types;
pub(crate) mod views;

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, patch, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::flow::{Flow, Mode, Target};
use crate::site::Shared;

pub(crate) use listen::listen;

/// How long a client may pause while it sends a body.
const BODY_IDLE: Duration = Duration::from_mins(1);

/// What a route does. Handlers are written once; target and mode are data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    ConfigTemplate,
    ConfigValues,
    ConfigPatch,
    InstallationConfig,
    InstallationConfigure,
    InstallationStatus,
    InfraSetup,
    InfraStatus,
    InfraRefused,
    HostPreflightsRefused,
    AirgapProcess,
    AirgapStatus,
    AppPreflightsRun,
    AppPreflightsStatus,
    AppStart,
    AppStatus,
    AppCancel,
    AirgapLogs,
    InfraLogs,
    AppPreflightsLogs,
    AppLogs,
    TokenProbe,
}

/// A target and mode that are served.
pub(crate) const SERVED: [(Target, Mode); 3] = [
    (Target::Linux, Mode::Upgrade),
    (Target::Kubernetes, Mode::Upgrade),
    (Target::Kubernetes, Mode::Install),
];

/// A route below `/api/<target>/<mode>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) verb: Verb,
    pub(crate) about: &'static str,
    is_served: fn(Target, Mode) -> bool,
}

impl Route {
    /// Whether a target and mode have it.
    pub(crate) fn is_of(&self, target: Target, mode: Mode) -> bool {
        (self.is_served)(target, mode)
    }
}

const ALL: fn(Target, Mode) -> bool = |_, _| true;
const LINUX: fn(Target, Mode) -> bool = |target, _| target == Target::Linux;
const UPGRADE: fn(Target, Mode) -> bool = |_, mode| mode == Mode::Upgrade;
const INSTALL: fn(Target, Mode) -> bool = |_, mode| mode == Mode::Install;

const fn route(
    method: &'static str,
    path: &'static str,
    verb: Verb,
    is_served: fn(Target, Mode) -> bool,
    about: &'static str,
) -> Route {
    Route { method, path, verb, about, is_served }
}

/// Every route of a target and mode.
pub(crate) const ROUTES: &[Route] = &[
    route(
        "post",
        "/app/config/template",
        Verb::ConfigTemplate,
        ALL,
        "Render the questions with these answers; nothing is kept",
    ),
    route(
        "get",
        "/app/config/values",
        Verb::ConfigValues,
        ALL,
        "The kept answers, passwords masked",
    ),
    route("patch", "/app/config/values", Verb::ConfigPatch, ALL, "Check and keep answers"),
    route(
        "get",
        "/installation/config",
        Verb::InstallationConfig,
        INSTALL,
        "Settings of the installation",
    ),
    route(
        "post",
        "/installation/configure",
        Verb::InstallationConfigure,
        INSTALL,
        "Take settings of the installation",
    ),
    route(
        "get",
        "/installation/status",
        Verb::InstallationStatus,
        INSTALL,
        "How configuring the installation stands",
    ),
    route(
        "post",
        "/infra/setup",
        Verb::InfraSetup,
        INSTALL,
        "Prepare what the application needs around it",
    ),
    route("get", "/infra/status", Verb::InfraStatus, INSTALL, "How that stands"),
    route("get", "/infra/logs", Verb::InfraLogs, INSTALL, "Its log by cursor"),
    route(
        "post",
        "/infra/upgrade",
        Verb::InfraRefused,
        LINUX,
        "Refused: infrastructure is not upgraded here",
    ),
    route(
        "get",
        "/infra/status",
        Verb::InfraRefused,
        LINUX,
        "Refused: infrastructure is not upgraded here",
    ),
    route(
        "post",
        "/host-preflights/run",
        Verb::HostPreflightsRefused,
        LINUX,
        "Refused: hosts are not checked here",
    ),
    route(
        "get",
        "/host-preflights/status",
        Verb::HostPreflightsRefused,
        LINUX,
        "Refused: hosts are not checked here",
    ),
    route(
        "post",
        "/airgap/process",
        Verb::AirgapProcess,
        LINUX,
        "Bring the images of the bundle to the registry",
    ),
    route("get", "/airgap/status", Verb::AirgapStatus, LINUX, "How that stands"),
    route("get", "/airgap/logs", Verb::AirgapLogs, LINUX, "Its log by cursor"),
    route(
        "post",
        "/app-preflights/run",
        Verb::AppPreflightsRun,
        ALL,
        "Run the application's preflights",
    ),
    route(
        "get",
        "/app-preflights/status",
        Verb::AppPreflightsStatus,
        ALL,
        "How they stand, and their results",
    ),
    route("get", "/app-preflights/logs", Verb::AppPreflightsLogs, ALL, "Their log by cursor"),
    route("post", "/app/upgrade", Verb::AppStart, UPGRADE, "Upgrade the application"),
    route("post", "/app/install", Verb::AppStart, INSTALL, "Install the application"),
    route("get", "/app/status", Verb::AppStatus, ALL, "How that stands"),
    route("get", "/app/logs", Verb::AppLogs, ALL, "Its log by cursor"),
    route("post", "/app/cancel", Verb::AppCancel, ALL, "Ask the step at work to end"),
];

/// A route that the wizard asks for under another target's or mode's name, below `/api`.
#[derive(Debug)]
pub(crate) struct Aside {
    /// Who serves it.
    of: (Target, Mode),
    pub(crate) route: Route,
}

const fn aside(
    of: (Target, Mode),
    method: &'static str,
    path: &'static str,
    verb: Verb,
    about: &'static str,
) -> Aside {
    Aside { of, route: route(method, path, verb, ALL, about) }
}

/// What the wizard asks for on the side.
pub(crate) const ASIDES: [Aside; 3] = [
    aside(
        (Target::Kubernetes, Mode::Install),
        "post",
        "/linux/install/infra/setup",
        Verb::InfraSetup,
        "Prepare what the application needs around it on Kubernetes, as the wizard asks for it",
    ),
    aside(
        (Target::Linux, Mode::Upgrade),
        "get",
        "/linux/install/installation/config",
        Verb::TokenProbe,
        "Whether a token still counts: 401 when it does not, else 404",
    ),
    aside(
        (Target::Kubernetes, Mode::Upgrade),
        "get",
        "/kubernetes/install/installation/config",
        Verb::TokenProbe,
        "Whether a token still counts: 401 when it does not, else 404",
    ),
];

fn handler(route: &Route) -> MethodRouter<Shared> {
    use crate::flow::Step;

    match route.verb {
        Verb::ConfigTemplate => post(handlers::config_template),
        Verb::ConfigValues => get(handlers::config_values),
        Verb::ConfigPatch => patch(handlers::config_patch),
        Verb::InstallationConfig => get(handlers::installation_config),
        Verb::InstallationConfigure => post(handlers::installation_configure),
        Verb::InstallationStatus => get(handlers::installation_status),
        Verb::InfraSetup => post(handlers::infra_setup),
        Verb::InfraStatus => get(handlers::infra_status),
        Verb::InfraRefused if route.method == "post" => post(handlers::infra_refused),
        Verb::InfraRefused => get(handlers::infra_refused),
        Verb::HostPreflightsRefused if route.method == "post" => {
            post(handlers::host_preflights_refused)
        }
        Verb::HostPreflightsRefused => get(handlers::host_preflights_refused),
        Verb::AirgapProcess => post(handlers::airgap_process),
        Verb::AirgapStatus => get(handlers::airgap_status),
        Verb::AppPreflightsRun => post(handlers::app_preflights_run),
        Verb::AppPreflightsStatus => get(handlers::app_preflights_status),
        Verb::AppStart => post(handlers::app_start),
        Verb::AppStatus => get(handlers::app_status),
        Verb::AppCancel => post(handlers::app_cancel),
        Verb::AirgapLogs => get(|site, query| events::logs(site, query, Step::Airgap)),
        Verb::InfraLogs => get(|site, query| events::logs(site, query, Step::Infra)),
        Verb::AppPreflightsLogs => {
            get(|site, query| events::logs(site, query, Step::AppPreflights))
        }
        Verb::AppLogs => get(|site, query| events::logs(site, query, Step::App)),
        Verb::TokenProbe => get(frame::unknown_path),
    }
}

/// The routes of one process.
pub(crate) fn router(site: &Shared) -> Router {
    let Flow { target, mode, .. } = site.flow;
    let mut guarded = Router::new()
        .route("/api/console/available-network-interfaces", get(handlers::network_interfaces))
        .route("/api/state", get(progress::get))
        .route("/api/events", get(events::stream));
    for route in ROUTES.iter().filter(|it| it.is_of(target, mode)) {
        guarded = guarded.route(&format!("{}{}", site.flow.prefix(), route.path), handler(route));
    }
    for Aside { route, .. } in ASIDES.iter().filter(|it| it.of == (target, mode)) {
        guarded = guarded.route(&format!("/api{}", route.path), handler(route));
    }
    let open = Router::new()
        .route("/api/health", get(handlers::health))
        .route("/api/auth/login", post(auth::login))
        .route("/api/swagger/doc.json", get(openapi::get));
    guarded
        .route_layer(from_fn_with_state(site.clone(), auth::require))
        .merge(open)
        .fallback(page::any)
        .method_not_allowed_fallback(frame::unknown_method)
        .layer(CatchPanicLayer::custom(frame::panicked))
        .layer(from_fn_with_state(site.clone(), frame::surround))
        .layer(RequestBodyTimeoutLayer::new(BODY_IDLE))
        .with_state(site.clone())
}
