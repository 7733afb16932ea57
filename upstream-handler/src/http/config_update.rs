//! `PUT /api/v1/app/{slug}/config`: a config screen is saved (`h/config.go:139`).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kinds::config::{Config, ConfigValues, Given};
use wire::config::UpdateConfigRequest;

use super::config_values::{answer, end, not_deployed, refuse};
use super::once::{self, Once, Whole};
use super::reply::Failure;
use super::{apps, body};
use crate::config;
use crate::config::change::{self, Change, ChangeError, On, Place, change};
use crate::config::given::of_screen;
use crate::context::Shared;
use crate::release::Preflights;
use crate::store::apps::AppRow;

pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    save(&shared, slug, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn save(shared: &Shared, slug: String, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked: UpdateConfigRequest =
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    let app = apps::find(shared, &slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from app slug", &slug))?;
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            let wanted = wanted(&shared, &app, &asked).await?;
            let ended = change(&shared, &app, wanted, &once, answer, not_deployed).await;
            let ended = ended.map_err(|error| match error {
                ChangeError::Invalid(errors) => Failure::bad_request("invalid config values")
                    .with("validationErrors", &config::group_errors(&errors)),
                other => refuse(&other),
            })?;
            end(&shared, &app, &once, ended).await
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

async fn wanted(
    shared: &Shared,
    app: &AppRow,
    asked: &UpdateConfigRequest,
) -> Result<Change, Failure> {
    let sequence = asked.sequence;
    let content = shared.store.version_content(&app.id, sequence).await?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("version for sequence {sequence} not found"))
    })?;
    let unreadable =
        |error: serde_json::Error| Failure::because("failed to read the config", &error);
    let stored: ConfigValues = serde_json::from_str(&content.config_values).map_err(unreadable)?;
    let given = match &content.config {
        Some(text) => {
            let config: Config = serde_json::from_str(text).map_err(unreadable)?;
            of_screen(&asked.config_groups, &config, &stored)
        }
        None => return Err(refuse(&ChangeError::NoConfig { slug: app.slug.clone() })),
    };
    Ok(Change {
        on: On::Sequence(sequence),
        place: Place::PendingItself,
        sha256: change::digest(given.to_yaml("").as_bytes()),
        given,
        mode: Given::All,
        preflights: Preflights::Run,
        deploy: false,
    })
}
