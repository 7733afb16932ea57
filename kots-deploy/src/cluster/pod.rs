//! Which pod is kotsadm. Mirrors `WaitForKotsadm` (`pkg/k8sutil/kotsadm.go:212`), except that a pod
//! without container statuses is "not ready" instead of a panic, that a pod on its way out is not
//! chosen, and that the wait says what it saw.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use tokio::time::Instant;

use super::Cluster;
use super::error::{ApiFailure, ApiKind, PodError};

const SELECTOR: &str = "app=kotsadm";
const PAUSE: Duration = Duration::from_secs(1);
/// More pods than this are not looked at: a namespace has one kotsadm.
const LIMIT_PODS: u32 = 500;

/// Returns the pod's name, waiting up to `patience`.
pub(super) async fn find(cluster: &Cluster, patience: Duration) -> Result<String, PodError> {
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = ListParams::default().labels(SELECTOR).limit(LIMIT_PODS);
    let end = Instant::now() + patience;
    loop {
        let found = cluster.timed(pods.list(&params)).await;
        let (seen, failure) = match found {
            Ok(list) => {
                let facts: Vec<Facts> = list.items.iter().map(Facts::of).collect();
                match choose(&facts) {
                    Ok(name) => return Ok(name.to_owned()),
                    Err(seen) => (seen, None),
                }
            }
            Err(failure) if waiting_may_help(&failure) => (failure.text.clone(), Some(failure)),
            Err(failure) => return Err(PodError::List(failure)),
        };
        if Instant::now() + PAUSE > end {
            return Err(match failure {
                Some(failure) => PodError::List(failure),
                None => PodError::Timeout { seen },
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn waiting_may_help(failure: &ApiFailure) -> bool {
    match failure.kind {
        ApiKind::Unreachable | ApiKind::Refused => true,
        ApiKind::Unauthorized | ApiKind::Forbidden | ApiKind::NotFound | ApiKind::AlreadyExists => {
            false
        }
    }
}

/// What matters about a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    name: String,
    phase: String,
    leaving: bool,
    /// The first container's readiness; none while it has no status.
    ready: Option<bool>,
    /// Why the first container waits.
    waiting: Option<String>,
    /// API version, kind and name of the first owner.
    owner: Option<(String, String, String)>,
}

impl Facts {
    fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let container = status
            .and_then(|status| status.container_statuses.as_ref())
            .and_then(|containers| containers.first());
        let owner = pod.metadata.owner_references.as_ref().and_then(|owners| owners.first());
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            phase: status.and_then(|status| status.phase.clone()).unwrap_or_default(),
            leaving: pod.metadata.deletion_timestamp.is_some(),
            ready: container.map(|container| container.ready),
            waiting: container
                .and_then(|container| container.state.as_ref())
                .and_then(|state| state.waiting.as_ref())
                .and_then(|waiting| waiting.reason.clone()),
            owner: owner
                .map(|owner| (owner.api_version.clone(), owner.kind.clone(), owner.name.clone())),
        }
    }

    /// What keeps this pod from being chosen.
    fn obstacle(&self) -> Option<String> {
        let name = &self.name;
        if name.is_empty()
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        {
            return Some("a pod has no usable name".to_owned());
        }
        if self.leaving {
            return Some(format!("pod `{name}` is being deleted"));
        }
        if self.phase != "Running" {
            return Some(format!("pod `{name}` is in phase `{}`", self.phase));
        }
        match (self.ready, &self.waiting) {
            (Some(true), _) => {}
            (Some(false), Some(reason)) => {
                return Some(format!("pod `{name}` is not ready: its container waits: {reason}"));
            }
            (Some(false), None) => return Some(format!("pod `{name}` is not ready")),
            (None, _) => return Some(format!("pod `{name}` has no container status yet")),
        }
        self.owner.is_none().then(|| format!("pod `{name}` has no owner"))
    }
}

/// Returns the pod to use, or what was seen instead.
fn choose(pods: &[Facts]) -> Result<&str, String> {
    let mut obstacle = None;
    let mut chosen: Option<&Facts> = None;
    for pod in pods {
        match pod.obstacle() {
            Some(text) => obstacle = Some(text),
            None => match chosen {
                None => chosen = Some(pod),
                // Two owners: a rollout is under way, and either pod may be the old one.
                Some(first) if first.owner != pod.owner => {
                    return Err(format!(
                        "pods `{}` and `{}` belong to different owners",
                        first.name, pod.name
                    ));
                }
                Some(_) => {}
            },
        }
    }
    match (chosen, obstacle) {
        (Some(pod), _) => Ok(&pod.name),
        (None, Some(obstacle)) => Err(obstacle),
        (None, None) => Err(format!("no pod with the label {SELECTOR}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, owner: &str) -> Facts {
        Facts {
            name: name.to_owned(),
            phase: "Running".to_owned(),
            leaving: false,
            ready: Some(true),
            waiting: None,
            owner: Some(("apps/v1".to_owned(), "StatefulSet".to_owned(), owner.to_owned())),
        }
    }

    fn check(pods: &[Facts]) -> String {
        match choose(pods) {
            Ok(name) => name.to_owned(),
            Err(seen) => format!("none: {seen}"),
        }
    }

    #[test]
    fn choices() {
        let good = pod("kotsadm-0", "kotsadm");
        let not_ready = Facts { ready: Some(false), ..pod("kotsadm-1", "kotsadm") };
        let waiting = Facts { waiting: Some("CrashLoopBackOff".into()), ..not_ready.clone() };
        let pending = Facts { phase: "Pending".into(), ready: None, ..pod("kotsadm-2", "kotsadm") };
        let no_status = Facts { ready: None, ..pod("kotsadm-3", "kotsadm") };
        let orphan = Facts { owner: None, ..pod("kotsadm-4", "") };
        let leaving = Facts { leaving: true, ..pod("kotsadm-5", "old") };
        insta::assert_snapshot!(check(&[]), @"none: no pod with the label app=kotsadm");
        insta::assert_snapshot!(check(&[not_ready.clone(), good.clone()]), @"kotsadm-0");
        insta::assert_snapshot!(check(&[leaving, good.clone()]), @"kotsadm-0");
        insta::assert_snapshot!(check(&[good.clone(), pod("kotsadm-9", "kotsadm")]), @"kotsadm-0");
        insta::assert_snapshot!(check(&[good, pod("kotsadm-9", "other")]), @"none: pods `kotsadm-0` and `kotsadm-9` belong to different owners");
        insta::assert_snapshot!(check(&[not_ready]), @"none: pod `kotsadm-1` is not ready");
        insta::assert_snapshot!(check(&[waiting]), @"none: pod `kotsadm-1` is not ready: its container waits: CrashLoopBackOff");
        insta::assert_snapshot!(check(&[pending]), @"none: pod `kotsadm-2` is in phase `Pending`");
        insta::assert_snapshot!(check(&[no_status]), @"none: pod `kotsadm-3` has no container status yet");
        insta::assert_snapshot!(check(&[orphan]), @"none: pod `kotsadm-4` has no owner");
        insta::assert_snapshot!(check(&[pod("../../secrets", "kotsadm")]), @"none: a pod has no usable name");
    }
}
