//! `GET` and `POST /api/v1/app/{slug}/airgap/chunk`: a bundle in chunks, by resumable.js (`h/airgap.go:110-258`).
//!
//! What has come survives a restart of the server and can be gone on with by another client that has the same file.
//! `chunkSha256` is ours: the digest of the chunk in hex, compared before the chunk counts as come. As in the original,
//! what is told of a chunk may be in the query as well as in the form, and before or behind the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::reply::Failure;
use super::reply::Reply;
use super::upload::{self, Received, Receiver, Take};
use crate::context::Shared;
use crate::faults;
use crate::store::apps::AppRow;
use crate::store::now_ms;
use crate::store::uploads::Begun;
use crate::update::upload::is_sha256;
use crate::uploads::{MAX_CHUNK_BYTES, Shape, UploadError, key};

const IDENTIFIER: &str = "resumableIdentifier";
const TOTAL_CHUNKS: &str = "resumableTotalChunks";
const TOTAL_SIZE: &str = "resumableTotalSize";
const NUMBER: &str = "resumableChunkNumber";
const CHUNK_SIZE: &str = "resumableChunkSize";
const SHA256: &str = "chunkSha256";
const FILE: &str = "file";

/// What of that which resumable.js sends is of interest.
const PARTS: &[(&str, Take)] = &[
    (IDENTIFIER, Take::Text),
    (TOTAL_CHUNKS, Take::Text),
    (TOTAL_SIZE, Take::Text),
    (NUMBER, Take::Text),
    (CHUNK_SIZE, Take::Text),
    (SHA256, Take::Text),
    (FILE, Take::File),
];

/// The longest name of an upload.
const MAX_IDENTIFIER_BYTES: usize = 1024;
/// What a request may have besides its chunk, in bytes.
const ENVELOPE_BYTES: u64 = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    #[serde(rename = "resumableIdentifier")]
    identifier: String,
    #[serde(rename = "resumableTotalChunks")]
    total_chunks: String,
    #[serde(rename = "resumableChunkNumber")]
    chunk_number: String,
}

/// The application an upload is for, installed or about to be.
pub(super) async fn app_of(shared: &Shared, slug: &str) -> Result<AppRow, Failure> {
    let app = shared.store.app(slug).await?;
    app.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("app with slug {slug} not found"))
    })
}

pub(super) fn number(name: &str, text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(32).filter(|it| !it.is_control()).collect();
        Failure::bad_request(format!("failed to parse {name}"))
            .cause(format!("`{shown}` is not a whole number"))
    })
}

/// Whether a chunk has come: 200, or 204.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Reply, Failure> {
    let app = app_of(&shared, &slug).await?;
    let total = number(TOTAL_CHUNKS, &asked.total_chunks)?;
    let number = number(NUMBER, &asked.chunk_number)?;
    let upload = shared.store.upload(&app.id, &asked.identifier, total).await?;
    let chunk = match upload {
        Some(upload) => shared.store.chunk(&upload.key, number).await?,
        None => None,
    };
    Ok(chunk.map_or(Reply::empty(StatusCode::NO_CONTENT), |_| Reply::ok(&"")))
}

/// Takes a chunk.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    request: Request,
) -> Response {
    let app = match app_of(&shared, &slug).await {
        Ok(app) => app,
        Err(failure) => return upload::refuse(request.into_body(), failure),
    };
    let (head, body) = request.into_parts();
    if !app.is_airgap {
        let text = "Cannot update an online install using an airgap bundle";
        return upload::refuse(body, Failure::bad_request(text));
    }
    let mut receiver = match Receiver::new(&shared, &head.headers, body, PARTS) {
        Ok(receiver) => receiver.tolerant(),
        Err((failure, body)) => return upload::refuse(body, failure),
    };
    let query = Query::<Asking>::try_from_uri(&head.uri).map(|it| it.0).unwrap_or_default();
    match take(&shared, &app, &query, &mut receiver).await {
        Ok(()) => Reply::ok(&"").into_response(),
        Err(failure) => receiver.refuse(failure),
    }
}

/// What the query says of a chunk.
type Asking = BTreeMap<String, String>;

/// A word of a request: from its query, else from its form.
fn told<'a>(
    query: &'a Asking,
    received: &'a Received,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    match query.get(name) {
        Some(text) => Ok(Some(text)),
        None => received.text(name),
    }
}

/// A chunk by what its request says of it.
struct Chunk {
    identifier: String,
    shape: Shape,
    number: u64,
    start: u64,
    size_bytes: u64,
    key: String,
}

fn chunk(app: &AppRow, query: &Asking, received: &Received) -> Result<Chunk, Failure> {
    let text = |name: &'static str| -> Result<&str, Failure> {
        told(query, received, name)?
            .ok_or_else(|| Failure::bad_request(format!("`{name}` is missing")))
    };
    let parsed = |name| text(name).and_then(|it| number(name, it));
    let identifier = text(IDENTIFIER)?;
    if identifier.is_empty() || identifier.len() > MAX_IDENTIFIER_BYTES {
        return Err(Failure::bad_request(format!(
            "{IDENTIFIER} must have 1 to {MAX_IDENTIFIER_BYTES} bytes"
        )));
    }
    let wrong = |error| Failure::at(StatusCode::BAD_REQUEST, "the chunk does not fit", &error);
    let shape = Shape::new(parsed(TOTAL_SIZE)?, parsed(CHUNK_SIZE)?, parsed(TOTAL_CHUNKS)?)
        .map_err(wrong)?;
    let number = parsed(NUMBER)?;
    let range = shape.chunk(number).map_err(wrong)?;
    let key = key(&app.id, identifier, &shape);
    let (start, size_bytes) = (range.start, range.end - range.start);
    Ok(Chunk { identifier: identifier.to_owned(), shape, number, start, size_bytes, key })
}

async fn take(
    shared: &Shared,
    app: &AppRow,
    query: &Asking,
    upload: &mut Receiver<'_>,
) -> Result<(), Failure> {
    let received = upload.before_file().await?;
    let words = [IDENTIFIER, TOTAL_CHUNKS, TOTAL_SIZE, NUMBER, CHUNK_SIZE];
    let is_told = |it: &&str| query.contains_key(*it) || received.texts.contains_key(*it);
    let before = if words.iter().all(is_told) {
        let chunk = chunk(app, query, received)?;
        begin(shared, app, &chunk).await?;
        upload.expect(chunk.size_bytes + ENVELOPE_BYTES);
        Some(chunk)
    } else {
        // The file comes before what it is.
        upload.expect(2 * MAX_CHUNK_BYTES + ENVELOPE_BYTES);
        None
    };
    let mut received = upload.rest().await?;
    let chunk = if let Some(chunk) = before {
        chunk
    } else {
        let chunk = chunk(app, query, &received)?;
        begin(shared, app, &chunk).await?;
        chunk
    };
    let stored = received
        .files
        .remove(FILE)
        .ok_or_else(|| Failure::bad_request(format!("the part `{FILE}` is missing")))?;
    if stored.size_bytes != chunk.size_bytes {
        return Err(Failure::bad_request(format!(
            "chunk {} has {} bytes, expected {}",
            chunk.number, stored.size_bytes, chunk.size_bytes
        )));
    }
    if let Some(said) = told(query, &received, SHA256)?
        && (!is_sha256(said) || said != stored.sha256)
    {
        return Err(Failure::bad_request(format!(
            "chunk {} has the SHA-256 {}, the client said another",
            chunk.number, stored.sha256
        ))
        .hint("send the chunk again"));
    }
    // One at a time for one chunk: what is noted is what is on the disk.
    let lock = format!("chunk {} {}", chunk.key, chunk.number);
    let busy = || {
        Failure::new(StatusCode::CONFLICT, "the same chunk is still being stored").retry_after(5)
    };
    let lock = shared.locks.take(lock, std::time::Duration::from_mins(1)).await.ok_or_else(busy)?;
    match shared.store.chunk(&chunk.key, chunk.number).await? {
        Some(known) if known == stored.sha256 => return Ok(()),
        Some(_) => shared.store.note_chunk(&chunk.key, chunk.number, None).await?,
        None => {}
    }
    // Goes on when the client is gone.
    let shared = Arc::clone(shared);
    let work = shared.work.clone();
    let put = async move {
        let _lock = lock;
        let uploads = shared.uploads.clone();
        let (key, number, sha256) = (chunk.key.clone(), chunk.number, stored.sha256.clone());
        let write = move || uploads.write(&chunk.key, &chunk.shape, chunk.start, &stored.path);
        tokio::task::spawn_blocking(write)
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            .map_err(not_stored)?;
        shared.store.note_chunk(&key, number, Some(&sha256)).await?;
        faults::point("chunk-noted");
        Ok(())
    };
    work.spawn(put).await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn not_stored(error: UploadError) -> Failure {
    match error {
        UploadError::Full { .. } => {
            Failure::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
                .hint("make room in the state folder's file system, then send the chunk again")
        }
        other => Failure::because("failed to store a chunk", &other),
    }
}

/// Makes room by forgetting what nobody goes on with, and notes the upload.
async fn begin(shared: &Shared, app: &AppRow, chunk: &Chunk) -> Result<(), Failure> {
    let Chunk { identifier, shape, key, .. } = chunk;
    let (total, most) = (shape.total_size(), shared.max_upload_bytes);
    if total > most {
        let text = format!("the bundle has {total} bytes, an upload may have {most}");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text)
            .hint("start kotsadm with a larger KOTSADM_MAX_UPLOAD_BYTES, then upload again"));
    }
    expire(shared, key).await?;
    let quota_bytes = shared.upload_quota_bytes;
    match shared.store.begin_upload(key, &app.id, identifier, shape, quota_bytes).await? {
        Begun::Yes => Ok(()),
        Begun::Processing => {
            Err(Failure::new(StatusCode::CONFLICT, "the bundle is being processed already"))
        }
        Begun::TooMuch => Err(Failure::new(
            StatusCode::INSUFFICIENT_STORAGE,
            format!("all uploads together would be larger than {quota_bytes} bytes"),
        )
        .hint(
            "finish or reset another upload; one that is left alone is forgotten after three days",
        )),
    }
}

/// Forgets uploads that were left alone, except `key`.
async fn expire(shared: &Shared, key: &str) -> Result<(), Failure> {
    let (now_ms, rows) = (now_ms(), shared.store.uploads().await?.into_iter());
    let old: Vec<String> =
        rows.filter(|it| it.is_left_alone(now_ms) && it.key != key).map(|it| it.key).collect();
    forget(shared, &old).await
}

/// Forgets uploads: first the rows, so that no file is missing.
pub(super) async fn forget(shared: &Shared, keys: &[String]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    shared.store.forget_uploads(keys).await?;
    for key in keys {
        shared
            .uploads
            .remove(key)
            .map_err(|error| Failure::because("failed to remove an upload", &error))?;
    }
    Ok(())
}
