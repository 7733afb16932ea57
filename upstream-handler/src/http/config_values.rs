//! `POST /api/v1/app/{slug}/config/values` (`h/config.go:807`).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::config::{ConfigValues, Given};
use kinds::gvk::KindError;
use kinds::release::NotDeployable;
use wire::config::{ConfigValuesReply, ConfigValuesRequest};

use super::deploy::{after_checks, refusal};
use super::once::{self, Once, Whole};
use super::reply::{Failure, Reply};
use super::{apps, body};
use crate::config;
use crate::config::change::{self, Change, ChangeError, Ended, On, Place, change};
use crate::context::{LeaseError, Shared};
use crate::release::Preflights;
use crate::store::apps::AppRow;
use crate::versions::MakeError;

pub(crate) async fn post(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    match set(&shared, slug, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn set(shared: &Shared, slug: String, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked: ConfigValuesRequest =
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    let app = apps::find(shared, &slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from app slug", &slug))?;
    let (given, sha256) = decode(&asked.config_values)?;
    let wanted = Change {
        place: Place::New,
        on: match (asked.current, asked.sequence) {
            (true, _) => On::Current,
            (false, -1) => On::Newest,
            (false, sequence) => On::Sequence(sequence),
        },
        given,
        sha256,
        mode: if asked.merge { Given::Changes } else { Given::All },
        preflights: if asked.skip_preflights { Preflights::Skip } else { Preflights::Run },
        deploy: asked.deploy,
    };
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            let ended = change(&shared, &app, wanted, &once, answer, not_deployed).await;
            end(&shared, &app, &once, ended.map_err(|error| refuse(&error))?).await
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// Decodes a ConfigValues document that travels in base64.
pub(crate) fn decode(text: &str) -> Result<(ConfigValues, String), Failure> {
    let undecodable = "failed to decode config values";
    let document = STANDARD
        .decode(text)
        .map_err(|error| Failure::at(StatusCode::BAD_REQUEST, undecodable, &error))?;
    let text = std::str::from_utf8(&document)
        .map_err(|error| Failure::at(StatusCode::BAD_REQUEST, undecodable, &error))?;
    read(text)
}

/// Reads a ConfigValues document; returns the digest it is known by, too.
pub(crate) fn read(text: &str) -> Result<(ConfigValues, String), Failure> {
    let undecodable = "failed to decode config values";
    let values = ConfigValues::parse(text).map_err(|error| match &error {
        KindError::Yaml { .. } => Failure::at(StatusCode::BAD_REQUEST, undecodable, &error),
        KindError::WrongKind { .. } => foreign(text, &error),
    })?;
    Ok((values, change::digest(text.as_bytes())))
}

/// Another kind than ConfigValues is told by the original's words; anything else by the reader's.
fn foreign(text: &str, error: &KindError) -> Failure {
    match kinds::gvk::sniff(text) {
        Some(gvk) if gvk.kind != "ConfigValues" || gvk.api_version != "kots.io/v1beta1" => {
            let (group, version) =
                gvk.api_version.split_once('/').unwrap_or(("", &gvk.api_version));
            Failure::refused(format!(
                "\"{group}/{version}, Kind={}\" is not a valid ConfigValues GVK",
                gvk.kind
            ))
        }
        _ => Failure::at(StatusCode::BAD_REQUEST, "failed to decode config values", error),
    }
}

/// The answer to a change that was made, once it is known whether the version is deployed.
pub(crate) async fn end(
    shared: &Shared,
    app: &AppRow,
    once: &Once,
    ended: Ended,
) -> Result<Reply, Failure> {
    match ended {
        Ended::Made(reply) => Ok(reply),
        Ended::NotDeployed(failure) => Err(failure),
        Ended::Waits(sequence) => after_checks(shared, app, sequence, once, answer(sequence))
            .await
            .map_err(|failure| failure.within("failed to deploy").with("sequence", &sequence)),
    }
}

pub(crate) fn answer(sequence: i64) -> Reply {
    Reply::ok(&ConfigValuesReply {
        success: true,
        sequence: Some(sequence),
        ..ConfigValuesReply::default()
    })
}

/// The original says `failed to deploy` and keeps the cause to itself.
pub(crate) fn not_deployed(sequence: i64, cause: &NotDeployable) -> Failure {
    let text = refusal(cause);
    let mut failure = Failure::refused(format!("failed to deploy: {text}"))
        .with("sequence", &sequence)
        .cause(text.clone());
    if cause.to_string() != text {
        failure = failure.cause(cause.to_string());
    }
    failure
}

/// The answer for values of which no version was made.
pub(crate) fn refuse(error: &ChangeError) -> Failure {
    match error {
        ChangeError::Invalid(errors) => Failure::bad_request("failed to validate config values")
            .with("validationErrors", &config::group_errors(errors)),
        ChangeError::Missing(items) => {
            let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
            Failure::bad_request(kinds::config::required_message(items))
                .with("requiredItems", &names)
        }
        ChangeError::NothingDeployed { .. } => Failure::bad_request(error.to_string()),
        ChangeError::NoConfig { .. } | ChangeError::NoVersion { .. } => {
            Failure::refused(error.to_string())
        }
        ChangeError::Make(MakeError::Values(error)) => refuse(error),
        ChangeError::Apply(_) => Failure::because("failed to create new config", error),
        ChangeError::Lease(LeaseError::Busy { .. }) => {
            Failure::new(StatusCode::CONFLICT, error.to_string()).retry_after(5)
        }
        ChangeError::Make(_) => Failure::because("failed to render templates", error),
        ChangeError::License(_)
        | ChangeError::Lease(_)
        | ChangeError::Stored(_)
        | ChangeError::Store(_) => Failure::because("failed to update config", error),
    }
}
