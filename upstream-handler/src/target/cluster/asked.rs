//! What templates of a release may ask of the cluster.
//!
//! Templates are rendered on threads that may wait; each question is sent by the runtime, and waited for so long as a
//! person waits for a config screen. Facts are kept for a while: a screen of many items asks for the same ones.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kinds::context::{AskCluster, ClusterVersion};
use kube::Error;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::api::Server;
use super::distribution;
use super::error::told;
use super::object::Id;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much later than that its answer is waited for.
const GRACE: Duration = Duration::from_secs(5);
/// How long facts about the cluster count.
const KEPT: Duration = Duration::from_secs(30);
/// How many nodes or objects are read with one request.
const PAGE: u32 = 500;
/// How many objects a template may list: what it gets is held in memory.
const MAX_LISTED: usize = 10_000;

/// What nodes tell; `None` where they may not be listed.
type Nodes = Option<(i64, String)>;

/// Answers templates.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    server: Server,
    runtime: Handle,
    version: Kept<Option<ClusterVersion>>,
    nodes: Kept<Nodes>,
    distribution: Kept<Option<String>>,
}

/// A fact, and when it was learned.
#[derive(Debug)]
struct Kept<T>(Arc<Mutex<Option<(Instant, T)>>>);

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Kept<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn get_or_ask(&self, ask: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((learned, fact)) = &*kept
            && learned.elapsed() < KEPT
        {
            return Ok(fact.clone());
        }
        let fact = ask()?;
        *kept = Some((Instant::now(), fact.clone()));
        Ok(fact)
    }
}

impl Asked {
    /// Must be called within a runtime.
    pub(super) fn new(server: &Server) -> Self {
        Self {
            server: server.clone(),
            runtime: Handle::current(),
            version: Kept::new(),
            nodes: Kept::new(),
            distribution: Kept::new(),
        }
    }

    /// Sends a question and waits for its answer; what the cluster does not let us see, or does not have, is `None`.
    fn wait<T, F>(&self, question: F) -> Result<Option<T>, String>
    where
        T: Send + 'static,
        F: Future<Output = Result<Option<T>, Error>> + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            let result = timeout(PATIENCE, question).await;
            // Whoever asked may be gone.
            drop(answer.send(result));
        });
        match answered.recv_timeout(PATIENCE + GRACE) {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(Error::Api(status)))) if matches!(status.code, 403 | 404) => {
                tracing::info!("a template asked the cluster, which said: {}", status.message);
                Ok(None)
            }
            Ok(Ok(Err(error))) => Err(told(&error)),
            Ok(Err(_)) => Err(format!("nothing came within {} s", PATIENCE.as_secs())),
            Err(_) => Err("the server is stopping".to_owned()),
        }
    }

    fn nodes(&self) -> Result<Nodes, String> {
        self.nodes.get_or_ask(|| {
            let api: Api<Node> = Api::all(self.server.client().clone());
            self.wait(async move {
                let mut params = ListParams::default().limit(PAGE);
                let (mut n_nodes, mut name) = (0, distribution::Finder::default());
                loop {
                    let page = api.list(&params).await?;
                    n_nodes += i64::try_from(page.items.len()).unwrap_or(i64::MAX);
                    page.items.iter().for_each(|node| name.see(node));
                    match page.metadata.continue_.filter(|it| !it.is_empty()) {
                        Some(next) => params = params.continue_token(&next),
                        None => return Ok(Some((n_nodes, name.found()))),
                    }
                }
            })
        })
    }
}

impl AskCluster for Asked {
    fn version(&self) -> Result<Option<ClusterVersion>, String> {
        self.version.get_or_ask(|| {
            let client = self.server.client().clone();
            self.wait(async move {
                let info = client.apiserver_version().await?;
                let (git, major, minor) = (info.git_version, info.major, info.minor);
                Ok(Some(ClusterVersion { git, major, minor }))
            })
        })
    }

    fn distribution(&self) -> Result<Option<String>, String> {
        self.distribution.get_or_ask(|| {
            let client = self.server.client().clone();
            // Asked first, because it needs no right to list nodes.
            let groups = self.wait(async move { client.list_api_groups().await.map(Some) })?;
            let mut groups = groups.into_iter().flat_map(|it| it.groups);
            if groups.any(|it| it.name == distribution::OPEN_SHIFT_GROUP) {
                return Ok(Some(distribution::OPEN_SHIFT.to_owned()));
            }
            Ok(self.nodes()?.map(|(_, name)| name))
        })
    }

    fn n_nodes(&self) -> Result<Option<i64>, String> {
        Ok(self.nodes()?.map(|(n_nodes, _)| n_nodes))
    }

    fn lookup(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, String> {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        let (group, version) = (group.to_owned(), version.to_owned());
        let [kind, namespace, name] = [kind, namespace, name].map(str::to_owned);
        let server = self.server.clone();
        self.wait(async move {
            let Some(resource) = server.kind(&group, &version, &kind).await? else {
                return Ok(None);
            };
            if !name.is_empty() {
                // Namespaced objects are looked for in a namespace only: there is no other name for them.
                if resource.is_namespaced && namespace.is_empty() {
                    return Ok(None);
                }
                return server.get(&resource, &Id { group, kind, namespace, name }).await;
            }
            let api = if namespace.is_empty() {
                Api::all_with(server.client().clone(), &resource.api)
            } else {
                server.objects(&resource, &namespace)
            };
            list(&api, &resource.api.api_version, &kind).await.map(Some)
        })
    }
}

/// All objects of a kind, as Kubernetes' own reader gives a list: each names its kind.
async fn list(
    api: &Api<kube::api::DynamicObject>,
    api_version: &str,
    kind: &str,
) -> Result<Value, Error> {
    let mut params = ListParams::default().limit(PAGE);
    let mut items = Vec::new();
    loop {
        let page = api.list(&params).await?;
        for item in page.items {
            let mut item = serde_json::to_value(item).map_err(Error::SerdeError)?;
            item["apiVersion"] = json!(api_version);
            item["kind"] = json!(kind);
            items.push(item);
        }
        if items.len() > MAX_LISTED {
            let text = format!("there are more than {MAX_LISTED} objects of kind {kind}");
            return Err(Error::Service(text.into()));
        }
        match page.metadata.continue_.filter(|it| !it.is_empty()) {
            Some(next) => params = params.continue_token(&next),
            None => {
                return Ok(json!({
                    "apiVersion": api_version,
                    "kind": format!("{kind}List"),
                    "metadata": { "resourceVersion": page.metadata.resource_version },
                    "items": items,
                }));
            }
        }
    }
}
