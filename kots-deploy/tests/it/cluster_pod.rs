//! Real HTTP servers that stand where kotsadm listens, and requests to them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use kots_deploy::transport::{Body, BoxError, Transport, TransportError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub(crate) const AUTH: &str = "Kots abcDEF123";
const PIECE: &[u8] = &[42; 64 * 1024];

/// A server that tells what it was sent.
pub(crate) struct PodServer {
    pub address: SocketAddr,
    /// Lets one `/late` request go on.
    pub gate: Arc<Notify>,
    server: JoinHandle<()>,
}

impl PodServer {
    pub(crate) async fn start() -> Self {
        let gate = Arc::new(Notify::new());
        let router = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/echo/{*path}", get(echo))
            .route("/upload", post(upload))
            .route("/count", post(count))
            .route("/refuse", post(|| async { (StatusCode::BAD_REQUEST, "not this bundle") }))
            .route("/late", get(late))
            .route("/api/v1/kots/ports", get(|| async { "by header" }))
            .route("/missing", get(|| async { missing() }))
            .with_state(Arc::clone(&gate));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the pod serves");
        });
        Self { address, gate, server }
    }
}

impl Drop for PodServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What an application error of kotsadm looks like; no `Status` object.
fn missing() -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "no such app" })))
}

async fn echo(request: Request) -> Json<Value> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    Json(json!({
        "path": request.uri().to_string(),
        "authorization": header("authorization"),
        "cookie": header("cookie"),
        "idempotency": header("idempotency-key"),
    }))
}

async fn upload(request: Request) -> Json<Value> {
    let mut body = request.into_body();
    let mut digest = Sha256::new();
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.expect("a whole body").into_data().expect("data");
        count += data.len();
        digest.update(&data);
    }
    Json(json!({ "bytes": count, "sha256": hex::encode(digest.finalize()) }))
}

/// As [`upload`] without the digest, which would be the slowest part.
async fn count(request: Request) -> String {
    let mut body = request.into_body();
    let mut count = 0;
    while let Some(frame) = body.frame().await {
        count += frame.expect("a whole body").into_data().expect("data").len();
    }
    count.to_string()
}

async fn late(State(gate): State<Arc<Notify>>) -> &'static str {
    gate.notified().await;
    "late"
}

/// A server that reads one whole request, makes sure that the client's side is still open, and only
/// then answers. It tells whether the client had closed.
pub(crate) async fn half_close_witness() -> (SocketAddr, JoinHandle<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("a client");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n{}") {
            assert_ne!(client.read_buf(&mut request).await.expect("a request"), 0, "cut short");
        }
        let more = client.read_u8();
        let closed =
            tokio::time::timeout(std::time::Duration::from_millis(200), more).await.is_ok();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nopened";
        client.write_all(answer).await.expect("an answer");
        closed
    });
    (address, server)
}

pub(crate) fn get_request(path: &str) -> http::Request<Body> {
    http::Request::get(path)
        .header("idempotency-key", "k-1")
        .body(Empty::new().map_err(|never| match never {}).boxed_unsync())
        .expect("a request")
}

/// A POST of `pieces` times 64 KiB.
pub(crate) fn post_request(path: &str, pieces: usize) -> http::Request<Body> {
    let frames = stream::iter(
        (0..pieces).map(|_| Ok::<_, BoxError>(Frame::data(Bytes::from_static(PIECE)))),
    );
    http::Request::post(path)
        .header("content-length", (pieces * PIECE.len()).to_string())
        .body(StreamBody::new(frames).boxed_unsync())
        .expect("a request")
}

/// The digest of the body that [`post_request`] sends.
pub(crate) fn post_digest(pieces: usize) -> String {
    let mut digest = Sha256::new();
    for _ in 0..pieces {
        digest.update(PIECE);
    }
    hex::encode(digest.finalize())
}

pub(crate) async fn text(response: http::Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Sends a GET and returns status and text, or the error with its stage and chain.
pub(crate) async fn fetch(transport: &dyn Transport, path: &str) -> String {
    show(transport.send(get_request(path)).await).await
}

pub(crate) async fn show(result: Result<http::Response<Body>, TransportError>) -> String {
    match result {
        Ok(response) => {
            let status = response.status().as_u16();
            format!("{status} {}", text(response).await)
        }
        Err(error) => format!("{:?}: {}", error.stage, chain(&error)),
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
