//! What tells one object from another, and the order in which objects are written. Pure.

use std::cmp::Ordering;

use serde_json::Value;

/// What tells an object from others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectId {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    /// Empty when the object names none.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ObjectId {
    /// Reads it from an object; what is not there is empty.
    pub(crate) fn of(object: &Value) -> Self {
        let text = |path: &str| {
            object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        Self {
            api_version: text("/apiVersion"),
            kind: text("/kind"),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
        }
    }

    /// The same object in `namespace` when it names none itself.
    pub(crate) fn within(&self, namespace: &str) -> Self {
        let mut id = self.clone();
        if id.namespace.is_empty() {
            namespace.clone_into(&mut id.namespace);
        }
        id
    }

    /// The API group; empty for the core one.
    pub(crate) fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The API version without its group.
    pub(crate) fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&*self.api_version, |(_, version)| version)
    }

    /// Whether Kubernetes itself defines the kind, so that its lists are merged by key.
    pub(crate) fn is_built_in(&self) -> bool {
        let group = self.group();
        self.kind != "CustomResourceDefinition"
            && (!group.contains('.') || group.ends_with(".k8s.io"))
    }

    /// The name of its file, `<name>-<kind>`, in lower case and without anything a path could use.
    pub(crate) fn file_stem(&self) -> String {
        let text = format!("{}-{}", self.name, self.kind).to_lowercase();
        text.chars().map(|c| if matches!(c, '/' | '\\' | '\0') { '-' } else { c }).collect()
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} `{}`", self.kind, self.name)?;
        if !self.namespace.is_empty() {
            write!(f, " in `{}`", self.namespace)?;
        }
        Ok(())
    }
}

/// Kinds that come first, in this order (kustomize's order of old).
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that come last.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Compares two objects as kustomize orders what it writes: by kind, then by group, version,
/// namespace (none is last) and name.
pub(crate) fn order(a: &ObjectId, b: &ObjectId) -> Ordering {
    fn rank(kind: &str) -> usize {
        let place = |list: &[&str]| list.iter().position(|it| *it == kind);
        place(&FIRST).or_else(|| place(&LAST).map(|at| FIRST.len() + 1 + at)).unwrap_or(FIRST.len())
    }
    fn key(id: &ObjectId) -> (usize, &str, &str, &str, bool, &str, &str) {
        let (group, version) = (id.group(), id.version());
        (rank(&id.kind), group, version, &id.kind, id.namespace.is_empty(), &id.namespace, &id.name)
    }
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(api: &str, kind: &str, namespace: &str, name: &str) -> ObjectId {
        ObjectId::of(
            &json!({"apiVersion": api, "kind": kind, "metadata": {"namespace": namespace, "name": name}}),
        )
    }

    #[test]
    fn objects_are_ordered() {
        let mut ids = [
            id("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "w"),
            id("v1", "Secret", "", "s"),
            id("example.com/v1", "Thing", "", "t"),
            id("apps/v1", "Deployment", "", "d"),
            id("v1", "Secret", "other", "s"),
            id("v1", "Secret", "another", "s"),
            id("v1", "Namespace", "", "n"),
        ];
        ids.sort_by(order);
        let shown: Vec<_> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "Namespace `n`",
                "Secret `s` in `another`",
                "Secret `s` in `other`",
                "Secret `s`",
                "Deployment `d`",
                "Thing `t`",
                "ValidatingWebhookConfiguration `w`",
            ]
        );
    }

    #[test]
    fn a_name_is_no_path() {
        assert_eq!(id("v1", "Secret", "", "../a/B").file_stem(), "..-a-b-secret");
    }
}
