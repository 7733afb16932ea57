//! Sockets: accepts, answers, and closes as Go's `net/http` does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{PATIENCE, Shared, routes};

/// How long Go keeps the reading half of a connection open after it closed the writing half, so that a client can read
/// an answer that came before it had sent everything (`net/http: rstAvoidanceDelay`).
const RESET_AVOIDANCE: Duration = Duration::from_millis(500);

/// The tasks of requests that are being worked on; they outlive their connections but not the process.
pub(super) type Works = Arc<Mutex<JoinSet<()>>>;

/// A listener with everything that hangs on it.
pub(super) struct Listening {
    accepting: JoinHandle<()>,
    works: Works,
}

impl Listening {
    /// Closes the port, breaks every connection and drops all work.
    pub(super) async fn end(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
        let mut works =
            std::mem::take(&mut *self.works.lock().unwrap_or_else(PoisonError::into_inner));
        works.shutdown().await;
    }
}

/// Takes a free port for good: while nobody listens there, it refuses, and nobody else gets it.
pub(super) fn reserve() -> (TcpSocket, SocketAddr) {
    let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

fn bind(address: SocketAddr) -> TcpSocket {
    let end = Instant::now() + PATIENCE;
    loop {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_reuseaddr(true).expect("the option is known");
        match socket.bind(address) {
            Ok(()) => return socket,
            // A process that another test starts right now has the old listener open until it is executed.
            Err(_) if Instant::now() < end => std::thread::yield_now(),
            Err(error) => panic!("{address} is free or ours: {error}"),
        }
    }
}

/// Listens at a reserved address.
pub(super) fn listen(
    runtime: &tokio::runtime::Runtime,
    address: SocketAddr,
    shared: &Arc<Shared>,
) -> Listening {
    let _inside = runtime.enter();
    let listener = bind(address).listen(128).expect("nobody else listens there");
    let works = Works::default();
    let accepting = runtime.spawn(accept(listener, Arc::clone(shared), Arc::clone(&works)));
    Listening { accepting, works }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, works: Works) {
    // Aborting this task drops the set, and with it every connection.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&works)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, works: Works) {
    let service =
        service_fn(move |request| routes::handle(request, Arc::clone(&shared), Arc::clone(&works)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Ok(parts) = connection.without_shutdown().await {
        let mut stream = parts.io.into_inner();
        let _ = stream.shutdown().await;
        tokio::time::sleep(RESET_AVOIDANCE).await;
    }
}
