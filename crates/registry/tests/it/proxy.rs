//! A proxy before a registry that counts, and disturbs what it is told to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::net::TcpListener;

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disturb {
    /// Nothing.
    Pass,
    /// An answer without asking the registry.
    Answer(u16),
    /// The connection ends before the registry is asked.
    ResetBefore,
    /// The registry is asked, and its answer is lost.
    ResetAfter,
}

/// Decides by method, path and length.
pub(crate) type Decide = dyn Fn(&Method, &str, usize) -> Disturb + Send + Sync;

/// What came by.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: usize,
    pub(crate) disturbed: usize,
    /// Blobs confirmed by the registry, by repository and digest, and how often a whole one was sent again after.
    pub(crate) confirmed: BTreeMap<String, usize>,
    /// Bytes of parts and blobs.
    pub(crate) uploaded: u64,
    pub(crate) methods: BTreeMap<String, usize>,
    /// What the registry says the fewest bytes of a part are.
    least: Option<u64>,
    /// The bytes of each part, by the place of the upload.
    pub(crate) parts: BTreeMap<String, Vec<u64>>,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Before the registry at `port`.
    pub(crate) async fn start(port: u16, decide: Arc<Decide>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let state = Arc::clone(&seen);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, decide, http) = (Arc::clone(&state), Arc::clone(&decide), http.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        handle(request, port, http.clone(), Arc::clone(&state), Arc::clone(&decide))
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { port: address.port(), seen, task }
    }

    /// That passes everything on.
    pub(crate) async fn counting(port: u16) -> Self {
        Self::start(port, Arc::new(|_, _, _| Disturb::Pass)).await
    }

    /// That takes no more than so many bytes in one request.
    pub(crate) async fn limiting(port: u16, limit: usize) -> Self {
        let decide = move |_: &Method, _: &str, length: usize| {
            if length > limit { Disturb::Answer(413) } else { Disturb::Pass }
        };
        Self::start(port, Arc::new(decide)).await
    }

    /// That wants so many bytes in each part but the last.
    pub(crate) async fn demanding(port: u16, least: u64) -> Self {
        let proxy = Self::counting(port).await;
        proxy.seen.lock().unwrap_or_else(PoisonError::into_inner).least = Some(least);
        proxy
    }

    /// That disturbs one request in ten, each in a way of its own.
    pub(crate) async fn disturbing(port: u16, seed: u64) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let kinds = [
            Disturb::Answer(500),
            Disturb::Answer(429),
            Disturb::Answer(503),
            Disturb::ResetBefore,
            Disturb::ResetAfter,
        ];
        let decide = move |_: &Method, _: &str, _: usize| {
            let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
            if random.random_ratio(1, 10) {
                kinds[random.random_range(0..kinds.len())]
            } else {
                Disturb::Pass
            }
        };
        Self::start(port, Arc::new(decide)).await
    }

    pub(crate) fn with<T>(&self, with: impl FnOnce(&Seen) -> T) -> T {
        with(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reset")
    }
}

impl std::error::Error for Reset {}

async fn handle(
    request: Request<Incoming>,
    port: u16,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
    decide: Arc<Decide>,
) -> Result<Response<Full<Bytes>>, Reset> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
    let disturb = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.requests += 1;
        *seen.methods.entry(parts.method.to_string()).or_default() += 1;
        let length = parts.headers.get("content-length");
        let length = length.and_then(|it| it.to_str().ok()?.parse().ok()).unwrap_or(0);
        let disturb = decide(&parts.method, &path, length);
        seen.disturbed += usize::from(disturb != Disturb::Pass);
        disturb
    };
    match disturb {
        Disturb::ResetBefore => return Err(Reset),
        Disturb::Answer(status) => return Ok(answer(status, body).await),
        Disturb::Pass | Disturb::ResetAfter => {}
    }
    let bytes = body.collect().await.map_err(|_| Reset)?.to_bytes();
    let sent = bytes.len() as u64;
    let mut reply = forward(&http, port, &parts, bytes).await.ok_or(Reset)?;
    let status = reply.status();
    if path.contains("/blobs/uploads/") && matches!(parts.method, Method::PATCH | Method::PUT) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.uploaded += sent;
        if parts.method == Method::PATCH {
            let upload = path.split('?').next().unwrap_or_default().to_owned();
            seen.parts.entry(upload).or_default().push(sent);
        }
        if parts.method == Method::PUT && status == StatusCode::CREATED {
            let repository = path.split("/blobs/").next().unwrap_or_default();
            let digest = path.split("digest=").nth(1).unwrap_or_default();
            *seen.confirmed.entry(format!("{repository} {digest}")).or_default() += 1;
        }
    }
    if disturb == Disturb::ResetAfter {
        return Err(Reset);
    }
    let least = seen.lock().unwrap_or_else(PoisonError::into_inner).least;
    if let Some(least) = least.filter(|_| parts.method == Method::POST) {
        reply.headers_mut().insert("oci-chunk-min-length", least.into());
    }
    Ok(reply)
}

/// Asks the registry at `port` the same.
pub(crate) async fn forward(
    http: &reqwest::Client,
    port: u16,
    parts: &Parts,
    body: Bytes,
) -> Option<Response<Full<Bytes>>> {
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let mut forward = http.request(parts.method.clone(), format!("http://127.0.0.1:{port}{path}"));
    for (name, value) in &parts.headers {
        forward = forward.header(name, value);
    }
    let answer = forward.body(body).send().await.ok()?;
    let mut reply = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        reply = reply.header(name, value);
    }
    // A HEAD's length is that of what it does not send.
    reply.body(Full::new(answer.bytes().await.ok()?)).ok()
}

async fn answer(status: u16, body: Incoming) -> Response<Full<Bytes>> {
    let _: Result<_, Infallible> = Ok(body.collect().await);
    let mut reply = Response::builder().status(status);
    if status == 429 {
        reply = reply.header("retry-after", "0");
    }
    let text = match status {
        500 => r#"{"errors":[{"code":"UNKNOWN","message":"unknown error"}]}"#,
        403 => {
            r#"{"errors":[{"code":"DENIED","message":"adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed the configured upper limit of 10.0 MiB."}]}"#
        }
        507 => {
            r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Path":"/var/lib/registry","Err":28}}}]}"#
        }
        _ => "",
    };
    let status = if status == 507 { 500 } else { status };
    let reply = reply.status(status);
    reply.body(Full::new(Bytes::from_static(text.as_bytes()))).expect("an answer")
}
