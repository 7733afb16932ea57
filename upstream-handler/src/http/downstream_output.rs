//! `GET …/sequence/{n}/downstreamoutput`: what deploying said (`h/downstream.go:25`).

use axum::extract::{Path, State};
use wire::app::DownstreamOutputReply;

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;

pub(crate) async fn get(
    State(shared): State<Shared>,
    Path((slug, _cluster, sequence)): Path<(String, String, String)>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let sequence = apps::sequence(&sequence)?;
    let logs = shared.store.output(&app.id, sequence).await?.unwrap_or_default();
    Ok(Reply::ok(&DownstreamOutputReply { logs }))
}
