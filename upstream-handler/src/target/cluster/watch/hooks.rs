//! Hooks: Jobs that are removed when they ended, as `kots.io/hook-delete-policy` says (`hooks.go`). Of one
//! that failed, the reason and the last lines of its log are kept before it is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::target::cluster::api::Server;
use crate::target::cluster::seen;

/// Annotation: when a Job is removed, words between commas.
const POLICY: &str = "kots.io/hook-delete-policy";
/// The most failed hooks that are told.
const MOST: usize = 5;

/// The Jobs of an application that failed, by namespace and name: why.
#[derive(Debug, Clone, Default)]
pub(in crate::target::cluster) struct FailedHooks(Arc<Mutex<BTreeMap<(String, String), String>>>);

/// When hooks that ended are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::target::cluster) enum HookRemoval {
    /// As soon as they end.
    Now,
    /// Not while this is followed: a deploy may wait for what they became.
    Later,
}

/// What becomes of a Job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing yet.
    Stays,
    /// It failed and stays.
    Failed,
    /// It failed and goes.
    FailedAndGoes,
    /// It did its work and goes.
    Goes,
}

impl FailedHooks {
    /// Follows the Jobs of some namespaces until `stop`.
    pub(super) fn follow(
        &self,
        server: &Server,
        namespaces: BTreeSet<String>,
        removal: HookRemoval,
        stop: &CancellationToken,
        changed: &Arc<Notify>,
    ) {
        for namespace in namespaces.into_iter().filter(|it| it != "*") {
            let (server, stop, changed) = (server.clone(), stop.clone(), Arc::clone(changed));
            let hooks = self.clone();
            tokio::spawn(async move {
                let api: Api<Job> = Api::namespaced(server.watching().clone(), &namespace);
                let events = watcher(api, watcher::Config::default()).default_backoff();
                let mut events = Box::pin(events.applied_objects());
                loop {
                    let event = tokio::select! {
                        event = events.next() => event,
                        () = stop.cancelled() => return,
                    };
                    match event {
                        Some(Ok(job)) => hooks.note(&server, &namespace, &job, removal).await,
                        Some(Err(error)) => {
                            tracing::debug!(namespace, "jobs are not followed: {error}");
                        }
                        None => return,
                    }
                    changed.notify_one();
                }
            });
        }
    }

    /// Why hooks failed, in words.
    pub(super) fn failed(&self) -> Vec<String> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.values().take(MOST).cloned().collect()
    }

    async fn note(&self, server: &Server, namespace: &str, job: &Job, removal: HookRemoval) {
        let name = job.metadata.name.clone().unwrap_or_default();
        let key = (namespace.to_owned(), name.clone());
        let fate = fate(job);
        if matches!(fate, Fate::Failed | Fate::FailedAndGoes)
            && let Some(why) = seen::failed_job(server, namespace, job).await
        {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(key, format!("hook {why}"));
        } else if fate == Fate::Goes || fate == Fate::Stays {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
        let goes = matches!(fate, Fate::Goes | Fate::FailedAndGoes);
        if !goes || removal == HookRemoval::Later {
            return;
        }
        let api: Api<Job> = Api::namespaced(server.client().clone(), namespace);
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: job.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match api.delete(&name, &params).await {
            Ok(_) => tracing::info!(namespace, name, "removed a hook that ended"),
            // Its next change, or the next start, finds it again.
            Err(error) => tracing::warn!(namespace, name, "a hook was not removed: {error}"),
        }
    }
}

/// Decides what becomes of a Job. Only Jobs with the annotation are hooks.
fn fate(job: &Job) -> Fate {
    let annotations = job.metadata.annotations.as_ref();
    let Some(policy) = annotations.and_then(|it| it.get(POLICY)) else { return Fate::Stays };
    let has = |word: &str| policy.split(',').any(|it| it.trim() == word);
    let status = job.status.clone().unwrap_or_default();
    if status.active.unwrap_or(0) > 0 || job.metadata.deletion_timestamp.is_some() {
        return Fate::Stays;
    }
    let is = |name: &str| {
        status.conditions.iter().flatten().any(|it| it.type_ == name && it.status == "True")
    };
    let is_failed = is("Failed");
    match (status.succeeded.unwrap_or(0) > 0 && !is_failed, is_failed) {
        (true, _) if has("hook-succeeded") => Fate::Goes,
        (_, true) if has("hook-failed") => Fate::FailedAndGoes,
        (_, true) => Fate::Failed,
        _ => Fate::Stays,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(policy: &str, status: &Value) -> Fate {
        let annotations = if policy.is_empty() { json!({}) } else { json!({ POLICY: policy }) };
        let job = json!({"metadata": {"annotations": annotations}, "status": status});
        fate(&serde_json::from_value(job).expect("a job"))
    }

    #[test]
    fn hooks_go_when_their_policy_says_so() {
        let done = json!({"succeeded": 1});
        let failed = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True"}]});
        let retried = json!({"failed": 1, "active": 1});
        let between = json!({"failed": 1});
        for (policy, status, wanted) in [
            ("hook-succeeded", &done, Fate::Goes),
            ("before-hook-creation, hook-succeeded", &done, Fate::Goes),
            ("hook-failed", &done, Fate::Stays),
            ("hook-succeeded-never", &done, Fate::Stays),
            ("", &done, Fate::Stays),
            ("hook-failed", &failed, Fate::FailedAndGoes),
            ("hook-succeeded", &failed, Fate::Failed),
            ("", &failed, Fate::Stays),
            ("hook-failed", &retried, Fate::Stays),
            ("hook-failed", &between, Fate::Stays),
        ] {
            assert_eq!(check(policy, status), wanted, "{policy} {status}");
        }
    }
}
