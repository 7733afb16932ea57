//! What surrounds every route: security headers, `OPTIONS`, unknown paths, panics.

use std::any::Any;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
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
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
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
