//! What the status of a resource says of its state: the original's rules (`pkg/appstate`). Pure.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;

use crate::target::informer::worst_of;

/// Nothing is there.
pub(super) const MISSING: &str = "missing";
/// Nothing works.
pub(super) const UNAVAILABLE: &str = "unavailable";
/// A part works.
pub(super) const DEGRADED: &str = "degraded";
/// It is being changed.
pub(super) const UPDATING: &str = "updating";
/// Everything works.
pub(super) const READY: &str = "ready";

/// Label with the revision a StatefulSet's pod was made of.
const REVISION: &str = "controller-revision-hash";

/// State of a Deployment.
pub(super) fn deployment(it: &Deployment) -> &'static str {
    let status = it.status.clone().unwrap_or_default();
    if status.observed_generation.unwrap_or(0) != it.metadata.generation.unwrap_or(0) {
        return UPDATING;
    }
    let desired = it.spec.replicas.unwrap_or(1);
    match status.ready_replicas.unwrap_or(0) {
        ready if ready >= desired && status.unavailable_replicas.unwrap_or(0) > 0 => UPDATING,
        ready if ready >= desired => READY,
        ready if ready > 0 => DEGRADED,
        _ => UNAVAILABLE,
    }
}

/// State of a StatefulSet with its pods.
pub(super) fn stateful_set(it: &StatefulSet, pods: &[Pod]) -> &'static str {
    let status = it.status.clone().unwrap_or_default();
    if status.observed_generation.unwrap_or(0) != it.metadata.generation.unwrap_or(0) {
        return UPDATING;
    }
    let mut revisions = Vec::new();
    for pod in pods.iter().filter(|pod| is_owned(pod, "StatefulSet", it.metadata.name.as_deref())) {
        match pod.metadata.labels.as_ref().and_then(|labels| labels.get(REVISION)) {
            Some(revision) => revisions.push(revision),
            None => return UNAVAILABLE,
        }
    }
    if revisions.windows(2).any(|two| two[0] != two[1]) {
        return UPDATING;
    }
    let desired = it.spec.replicas.unwrap_or(1);
    match status.ready_replicas.unwrap_or(0) {
        ready if ready >= desired => READY,
        ready if ready > 0 => DEGRADED,
        _ => UNAVAILABLE,
    }
}

/// State of a DaemonSet.
pub(super) fn daemon_set(it: &DaemonSet) -> &'static str {
    let status = it.status.clone().unwrap_or_default();
    if status.observed_generation.unwrap_or(0) != it.metadata.generation.unwrap_or(0) {
        return UPDATING;
    }
    if status.number_ready >= status.desired_number_scheduled { READY } else { DEGRADED }
}

/// State of a `PersistentVolumeClaim`.
pub(super) fn claim(it: &PersistentVolumeClaim) -> &'static str {
    match it.status.as_ref().and_then(|it| it.phase.as_deref()) {
        Some("Bound") => READY,
        _ => UNAVAILABLE,
    }
}

/// State of a Service with its endpoints.
pub(super) fn service(it: &Service, slices: &[EndpointSlice]) -> &'static str {
    worst_of([endpoints(it, slices).unwrap_or(READY), address(it)].into_iter())
}

/// State of an Ingress with what is behind each of its services.
pub(super) fn ingress(it: &Ingress, behind: &[&'static str]) -> &'static str {
    let balancer = it.status.as_ref().and_then(|it| it.load_balancer.as_ref());
    let has_address = balancer
        .and_then(|it| it.ingress.as_ref())
        .into_iter()
        .flatten()
        .any(|it| it.ip.is_some() || it.hostname.is_some());
    let address = if has_address { READY } else { UNAVAILABLE };
    worst_of(behind.iter().copied().chain([address]))
}

/// Names of the services an Ingress sends to.
pub(super) fn backends(it: &Ingress) -> Vec<String> {
    let spec = it.spec.clone().unwrap_or_default();
    let rules = spec.rules.into_iter().flatten().filter_map(|rule| rule.http);
    let mut names: Vec<String> = spec
        .default_backend
        .into_iter()
        .chain(rules.flat_map(|http| http.paths).map(|path| path.backend))
        // One that is no service has no endpoints to look at: nothing is behind it.
        .map(|backend| backend.service.map(|it| it.name).unwrap_or_default())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the endpoints say of a Service's ports; `None` when it has none.
pub(super) fn endpoints(it: &Service, slices: &[EndpointSlice]) -> Option<&'static str> {
    let ports = it.spec.as_ref().and_then(|it| it.ports.as_ref())?;
    let mut states = Vec::new();
    let all: Vec<_> = slices.iter().flat_map(|it| it.endpoints.iter().flatten()).collect();
    for port in ports {
        if all.is_empty() {
            states.push(UNAVAILABLE);
            continue;
        }
        let name = port.name.as_deref().unwrap_or_default();
        let with_port = slices.iter().filter(|slice| {
            let ports = slice.ports.iter().flatten();
            ports.into_iter().any(|it| it.name.as_deref().unwrap_or_default() == name)
        });
        let found: Vec<_> = with_port.flat_map(|it| it.endpoints.iter().flatten()).collect();
        let is_ready = |it: &&k8s_openapi::api::discovery::v1::Endpoint| {
            it.conditions.as_ref().and_then(|it| it.ready).unwrap_or(true)
        };
        let n_ready = found.iter().copied().filter(is_ready).count();
        match (found.len(), n_ready) {
            // As in the original, a port that no endpoint has says nothing.
            (0, _) => {}
            (_, 0) => states.push(UNAVAILABLE),
            (n, ready) if ready < n => states.push(DEGRADED),
            _ => states.push(READY),
        }
    }
    (!states.is_empty()).then(|| worst_of(states.into_iter()))
}

/// Whether a Service that asks for an address from outside has one.
fn address(it: &Service) -> &'static str {
    let Some(spec) = &it.spec else { return READY };
    let is_balanced = spec.type_.as_deref() == Some("LoadBalancer");
    let has_own = spec.external_ips.as_ref().is_some_and(|it| !it.is_empty());
    let given = it.status.as_ref().and_then(|it| it.load_balancer.as_ref());
    let has_given = given
        .and_then(|it| it.ingress.as_ref())
        .into_iter()
        .flatten()
        .any(|it: &LoadBalancerIngress| it.ip.is_some() || it.hostname.is_some());
    if !is_balanced || has_own || has_given { READY } else { UNAVAILABLE }
}

/// Whether a pod belongs to an owner of this kind and name.
pub(super) fn is_owned(pod: &Pod, kind: &str, name: Option<&str>) -> bool {
    pod.metadata
        .owner_references
        .iter()
        .flatten()
        .any(|owner| owner.kind == kind && Some(owner.name.as_str()) == name)
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn read<T: DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn deployments() {
        let check = |spec: Value, status: Value| {
            deployment(&read(
                json!({"metadata": {"generation": 2}, "spec": spec, "status": status}),
            ))
        };
        let spec = |n: i64| json!({"replicas": n, "selector": {}, "template": {}});
        let unset = json!({"selector": {}, "template": {}});
        for (spec, status, wanted) in [
            (spec(2), json!({"observedGeneration": 1, "readyReplicas": 2}), UPDATING),
            (spec(2), json!({"observedGeneration": 2, "readyReplicas": 2}), READY),
            (
                spec(2),
                json!({"observedGeneration": 2, "readyReplicas": 2, "unavailableReplicas": 1}),
                UPDATING,
            ),
            (spec(2), json!({"observedGeneration": 2, "readyReplicas": 1}), DEGRADED),
            (spec(2), json!({"observedGeneration": 2}), UNAVAILABLE),
            (unset.clone(), json!({"observedGeneration": 2, "readyReplicas": 1}), READY),
            (unset, json!({"observedGeneration": 2}), UNAVAILABLE),
            (spec(0), json!({"observedGeneration": 2}), READY),
        ] {
            assert_eq!(check(spec.clone(), status.clone()), wanted, "{spec} {status}");
        }
    }

    #[test]
    fn stateful_sets() {
        let set = |ready: i64| -> StatefulSet {
            read(json!({
                "metadata": {"name": "db", "generation": 1},
                "spec": {"replicas": 2, "selector": {}, "template": {}, "serviceName": "db"},
                "status": {"observedGeneration": 1, "replicas": 2, "readyReplicas": ready},
            }))
        };
        let pod = |owner: &str, revision: &str| -> Pod {
            read(json!({"metadata": {
                "labels": {REVISION: revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": owner, "uid": "1"}],
            }}))
        };
        assert_eq!(
            stateful_set(&set(2), &[pod("db", "1"), pod("db", "1"), pod("other", "2")]),
            READY
        );
        assert_eq!(stateful_set(&set(2), &[pod("db", "1"), pod("db", "2")]), UPDATING);
        assert_eq!(stateful_set(&set(1), &[pod("db", "1")]), DEGRADED);
        assert_eq!(stateful_set(&set(0), &[]), UNAVAILABLE);
    }

    #[test]
    fn daemon_sets_and_claims() {
        let set = |ready: i64| {
            daemon_set(&read(json!({"metadata": {"generation": 1}, "status": {
                "observedGeneration": 1, "numberReady": ready, "desiredNumberScheduled": 2,
                "currentNumberScheduled": 2, "numberMisscheduled": 0,
            }})))
        };
        assert_eq!((set(2), set(1)), (READY, DEGRADED));
        let phase = |phase: &str| claim(&read(json!({"metadata": {}, "status": {"phase": phase}})));
        assert_eq!(
            (phase("Bound"), phase("Pending"), phase("Lost")),
            (READY, UNAVAILABLE, UNAVAILABLE)
        );
    }

    fn slice(port: &str, ready: &[bool]) -> EndpointSlice {
        let endpoints: Vec<Value> = ready
            .iter()
            .map(|ready| json!({"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}))
            .collect();
        read(
            json!({"metadata": {}, "addressType": "IPv4", "ports": [{"name": port}], "endpoints": endpoints}),
        )
    }

    #[test]
    fn services() {
        let plain: Service =
            read(json!({"metadata": {}, "spec": {"ports": [{"name": "http", "port": 80}]}}));
        let check = |slices: &[EndpointSlice]| service(&plain, slices);
        assert_eq!(check(&[]), UNAVAILABLE);
        assert_eq!(check(&[slice("http", &[])]), UNAVAILABLE);
        assert_eq!(check(&[slice("http", &[true])]), READY);
        assert_eq!(check(&[slice("http", &[true, false])]), DEGRADED);
        assert_eq!(check(&[slice("http", &[false])]), UNAVAILABLE);
        assert_eq!(check(&[slice("other", &[true])]), READY);
        let no_ports: Service = read(json!({"metadata": {}, "spec": {}}));
        assert_eq!(service(&no_ports, &[]), READY);
        let balanced: Service = read(json!({"metadata": {}, "spec": {"type": "LoadBalancer"}}));
        assert_eq!(service(&balanced, &[]), UNAVAILABLE);
        let given: Service = read(json!({"metadata": {}, "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}}));
        assert_eq!(service(&given, &[]), READY);
    }

    #[test]
    fn ingresses() {
        let with = |status: Value| -> Ingress {
            read(json!({"metadata": {}, "spec": {"rules": [{"http": {"paths": [
                {"pathType": "Prefix", "path": "/", "backend": {"service": {"name": "web"}}},
            ]}}]}, "status": status}))
        };
        let given = with(json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}));
        assert_eq!(backends(&given), ["web"]);
        assert_eq!(ingress(&given, &[READY]), READY);
        assert_eq!(ingress(&given, &[DEGRADED]), DEGRADED);
        assert_eq!(ingress(&given, &[UNAVAILABLE]), UNAVAILABLE);
        assert_eq!(ingress(&with(json!({})), &[READY]), UNAVAILABLE);
    }
}
