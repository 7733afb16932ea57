//! `PUT /api/v1/app/{slug}/airgap/update` (`h/airgap.go:566-640`).
//!
//! The original puts the file into a folder of available updates, which only an embedded cluster reads. Here its
//! release becomes a version that is not deployed.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::apps;
use super::reply::{Failure, Reply};
use super::upload::{self, Receiver, Take};
use super::upstream_update;
use crate::context::Shared;
use crate::store::apps::AppRow;
use crate::update::admit;
use crate::update::upload::{Kind, ProcessError, bring_in, index};

const FILE: &str = "application.airgap";
const PARTS: &[(&str, Take)] = &[(FILE, Take::File)];

pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let app = match apps::find(&shared, &slug).await {
        Ok(Some(app)) => app,
        Ok(None) => {
            let text = format!("app with slug {slug} not found");
            return upload::refuse(body, Failure::new(StatusCode::NOT_FOUND, text));
        }
        Err(failure) => return upload::refuse(body, failure),
    };
    if !app.is_airgap {
        let text = "Cannot update an online install using an airgap update";
        return upload::refuse(body, Failure::bad_request(text));
    }
    let mut receiver = match Receiver::new(&shared, &head.headers, body, PARTS) {
        Ok(receiver) => receiver,
        Err((failure, body)) => return upload::refuse(body, failure),
    };
    let stored = match receiver.rest().await {
        Ok(mut parts) => parts.files.remove(FILE),
        Err(failure) => return receiver.refuse(failure),
    };
    let Some(stored) = stored else {
        return Failure::bad_request(format!("the part `{FILE}` is missing")).into_response();
    };
    // Goes on when the client is gone.
    let work = shared.work.clone();
    let bring = async move {
        let ended = take(&shared, &app, &stored.path).await;
        drop(stored);
        ended
    };
    match work.spawn(bring).await {
        Ok(Ok(())) => Reply::ok(&json!({})).into_response(),
        Ok(Err(failure)) => failure.into_response(),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

async fn take(shared: &Shared, app: &AppRow, path: &std::path::Path) -> Result<(), Failure> {
    const TEXT: &str = "failed to process the airgap bundle";
    let refuse = |error| match error {
        ProcessError::Update(error) => upstream_update::refuse(TEXT, error),
        ProcessError::Bundle(_) => Failure::at(StatusCode::BAD_REQUEST, TEXT, &error),
        other => Failure::because(TEXT, &other),
    };
    let index = index(shared, path.to_owned(), Arc::new(Mutex::default())).await.map_err(refuse)?;
    admit(shared, &app.id, &index.airgap).await.map_err(|it| refuse(it.into()))?;
    bring_in(shared, app, path, &index, Kind::Update, None).await.map_err(refuse)
}
