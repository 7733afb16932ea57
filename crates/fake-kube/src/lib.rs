//! For tests: a Kubernetes API server in memory.
//!
//! ```text
//! lib       start, faults to order, what happened      kinds    which kinds there are, discovery
//! routes    requests                                   objects  the store: versions, events, removal
//! fields    owners of fields, server-side apply        reviews  what the caller may do
//! ```
//!
//! It keeps to the real one as far as clients can tell here: resource versions, uids, generations, owners of
//! fields and their conflicts, dry runs, preconditions, finalizers, label and field selectors, watches,
//! custom kinds that are served when they are established.
//!
//! Deliberately absent: schemas, admission, defaults, controllers. Lists are owned as a whole. What a
//! controller would do, a test does by writing a status.

mod fields;
mod kinds;
mod objects;
mod protobuf;
mod reviews;
mod routes;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use objects::Objects;

/// An answer instead of the one that would be given: status, reason, message.
pub type Refusal = (u16, &'static str, String);
/// Decides about a request by method, path and query.
pub type Rule = Box<dyn Fn(&str, &str, &str) -> Option<Refusal> + Send>;

/// A running server. Dropping it ends it.
pub struct FakeKube {
    url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// What requests work with.
pub(crate) struct State {
    objects: Mutex<Objects>,
    rules: Mutex<Vec<Rule>>,
    changes: Mutex<Vec<String>>,
    /// The newest resource version, for watches.
    version: watch::Sender<u64>,
    /// How often all watches were cut.
    cuts: watch::Sender<u64>,
}

impl State {
    pub(crate) fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn refusal(&self, method: &str, path: &str, query: &str) -> Option<Refusal> {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().find_map(|rule| rule(method, path, query))
    }

    pub(crate) fn changed(&self, what: String, version: u64) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        self.version.send_replace(version);
    }

    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    pub(crate) fn cuts(&self) -> watch::Receiver<u64> {
        self.cuts.subscribe()
    }
}

impl FakeKube {
    /// Starts one on a free port of this machine, with the namespaces `default` and `kube-system`.
    ///
    /// # Panics
    ///
    /// No port or folder can be had.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(State {
            objects: Mutex::new(Objects::new()),
            rules: Mutex::default(),
            changes: Mutex::default(),
            version: watch::Sender::new(0),
            cuts: watch::Sender::new(0),
        });
        let router = routes::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the fake serves");
        });
        let folder = tempfile::tempdir().expect("a folder");
        // JSON is YAML.
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{ "name": "fake", "cluster": { "server": url } }],
            "users": [{ "name": "fake", "user": {} }],
            "contexts": [{ "name": "fake", "context": { "cluster": "fake", "user": "fake" } }],
        });
        std::fs::write(folder.path().join("kubeconfig"), kubeconfig.to_string()).expect("a file");
        Self { url, state, server, folder }
    }

    /// The kubeconfig that names it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds a rule that may refuse requests, until [`FakeKube::obey`]. What it refuses with 403, reviews say no to.
    pub fn refuse(&self, rule: impl Fn(&str, &str, &str) -> Option<Refusal> + Send + 'static) {
        self.state.rules.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(rule));
    }

    /// Removes all rules.
    pub fn obey(&self) {
        self.state.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Breaks every watch that is open off, in the middle of a line.
    pub fn cut_watches(&self) {
        self.state.cuts.send_modify(|it| *it += 1);
    }

    /// Forgets every change so far: a watch from before is answered 410 (`Expired`), as after a compaction.
    pub fn forget_versions(&self) {
        let mut objects = self.state.objects();
        objects.events.clear();
        objects.oldest = objects.version;
    }

    /// Whether custom kinds are served as soon as they are defined (they are, unless this says no).
    pub fn establish(&self, at_once: bool) {
        self.state.objects().is_established_at_once = at_once;
    }

    /// What was changed so far, in order: `apply Secret shop/a`, `delete Secret shop/a`, …
    pub fn changes(&self) -> Vec<String> {
        self.state.changes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was changed so far.
    pub fn forget_changes(&self) {
        self.state.changes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// An object, by plural, namespace (empty for none) and name.
    pub fn object(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state.objects().find(plural, namespace, name)
    }

    /// Writes an object as it is, as a controller does.
    ///
    /// # Panics
    ///
    /// There is no such kind.
    pub fn put(&self, plural: &str, namespace: &str, name: &str, object: Value) {
        let mut objects = self.state.objects();
        let kinds = objects.kinds();
        let kind = kinds.iter().find(|it| it.plural == plural).expect("a kind that is served");
        let key = (kind.group.clone(), plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = object;
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        objects.put(key, object);
        let version = objects.version;
        drop(objects);
        self.state.changed(format!("put {plural} {namespace}/{name}"), version);
    }

    /// A node that is ready and has so much memory (`8Gi`).
    pub fn put_node(&self, name: &str, memory: &str) {
        let resources =
            json!({ "cpu": "4", "memory": memory, "pods": "110", "ephemeral-storage": "100Gi" });
        let node = json!({
            "metadata": { "name": name },
            "spec": {},
            "status": {
                "capacity": resources,
                "allocatable": resources,
                "conditions": [{ "type": "Ready", "status": "True" }],
                "nodeInfo": { "kubeletVersion": "v1.37.0" },
            },
        });
        self.put("nodes", "", name, node);
    }

    /// What a container of a pod wrote, for the log.
    pub fn put_log(&self, namespace: &str, pod: &str, text: &str) {
        let key = (namespace.to_owned(), pod.to_owned());
        self.state.objects().logs.insert(key, text.to_owned());
    }
}

impl std::fmt::Debug for FakeKube {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeKube").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for FakeKube {
    fn drop(&mut self) {
        self.server.abort();
    }
}
