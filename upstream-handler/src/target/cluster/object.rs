//! Objects of a version, and what makes two of them the same one.

use std::fmt;

use serde_json::{Value, json};

/// Kinds of the API server itself that live in no namespace.
const CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IngressClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// What makes two objects the same one. The version of an API group is none of it: `apps/v1beta1` and
/// `apps/v1` show one and the same Deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    /// API group; empty for the core.
    pub group: String,
    /// `Deployment`, …
    pub kind: String,
    /// Empty for what lives in none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// An object of a version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    /// Which.
    pub id: Id,
    /// Version of the API group, `v1`.
    pub version: String,
    /// The file it is from, for messages.
    pub origin: String,
    /// The manifest.
    pub value: Value,
}

impl Object {
    /// Reads a manifest. `namespace` is where it goes when it names none.
    ///
    /// # Errors
    ///
    /// What it lacks, in words.
    pub(crate) fn read(origin: &str, value: Value, namespace: &str) -> Result<Self, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&value["apiVersion"]), text(&value["kind"]));
        if api_version.is_empty() || kind.is_empty() {
            return Err("it has no `apiVersion` and `kind`".to_owned());
        }
        let name = text(&value["metadata"]["name"]);
        if name.is_empty() {
            return Err(match value["metadata"]["generateName"].as_str() {
                Some(_) => format!("the {kind} has `generateName`; only a `name` can be applied"),
                None => format!("the {kind} has no `metadata.name`"),
            });
        }
        let (group, version) = match api_version.split_once('/') {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (String::new(), api_version),
        };
        let group = moved(&group, &kind).unwrap_or(&group).to_owned();
        let own = text(&value["metadata"]["namespace"]);
        let is_cluster_scoped = CLUSTER_SCOPED.contains(&(group.as_str(), kind.as_str()));
        let namespace = match (is_cluster_scoped, own.is_empty()) {
            (true, _) => String::new(),
            (false, true) => namespace.to_owned(),
            (false, false) => own,
        };
        let id = Id { group, kind, namespace, name };
        Ok(Self { id, version, origin: origin.to_owned(), value })
    }

    /// An annotation's text.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.value["metadata"]["annotations"].get(name)?.as_str()
    }

    /// The manifest as it is sent: in its namespace, with the application's label, without what only
    /// the API server writes.
    pub(crate) fn to_apply(&self, namespace: Option<&str>, app_slug: &str) -> Value {
        let mut value = self.value.clone();
        let metadata = value["metadata"].as_object_mut().expect("it has a name");
        for name in [
            "managedFields",
            "resourceVersion",
            "uid",
            "generation",
            "creationTimestamp",
            "selfLink",
        ] {
            metadata.remove(name);
        }
        match namespace {
            Some(namespace) => metadata.insert("namespace".to_owned(), json!(namespace)),
            None => metadata.remove("namespace"),
        };
        let labels = metadata.entry("labels").or_insert(Value::Null);
        if labels.is_null() {
            *labels = json!({});
        }
        if let Some(labels) = labels.as_object_mut() {
            labels.entry("kots.io/app-slug").or_insert_with(|| json!(app_slug));
        }
        if let Some(object) = value.as_object_mut() {
            object.remove("status");
        }
        value
    }
}

/// Where a kind of the group `extensions` lives now: the API server keeps it as the same object.
fn moved(group: &str, kind: &str) -> Option<&'static str> {
    if group != "extensions" {
        return None;
    }
    match kind {
        "Deployment" | "DaemonSet" | "ReplicaSet" => Some("apps"),
        "Ingress" | "NetworkPolicy" => Some("networking.k8s.io"),
        "PodSecurityPolicy" => Some("policy"),
        _ => None,
    }
}
