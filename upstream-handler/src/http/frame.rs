//! What surrounds every route: security headers, `OPTIONS`, unknown paths, the framework's own errors, panics.

use std::any::Any;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::reply::Failure;

/// The original's headers (`h/middleware.go:112`). Its CORS headers, which let any origin act with
/// the visitor's cookie, are left out on purpose.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    (HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY")),
    (HeaderName::from_static("x-xss-protection"), HeaderValue::from_static("0")),
    (
        HeaderName::from_static("referrer-policy"),
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
];

/// Answers `OPTIONS` as the original does, and adds the security headers to every answer.
pub(crate) async fn surround(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        in_shape(next.run(request).await).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The most that is read of what the web framework says.
const WORDS_LIMIT_BYTES: usize = 64 << 10;

/// Gives what the web framework itself refuses (a path or query that cannot be decoded) the shape of every other
/// error: it speaks plain text.
async fn in_shape(response: Response) -> Response {
    let is_text = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes().starts_with(b"text/plain"));
    if !is_text || !response.status().is_client_error() {
        return response;
    }
    let (head, body) = response.into_parts();
    match axum::body::to_bytes(body, WORDS_LIMIT_BYTES).await {
        Ok(words) => {
            Failure::new(head.status, String::from_utf8_lossy(&words).trim()).into_response()
        }
        Err(error) => Failure::new(head.status, error.to_string()).into_response(),
    }
}

/// 404 for a path no route knows.
pub(crate) async fn unknown_path(uri: Uri) -> Failure {
    Failure::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
}

/// 405 for a method the route does not know.
pub(crate) async fn unknown_method(method: Method, uri: Uri) -> Failure {
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, format!("{} does not answer {method}", uri.path()))
}

/// 500 for a panic: one request fails, the server goes on.
pub(crate) fn panicked(_panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    Failure::refused(
        "internal error: the request ended in a bug of this server; its log says where",
    )
    .into_response()
}
