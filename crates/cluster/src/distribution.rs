//! Which distribution a cluster is, by what its nodes tell (the names that KOTS and its preflights use). Pure.

use k8s_openapi::api::core::v1::Node;

/// The group of APIs that only `OpenShift` has.
pub(super) const OPEN_SHIFT_GROUP: &str = "apps.openshift.io";
/// The name of `OpenShift`.
pub(super) const OPEN_SHIFT: &str = "openShift";

/// How a node tells its distribution.
enum Sign {
    /// A label with this value, or with any.
    Label(&'static str, Option<&'static str>),
    Annotation(&'static str),
    OsImage(&'static str),
    /// How the provider's id begins.
    Provider(&'static str),
}

/// From the weakest sign to the strongest: where a cluster shows several, the last one counts.
const SIGNS: [(Sign, &str); 19] = [
    (Sign::Label("kurl.sh/cluster", Some("true")), "kurl"),
    (Sign::Label("microk8s.io/cluster", Some("true")), "microk8s"),
    (Sign::Label("kubernetes.azure.com/role", None), "aks"),
    (Sign::Label("minikube.k8s.io/version", None), "minikube"),
    (Sign::Label("node.kubernetes.io/instance-type", Some("k3s")), "k3s"),
    (Sign::Label("beta.kubernetes.io/instance-type", Some("k3s")), "k3s"),
    (Sign::Label("oci.oraclecloud.com/fault-domain", None), "oke"),
    (Sign::Label("node.k0sproject.io/role", None), "k0s"),
    (Sign::Label("run.tanzu.vmware.com/kubernetesDistributionVersion", None), "tanzu"),
    (Sign::Annotation("rke2.io/node-args"), "rke2"),
    (Sign::OsImage("Docker Desktop"), "dockerDesktop"),
    (Sign::Provider("digitalocean:"), "digitalOcean"),
    (Sign::Provider(EKS_PROVIDER), EKS),
    (Sign::Provider("gce:"), "gke"),
    (Sign::Provider("ibm:"), "ibm"),
    (Sign::Provider("kind:"), "kind"),
    // A k0s that is a part of something: the whole is what it is called.
    (Sign::Label("kots.io/embedded-cluster-role", None), "embedded-cluster"),
    (Sign::Label("node-role.kubernetes.io/master", None), ""),
    (Sign::Label("node-role.kubernetes.io/control-plane", None), ""),
];
const EKS: &str = "eks";
const EKS_PROVIDER: &str = "aws:";

/// Looks at one node after the other.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// The place in [`SIGNS`] of the strongest sign so far, from 1.
    strongest: usize,
    has_control_plane: bool,
}

impl Finder {
    pub(super) fn see(&mut self, node: &Node) {
        for (at, (_, name)) in SIGNS.iter().enumerate().filter(|(_, it)| it.0.is_on(node)) {
            if name.is_empty() {
                self.has_control_plane = true;
            } else {
                self.strongest = self.strongest.max(at + 1);
            }
        }
    }

    /// The name; empty when no node told one.
    pub(super) fn found(&self) -> String {
        let name = self.strongest.checked_sub(1).map_or("", |at| SIGNS[at].1);
        // EKS shows no nodes of its control plane: this is a cluster that somebody runs on AWS.
        if name == EKS && self.has_control_plane { String::new() } else { name.to_owned() }
    }
}

impl Sign {
    fn is_on(&self, node: &Node) -> bool {
        let system = node.status.as_ref().and_then(|it| it.node_info.as_ref());
        let provider = node.spec.as_ref().and_then(|it| it.provider_id.as_deref());
        match self {
            Self::Label(key, value) => node
                .metadata
                .labels
                .as_ref()
                .and_then(|it| it.get(*key))
                .is_some_and(|found| value.is_none_or(|wanted| wanted == found)),
            Self::Annotation(key) => {
                node.metadata.annotations.as_ref().is_some_and(|it| it.contains_key(*key))
            }
            Self::OsImage(name) => system.is_some_and(|it| it.os_image == *name),
            Self::Provider(prefix) => provider.is_some_and(|it| it.starts_with(prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn name_of(nodes: &[Value]) -> String {
        let mut finder = Finder::default();
        for node in nodes {
            finder.see(&serde_json::from_value(node.clone()).expect("a node"));
        }
        finder.found()
    }

    fn labelled(labels: &Value) -> Value {
        json!({ "metadata": { "labels": labels } })
    }

    #[test]
    fn nodes_tell_the_distribution() {
        let aws = json!({ "spec": { "providerID": "aws:///eu-west-1a/i-1" } });
        let master = labelled(&json!({ "node-role.kubernetes.io/control-plane": "" }));
        for (nodes, name) in [
            (vec![], ""),
            (vec![labelled(&json!({ "a": "b" }))], ""),
            (vec![labelled(&json!({ "kurl.sh/cluster": "true" }))], "kurl"),
            (vec![labelled(&json!({ "kurl.sh/cluster": "false" }))], ""),
            (
                vec![
                    labelled(&json!({ "node.kubernetes.io/instance-type": "k3s" })),
                    master.clone(),
                ],
                "k3s",
            ),
            (vec![labelled(&json!({ "node.kubernetes.io/instance-type": "m5" }))], ""),
            (vec![aws.clone()], "eks"),
            (vec![aws.clone(), master.clone()], ""),
            (
                vec![json!({ "metadata": { "annotations": { "rke2.io/node-args": "" } } }), master],
                "rke2",
            ),
            (vec![json!({ "spec": { "providerID": "kind://docker/a/b" } })], "kind"),
            (
                vec![
                    labelled(
                        &json!({ "node.k0sproject.io/role": "", "kots.io/embedded-cluster-role": "" }),
                    ),
                    aws,
                ],
                "embedded-cluster",
            ),
        ] {
            assert_eq!(name_of(&nodes), name, "for {nodes:?}");
        }
    }
}
