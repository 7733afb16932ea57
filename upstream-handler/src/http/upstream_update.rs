//! `POST /api/v1/app/{slug}/upstream/update` (`h/update.go:381-515`).
//!
//! JSON fetches the release from the vendor; `multipart/form-data` brings it along. The original
//! answers a failed upload in plain text or with nothing; here every answer is JSON.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kinds::airgap::Airgap;
use kinds::config::ConfigValues;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use wire::SuccessReply;
use wire::update::UpstreamUpdateRequest;

use super::once::{self, Once, Slot, Whole, digest};
use super::reply::{Failure, Reply};
use super::upload::{self, Received, Receiver, Take};
use super::{apps, body, config_values};
use crate::context::{LeaseError, Shared};
use crate::release::Preflights;
use crate::store::apps::AppRow;
use crate::update::{
    Bundle, Options, Outcome, UpdateError, Wanted, admit, from_bundle, from_vendor,
};
use crate::versions::{AIRGAP_UPDATE, MakeError, UPSTREAM_UPDATE};

/// The part with the bundle's metadata.
pub(crate) const AIRGAP_YAML: &str = airgap::AIRGAP_YAML;
/// The part with the release.
pub(crate) const APP_ARCHIVE: &str = airgap::APP_ARCHIVE;

/// The part with the values that are set next, before the release. An addition of ours.
pub(crate) const CONFIG_VALUES: &str = "configValues";

/// What an update may consist of.
const PARTS: &[(&str, Take)] =
    &[(AIRGAP_YAML, Take::Text), (CONFIG_VALUES, Take::Text), (APP_ARCHIVE, Take::File)];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Asked {
    channel_id: String,
    channel_sequence: String,
    skip_preflights: String,
}

impl Asked {
    fn preflights(&self) -> Preflights {
        if lenient_bool(&self.skip_preflights) { Preflights::Skip } else { Preflights::Run }
    }
}

/// A flag in a query, as Go's `ParseBool`; anything else is false, as in the original.
pub(crate) fn lenient_bool(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

pub(crate) async fn post(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Response {
    let is_upload = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("multipart/form-data"));
    let app = match apps::find(&shared, &slug).await {
        Ok(Some(app)) => app,
        Ok(None) => {
            let text = format!("failed to get app for slug {slug}");
            return upload::refuse(request.into_body(), Failure::unknown_app(&text, &slug));
        }
        Err(failure) => return upload::refuse(request.into_body(), failure),
    };
    if is_upload {
        take(&shared, app, &asked, request, &json!({})).await
    } else {
        match fetch(&shared, app, &asked, request).await {
            Ok(response) => response,
            Err(failure) => failure.into_response(),
        }
    }
}

async fn fetch(
    shared: &Shared,
    app: AppRow,
    asked: &Asked,
    request: Request,
) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let wanted = Wanted {
        channel_id: if asked.channel_id.is_empty() {
            app.selected_channel_id.clone()
        } else {
            asked.channel_id.clone()
        },
        channel_sequence: asked.channel_sequence.parse().map_err(|_| {
            Failure::bad_request("failed to parse channelSequence")
                .cause(format!("`{}` is not a whole number", asked.channel_sequence))
        })?,
    };
    let next = next_values(&bytes)?;
    let preflights = asked.preflights();
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            let options = Options {
                registry: None,
                source: UPSTREAM_UPDATE,
                preflights,
                next_values: next.as_ref(),
                values: None,
                deploy: false,
            };
            from_vendor(&shared, &app, &wanted, options, &once, |outcome, _| {
                let reply = SuccessReply { success: true, error: None };
                with_sequence(Reply::ok(&reply), outcome)
            })
            .await
            .map_err(|error| refuse("failed to download upstream update", error))
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// The values that are set next. The original sends an empty object and reads no body at all.
fn next_values(body: &[u8]) -> Result<Option<ConfigValues>, Failure> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let asked: UpstreamUpdateRequest =
        body::json(body, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    if asked.config_values.is_empty() {
        return Ok(None);
    }
    config_values::decode(&asked.config_values).map(|(values, _)| Some(values))
}

/// Takes a bundle's parts, `success` being the body of a good answer.
pub(crate) async fn take(
    shared: &Shared,
    app: AppRow,
    asked: &Asked,
    request: Request,
    success: &serde_json::Value,
) -> Response {
    let slot = match Slot::take(shared, request.headers()).await {
        Ok(slot) => slot,
        Err(failure) => return upload::refuse(request.into_body(), failure),
    };
    let digest = digest(request.method(), request.uri());
    let (parts, body) = request.into_parts();
    if !app.is_airgap {
        let text = "Cannot update an online install using an airgap bundle";
        return upload::refuse(body, Failure::bad_request(text));
    }
    let mut receiver = match Receiver::new(shared, &parts.headers, body, PARTS) {
        Ok(receiver) => receiver,
        Err((failure, body)) => return upload::refuse(body, failure),
    };
    let whole = match receive(shared, &app, &mut receiver).await {
        Ok(whole) => whole,
        Err(failure) => return receiver.refuse(failure),
    };
    let next = whole.text(CONFIG_VALUES).and_then(|text| {
        text.map(|text| config_values::read(text).map(|(values, _)| values)).transpose()
    });
    let (next, (bundle, digest)) = match next.and_then(|next| Ok((next, bundle(whole, digest)?))) {
        Ok(ready) => ready,
        Err(failure) => return receiver.refuse(failure),
    };
    let (success, preflights) = (success.clone(), asked.preflights());
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            let options = Options {
                registry: None,
                source: AIRGAP_UPDATE,
                preflights,
                next_values: next.as_ref(),
                values: None,
                deploy: false,
            };
            from_bundle(&shared, &app, bundle, options, &once, |outcome, _| {
                with_sequence(Reply { status: StatusCode::OK, body: success.clone() }, outcome)
            })
            .await
            .map_err(|error| refuse("failed to process the airgap bundle", error))
        }
    };
    slot.run(shared, digest, act).await
}

/// Receives the parts, the release only when `airgap.yaml` lets it in.
async fn receive(
    shared: &Shared,
    app: &AppRow,
    receiver: &mut Receiver<'_>,
) -> Result<Received, Failure> {
    let airgap = airgap_of(receiver.before_file().await?)?;
    admit(shared, &app.id, &airgap)
        .await
        .map_err(|error| refuse("failed to process the airgap bundle", error))?;
    receiver.rest().await
}

/// The `airgap.yaml` among the parts; it has to come before the release.
pub(crate) fn airgap_of(received: &Received) -> Result<Airgap, Failure> {
    let text = received.text(AIRGAP_YAML)?.ok_or_else(|| {
        Failure::bad_request(format!("the part `{AIRGAP_YAML}` must come before `{APP_ARCHIVE}`"))
    })?;
    Airgap::parse(text).map_err(|error| {
        Failure::at(StatusCode::BAD_REQUEST, "failed to decode airgap data", &error)
    })
}

/// What came, and the digest of the request it came by.
pub(crate) fn bundle(
    mut received: Received,
    mut digest: Sha256,
) -> Result<(Bundle, String), Failure> {
    let airgap = airgap_of(&received)?;
    let stored = received
        .files
        .remove(APP_ARCHIVE)
        .ok_or_else(|| Failure::bad_request(format!("the part `{APP_ARCHIVE}` is missing")))?;
    if stored.size_bytes == 0 {
        return Err(Failure::bad_request(format!("the part `{APP_ARCHIVE}` is empty")));
    }
    for (name, bytes) in &received.texts {
        digest.update(name);
        digest.update(Sha256::digest(bytes));
    }
    digest.update(&stored.sha256);
    let digest = hex::encode(digest.finalize());
    Ok((Bundle { airgap, app_archive: stored.path, sha256: stored.sha256 }, digest))
}

/// Adds which version it is about, and whether it is new. Additions of ours.
fn with_sequence(mut reply: Reply, outcome: Outcome) -> Reply {
    let (sequence, is_new) = match outcome {
        Outcome::Made(sequence) => (sequence, true),
        Outcome::Present(sequence) => (sequence, false),
    };
    reply.body["sequence"] = sequence.into();
    reply.body["created"] = is_new.into();
    reply
}

/// The answer for a release that was not brought in: its own reason where it has one, else the
/// original's `text` and the causes.
pub(crate) fn refuse(text: &str, error: UpdateError) -> Failure {
    match error {
        UpdateError::Make(MakeError::Values(error)) => config_values::refuse(&error),
        UpdateError::Lease(LeaseError::Busy { .. }) => {
            Failure::new(StatusCode::CONFLICT, error.to_string()).retry_after(5)
        }
        error if error.is_reason() => {
            let mut causes = super::reply::chain(&error);
            let text = causes.remove(0);
            causes.into_iter().fold(Failure::refused(text), Failure::cause)
        }
        error => Failure::because(text, &error),
    }
}
