//! Stands between `kots` and kotsadm: records, cuts, answers in its place, and takes our additions away so that the
//! server looks like the original.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::harness::Console;

/// What is done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection ends before the server has it.
    CutBefore,
    /// The server carries it out, the connection ends before the answer.
    CutAfter,
    /// The server carries it out, and a gateway's 502 comes back.
    GatewayAfter,
    /// A gateway's page comes back, the server has nothing of it.
    GatewayBefore,
}

/// A gateway that has lost its server for a while.
#[derive(Debug, Clone, Copy)]
struct Burst {
    /// Part of the request with which it begins: the server carries that one out, and nothing gets to it from then on.
    begins: &'static str,
    lasts: Duration,
    until: Option<Instant>,
}

impl Burst {
    fn fault(&mut self, line: &str) -> Option<Fault> {
        match self.until {
            Some(until) => (Instant::now() < until).then_some(Fault::GatewayBefore),
            None if line.contains(self.begins) => {
                self.until = Some(Instant::now() + self.lasts);
                Some(Fault::GatewayAfter)
            }
            None => None,
        }
    }
}

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path with query.
    pub(crate) line: String,
    /// Headers as `name: value`.
    pub(crate) headers: Vec<String>,
    /// The body.
    pub(crate) body: Bytes,
}

/// A running proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// Where it stands.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behind: SocketAddr,
    strip: bool,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Vec<(usize, Fault)>>,
    burst: Mutex<Option<Burst>>,
}

impl Proxy {
    /// Starts one before `console`; with `strip` our additions do not pass.
    pub(crate) fn before(console: &Console, strip: bool) -> Self {
        let listener = console
            .block_on(tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            behind: console.address,
            strip,
            seen: Mutex::default(),
            faults: Mutex::default(),
            burst: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        console.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, shared }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does `fault` to the request with this number, counted from 0 over all of them.
    pub(crate) fn fault(&self, at: usize, fault: Fault) {
        self.shared.faults.lock().unwrap().push((at, fault));
    }

    /// Answers 502 for `lasts` to everything, beginning with the first request whose line holds `begins`.
    pub(crate) fn burst(&self, begins: &'static str, lasts: Duration) {
        *self.shared.burst.lock().unwrap() = Some(Burst { begins, lasts, until: None });
    }

    /// Every request that came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The requests that change something.
    pub(crate) fn changes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|it| !it.line.starts_with("GET ")).collect()
    }
}

/// Ends the connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let line = format!("{} {}", head.method, head.uri);
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")));
    let at = {
        let mut seen = shared.seen.lock().unwrap();
        seen.push(Seen { line: line.clone(), headers: headers.collect(), body: body.clone() });
        seen.len() - 1
    };
    let burst = shared.burst.lock().unwrap().as_mut().and_then(|it| it.fault(&line));
    let fault = burst.or_else(|| {
        let faults = shared.faults.lock().unwrap();
        faults.iter().find(|(n, _)| *n == at).map(|(_, fault)| *fault)
    });
    match fault {
        Some(Fault::CutBefore) => return Err(Cut),
        Some(Fault::GatewayBefore) => {
            return Ok(gateway("<html>502 Bad Gateway</html>", "text/html"));
        }
        _ => {}
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.headers_mut() = head.headers.clone();
    request.headers_mut().remove(TRANSFER_ENCODING);
    request.headers_mut().insert(HOST, shared.behind.to_string().parse().map_err(|_| Cut)?);
    if shared.strip {
        request.headers_mut().remove("idempotency-key");
    }
    let answer = forward(&shared, request).await;
    match (fault, answer) {
        (Some(Fault::CutAfter), _) => Err(Cut),
        (Some(Fault::GatewayAfter), _) => Ok(gateway("", "")),
        (_, Some(answer)) if shared.strip => Ok(strip(&head.method, head.uri.path(), answer)),
        (_, Some(answer)) => Ok(answer),
        (_, None) => Err(Cut),
    }
}

fn gateway(body: &'static str, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    if !content_type.is_empty() {
        response.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
    }
    response
}

async fn forward(shared: &Shared, request: Request<Full<Bytes>>) -> Option<Response<Full<Bytes>>> {
    let stream = tokio::net::TcpStream::connect(shared.behind).await.ok()?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let mut head = head;
    head.headers.remove(TRANSFER_ENCODING);
    Some(Response::from_parts(head, Full::new(body)))
}

/// Fields that the original does not have, wherever they are.
const ADDITIONS: [&str; 10] = [
    "bootId",
    "features",
    "archiveSha256",
    "configValuesSha256",
    "causes",
    "hint",
    "lastError",
    "statusInfo",
    "reason",
    "idempotency",
];

/// Makes an answer look like the original's.
fn strip(method: &Method, path: &str, answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, body) = answer.into_parts();
    let body = now(body);
    let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
        return Response::from_parts(head, Full::new(body));
    };
    let update = method == Method::POST && path.ends_with("/upstream/update");
    let error = value["error"].as_str().map(str::to_owned);
    let body = match error {
        // Air-gap errors are text (`handlers/update.go:442`).
        Some(error) if update && !head.status.is_success() => {
            head.headers.insert(CONTENT_TYPE, "text/plain".parse().unwrap());
            Bytes::from(error)
        }
        _ => {
            without(&mut value);
            if path.ends_with("/config/values") {
                value.as_object_mut().map(|it| it.remove("sequence"));
            }
            Bytes::from(value.to_string())
        }
    };
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Full::new(body))
}

fn without(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for name in ADDITIONS {
                object.remove(name);
            }
            object.values_mut().for_each(without);
        }
        Value::Array(items) => items.iter_mut().for_each(without),
        _ => {}
    }
}

/// The bytes of a body that is already here.
fn now(body: Full<Bytes>) -> Bytes {
    match futures::executor_now(body.collect()) {
        Ok(collected) => collected.to_bytes(),
        Err(never) => match never {},
    }
}

/// Polls a future that is ready.
mod futures {
    pub(super) fn executor_now<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(it) => it,
            std::task::Poll::Pending => unreachable!("the body is whole"),
        }
    }
}
