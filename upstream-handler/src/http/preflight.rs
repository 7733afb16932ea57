//! `GET …/preflight/result` (`h/preflight.go:34,71`).
//!
//! Preflights are not run by this server yet: there is never a result, and a strict one that has not
//! run keeps its version from being deployed.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::json;

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;

/// The result of version 0.
pub(crate) async fn first(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    result(&shared, &slug, 0).await
}

/// The result of a version.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    result(&shared, &slug, apps::sequence(&sequence)?).await
}

async fn result(shared: &Shared, slug: &str, sequence: i64) -> Result<Reply, Failure> {
    let app = apps::installed(shared, slug).await?;
    let row = shared.store.version(&app.id, sequence).await?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("version for sequence {sequence} not found"))
    })?;
    Ok(Reply::ok(&json!({
        "preflightResult": {
            "result": "",
            "createdAt": null,
            "appSlug": app.slug,
            "clusterSlug": apps::CLUSTER,
            "skipped": row.preflight_skipped || !row.facts().has_preflight,
            "hasFailingStrictPreflights": row.facts().has_strict_preflight,
        }
    })))
}
