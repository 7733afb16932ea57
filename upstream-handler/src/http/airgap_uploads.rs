//! What of a chunked bundle has come, and what is done with it (`h/airgap.go:61-108,262-345,362-440`).
//!
//! A bundle is only accepted for processing when all of it is here. The application is the one of the path; the
//! original takes the one the body names, or any that is pending.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::airgap_chunk::{app_of, forget, number};
use super::body;
use super::registry_settings::refuse;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::env;
use crate::faults;
use crate::registry_settings::{self, StoredRegistry, decide};
use crate::store::apps::{AIRGAP_PENDING, INSTALLED};
use crate::store::tasks::TaskEnd;
use crate::store::uploads::UploadRow;
use crate::update::upload::{Kind, Process, is_sha256, start, task_of};

/// How many chunks a client should send at once.
const PARALLELISM: u32 = 3;
/// The most missing chunks that an answer names.
const MISSING_SHOWN: usize = 16;

type UploadPath = Path<(String, String, String)>;

async fn upload(
    shared: &Shared,
    Path((slug, identifier, total)): &UploadPath,
) -> Result<(Option<UploadRow>, u64), Failure> {
    let app = app_of(shared, slug).await?;
    let total = number("totalChunks", total)?;
    Ok((shared.store.upload(&app.id, identifier, total).await?, total))
}

/// `GET …/airgap/bundleprogress/{identifier}/{totalChunks}`: from 0 to 1.
pub(crate) async fn progress(
    State(shared): State<Shared>,
    path: UploadPath,
) -> Result<Reply, Failure> {
    let (row, total) = upload(&shared, &path).await?;
    let come = match row {
        Some(row) => shared.store.chunks(&row.key).await?.len(),
        None => 0,
    };
    // Both are at most a million.
    let parts = |it: u64| u32::try_from(it).map_or(f64::INFINITY, f64::from);
    let progress = parts(come as u64) / parts(total.max(1));
    Ok(Reply::ok(&json!({ "progress": progress })))
}

/// `GET …/airgap/bundleexists/{identifier}/{totalChunks}`: whether a chunk of it is here.
pub(crate) async fn exists(
    State(shared): State<Shared>,
    path: UploadPath,
) -> Result<Reply, Failure> {
    let (row, _) = upload(&shared, &path).await?;
    Ok(Reply::ok(&json!({ "exists": row.is_some() })))
}

/// `GET …/airgap/config`.
pub(crate) async fn config() -> Reply {
    let n = env::read(env::AIRGAP_UPLOAD_PARALLELISM).and_then(|it| it.parse().ok());
    Reply::ok(&json!({ "simultaneousUploads": n.filter(|it| *it > 0).unwrap_or(PARALLELISM) }))
}

/// `GET …/airgap/status`: how the first installation goes.
pub(crate) async fn status(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = app_of(&shared, &slug).await?;
    let task = shared.store.task(&task_of(Kind::Install, &app)).await?.unwrap_or_default();
    let (state, message) = match (app.install_state.as_str(), task.status.as_str()) {
        (INSTALLED, _) => (INSTALLED, ""),
        (_, "running") => ("airgap_upload_in_progress", task.message.as_str()),
        (_, "failed") => ("airgap_upload_error", task.message.as_str()),
        (state, _) => (state, ""),
    };
    Ok(Reply::ok(&json!({ "installStatus": state, "currentMessage": message })))
}

/// `POST …/airgap/reset`: forgets what was uploaded and how the last try ended.
pub(crate) async fn reset(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    let app = app_of(&shared, &slug).await?;
    let rows = shared.store.uploads().await?.into_iter().filter(|it| it.app_id == app.id);
    let (busy, idle): (Vec<_>, Vec<_>) = rows.partition(|it| it.process.is_some());
    if !busy.is_empty() {
        let text = "a bundle is being processed";
        return Err(Failure::new(StatusCode::CONFLICT, text).retry_after(5));
    }
    let keys: Vec<String> = idle.into_iter().map(|it| it.key).collect();
    forget(&shared, &keys).await?;
    shared.store.task_ended(&task_of(Kind::Install, &app), TaskEnd::Done).await?;
    Ok(Reply::empty(StatusCode::OK))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    app_id: String,
    is_read_only: bool,
    registry_host: String,
    namespace: String,
    username: String,
    password: String,
    /// Ours: SHA-256 of the bundle in hex.
    sha256: String,
}

/// `PUT …/airgap/processbundle/{identifier}/{totalChunks}`: a new version.
pub(crate) async fn update(
    State(shared): State<Shared>,
    path: UploadPath,
    request: Request,
) -> Result<Reply, Failure> {
    process(&shared, path, request, Kind::Update).await
}

/// `POST …/airgap/processbundle/{identifier}/{totalChunks}`: the first version.
pub(crate) async fn create(
    State(shared): State<Shared>,
    path: UploadPath,
    request: Request,
) -> Result<Reply, Failure> {
    process(&shared, path, request, Kind::Install).await
}

async fn process(
    shared: &Shared,
    path: UploadPath,
    request: Request,
    kind: Kind,
) -> Result<Reply, Failure> {
    let bytes = body::read(request.into_body()).await?;
    let asked: Asked = if bytes.is_empty() {
        Asked::default()
    } else {
        body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?
    };
    let app = app_of(shared, &path.0.0).await?;
    if !asked.app_id.is_empty() && asked.app_id != app.id {
        return Err(Failure::bad_request("the body names another application than the path"));
    }
    let wanted = match kind {
        Kind::Install => AIRGAP_PENDING,
        Kind::Update => INSTALLED,
    };
    if app.install_state != wanted {
        let text = format!("the application is `{}`, expected `{wanted}`", app.install_state);
        return Err(Failure::new(StatusCode::CONFLICT, text));
    }
    if !app.is_airgap {
        let text = "Cannot update an online install using an airgap bundle";
        return Err(Failure::bad_request(text));
    }
    let sha256 = Some(asked.sha256.to_ascii_lowercase()).filter(|it| !it.is_empty());
    if sha256.as_deref().is_some_and(|it| !is_sha256(it)) {
        return Err(Failure::bad_request("sha256 must be 64 hex digits"));
    }
    let (row, total) = upload(shared, &path).await?;
    let row = row.ok_or_else(|| {
        Failure::bad_request("nothing of this bundle was uploaded")
            .hint("send its chunks, then ask again")
    })?;
    whole(shared, &row, total).await?;
    let given = registry_settings::Asked {
        hostname: asked.registry_host,
        namespace: asked.namespace,
        username: asked.username,
        password: asked.password,
        is_read_only: asked.is_read_only,
    };
    let registry = decide(&given, &app.registry, shared.registry_access.scheme(), &shared.cipher)
        .map_err(|error| refuse(error.into()))?;
    let registry = Some(registry).filter(StoredRegistry::is_set);
    let process = Process { kind, sha256, images_are_there: asked.is_read_only, registry };
    // Numbers, flags and text: they always serialise.
    let note = serde_json::to_string(&process).unwrap_or_default();
    // A repeated request finds it running.
    if shared.store.process_upload(&row.key, &note).await? {
        faults::point("upload-accepted");
        let task = task_of(kind, &app);
        shared.store.task_running(&task, &shared.boot_id, "Processing package...").await?;
        start(shared, row, process);
    }
    Ok(Reply { status: StatusCode::ACCEPTED, body: json!({}) })
}

/// Refuses an upload of which chunks are missing.
async fn whole(shared: &Shared, row: &UploadRow, total: u64) -> Result<(), Failure> {
    let chunks = shared.store.chunks(&row.key).await?;
    if chunks.len() as u64 == total {
        return Ok(());
    }
    let come: std::collections::HashSet<u64> = chunks.iter().map(|it| it.0).collect();
    let missing = (1..=total).filter(|it| !come.contains(it));
    let shown: Vec<String> = missing.take(MISSING_SHOWN).map(|it| it.to_string()).collect();
    let n = total - chunks.len() as u64;
    let more = if n > shown.len() as u64 { ", …" } else { "" };
    Err(Failure::bad_request(format!("{n} of {total} chunks of the bundle have not come"))
        .cause(format!("missing: {}{more}", shown.join(", ")))
        .hint("send them, then ask again"))
}
