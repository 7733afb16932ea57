//! A Kubernetes API as far as `kots` uses it, with faults to order: pods, secrets, the WebSocket
//! port-forward protocol and the proxy subresource, in front of real servers on this machine.

mod objects;
mod port_forward;
mod proxy;
mod tls;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use kots_deploy::cluster::{Cluster, ConnectionFlags, Surroundings};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const TOKEN: &str = "fake-token";
/// A person whom the fake allows nothing.
pub(crate) const NOBODY: &str = "kots-test-nobody";

/// A running fake. Dropping it ends it.
pub(crate) struct FakeKube {
    url: String,
    state: Arc<Fake>,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// What the fake shows and does; changed by tests while it runs.
#[derive(Debug, Default)]
pub(crate) struct Switches {
    /// The pods of the namespace `app`.
    pub pods: Vec<Pod>,
    /// The secrets of the namespace `app`, by name, as JSON objects.
    pub secrets: BTreeMap<String, Value>,
    /// What is answered with 403.
    pub forbidden: BTreeSet<Verb>,
    /// What is done to the next tunnels, one each.
    pub tunnels: VecDeque<Fault>,
    /// Answers port-forwards with this status instead of an upgrade.
    pub no_upgrade: Option<u16>,
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Names of the pods port-forwards were made to.
    pub tunnels: Vec<String>,
    /// Names of the pods requests were proxied to.
    pub proxied: Vec<String>,
    /// Pings that came through tunnels.
    pub pings: usize,
    /// The largest data message of a client.
    pub largest_frame: usize,
    /// Values of `Impersonate-User`.
    pub impersonated: Vec<String>,
}

/// Something a role may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    ListPods,
    GetSecret,
    CreateSecret,
    PortForward,
    Proxy,
}

/// A pod of the fake.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub name: String,
    pub ready: bool,
    pub owner: String,
    /// Where its port 3000 really is; nobody listens when none.
    pub address: Option<SocketAddr>,
}

/// A fault of one tunnel.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// None.
    Works,
    /// The connection ends without a farewell after so many bytes from the client.
    Cut { after_bytes: usize },
    /// After so many bytes from the client nothing moves any more, but the connection stays.
    Stall { after_bytes: usize },
    /// Passes on small pieces with pauses.
    Slow { piece_bytes: usize, pause: Duration },
}

#[derive(Debug, Default)]
struct Fake {
    switches: Mutex<Switches>,
    seen: Mutex<Seen>,
}

impl FakeKube {
    /// Starts over plain HTTP.
    pub(crate) async fn start() -> Self {
        Self::start_with(tls::Tls::Off).await
    }

    /// Starts over TLS with a certificate of the fake's own authority.
    pub(crate) async fn start_tls() -> Self {
        Self::start_with(tls::Tls::On).await
    }

    async fn start_with(tls: tls::Tls) -> Self {
        let listener = tls::Listener::bind(tls).await;
        let url = listener.url();
        let state = Arc::new(Fake::default());
        let router = router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the fake serves");
        });
        let folder = tempfile::tempdir().expect("a folder");
        let this = Self { url, state, server, folder };
        std::fs::write(this.kubeconfig(), this.kubeconfig_text(tls)).expect("a kubeconfig");
        this
    }

    /// Puts one ready kotsadm pod at `address` and its auth secret into the namespace.
    pub(crate) fn with_kotsadm(self, address: SocketAddr, auth: &str) -> Self {
        self.switches().pods = vec![Pod::ready("kotsadm-0", address)];
        self.set_auth(auth);
        self
    }

    /// Puts an auth string into its secret.
    pub(crate) fn set_auth(&self, auth: &str) {
        let secret = objects::secret("kotsadm-authstring", "kotsadm-authstring", auth);
        self.switches().secrets.insert("kotsadm-authstring".to_owned(), secret);
    }

    pub(crate) fn switches(&self) -> MutexGuard<'_, Switches> {
        self.state.switches.lock().expect("no test panicked")
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.state.seen.lock().expect("no test panicked")
    }

    /// The kubeconfig file that names this fake; its context is in the namespace `app`.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// The flags that name this fake.
    pub(crate) fn flags(&self) -> ConnectionFlags {
        ConnectionFlags {
            kubeconfig: Some(self.kubeconfig().display().to_string()),
            ..ConnectionFlags::default()
        }
    }

    /// The cluster as `kots` sees it.
    pub(crate) async fn cluster(&self) -> Cluster {
        Cluster::open(&self.flags(), None, &Surroundings::default()).await.expect("a cluster")
    }

    fn kubeconfig_text(&self, tls: tls::Tls) -> String {
        let mut cluster = json!({ "server": self.url });
        if let tls::Tls::On = tls {
            cluster["certificate-authority-data"] = json!(tls::authority_base64());
        }
        // JSON is YAML.
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{ "name": "fake", "cluster": cluster }],
            "users": [{ "name": "fake", "user": { "token": TOKEN } }],
            "contexts": [{
                "name": "fake",
                "context": { "cluster": "fake", "user": "fake", "namespace": "app" },
            }],
        })
        .to_string()
    }
}

impl Drop for FakeKube {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Pod {
    pub(crate) fn ready(name: &str, address: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            ready: true,
            owner: "kotsadm".to_owned(),
            address: Some(address),
        }
    }
}

impl Fake {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no test panicked")
    }

    fn switches(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().expect("no test panicked")
    }

    /// Returns the pod, or the API server's answer for a missing one.
    fn pod(&self, name: &str) -> Result<Pod, Box<Response>> {
        let found = self.switches().pods.iter().find(|pod| pod.name == name).cloned();
        found.ok_or_else(|| {
            let message = format!("pods \"{name}\" not found");
            Box::new(status(StatusCode::NOT_FOUND, "NotFound", &message))
        })
    }

    /// Returns the API server's refusal when `verb` is forbidden.
    fn check(&self, verb: Verb, what: &str) -> Result<(), Box<Response>> {
        if !self.switches().forbidden.contains(&verb) {
            return Ok(());
        }
        let message =
            format!("{what} is forbidden: User \"fake\" cannot do this in the namespace \"app\"");
        Err(Box::new(status(StatusCode::FORBIDDEN, "Forbidden", &message)))
    }
}

fn router(state: Arc<Fake>) -> Router {
    let namespace = Router::new()
        .route("/pods", get(objects::list_pods))
        .route("/secrets", post(objects::create_secret))
        .route("/secrets/{name}", get(objects::get_secret))
        .route("/pods/{pod}", delete(objects::delete_pod))
        .route("/pods/{pod}/portforward", get(port_forward::handle))
        .route("/pods/{pod}/proxy/", any(proxy::handle))
        .route("/pods/{pod}/proxy/{*path}", any(proxy::handle));
    Router::new()
        .nest("/api/v1/namespaces/app", namespace)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), authenticate))
        .with_state(state)
}

async fn authenticate(State(fake): State<Arc<Fake>>, request: Request, next: Next) -> Response {
    if text(&request, "authorization").as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
    }
    let person = text(&request, "impersonate-user");
    if person.as_deref() == Some(NOBODY) {
        let message = format!("User {NOBODY:?} is forbidden to do this in the namespace \"app\"");
        return status(StatusCode::FORBIDDEN, "Forbidden", &message);
    }
    fake.seen().impersonated.extend(person);
    next.run(request).await
}

fn text(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// An answer of the API server itself.
fn status(code: StatusCode, reason: &str, message: &str) -> Response {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code.as_u16(),
    });
    (code, axum::Json(body)).into_response()
}
