//! Requests that may be repeated: `Idempotency-Key`.
//!
//! | the key is | and the request | answer |
//! |---|---|---|
//! | absent | | it is carried out |
//! | new | | it is carried out, its answer stored in the transaction that has the effect |
//! | known | the same | the stored answer, nothing is carried out |
//! | known | another | 422 |
//! | being answered | | waits; 409 with `Retry-After` when that takes long |
//!
//! Failures are not stored unless something was changed: sending the same request again is how a
//! client recovers. Whatever is carried out goes on when its client is gone.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::body;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::faults;
use crate::store::idempotency::{Key, Recorded, record};
use crate::store::{StoreError, Tx};

/// The request header.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a repeated request waits for the first one.
const PATIENCE: Duration = Duration::from_mins(1);
/// The longest key.
const MAX_KEY_BYTES: usize = 255;

/// A request's place in line for its key.
#[derive(Debug)]
pub(crate) struct Slot {
    key: Option<String>,
    earlier: Option<Recorded>,
    lock: Option<OwnedMutexGuard<()>>,
}

/// A request whose body is small, as it came.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) slot: Slot,
    /// Tells it from other requests.
    pub(crate) digest: String,
    pub(crate) bytes: Bytes,
}

/// Waits for a request's place in line and reads its body.
///
/// # Errors
///
/// The key cannot be one or is being answered; the body is too large or did not arrive.
pub(crate) async fn read(shared: &Shared, request: Request) -> Result<Whole, Failure> {
    let slot = Slot::take(shared, request.headers()).await?;
    let mut digest = digest(request.method(), request.uri());
    let bytes = body::read(request.into_body()).await?;
    digest.update(&bytes);
    Ok(Whole { slot, digest: hex::encode(digest.finalize()), bytes })
}

/// What carries a request out may store its answer with its effect.
#[derive(Debug)]
pub(crate) struct Once {
    key: Option<Key>,
    is_recorded: AtomicBool,
}

impl Once {
    /// For an effect that is not the whole of what was asked: nothing is stored.
    pub(crate) fn unrecorded() -> Self {
        Self { key: None, is_recorded: AtomicBool::new(false) }
    }

    /// Stores `status` and `body` beside the effect `tx` has.
    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        status: StatusCode,
        body: &serde_json::Value,
    ) -> Result<(), StoreError> {
        if let Some(key) = &self.key {
            record(tx, key, status.as_u16(), &body.to_string()).await?;
            self.is_recorded.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Starts the digest of a request; the body is added by whoever reads it.
pub(crate) fn digest(method: &Method, uri: &Uri) -> Sha256 {
    let mut digest = Sha256::new();
    digest.update(method.as_str());
    digest.update(b"\0");
    digest.update(uri.path_and_query().map_or("/", |it| it.as_str()));
    digest.update(b"\0");
    digest
}

impl Slot {
    /// Takes the request's place in line.
    pub(crate) async fn take(shared: &Shared, headers: &HeaderMap) -> Result<Self, Failure> {
        faults::point("request-begun");
        let Some(value) = headers.get(&HEADER) else {
            return Ok(Self { key: None, earlier: None, lock: None });
        };
        let key = value
            .to_str()
            .ok()
            .filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES)
            .ok_or_else(|| {
                Failure::bad_request(format!(
                    "the header Idempotency-Key must hold 1 to {MAX_KEY_BYTES} visible characters"
                ))
            })?
            .to_owned();
        let lock = shared.locks.take(format!("key {key}"), PATIENCE).await.ok_or_else(|| {
            Failure::new(StatusCode::CONFLICT, "the same request is still being carried out")
                .retry_after(5)
        })?;
        let earlier = shared.store.recorded(&key).await?;
        Ok(Self { key: Some(key), earlier, lock: Some(lock) })
    }

    /// The stored answer to the request whose digest is `digest`, if it was answered before.
    pub(crate) fn answered(&self, digest: &str) -> Option<Response> {
        let earlier = self.earlier.as_ref()?;
        if earlier.digest != digest {
            let failure = Failure::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "this Idempotency-Key was used for another request",
            );
            return Some(failure.hint("send every new request with a new key").into_response());
        }
        let status = u16::try_from(earlier.status)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(StatusCode::OK);
        let body = serde_json::from_str(&earlier.body).unwrap_or_default();
        let mut response = Reply { status, body }.into_response();
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Some(response)
    }

    /// Carries the request out unless it was answered before.
    pub(crate) async fn run<F, Act>(self, shared: &Shared, digest: String, act: F) -> Response
    where
        F: FnOnce(Arc<Once>) -> Act,
        Act: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        if let Some(response) = self.answered(&digest) {
            return response;
        }
        let key = self.key.map(|key| Key { key, digest });
        let once = Arc::new(Once { key, is_recorded: AtomicBool::new(false) });
        let act = act(Arc::clone(&once));
        let (lock, store) = (self.lock, shared.store.clone());
        let carried_out = shared.work.spawn(async move {
            let _lock = lock;
            let reply = act.await?;
            if let Some(key) = &once.key
                && !once.is_recorded.load(Ordering::SeqCst)
            {
                store.record_answer(key, reply.status.as_u16(), &reply.body.to_string()).await?;
            }
            Ok::<_, Failure>(reply)
        });
        let response = match carried_out.await {
            Ok(Ok(reply)) => reply.into_response(),
            Ok(Err(failure)) => failure.into_response(),
            Err(error) => {
                tracing::error!("a request ended in a bug: {error}");
                Failure::refused("internal error: the request ended in a bug of this server")
                    .into_response()
            }
        };
        faults::point("reply-before-send");
        response
    }
}
