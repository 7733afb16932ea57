//! Accepts connections, with limits that the originals do not have: how many, how long a handshake, a head
//! or a silence may take, how much is buffered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::unread::{IsCut, Lingering, answer};

/// How long a client may take for the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take to send a request's head, and a connection may be idle between two.
const HEAD: Duration = Duration::from_mins(1);
/// How long nothing is accepted after that failed: out of descriptors, for example.
const PAUSE: Duration = Duration::from_millis(50);
/// How much of an answer waits encrypted for a slow client, in bytes.
const SEND_BUFFER: usize = 32 << 10;

/// What differs between servers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at one time; further ones wait to be accepted.
    pub connections: usize,
    /// How long open connections may go on after the server was told to stop.
    pub drain: Duration,
    /// The most that is read ahead of one connection, which also bounds a request's head, in bytes.
    pub read_buffer: usize,
    /// Whether a client may close its half and still read the answer.
    pub half_close: bool,
}

/// Serves until `stop` is cancelled, then lets open requests end. Handlers find the client's address as
/// [`ConnectInfo`].
pub async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections));
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
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let (tls, router, stop) = (tls.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            match tls {
                Some(tls) => encrypted(stream, from, &tls, router, limits, stop).await,
                None => serve(stream, from, router, limits, stop).await,
            }
        });
    }
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        tracing::warn!("{} connections were cut", connections.len());
    }
}

async fn encrypted(
    stream: TcpStream,
    from: SocketAddr,
    tls: &TlsAcceptor,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let handshake = tls.accept_with(stream, |tls| tls.set_buffer_limit(Some(SEND_BUFFER)));
    match tokio::time::timeout(HANDSHAKE, handshake).await {
        Ok(Ok(stream)) => serve(stream, from, router, limits, stop).await,
        Ok(Err(error)) => tracing::debug!("no TLS with {from}: {error}"),
        Err(_) => tracing::debug!("no TLS with {from}: it took too long"),
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    from: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) {
    let is_cut = IsCut::default();
    let stream = Lingering::new(stream, Arc::clone(&is_cut));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        let answer = answer(router.clone(), request, Arc::clone(&is_cut));
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(limits.read_buffer)
        .half_close(limits.half_close)
        .serve_connection(TokioIo::new(stream), service);
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
