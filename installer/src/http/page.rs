//! Every path that is not the API's: the wizard, when there is one.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::frame::{refused, unknown_method, unknown_path};
use crate::refusal::Refusal;
use crate::site::Shared;
use crate::web::{File, Found};

/// Answers with a file of the wizard, or its page.
pub(super) async fn any(State(site): State<Shared>, request: Request) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return unknown_path(request).await;
    }
    let Some(web) = &site.web else {
        let sentence =
            "there is no web page here: name the folder of the wizard's built files with --web-dir";
        return refused(&Refusal::new(404, sentence));
    };
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return unknown_method(request).await;
    }
    match web.find(path) {
        Found::Nothing => unknown_path(request).await,
        Found::File(file) => {
            let known = request.headers().get(header::IF_NONE_MATCH);
            if known.is_some_and(|it| it == file.tag) {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response.headers_mut().insert(header::ETAG, file.tag.clone());
                return response;
            }
            let mut response = given(file);
            let headers = response.headers_mut();
            headers.insert(header::ETAG, file.tag.clone());
            // Asked for anew each time, and not sent when it is the same.
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
        Found::Page(file, policy) => {
            let mut response = given(file);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            response
        }
    }
}

fn given(file: &File) -> Response {
    let mut response = Response::new(Body::from(file.bytes.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind));
    response
}
