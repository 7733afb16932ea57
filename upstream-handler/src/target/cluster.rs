//! A Kubernetes cluster as a target.
//!
//! ```text
//! contents  what a version's tree holds      plan   what is done, in order (pure)
//! carry     does it: dry run, removals, phases, Helm
//! watch     follows what is there            states, causes, facts  what it means (pure)
//! ```
//!
//! Objects are applied on the server's side as the field manager `kotsadm`. Only this module sees kube.
//!
//! Deliberately absent: state of its own. What may be in place is told by the caller; what is there is
//! asked of the API server.

mod api;
mod carry;
mod causes;
mod contents;
mod error;
mod facts;
mod helm;
mod migrate;
mod object;
mod order;
mod output;
mod path;
mod plan;
mod pull_secrets;
mod seen;
mod states;
mod wait;
mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::cluster::Asked;
use async_trait::async_trait;
use kinds::context::AskCluster;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use wire::app::ResourceState;

use api::Server;
use carry::Carry;
use contents::Contents;
use output::Output;
use watch::{FailedHooks, HookRemoval, Watch, What};

pub use error::{ClusterError, Conflict};

use super::{Deployment, End, Look, Report, Target, TargetError};

/// How a connection to the API server may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// How a cluster is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOptions {
    /// The kubeconfig; without it `KUBECONFIG`, `~/.kube/config`, or the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// Whether fields that others own are taken over instead of reported.
    pub force_conflicts: bool,
    /// How long the objects of one deploy may take to become what is waited for.
    pub wait_limit: Duration,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self { kubeconfig: None, force_conflicts: false, wait_limit: Duration::from_hours(1) }
    }
}

/// A cluster as a target.
#[derive(Debug)]
pub(crate) struct Cluster {
    server: Server,
    /// What templates ask.
    asked: Asked,
    options: ClusterOptions,
    /// What is followed, by application and version.
    watches: Mutex<HashMap<(String, i64), Arc<Watch>>>,
    changed: Arc<Notify>,
}

impl Cluster {
    /// Reads the configuration and makes a client; sends nothing.
    ///
    /// # Errors
    ///
    /// There is no configuration, or it cannot be used.
    pub(crate) async fn open(options: ClusterOptions) -> Result<Self, ClusterError> {
        let failed = |source| ClusterError::Connect { source };
        let mut config = match &options.kubeconfig {
            Some(path) => from_file(path).await.map_err(|it| failed(Box::from(it)))?,
            None => Config::infer().await.map_err(|it| failed(Box::from(it)))?,
        };
        config.connect_timeout = Some(CONNECT);
        // One that repeats requests by itself would not tell for long that nothing can be watched.
        let mut impatient = config.clone();
        impatient.default_retry = false;
        let watching = Client::try_from(impatient).map_err(|it| failed(Box::from(it)))?;
        let client = Client::try_from(config).map_err(|it| failed(Box::from(it)))?;
        Ok(Self {
            asked: Asked::new(client.clone()),
            server: Server::new(client, watching),
            options,
            watches: Mutex::default(),
            changed: Arc::default(),
        })
    }

    /// What is followed for this version; begun when it is not.
    async fn watch(&self, look: &Look) -> Arc<Watch> {
        let mut watches = self.watches.lock().await;
        let key = (look.app_slug.clone(), look.sequence);
        if let Some(found) = watches.get(&key).filter(|it| it.is_of(look)) {
            return Arc::clone(found);
        }
        let hooks = (FailedHooks::default(), HookRemoval::Now);
        let what = What {
            look: look.clone(),
            additional_namespaces: Vec::new(),
            pull_secrets: Vec::new(),
        };
        let begun = Arc::new(Watch::begin(&self.server, what, hooks, &self.changed));
        watches.insert(key, Arc::clone(&begun));
        begun
    }

    /// Begins to follow a version whose tree is known.
    async fn follow(&self, what: What, hooks: (FailedHooks, HookRemoval)) {
        let key = (what.look.app_slug.clone(), what.look.sequence);
        let begun = Watch::begin(&self.server, what, hooks, &self.changed);
        self.watches.lock().await.insert(key, Arc::new(begun));
    }

    /// Stops following other versions of the application.
    async fn forget_others(&self, look: &Look) {
        let is_other = |slug: &str, sequence| slug == look.app_slug && sequence != look.sequence;
        self.watches.lock().await.retain(|(slug, sequence), _| !is_other(slug, *sequence));
    }

    async fn carry(&self, deployment: &Deployment) -> (Output, Vec<TargetError>) {
        let read = deployment.clone();
        let known = match tokio::task::spawn_blocking(move || carry::read(&read)).await {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => return (Output::default(), vec![error]),
            Err(_) => return (Output::default(), vec![TargetError::Bug]),
        };
        let look = Look::of(deployment);
        let what = What {
            look: look.clone(),
            additional_namespaces: known.now.additional_namespaces.clone(),
            pull_secrets: known.now.pull_secrets.clone(),
        };
        // Hooks are followed from the start: one that fails may be gone at the end.
        let failed = FailedHooks::default();
        self.follow(what.clone(), (failed.clone(), HookRemoval::Later)).await;
        let mut carry = Carry {
            server: &self.server,
            deployment,
            is_forced: self.options.force_conflicts,
            wait_limit: self.options.wait_limit,
            kubeconfig: self.options.kubeconfig.as_deref(),
            output: Output::default(),
        };
        let errors = carry.out(known).await;
        let output = carry.output;
        // Begun anew: what was read before says nothing of what is there now.
        self.follow(what, (failed, HookRemoval::Now)).await;
        self.forget_others(&look).await;
        (output, errors.into_iter().map(TargetError::from).collect())
    }
}

async fn from_file(path: &Path) -> Result<Config, kube::config::KubeconfigError> {
    Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &KubeConfigOptions::default())
        .await
}

#[async_trait]
impl Target for Cluster {
    async fn deploy(&self, deployment: Deployment, stop: &CancellationToken) -> (Report, End) {
        let (output, errors) = tokio::select! {
            ended = self.carry(&deployment) => ended,
            () = stop.cancelled() => return (Report::default(), End::Stopped),
        };
        let seen = self.look(Look::of(&deployment)).await;
        let resources = match seen {
            Ok(resources) => resources,
            Err(error) => {
                tracing::warn!("what was deployed cannot be looked at: {error}");
                None
            }
        };
        let report = Report { logs: output.into_logs(), resources };
        (report, if errors.is_empty() { End::Carried } else { End::Failed(errors) })
    }

    async fn look(&self, look: Look) -> Result<Option<Vec<ResourceState>>, TargetError> {
        let watch = self.watch(&look).await;
        Ok(Some(watch.seen().await?))
    }

    fn follows(&self) -> bool {
        true
    }

    async fn resume(&self, deployment: Deployment) -> Result<(), TargetError> {
        let look = Look::of(&deployment);
        let contents = tokio::task::spawn_blocking(move || {
            Contents::read(&deployment.tree, &deployment.namespace)
        });
        let contents = contents.await.map_err(|_| TargetError::Bug)??;
        let what = What {
            look,
            additional_namespaces: contents.additional_namespaces,
            pull_secrets: contents.pull_secrets,
        };
        self.follow(what, (FailedHooks::default(), HookRemoval::Now)).await;
        Ok(())
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    fn for_templates(&self) -> Option<Arc<dyn AskCluster>> {
        Some(Arc::new(self.asked.clone()))
    }
}

#[cfg(test)]
mod tests;
