//! Folders to mirror, servers that say exactly what they are told, and clients of both.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use upstream::{Client, Options, ReleaseQuery};

/// Longer than any test takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const LICENSE_ID: &str = "license-of-acme";

/// A mirror of a folder with the application `shop`.
pub(crate) struct Mirror {
    pub(crate) dir: TempDir,
    pub(crate) addr: SocketAddr,
    server: JoinHandle<()>,
}

impl Mirror {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), "shop/licenses/acme.yaml", &license("shop", LICENSE_ID, &["id-stable"]));
        write(
            dir.path(),
            "shop/channels/stable.yaml",
            "id: id-stable
name: Stable
slug: stable
releases:
- {channelSequence: 1, releaseSequence: 10, versionLabel: 1.0.0, path: releases/1.0.0}
- channelSequence: 2
  releaseSequence: 11
  versionLabel: 1.1.0
  isRequired: true
  createdAt: 2026-01-02T03:04:05Z
  releaseNotes: faster
  path: releases/1.1.0
",
        );
        write(
            dir.path(),
            "shop/channels/beta.yaml",
            "id: id-beta
name: Beta
slug: beta
releases:
- {channelSequence: 1, versionLabel: 1.0.0, path: releases/1.0.0}
",
        );
        write(dir.path(), "shop/releases/1.0.0/app.yaml", "kind: ConfigMap\n");
        write(dir.path(), "shop/releases/1.1.0/sub/app.yaml", "kind: ConfigMap\n");
        write(
            dir.path(),
            "shop/releases/1.1.0/kots-app.yaml",
            "---\napiVersion: kots.io/v1beta1\nkind: Application\nmetadata:\n  name: shop\n",
        );
        write(dir.path(), "shop/releases/1.1.0/userdata/license.yaml", "not for others");
        write(
            dir.path(),
            "shop/releases/1.1.0/charts/web/Chart.yaml",
            "name: web\nversion: 1.2.3\n",
        );
        write(dir.path(), "shop/releases/1.1.0/charts/web/templates/a.yaml", "a: {{ .x }}\n");
        write(dir.path(), "shop/releases/1.1.0/charts/web/charts/sub/Chart.yaml", "name: sub\n");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let router = upstream::mirror::router(dir.path());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the mirror serves");
        });
        Self { dir, addr, server }
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        write(self.dir.path(), path, text);
    }

    pub(crate) fn client(&self, license_id: &str) -> Client {
        client(self.addr, license_id, Options::default())
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

pub(crate) fn license(app: &str, id: &str, channels: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: kots.io/v1beta1\nkind: License\nmetadata: {{name: acme}}\nspec:\n  appSlug: {app}\n  licenseID: {id}\n  channelID: {}\n  channels:\n",
        channels[0]
    );
    for channel in channels {
        let _ = writeln!(text, "  - {{channelID: {channel}, channelName: x}}");
    }
    text
}

pub(crate) fn client(addr: SocketAddr, license_id: &str, options: Options) -> Client {
    let endpoint = format!("http://{addr}").parse().expect("a URL");
    Client::new(endpoint, "shop", license_id.to_owned().into(), options).expect("a client")
}

/// Release `sequence` of the channel `id-stable`.
pub(crate) fn stable(sequence: i64) -> ReleaseQuery {
    ReleaseQuery {
        channel_sequence: sequence,
        channel_id: "id-stable".to_owned(),
        ..ReleaseQuery::default()
    }
}

/// An error with its causes, ports and counts that differ from run to run replaced.
pub(crate) fn told(error: &dyn Error, addr: SocketAddr) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text.replace(&addr.to_string(), "ADDR")
}

/// What a faulty server does with one connection, after it has read the request.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// Sends these bytes and closes.
    Say(Vec<u8>),
    /// Sends these bytes and closes with a reset.
    Reset(Vec<u8>),
    /// Sends these bytes and then nothing, without closing.
    Stall(Vec<u8>),
}

/// A server that plays its turns in order, the last one again and again.
pub(crate) struct Faulty {
    pub(crate) addr: SocketAddr,
    n_requests: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Faulty {
    pub(crate) async fn start(turns: Vec<Turn>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let n_requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_requests);
        let server = tokio::spawn(async move {
            let mut stalled = Vec::new();
            loop {
                let (mut socket, _) = listener.accept().await.expect("a connection");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match socket.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let n = counter.fetch_add(1, Ordering::SeqCst);
                match turns[n.min(turns.len() - 1)].clone() {
                    Turn::Say(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                        let _ = socket.shutdown().await;
                    }
                    Turn::Reset(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                        let _ = socket.set_zero_linger();
                    }
                    Turn::Stall(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                        stalled.push(socket);
                    }
                }
            }
        });
        Self { addr, n_requests, server }
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::SeqCst)
    }

    /// A client that waits long and retries for `retry_for`.
    pub(crate) fn client(&self, retry_for: Duration, idle_timeout: Duration) -> Client {
        let options =
            Options { idle_timeout, retry_for, max_release_bytes: 1000, ..Options::default() };
        client(self.addr, LICENSE_ID, options)
    }

    /// A client whose patience no busy machine uses up.
    pub(crate) fn patient(&self) -> Client {
        self.client(PATIENCE, PATIENCE)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An answer with a length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// Headers of release `sequence` of `channel`.
pub(crate) fn identity(sequence: i64, channel: &str) -> String {
    format!("X-Replicated-ChannelSequence: {sequence}\r\nX-Replicated-ChannelID: {channel}\r\n")
}
