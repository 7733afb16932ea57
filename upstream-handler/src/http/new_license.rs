//! `POST /api/v1/license` and `PUT /api/v1/license/resume` (`h/license.go:253,422`).
//!
//! Fields besides `licenseData` are ours, all optional: `isAirgap`, `channel` (id or slug),
//! `versionLabel`, `configValues` (base64), `skipPreflights`. See [`crate::install`].

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use wire::license::NewLicenseReply;

use super::body;
use super::config_values::{self, decode};
use super::once::{self, Once, Whole};
use super::reply::{Failure, Reply, chain};
use super::upstream_update;
use crate::context::Shared;
use crate::install::{InstallError, Wish, accept, online, prepare};
use crate::release::Preflights;
use crate::store::apps::{AppRow, INSTALLED};
use crate::store::versions::StoredFacts;
use crate::update::UpdateError;
use crate::versions::MakeError;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    license_data: String,
    is_airgap: bool,
    channel: String,
    version_label: String,
    config_values: String,
    skip_preflights: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resumed {
    slug: String,
}

/// `POST /api/v1/license`.
pub(crate) async fn post(State(shared): State<Shared>, request: Request) -> Response {
    new(&shared, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn new(shared: &Shared, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked: Asked =
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    let wish =
        wish(asked.channel, asked.version_label, &asked.config_values, asked.skip_preflights)?;
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            let verified =
                accept(&shared, &asked.license_data).map_err(|error| refuse(&shared, &error))?;
            let app = prepare(&shared, &verified, &wish.channel, asked.is_airgap)
                .await
                .map_err(|error| refuse(&shared, &error))?;
            if asked.is_airgap {
                let body = NewLicenseReply { is_airgap: true, ..base(&app) };
                return Ok(Reply::ok(&body));
            }
            install(&shared, &app, &wish, &once).await
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// `PUT /api/v1/license/resume`: once more what failed after the licence was taken.
pub(crate) async fn resume(State(shared): State<Shared>, request: Request) -> Response {
    resume_install(&shared, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn resume_install(shared: &Shared, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked: Resumed =
        body::json(&bytes, StatusCode::INTERNAL_SERVER_ERROR, "failed to decode request body")?;
    let app = shared
        .store
        .app(&asked.slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from slug", &asked.slug))?;
    let wish = wish(String::new(), String::new(), "", false)?;
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            if app.install_state == INSTALLED {
                let newest = shared.store.newest_version(&app.id).await?;
                return Ok(answer(&app, &newest.map(|row| row.facts()).unwrap_or_default()));
            }
            install(&shared, &app, &wish, &once).await
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// What is to be installed, as it travels.
pub(crate) fn wish(
    channel: String,
    version_label: String,
    config_values: &str,
    skip_preflights: bool,
) -> Result<Wish, Failure> {
    Ok(Wish {
        registry: None,
        channel,
        version_label,
        values: if config_values.is_empty() { None } else { Some(decode(config_values)?) },
        preflights: if skip_preflights { Preflights::Skip } else { Preflights::Run },
    })
}

async fn install(
    shared: &Shared,
    app: &AppRow,
    wish: &Wish,
    once: &Once,
) -> Result<Reply, Failure> {
    let reply = |_, facts: &StoredFacts| answer(app, facts);
    online(shared, app, wish, once, reply).await.map_err(|error| refuse(shared, &error))
}

fn answer(app: &AppRow, facts: &StoredFacts) -> Reply {
    Reply::ok(&NewLicenseReply {
        has_preflight: facts.has_preflight,
        is_configurable: facts.has_config,
        is_airgap: app.is_airgap,
        ..base(app)
    })
}

fn base(app: &AppRow) -> NewLicenseReply {
    NewLicenseReply { success: true, slug: app.slug.clone(), ..NewLicenseReply::default() }
}

/// The answer for an installation that was refused or failed.
pub(crate) fn refuse(shared: &Shared, error: &InstallError) -> Failure {
    let status = match error {
        InstallError::Update(error) => {
            if let UpdateError::Make(MakeError::Values(error)) = error {
                return config_values::refuse(error);
            }
            let text = "failed to install the application";
            if error.is_reason() {
                return Failure::refused(chain(error).join(": "));
            }
            return Failure::because(text, error);
        }
        InstallError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let causes = chain(error);
    let mut failure = Failure::new(status, causes.join(": "));
    for cause in causes.into_iter().skip(1) {
        failure = failure.cause(cause);
    }
    if let InstallError::Exists { slug } = error {
        let command = format!("kubectl kots remove {slug} -n {} --force", shared.namespace);
        failure = failure
            .with("deleteAppCommand", &command)
            .cause(format!("application `{slug}` is installed already"))
            .hint(format!("run `kots deploy {slug}` to update it"));
    }
    failure
}

/// The same for uploads.
pub(crate) fn refuse_upload(shared: &Shared, error: InstallError) -> Failure {
    match error {
        InstallError::Update(error) => {
            upstream_update::refuse("failed to install the application", error)
        }
        error => refuse(shared, &error),
    }
}
