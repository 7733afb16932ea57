//! Follows the resources of a version by watching them: the status informers, and the hooks that are
//! removed when they ended.
//!
//! A watch begins with a reading of what is there. It is begun anew when a version was carried out, so
//! that nothing is told of it that was true before.

mod hooks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::ListParams;
use kube::runtime::reflector::{Store, reflector, store};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::app::ResourceState;

use super::api::Server;
use super::error::ClusterError;
use super::facts::Facts;
use super::object::Object;
use super::pull_secrets::{self, Places};
use super::seen;
use crate::target::Look;
use crate::target::informer::{self, Informer};

pub(super) use hooks::{FailedHooks, HookRemoval};

/// How long the first reading may take.
const FIRST_READING: Duration = Duration::from_secs(10);

/// How often a first reading is looked at for trouble.
const LOOK_FOR_TROUBLE: Duration = Duration::from_millis(50);

/// What is followed: a version, and of its tree what concerns other namespaces.
#[derive(Debug, Clone)]
pub(super) struct What {
    /// The version.
    pub look: Look,
    /// Further namespaces with hooks, and that pull secrets go into.
    pub additional_namespaces: Vec<String>,
    /// Secrets that images are pulled with.
    pub pull_secrets: Vec<Object>,
}

/// What is followed of one application.
#[derive(Debug)]
pub(super) struct Watch {
    look: Look,
    server: Server,
    namespaces: BTreeMap<String, Namespace>,
    hooks: FailedHooks,
    _stop: DropGuard,
}

/// What is followed in one namespace.
#[derive(Debug, Default)]
struct Namespace {
    deployments: Option<Followed<Deployment>>,
    stateful_sets: Option<Followed<StatefulSet>>,
    daemon_sets: Option<Followed<DaemonSet>>,
    services: Option<Followed<Service>>,
    ingresses: Option<Followed<Ingress>>,
    claims: Option<Followed<PersistentVolumeClaim>>,
    slices: Option<Followed<EndpointSlice>>,
    pods: Option<Followed<Pod>>,
}

/// Objects of one kind in one namespace, as they are now.
struct Followed<K>
where
    K: kube::Resource<DynamicType = ()> + 'static,
{
    store: Store<K>,
    /// Why the last attempt to follow failed; none while it works.
    trouble: Arc<Mutex<Option<String>>>,
}

impl<K: kube::Resource<DynamicType = ()>> Debug for Followed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Followed").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins. `changed` is rung when something changed; `hooks` takes up those that fail.
    pub(super) fn begin(
        server: &Server,
        followed: What,
        hooks: (FailedHooks, HookRemoval),
        changed: &Arc<Notify>,
    ) -> Self {
        let What { look, additional_namespaces: additional, pull_secrets } = followed;
        let (hooks, removal) = hooks;
        let stop = CancellationToken::new();
        let mut namespaces: BTreeMap<String, Namespace> = BTreeMap::new();
        let informers = look.status_informers.iter();
        for informer in informers.filter_map(|it| informer::read(it, &look.namespace).ok()) {
            let place = namespaces.entry(informer.namespace.clone()).or_default();
            let begin = Begin {
                client: server.watching(),
                namespace: &informer.namespace,
                stop: &stop,
                changed,
            };
            match informer.kind.as_str() {
                "deployment" => begin.once(&mut place.deployments),
                "statefulset" => begin.once(&mut place.stateful_sets),
                "daemonset" => begin.once(&mut place.daemon_sets),
                "persistentvolumeclaim" => begin.once(&mut place.claims),
                "ingress" => begin.once(&mut place.ingresses),
                _ => {}
            }
            if matches!(informer.kind.as_str(), "service" | "ingress") {
                begin.once(&mut place.services);
                begin.once(&mut place.slices);
            }
            if informer.kind != "persistentvolumeclaim" {
                begin.once(&mut place.pods);
            }
        }
        let with_hooks: BTreeSet<String> =
            additional.iter().chain([&look.namespace]).cloned().collect();
        hooks.follow(server, with_hooks, removal, &stop, changed);
        let places =
            Places { app_slug: look.app_slug.clone(), own: look.namespace.clone(), additional };
        pull_secrets::follow(server, places, pull_secrets, &stop);
        Self { look, server: server.clone(), namespaces, hooks, _stop: stop.drop_guard() }
    }

    /// Whether it follows this version.
    pub(super) fn is_of(&self, look: &Look) -> bool {
        self.look == *look
    }

    /// What is there now.
    ///
    /// # Errors
    ///
    /// Something cannot be read, now or yet.
    pub(super) async fn seen(&self) -> Result<Vec<ResourceState>, ClusterError> {
        let mut facts: BTreeMap<&str, Facts> = BTreeMap::new();
        for (name, place) in &self.namespaces {
            facts.insert(name, place.facts(&self.server, name).await?);
        }
        let mut states = Vec::new();
        let hooks = self.hooks.failed();
        let mut is_first = true;
        for text in &self.look.status_informers {
            let state = match informer::read(text, &self.look.namespace) {
                Err(missing) => missing,
                Ok(informer) => {
                    let none = Facts::default();
                    let facts = facts.get(informer.namespace.as_str()).unwrap_or(&none);
                    // One resource tells of the hooks: they are the application's.
                    let told = if is_first { hooks.as_slice() } else { &[] };
                    let state = seen::told(&self.server, facts, &informer, told).await;
                    is_first &= state.state == "ready";
                    state
                }
            };
            states.push(state);
        }
        if states.is_empty() {
            states =
                informer::each(&[], &self.look.namespace, |it: &Informer| it.state("ready", None));
        }
        Ok(states)
    }
}

impl Namespace {
    async fn facts(&self, server: &Server, namespace: &str) -> Result<Facts, ClusterError> {
        Ok(Facts {
            deployments: now(server, self.deployments.as_ref(), namespace).await?,
            stateful_sets: now(server, self.stateful_sets.as_ref(), namespace).await?,
            daemon_sets: now(server, self.daemon_sets.as_ref(), namespace).await?,
            services: now(server, self.services.as_ref(), namespace).await?,
            ingresses: now(server, self.ingresses.as_ref(), namespace).await?,
            claims: now(server, self.claims.as_ref(), namespace).await?,
            slices: now(server, self.slices.as_ref(), namespace).await?,
            pods: now(server, self.pods.as_ref(), namespace).await?,
        })
    }
}

/// The objects that are there now: as followed, or read anew while following fails.
async fn now<K>(
    server: &Server,
    followed: Option<&Followed<K>>,
    namespace: &str,
) -> Result<Vec<Arc<K>>, ClusterError>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let Some(followed) = followed else { return Ok(Vec::new()) };
    let is_read = timeout(FIRST_READING, followed.first_reading()).await.unwrap_or(false);
    let is_followed = followed.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_none();
    if is_followed && is_read {
        return Ok(followed.store.state());
    }
    // A watch that works again may be silent for long, and until it tells something it is not known to work: only a
    // reading tells.
    let read = timeout(FIRST_READING, server.list::<K>(namespace, ListParams::default())).await;
    let why = match read {
        Ok(Ok(list)) => return Ok(list.into_iter().map(Arc::new).collect()),
        Ok(Err(error)) => super::error::told(&error),
        Err(_) => {
            let trouble = followed.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
            trouble.unwrap_or_else(|| format!("it takes longer than {} s", FIRST_READING.as_secs()))
        }
    };
    let object = format!("{} in namespace {namespace}", K::plural(&()));
    Err(ClusterError::Object { what: "read", object, why })
}

impl<K> Followed<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    /// Returns whether everything was read once, when that is so or fails.
    async fn first_reading(&self) -> bool {
        loop {
            tokio::select! {
                read = self.store.wait_until_ready() => return read.is_ok(),
                () = tokio::time::sleep(LOOK_FOR_TROUBLE) => {}
            }
            if self.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return false;
            }
        }
    }
}

/// What a following begins with.
struct Begin<'a> {
    client: &'a Client,
    namespace: &'a str,
    stop: &'a CancellationToken,
    changed: &'a Arc<Notify>,
}

impl Begin<'_> {
    /// Begins to follow a kind, unless it is followed.
    fn once<K>(&self, place: &mut Option<Followed<K>>)
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + Debug
            + Send
            + Sync
            + 'static,
    {
        if place.is_some() {
            return;
        }
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace);
        let (reader, writer) = store();
        let trouble = Arc::new(Mutex::new(None));
        let events =
            watcher(api, watcher::Config::default()).default_backoff().modify(|it: &mut K| {
                it.managed_fields_mut().clear();
            });
        let mut events = Box::pin(reflector(writer, events));
        let (stop, changed, told) =
            (self.stop.clone(), Arc::clone(self.changed), Arc::clone(&trouble));
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    () = stop.cancelled() => return,
                };
                let Some(event) = event else { return };
                let now = match event {
                    Err(error) => Some(trouble_of(&error)),
                    // A reading has begun: only its end tells.
                    Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => continue,
                    Ok(_) => None,
                };
                *told.lock().unwrap_or_else(PoisonError::into_inner) = now;
                changed.notify_one();
            }
        });
        *place = Some(Followed { store: reader, trouble });
    }
}

/// Why following fails. What only makes it begin anew, as versions that the server has forgotten (410), is a failure too:
/// until everything was read again, what was followed so far says nothing of now.
fn trouble_of(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => super::error::told(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => error.to_string(),
    }
}
