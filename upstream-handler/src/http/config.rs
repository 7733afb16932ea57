//! `GET /api/v1/app/{slug}/config/{sequence}` (`h/config.go:407`).
//!
//! Shows the config as it was resolved when the version was built. The original renders it again
//! for every request, with the number of a version that does not exist.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use wire::config::ConfigReply;

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    let app = apps::find(&shared, &slug)
        .await?
        .ok_or_else(|| Failure::unknown_app("failed to get app from app slug", &slug))?;
    let sequence = apps::sequence(&sequence)?;
    let content = shared.store.version_content(&app.id, sequence).await?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("version for sequence {sequence} not found"))
    })?;
    let config_groups = match &content.config_screen {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Failure::because("failed to read the config", &error))?,
        None => Vec::new(),
    };
    Ok(Reply::ok(&ConfigReply { success: true, config_groups, ..ConfigReply::default() }))
}
