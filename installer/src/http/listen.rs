//! Listens with TLS, with limits the original does not have.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustls::ServerConfig;
use service::connections::{Limits, accept};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits {
    connections: 1024,
    drain: Duration::from_secs(3),
    read_buffer: 32 << 10,
    half_close: false,
};

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
    let tls = Some(TlsAcceptor::from(tls));
    let accept = tokio::spawn(accept(listener, tls, router, LIMITS, stop));
    Ok(Listening { addr, accept })
}
