//! Listens with TLS, with limits the original does not have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// The most connections at one time.
const MAX_CONNECTIONS: usize = 1024;
/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's head, and a connection may be idle between two.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// How much of an answer waits for a slow client, in bytes.
const SEND_BUFFER: usize = 32 << 10;
/// How much is read at once, which also bounds a request's head, in bytes.
const READ_BUFFER: usize = 32 << 10;
/// How long open connections may go on after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(3);

/// A server that listens.
pub(crate) struct Listening {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    accept: JoinHandle<()>,
}

impl Listening {
    /// Waits for the end after the stop token was cancelled.
    pub(crate) async fn ended(self) {
        let _ = self.accept.await;
    }
}

/// Listens until `stop` is cancelled, then lets open requests end.
pub(crate) async fn listen(
    port: u16,
    tls: Arc<ServerConfig>,
    router: Router,
    stop: CancellationToken,
) -> std::io::Result<Listening> {
    // Both families where the machine has IPv6.
    let listener = match TcpListener::bind(("::", port)).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
        Err(_) => TcpListener::bind(("0.0.0.0", port)).await?,
    };
    let addr = listener.local_addr()?;
    let accept = tokio::spawn(accept(listener, TlsAcceptor::from(tls), router, stop));
    Ok(Listening { addr, accept })
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, router: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or the peer gave up: neither may end the server.
                tracing::warn!("could not accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            connection(stream, from, tls, router, stop).await;
        });
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::debug!("{} connections were cut", connections.len());
    }
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    tls: TlsAcceptor,
    router: Router,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let handshake = tls.accept_with(stream, |tls| tls.set_buffer_limit(Some(SEND_BUFFER)));
    let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!("no TLS with {from}: {error}"),
        Err(_) => return tracing::debug!("no TLS with {from}: it took too long"),
    };
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        request.map(axum::body::Body::new)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection broke: {error}");
    }
}
