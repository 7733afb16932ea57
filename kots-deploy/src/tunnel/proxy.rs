//! Through the API server's proxy subresource: `…/pods/POD:3000/proxy/…`, over HTTP/1.1.
//!
//! The API server removes the `Authorization` header (it is its own) and passes cookies, so the auth
//! string travels as the cookie `signed-token`, which the session routes of kotsadm accept. Answers
//! of the API server itself are told from those of kotsadm by being a `Status` object.
//!
//! A few routes of kotsadm take the auth string from the header only ([`needs_header`]). They cannot
//! be reached this way, which is said before anything is sent.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::core::Status;
use secrecy::{ExposeSecret as _, SecretString};

use super::RoadError;
use super::target::Target;
use crate::cluster::{ApiFailure, KOTSADM_PORT};
use crate::transport::direct::prefixed;
use crate::transport::{Body, BoxError, Stage, Transport, TransportError};

/// A `Status` object is not larger than this.
const STATUS_LIMIT_BYTES: usize = 64 * 1024;

/// Carries exchanges through the API server's proxy.
pub(super) struct Proxy {
    target: Arc<Target>,
    cookie: HeaderValue,
}

impl Proxy {
    pub(super) fn new(target: Arc<Target>, auth: &SecretString) -> Result<Self, RoadError> {
        Ok(Self { target, cookie: cookie(auth).ok_or(RoadError::AuthCookie)? })
    }

    /// Turns an answer of the API server itself into the error it is.
    async fn sort(
        &self,
        response: http::Response<Body>,
        pod: &str,
    ) -> Result<http::Response<Body>, TransportError> {
        let status = response.status();
        if !may_be_status_object(&response) {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let (start, rest) = read_start(body).await.map_err(|source| {
            let what = format!("the answer from {} broke off", self.describe());
            TransportError::new(Stage::Exchange, what, Some(source))
        })?;
        let object = if rest.is_none() { status_object(&start) } else { None };
        let Some(object) = object else {
            return Ok(http::Response::from_parts(parts, again(start, rest)));
        };
        let namespace = self.target.cluster.namespace();
        let (stage, what) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
                Stage::Denied,
                format!(
                    "not allowed to reach pod {namespace}/{pod} through the API server's proxy"
                ),
            ),
            StatusCode::NOT_FOUND => (Stage::Connect, format!("pod {namespace}/{pod} is gone")),
            _ if never_arrived(&object.message) => {
                (Stage::Connect, format!("kotsadm in pod {namespace}/{pod} does not listen"))
            }
            // The request may have arrived; the answer did not.
            _ => return Ok(http::Response::from_parts(parts, again(start, None))),
        };
        self.target.forget(pod);
        Err(TransportError::new(stage, what, Some(object.message.into())))
    }
}

/// Returns the cookie header. Go reads values with spaces (seen with Go 1.26, quoted or not);
/// quotes, semicolons, backslashes and control characters end or spoil a value.
fn cookie(auth: &SecretString) -> Option<HeaderValue> {
    let auth = auth.expose_secret();
    let fits = |byte: u8| matches!(byte, b' '..=b'~') && !b"\";\\".contains(&byte);
    if auth.is_empty() || auth.trim() != auth || !auth.bytes().all(fits) {
        return None;
    }
    let mut value = HeaderValue::from_str(&format!("signed-token={auth}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether kotsadm takes the auth string of this path from the `Authorization` header only: the
/// routes that `requireValidKOTSToken` guards (`pkg/handlers/session.go:132`).
pub(super) fn needs_header(path: &str) -> bool {
    const ROUTES: [&str; 5] =
        ["upload", "download", "airgap/install", "branding/install", "kots/ports"];
    path.strip_prefix("/api/v1/").is_some_and(|route| ROUTES.contains(&route))
}

fn may_be_status_object(response: &http::Response<Body>) -> bool {
    let json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    let failed = response.status().is_client_error() || response.status().is_server_error();
    json && failed
}

fn status_object(body: &[u8]) -> Option<Status> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let is = |key: &str, expected: &str| value.get(key).is_some_and(|found| found == expected);
    if !is("kind", "Status") || !is("apiVersion", "v1") {
        return None;
    }
    serde_json::from_value(value).ok()
}

/// Whether the API server says that it could not even connect to the pod.
fn never_arrived(message: &str) -> bool {
    let dial = message.contains("error trying to reach service") && message.contains("dial tcp");
    dial || message.contains("no endpoints available")
}

/// Reads up to [`STATUS_LIMIT_BYTES`]; the rest is none when the body ended before.
async fn read_start(mut body: Body) -> Result<(Bytes, Option<Body>), BoxError> {
    let mut start = BytesMut::new();
    while start.len() <= STATUS_LIMIT_BYTES {
        match body.frame().await {
            None => return Ok((start.freeze(), None)),
            Some(frame) => {
                if let Ok(data) = frame?.into_data() {
                    start.extend_from_slice(&data);
                }
            }
        }
    }
    Ok((start.freeze(), Some(body)))
}

/// Puts a body together again.
fn again(start: Bytes, rest: Option<Body>) -> Body {
    let Some(rest) = rest else {
        return Full::new(start).map_err(|never| match never {}).boxed_unsync();
    };
    let first = Some(Ok(Frame::data(start)));
    let frames = stream::unfold((first, rest), |(first, mut rest)| async move {
        let frame = match first {
            Some(frame) => Some(frame),
            None => rest.frame().await,
        };
        frame.map(|frame| (frame, (None, rest)))
    });
    StreamBody::new(frames).boxed_unsync()
}

#[async_trait]
impl Transport for Proxy {
    async fn send(
        &self,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        let path = request.uri().path();
        if needs_header(path) {
            let what = format!(
                "`{path}` cannot be reached through the API server's proxy: kotsadm takes the auth \
                 string of this route from a header that the proxy removes; `--transport \
                 port-forward` reaches it"
            );
            return Err(TransportError::new(Stage::Denied, what, None));
        }
        let (pod, _) = self.target.pod().await?;
        let cluster = &self.target.cluster;
        let prefix =
            format!("/api/v1/namespaces/{}/pods/{pod}:{KOTSADM_PORT}/proxy", cluster.namespace());
        *request.uri_mut() = prefixed(&prefix, request.uri())?;
        request.headers_mut().insert(header::COOKIE, self.cookie.clone());
        let response = cluster.send(request).await.map_err(|error| {
            self.target.forget(&pod);
            transport_error(error, &self.describe())
        })?;
        let response = response.map(|body| body.map_err(BoxError::from).boxed_unsync());
        self.sort(response, &pod).await
    }

    fn describe(&self) -> String {
        format!("{} through the API server's proxy", self.target.label())
    }
}

/// Finds the exchange's own error under kube's.
fn transport_error(error: kube::Error, road: &str) -> TransportError {
    let source = match error {
        kube::Error::Service(source) => match source.downcast::<TransportError>() {
            Ok(error) => return *error,
            Err(source) => source,
        },
        other => Box::new(ApiFailure::from(other)),
    };
    TransportError::new(Stage::Connect, format!("no request can be made to {road}"), Some(source))
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("target", &self.target).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_auth_string_as_a_cookie() {
        let check = |auth: &str| {
            let value = cookie(&auth.into());
            value.map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(check("Kots abcDEF123").as_deref(), Some("signed-token=Kots abcDEF123"));
        for auth in ["", "Kots a;b", "Kots \"a\"", "Kots a\\b", "Kots a\nb", "Kots ä", " Kots a"] {
            assert_eq!(check(auth), None, "{auth:?}");
        }
        assert!(!format!("{:?}", cookie(&"Kots hidden".into())).contains("hidden"));
    }

    #[test]
    fn only_status_objects_are_the_api_servers() {
        let object = br#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"kotsadm-0\" not found","reason":"NotFound","code":404}"#;
        assert!(status_object(object).is_some());
        for body in [&br#"{"error":"no such app"}"#[..], b"", b"<html>", br#"{"kind":"Status"}"#] {
            assert!(status_object(body).is_none());
        }
    }

    #[tokio::test]
    async fn a_long_answer_is_put_together_again() {
        let text = "x".repeat(STATUS_LIMIT_BYTES * 2);
        let pieces: Vec<Result<Frame<Bytes>, BoxError>> = text
            .as_bytes()
            .chunks(10_000)
            .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let body = StreamBody::new(stream::iter(pieces)).boxed_unsync();
        let (start, rest) = read_start(body).await.expect("a body");
        assert!(rest.is_some());
        let whole = again(start, rest).collect().await.expect("a body").to_bytes();
        assert_eq!(whole, text.as_bytes());
    }
}
