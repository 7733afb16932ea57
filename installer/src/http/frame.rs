//! What surrounds every answer: refusals as `ApiError`, headers for safety, one line in the log.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::refusal::Refusal;
use crate::site::Shared;

/// The most time an answer may take to begin.
const LIMIT: Duration = Duration::from_mins(2);

/// A body, or a refusal.
pub(super) type Answer<T> = Result<Json<T>, Refused>;

/// A refusal as an answer.
#[derive(Debug)]
pub(super) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}

/// Makes an answer of a result.
pub(super) fn answer<T: Serialize>(result: Result<T, impl Into<Refusal>>) -> Answer<T> {
    result.map(Json).map_err(|error| Refused(error.into()))
}

/// The answer of a refusal.
pub(super) fn refused(refusal: &Refusal) -> Response {
    if refusal.status == 500 {
        tracing::error!("{}", refusal.line());
    }
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(refusal.body())).into_response();
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An unknown path.
pub(super) async fn unknown_path(request: Request) -> Response {
    refused(&Refusal::new(404, format!("there is no {}", request.uri().path())))
}

/// A known path with another method.
pub(super) async fn unknown_method(request: Request) -> Response {
    let what = format!("{} is not allowed at {}", request.method(), request.uri().path());
    refused(&Refusal::new(405, what))
}

/// A handler panicked; what it said stays in the log.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!("a handler panicked: {text}");
    refused(&Refusal::new(500, "internal error"))
}

/// Headers of every answer that does not say them itself. `Strict-Transport-Security` is not among them: it
/// holds for every port of the host, and the application's own pages may be plain HTTP.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data: https:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    ),
];

/// Marks requests of this program to itself: a refusal is told by whoever sent them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own;

/// Bounds the time, adds the headers and writes the line.
pub(super) async fn surround(State(site): State<Shared>, request: Request, next: Next) -> Response {
    site.asked.note();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (start, is_own) = (Instant::now(), request.extensions().get::<Own>().is_some());
    let mut response = match tokio::time::timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused(&Refusal::new(503, format!("no answer within {} s", LIMIT.as_secs()))),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if path != "/api/health" && !path.starts_with("/api/swagger") {
        let status = response.status().as_u16();
        let duration_ms = start.elapsed().as_millis();
        match status {
            500.. => tracing::error!(%method, path, status, duration_ms, "request"),
            400.. if !is_own => tracing::warn!(%method, path, status, duration_ms, "request"),
            _ => tracing::debug!(%method, path, status, duration_ms, "request"),
        }
    }
    response
}
