//! What is known of a namespace's resources, wherever it was read, and the state that follows. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt as _;

use super::states::{self, MISSING, READY, UNAVAILABLE};
use crate::target::informer::Informer;

/// The label of a slice with its service's name.
const SERVICE: &str = "kubernetes.io/service-name";

/// Resources of one namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub deployments: Vec<Arc<Deployment>>,
    pub stateful_sets: Vec<Arc<StatefulSet>>,
    pub daemon_sets: Vec<Arc<DaemonSet>>,
    pub services: Vec<Arc<Service>>,
    pub ingresses: Vec<Arc<Ingress>>,
    pub claims: Vec<Arc<PersistentVolumeClaim>>,
    pub slices: Vec<Arc<EndpointSlice>>,
    pub pods: Vec<Arc<Pod>>,
}

fn named<'a, K: kube::Resource>(list: &'a [Arc<K>], name: &str) -> Option<&'a K> {
    list.iter().find(|it| it.meta().name.as_deref() == Some(name)).map(AsRef::as_ref)
}

impl Facts {
    /// State of a resource by the original's rules.
    pub(super) fn state(&self, informer: &Informer) -> &'static str {
        let name = informer.name.as_str();
        let state = match informer.kind.as_str() {
            "deployment" => named(&self.deployments, name).map(states::deployment),
            "statefulset" => named(&self.stateful_sets, name).map(|it| {
                let pods: Vec<Pod> = self.pods.iter().map(|it| Pod::clone(it)).collect();
                states::stateful_set(it, &pods)
            }),
            "daemonset" => named(&self.daemon_sets, name).map(states::daemon_set),
            "persistentvolumeclaim" => named(&self.claims, name).map(states::claim),
            "service" => {
                named(&self.services, name).map(|it| states::service(it, &self.slices_of(name)))
            }
            "ingress" => named(&self.ingresses, name).map(|it| {
                let backends: Vec<_> =
                    states::backends(it).iter().map(|name| self.behind(name)).collect();
                states::ingress(it, &backends)
            }),
            _ => None,
        };
        state.unwrap_or(MISSING)
    }

    /// What is behind a service that an Ingress names: one without ports says nothing against it.
    fn behind(&self, service: &str) -> &'static str {
        match named(&self.services, service) {
            Some(found) => states::endpoints(found, &self.slices_of(service)).unwrap_or(READY),
            None => UNAVAILABLE,
        }
    }

    fn slices_of(&self, service: &str) -> Vec<EndpointSlice> {
        self.slices
            .iter()
            .filter(|it| it.labels().get(SERVICE).is_some_and(|name| name == service))
            .map(|it| EndpointSlice::clone(it))
            .collect()
    }

    /// The pods a resource runs, or sends to.
    pub(super) fn pods_of(&self, informer: &Informer) -> Vec<&Pod> {
        let name = informer.name.as_str();
        let selector: Option<BTreeMap<String, String>> = match informer.kind.as_str() {
            "deployment" => {
                named(&self.deployments, name).and_then(|it| it.spec.selector.match_labels.clone())
            }
            "service" => {
                named(&self.services, name).and_then(|it| it.spec.as_ref()?.selector.clone())
            }
            "ingress" => {
                let ingress = named(&self.ingresses, name);
                let names = ingress.map(states::backends).unwrap_or_default();
                return names
                    .iter()
                    .flat_map(|name| {
                        self.pods_of(&Informer {
                            kind: "service".to_owned(),
                            namespace: informer.namespace.clone(),
                            name: name.clone(),
                        })
                    })
                    .collect();
            }
            kind @ ("statefulset" | "daemonset") => {
                let kind = if kind == "statefulset" { "StatefulSet" } else { "DaemonSet" };
                let owned = |it: &&Arc<Pod>| states::is_owned(it, kind, Some(name));
                return self.pods.iter().filter(owned).map(AsRef::as_ref).collect();
            }
            _ => None,
        };
        let Some(selector) = selector.filter(|it| !it.is_empty()) else { return Vec::new() };
        let fits = |it: &&Arc<Pod>| {
            selector.iter().all(|(key, value)| it.labels().get(key) == Some(value))
        };
        self.pods.iter().filter(fits).map(AsRef::as_ref).collect()
    }

    /// Where a resource stands, in numbers: what is said when nothing tells why.
    pub(super) fn standing(&self, informer: &Informer) -> String {
        let Informer { kind, namespace, name } = informer;
        let replicas =
            |ready: i32, desired: i32| format!("{ready} of {desired} replicas are ready");
        let told = match kind.as_str() {
            "deployment" => named(&self.deployments, name).map(|it| {
                let status = it.status.clone().unwrap_or_default();
                let desired = it.spec.replicas.unwrap_or(1);
                if status.observed_generation.unwrap_or(0) != it.metadata.generation.unwrap_or(0) {
                    return "its last change has not been taken up yet".to_owned();
                }
                match status.unavailable_replicas.unwrap_or(0) {
                    old if old > 0 && status.ready_replicas.unwrap_or(0) >= desired => {
                        format!("{old} replicas are unavailable while it is being changed")
                    }
                    _ => replicas(status.ready_replicas.unwrap_or(0), desired),
                }
            }),
            "statefulset" => named(&self.stateful_sets, name).map(|it| {
                let ready = it.status.as_ref().and_then(|it| it.ready_replicas).unwrap_or(0);
                replicas(ready, it.spec.replicas.unwrap_or(1))
            }),
            "daemonset" => named(&self.daemon_sets, name).map(|it| {
                let status = it.status.clone().unwrap_or_default();
                replicas(status.number_ready, status.desired_number_scheduled)
            }),
            "persistentvolumeclaim" => named(&self.claims, name).map(|it| {
                let phase = it.status.as_ref().and_then(|it| it.phase.clone());
                format!("its phase is {}", phase.unwrap_or_else(|| "not told".to_owned()))
            }),
            "service" => named(&self.services, name).map(|it| {
                if states::endpoints(it, &self.slices_of(name)).is_none_or(|it| it == READY) {
                    "it has no address from outside".to_owned()
                } else {
                    "not all of its endpoints are ready".to_owned()
                }
            }),
            "ingress" => named(&self.ingresses, name).map(|it| {
                let is_lacking = |name: &String| named(&self.services, name).is_none();
                let lacking = states::backends(it).into_iter().find(is_lacking);
                match lacking {
                    Some(service) => format!("its service {service} is not there"),
                    None => "it has no address, or not all of its services are ready".to_owned(),
                }
            }),
            _ => None,
        };
        told.unwrap_or_else(|| format!("there is no {kind} {name} in namespace {namespace}"))
    }
}
