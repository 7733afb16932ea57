//! The image registry of an application (`h/registry.go:122-474`, `h/image_rewrite_status.go:15`).
//!
//! A change is over when it is answered; the original answers before it begins.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use wire::app::TaskStatusReply;
use wire::push::RegistryReply;

use super::body;
use super::once::{self, Once, Whole};
use super::reply::{Failure, Reply};
use crate::context::{LeaseError, Shared};
use crate::registry_settings::{
    Asked, ChangeError, PASSWORD_MASK, StoredRegistry, change, check_access, decide,
};
use crate::store::apps::AppRow;
use crate::store::now_ms;
use crate::store::tasks::image_rewrite;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    hostname: String,
    username: String,
    password: String,
    namespace: String,
    is_read_only: bool,
}

impl Body {
    fn read(bytes: &[u8]) -> Result<Asked, Failure> {
        let it: Self = body::json(bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
        Ok(Asked {
            hostname: it.hostname,
            namespace: it.namespace,
            username: it.username,
            password: it.password,
            is_read_only: it.is_read_only,
        })
    }
}

/// The application, installed or waiting for its first release.
async fn app_of(shared: &Shared, slug: &str) -> Result<AppRow, Failure> {
    let unknown = || {
        Failure::new(StatusCode::NOT_FOUND, "failed to get app from slug")
            .cause(format!("there is no application `{slug}`"))
    };
    shared.store.app(slug).await?.ok_or_else(unknown)
}

pub(super) fn refuse(error: ChangeError) -> Failure {
    match error {
        ChangeError::Lease(LeaseError::Busy { .. }) => {
            Failure::new(StatusCode::CONFLICT, error.to_string()).retry_after(5)
        }
        error if error.is_reason() => {
            let causes = super::reply::chain(&error);
            Failure::bad_request(causes.join(": "))
        }
        error => Failure::because("failed to update registry settings", &error),
    }
}

/// `PUT …/registry`.
pub(crate) async fn put(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    save(&shared, slug, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn save(shared: &Shared, slug: String, request: Request) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    let asked = Body::read(&bytes)?;
    let app = app_of(shared, &slug).await?;
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move {
            change(&shared, &app, &asked, &once, |new| {
                Reply::ok(&json!({
                    "success": true,
                    "hostname": new.host,
                    "username": new.username,
                    "namespace": new.namespace,
                }))
            })
            .await
            .map_err(refuse)
        }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// `GET …/registry`.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    Ok(Reply::ok(&show(app_of(&shared, &slug).await?.registry)))
}

/// `GET /api/v1/registry`: the registry of the console's own images. This server is a program, not images: it has none.
pub(crate) async fn own() -> Reply {
    Reply::ok(&show(StoredRegistry::default()))
}

fn show(registry: StoredRegistry) -> RegistryReply {
    let mask = if registry.password.is_empty() { "" } else { PASSWORD_MASK };
    RegistryReply {
        success: true,
        error: String::new(),
        hostname: registry.host,
        namespace: registry.namespace,
        username: registry.username,
        password: mask.to_owned(),
        is_read_only: registry.is_read_only,
    }
}

/// `POST …/registry/validate`: whether the registry takes the credentials. Nothing is stored.
pub(crate) async fn validate(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Result<Reply, Failure> {
    let asked = Body::read(&body::read(request.into_body()).await?)?;
    let app = app_of(&shared, &slug).await?;
    let wanted = decide(&asked, &app.registry, shared.registry_access.scheme(), &shared.cipher)
        .map_err(|error| refuse(error.into()))?;
    if !wanted.is_set() {
        return Err(Failure::bad_request("hostname is required"));
    }
    check_access(&shared, &wanted).await.map_err(refuse)?;
    Ok(Reply::ok(&json!({ "success": true })))
}

/// `GET …/imagerewritestatus`: how a change goes, or why it failed.
pub(crate) async fn status(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = app_of(&shared, &slug).await?;
    let task = shared.store.task(&image_rewrite(&app.id)).await?.unwrap_or_default();
    let (status, message) = task.visible(now_ms());
    Ok(Reply::ok(&TaskStatusReply {
        current_message: message.to_owned(),
        status: status.to_owned(),
        last_error: task.last_error.clone(),
    }))
}
