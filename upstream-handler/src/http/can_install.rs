//! `POST /api/v1/app/{slug}/can-install` (`h/app.go:508`): whether anything is in the way of a release, asked before it
//! is sent or fetched.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use kinds::airgap::Airgap;
use kinds::application::Application;
use kinds::release::{Purpose, kots_version_gate};
use wire::app::{CanInstallReply, CanInstallRequest};

use super::reply::{Failure, Reply};
use super::{apps, body};
use crate::context::Shared;
use crate::release::KOTS_VERSION;
use crate::update::{UpdateError, comes_next};

pub(crate) async fn post(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Reply, Failure> {
    let bytes = body::read(request.into_body()).await?;
    let asked: CanInstallRequest =
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to parse request body")?;
    let internal = StatusCode::INTERNAL_SERVER_ERROR;
    if !asked.app_spec.is_empty() {
        let application = Application::parse(&asked.app_spec).map_err(|error| {
            Failure::at(internal, "failed to load kots app from contents", &error)
        })?;
        let purpose = if asked.is_install { Purpose::Install } else { Purpose::Update };
        if let Err(error) = kots_version_gate(&application, KOTS_VERSION, purpose) {
            return Ok(no(error.to_string()));
        }
    }
    // Any release can be the first one.
    if !asked.airgap_spec.is_empty() && !asked.is_install {
        let app = apps::find(&shared, &slug)
            .await?
            .ok_or_else(|| Failure::unknown_app("failed to get kots app", &slug))?;
        let airgap = Airgap::parse(&asked.airgap_spec)
            .map_err(|error| Failure::at(internal, "failed to decode airgap spec", &error))?;
        match comes_next(&shared, &app.id, &airgap).await {
            Ok(()) => {}
            Err(UpdateError::Required(error)) => return Ok(no(error.to_string())),
            Err(error) => {
                return Err(Failure::because("failed to get release prerequisites", &error));
            }
        }
    }
    Ok(Reply::ok(&CanInstallReply { can_install: true, error: None }))
}

fn no(error: String) -> Reply {
    Reply::ok(&CanInstallReply { can_install: false, error: Some(error) })
}
