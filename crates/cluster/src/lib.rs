//! What the templates of a release may ask of a cluster: the one answer of [`kinds`]' [`AskCluster`] that sends anything.
//!
//! Templates are rendered on threads that may wait; each question is sent by the runtime, and waited for so long as a
//! person waits for a config screen. Facts are kept for a while: a screen of many items asks for the same ones.
//!
//! Deliberately absent: anything that changes a cluster, and what its answers mean to a template.

mod distribution;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node;
use kinds::context::{AskCluster, ClusterVersion};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::timeout;

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
#[derive(Clone)]
pub struct Asked {
    client: Client,
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

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

impl Asked {
    /// Asks through `client`, on the runtime this is called in.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    pub fn new(client: Client) -> Self {
        Self {
            client,
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
        let wait = || answered.recv_timeout(PATIENCE + GRACE);
        let is_worker =
            Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
        // What else such a thread has to do goes on elsewhere meanwhile.
        let answer = if is_worker { tokio::task::block_in_place(wait) } else { wait() };
        match answer {
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
            let api: Api<Node> = Api::all(self.client.clone());
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
            let client = self.client.clone();
            self.wait(async move {
                let info = client.apiserver_version().await?;
                let (git, major, minor) = (info.git_version, info.major, info.minor);
                Ok(Some(ClusterVersion { git, major, minor }))
            })
        })
    }

    fn distribution(&self) -> Result<Option<String>, String> {
        self.distribution.get_or_ask(|| {
            let client = self.client.clone();
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
        let [api_version, kind, namespace, name] =
            [api_version, kind, namespace, name].map(str::to_owned);
        let client = self.client.clone();
        self.wait(async move {
            let Some((resource, is_namespaced)) = find(&client, &api_version, &kind).await? else {
                return Ok(None);
            };
            let api: Api<DynamicObject> = if namespace.is_empty() || !is_namespaced {
                Api::all_with(client, &resource)
            } else {
                Api::namespaced_with(client, &namespace, &resource)
            };
            if name.is_empty() {
                return list(&api, &api_version, &kind).await.map(Some);
            }
            // Namespaced objects are looked for in a namespace only: there is no other name for them.
            if is_namespaced && namespace.is_empty() {
                return Ok(None);
            }
            let found = api.get_opt(&name).await?;
            found.map(serde_json::to_value).transpose().map_err(Error::SerdeError)
        })
    }
}

/// How the API server spells a kind, and whether its objects live in namespaces; `None` when it has none of that name.
async fn find(
    client: &Client,
    api_version: &str,
    kind: &str,
) -> Result<Option<(ApiResource, bool)>, Error> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let listed = if group.is_empty() {
        client.list_core_api_resources(version).await
    } else {
        client.list_api_group_resources(api_version).await
    };
    let listed = match listed {
        Ok(listed) => listed.resources,
        Err(Error::Api(status)) if status.code == 404 => return Ok(None),
        Err(error) => return Err(error),
    };
    // `pods/log` and the like are of other kinds, or of the same once more.
    let found = listed.into_iter().find(|it| it.kind == kind && !it.name.contains('/'));
    Ok(found.map(|it| {
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: it.kind,
            plural: it.name,
        };
        (resource, it.namespaced)
    }))
}

/// What the server said, else what broke, with its causes.
fn told(error: &Error) -> String {
    if let Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.clone();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        source = cause.source();
    }
    text
}

/// All objects of a kind, as Kubernetes' own reader gives a list: each names its kind.
async fn list(api: &Api<DynamicObject>, api_version: &str, kind: &str) -> Result<Value, Error> {
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
