//! Why a workload is not ready, as far as its pods, conditions and events tell. Pure.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};

/// The longest message that is passed on, in characters.
const MESSAGE_CHARS: usize = 600;
/// Reasons of a waiting container that mean more than "not yet".
const WAITING: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];
/// Reasons of events that tell why something is not made.
const EVENTS: &[&str] = &[
    "FailedAttachVolume",
    "FailedBinding",
    "FailedCreate",
    "FailedMount",
    "FailedScheduling",
    "ProvisioningFailed",
    "Unhealthy",
];

/// Why a pod does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// In words.
    pub text: String,
    /// The container whose last log lines tell more.
    pub crashed: Option<Crashed>,
}

/// A container that ended and should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crashed {
    /// Its pod.
    pub pod: String,
    /// Which one.
    pub container: String,
    /// Whether the log is that of the run before this one.
    pub is_previous: bool,
}

/// Why a pod is not ready; `None` when nothing tells (yet).
pub(super) fn of_pod(pod: &Pod) -> Option<Cause> {
    let name = pod.metadata.name.clone().unwrap_or_default();
    let status = pod.status.as_ref()?;
    let containers =
        status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    for container in containers {
        if let Some(cause) = of_container(&name, container) {
            return Some(cause);
        }
    }
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|it| it.type_ == "PodScheduled" && it.status == "False" && it.reason.is_some());
    if let Some(condition) = unscheduled {
        let reason = condition.reason.as_deref().unwrap_or_default();
        return Some(plain(&format!("pod {name}"), reason, condition.message.as_deref()));
    }
    if status.phase.as_deref() == Some("Failed") {
        let reason = status.reason.as_deref().unwrap_or("Failed");
        return Some(plain(&format!("pod {name}"), reason, status.message.as_deref()));
    }
    None
}

fn of_container(pod: &str, container: &ContainerStatus) -> Option<Cause> {
    let place = format!("container {} of pod {pod}", container.name);
    let state = container.state.as_ref()?;
    let last = container.last_state.as_ref().and_then(|it| it.terminated.as_ref());
    let crashed = |is_previous| {
        Some(Crashed { pod: pod.to_owned(), container: container.name.clone(), is_previous })
    };
    if let Some(ended) = state.terminated.as_ref().filter(|it| it.exit_code != 0) {
        let text = format!("{place}: {}", exit(ended.exit_code, ended.reason.as_deref()));
        return Some(Cause { text, crashed: crashed(false) });
    }
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|it| WAITING.contains(it))?;
    if reason == "CrashLoopBackOff" {
        let ended = last.map_or_else(String::new, |it| {
            format!(": {}", exit(it.exit_code, it.reason.as_deref()))
        });
        let text =
            format!("{place}: CrashLoopBackOff{ended}, {} restarts", container.restart_count);
        return Some(Cause { text, crashed: crashed(true) });
    }
    let message = waiting.message.as_deref().unwrap_or(&container.image);
    Some(plain(&place, reason, Some(message)))
}

fn exit(code: i32, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if !matches!(reason, "Error" | "Completed") => {
            format!("it ended with code {code} ({reason})")
        }
        _ => format!("it ended with code {code}"),
    }
}

fn plain(place: &str, reason: &str, message: Option<&str>) -> Cause {
    let message = message.map(str::trim).filter(|it| !it.is_empty());
    let text = match message {
        Some(message) => format!("{place}: {reason}: {}", shortened(message)),
        None => format!("{place}: {reason}"),
    };
    Cause { text, crashed: None }
}

/// Why a Deployment makes no pods: a quota, an admission refused, a deadline passed.
pub(super) fn of_deployment(it: &Deployment) -> Option<String> {
    let conditions = it.status.as_ref()?.conditions.as_ref()?;
    let is_failure = |it: &DeploymentCondition| it.type_.as_deref() == Some("ReplicaFailure");
    let is_bad = |it: &&DeploymentCondition| match it.type_.as_deref() {
        Some("ReplicaFailure") => it.status.as_deref() == Some("True"),
        Some("Progressing") => it.status.as_deref() == Some("False"),
        _ => false,
    };
    let found = conditions.iter().filter(is_bad).min_by_key(|it| !is_failure(it))?;
    let reason = found.reason.as_deref().or(found.type_.as_deref()).unwrap_or_default();
    Some(plain("it makes no pods", reason, found.message.as_deref()).text)
}

/// Why a Job failed; `None` when it did not.
pub(super) fn of_job(it: &Job) -> Option<String> {
    let conditions = it.status.as_ref()?.conditions.as_ref()?;
    let failed = conditions.iter().find(|it| it.type_ == "Failed" && it.status == "True")?;
    let name = it.metadata.name.as_deref().unwrap_or_default();
    let place = format!("job {name} failed");
    Some(
        plain(&place, failed.reason.as_deref().unwrap_or("Failed"), failed.message.as_deref()).text,
    )
}

/// The newest event that tells why an object (or what it owns) is not there: its name is `name`, or
/// begins with `name-` as those of what controllers make.
pub(super) fn of_events(events: &[Event], kind: &str, name: &str) -> Option<String> {
    let concerns = |event: &&Event| {
        let about = &event.involved_object;
        let own = about.name.as_deref().unwrap_or_default();
        let is_it =
            about.kind.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(kind)) && own == name;
        let is_owned = matches!(about.kind.as_deref(), Some("ReplicaSet" | "Pod"))
            && own.strip_prefix(name).is_some_and(|it| it.starts_with('-'));
        is_it || is_owned
    };
    let tells = |event: &&Event| {
        event.type_.as_deref() != Some("Normal")
            && event.reason.as_deref().is_some_and(|it| EVENTS.contains(&it))
    };
    let found = events.iter().filter(concerns).filter(tells).max_by_key(|it| {
        it.last_timestamp.as_ref().map(|it| it.0).or(it.event_time.as_ref().map(|it| it.0))
    })?;
    let about = &found.involved_object;
    let place = format!(
        "{} {}",
        about.kind.as_deref().unwrap_or_default().to_lowercase(),
        about.name.as_deref().unwrap_or_default()
    );
    let reason = found.reason.as_deref().unwrap_or_default();
    Some(plain(&place, reason, found.message.as_deref()).text)
}

/// A message in one line, cut when it is long.
pub(super) fn shortened(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("an object")
    }

    fn check(status: &Value) -> String {
        let pod: Pod = read(json!({"metadata": {"name": "web-1"}, "status": status}));
        of_pod(&pod).map_or_else(
            || "-".to_owned(),
            |it| match it.crashed {
                Some(crashed) => format!(
                    "{} [log of {}, previous {}]",
                    it.text, crashed.container, crashed.is_previous
                ),
                None => it.text,
            },
        )
    }

    fn container(state: &Value, last: &Value) -> Value {
        json!({"containerStatuses": [{
            "name": "app", "image": "reg/app:1", "imageID": "", "ready": false, "restartCount": 4,
            "state": state, "lastState": last,
        }]})
    }

    #[test]
    fn pods() {
        insta::assert_snapshot!(
            check(&container(&json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"reg/app:1\""}}), &json!({}))),
            @r#"container app of pod web-1: ImagePullBackOff: Back-off pulling image "reg/app:1""#
        );
        insta::assert_snapshot!(
            check(&container(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), &json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}))),
            @"container app of pod web-1: CrashLoopBackOff: it ended with code 137 (OOMKilled), 4 restarts [log of app, previous true]"
        );
        insta::assert_snapshot!(
            check(&container(&json!({"terminated": {"exitCode": 2, "reason": "Error"}}), &json!({}))),
            @"container app of pod web-1: it ended with code 2 [log of app, previous false]"
        );
        insta::assert_snapshot!(
            check(&json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]})),
            @"pod web-1: Unschedulable: 0/3 nodes are available"
        );
        insta::assert_snapshot!(
            check(&json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."})),
            @"pod web-1: Evicted: The node was low on memory."
        );
        assert_eq!(
            check(&container(&json!({"waiting": {"reason": "ContainerCreating"}}), &json!({}))),
            "-"
        );
        assert_eq!(check(&container(&json!({"running": {}}), &json!({}))), "-");
    }

    #[test]
    fn workloads() {
        let deployment: Deployment = read(json!({"metadata": {}, "status": {"conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
             "message": "pods \"web-1\" is forbidden: exceeded quota: small"},
        ]}}));
        insta::assert_snapshot!(
            of_deployment(&deployment).expect("a cause"),
            @r#"it makes no pods: FailedCreate: pods "web-1" is forbidden: exceeded quota: small"#
        );
        let job: Job = read(json!({"metadata": {"name": "migrate"}, "status": {"conditions": [
            {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"},
        ]}}));
        insta::assert_snapshot!(
            of_job(&job).expect("a cause"),
            @"job migrate failed: BackoffLimitExceeded: Job has reached the specified backoff limit"
        );
    }

    #[test]
    fn events() {
        let event = |kind: &str, name: &str, reason: &str, at: &str, message: &str| -> Event {
            read(json!({"metadata": {}, "type": "Warning", "reason": reason, "message": message,
                "involvedObject": {"kind": kind, "name": name}, "lastTimestamp": at}))
        };
        let events = [
            event("StatefulSet", "db", "FailedCreate", "2026-01-01T00:00:00Z", "exceeded quota"),
            event(
                "StatefulSet",
                "db",
                "FailedCreate",
                "2026-01-02T00:00:00Z",
                "exceeded quota again",
            ),
            event("Pod", "db-0", "FailedMount", "2026-01-01T12:00:00Z", "no secret"),
            event("StatefulSet", "db2", "FailedCreate", "2026-01-03T00:00:00Z", "other"),
            event("StatefulSet", "db", "Killing", "2026-01-04T00:00:00Z", "no cause"),
        ];
        insta::assert_snapshot!(
            of_events(&events, "statefulset", "db").expect("a cause"),
            @"statefulset db: FailedCreate: exceeded quota again"
        );
        assert_eq!(of_events(&events, "statefulset", "cache"), None);
    }
}
