//! Says of a resource whether it is ready, and if not, why: the first cause, with the last lines that a
//! crashed container wrote.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams};
use tokio::time::timeout;
use wire::app::ResourceState;

use super::api::Server;
use super::causes::{self, Cause, Crashed};
use super::facts::Facts;
use super::states::READY;
use crate::target::informer::Informer;

/// How many of a log's last lines are told.
const LOG_LINES: i64 = 10;
/// How much of a log is read, in bytes.
const LOG_BYTES: i64 = 64 * 1024;
/// How many events of a namespace are looked through.
const EVENTS: u32 = 1000;
/// How long the search for a reason may take: what is not ready must not make the answer wait.
const SEARCH: Duration = Duration::from_secs(5);

/// What is told of a resource. `hooks` are the hooks that failed, in words.
pub(super) async fn told(
    server: &Server,
    facts: &Facts,
    informer: &Informer,
    hooks: &[String],
) -> ResourceState {
    let state = facts.state(informer);
    if state == READY {
        return informer.state(state, None);
    }
    let found = timeout(SEARCH, cause(server, facts, informer)).await.unwrap_or_default();
    let mut reason = match found {
        Some(cause) => cause,
        None => facts.standing(informer),
    };
    for hook in hooks {
        reason = format!("{reason}; {hook}");
    }
    informer.state(state, Some(reason))
}

async fn cause(server: &Server, facts: &Facts, informer: &Informer) -> Option<String> {
    let namespace = informer.namespace.as_str();
    let mut pods = facts.pods_of(informer);
    // The newest revision's pods tell about this version.
    pods.sort_by_key(|it| {
        std::cmp::Reverse(it.metadata.creation_timestamp.as_ref().map(|it| it.0))
    });
    if let Some(cause) = pods.iter().find_map(|pod| causes::of_pod(pod)) {
        return Some(with_log(server, namespace, cause).await);
    }
    let deployment = facts.deployments.iter().find(|it| {
        informer.kind == "deployment" && it.metadata.name.as_deref() == Some(&informer.name)
    });
    if let Some(text) = deployment.and_then(|it| causes::of_deployment(it)) {
        return Some(text);
    }
    let events: Vec<Event> =
        server.list(namespace, ListParams::default().limit(EVENTS)).await.unwrap_or_default();
    causes::of_events(&events, &informer.kind, &informer.name)
}

/// A cause with the last lines of the log, when a container crashed.
pub(super) async fn with_log(server: &Server, namespace: &str, cause: Cause) -> String {
    let Some(crashed) = cause.crashed else { return cause.text };
    match log(server, namespace, &crashed).await {
        Some(lines) => format!("{}; its last lines: {lines}", cause.text),
        None => cause.text,
    }
}

async fn log(server: &Server, namespace: &str, crashed: &Crashed) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(server.client().clone(), namespace);
    let params = LogParams {
        container: Some(crashed.container.clone()),
        previous: crashed.is_previous,
        tail_lines: Some(LOG_LINES),
        limit_bytes: Some(LOG_BYTES),
        ..LogParams::default()
    };
    let text = pods.logs(&crashed.pod, &params).await.ok()?;
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|it| !it.is_empty()).collect();
    (!lines.is_empty()).then(|| lines.join(" | "))
}

/// Why a Job failed, with the last lines of its newest pod; `None` when it did not.
pub(super) async fn failed_job(server: &Server, namespace: &str, job: &Job) -> Option<String> {
    let text = causes::of_job(job)?;
    let name = job.metadata.name.as_deref().unwrap_or_default();
    let params = ListParams::default().labels(&format!("job-name={name}"));
    let mut pods: Vec<Pod> = server.list(namespace, params).await.unwrap_or_default();
    pods.sort_by_key(|it| {
        std::cmp::Reverse(it.metadata.creation_timestamp.as_ref().map(|it| it.0))
    });
    match pods.iter().find_map(causes::of_pod) {
        Some(cause) => Some(format!("{text}; {}", with_log(server, namespace, cause).await)),
        None => Some(text),
    }
}

/// Reads what decides about one resource.
///
/// # Errors
///
/// The API server does not answer or refuses.
pub(super) async fn facts(server: &Server, informer: &Informer) -> Result<Facts, kube::Error> {
    fn shared<K>(list: Vec<K>) -> Vec<Arc<K>> {
        list.into_iter().map(Arc::new).collect()
    }
    let namespace = informer.namespace.as_str();
    let one = || ListParams::default().fields(&format!("metadata.name={}", informer.name));
    let all = ListParams::default;
    let mut facts = Facts::default();
    match informer.kind.as_str() {
        "deployment" => facts.deployments = shared(server.list(namespace, one()).await?),
        "statefulset" => facts.stateful_sets = shared(server.list(namespace, one()).await?),
        "daemonset" => facts.daemon_sets = shared(server.list(namespace, one()).await?),
        "persistentvolumeclaim" => facts.claims = shared(server.list(namespace, one()).await?),
        "service" => {
            facts.services = shared(server.list(namespace, one()).await?);
            facts.slices = shared(server.list(namespace, all()).await?);
        }
        "ingress" => {
            facts.ingresses = shared(server.list(namespace, one()).await?);
            facts.services = shared(server.list(namespace, all()).await?);
            facts.slices = shared(server.list(namespace, all()).await?);
        }
        _ => {}
    }
    if informer.kind != "persistentvolumeclaim" {
        facts.pods = shared(server.list(namespace, all()).await?);
    }
    Ok(facts)
}
