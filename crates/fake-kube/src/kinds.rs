//! Which kinds there are, and how discovery tells of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A kind in a version of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub name: String,
    pub is_namespaced: bool,
}

impl Kind {
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

const BUILT_IN: &[(&str, &str, &str, &str, bool)] = &[
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    ("", "v1", "persistentvolumes", "PersistentVolume", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "resourcequotas", "ResourceQuota", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("", "v1", "services", "Service", true),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", false),
    ("apps", "v1", "daemonsets", "DaemonSet", true),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "replicasets", "ReplicaSet", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("batch", "v1", "cronjobs", "CronJob", true),
    ("batch", "v1", "jobs", "Job", true),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", true),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", true),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", true),
];

/// Everything that is served: the built-in kinds and those that `definitions` define and establish.
pub(crate) fn served<'a>(definitions: impl Iterator<Item = &'a Value>) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = BUILT_IN
        .iter()
        .map(|(group, version, plural, kind, is_namespaced)| Kind {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
            plural: (*plural).to_owned(),
            name: (*kind).to_owned(),
            is_namespaced: *is_namespaced,
        })
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for definition in definitions {
        let conditions = definition["status"]["conditions"].as_array();
        let is_established = conditions
            .into_iter()
            .flatten()
            .any(|it| it["type"] == "Established" && it["status"] == "True");
        let spec = &definition["spec"];
        for version in spec["versions"].as_array().into_iter().flatten().filter(|_| is_established)
        {
            kinds.push(Kind {
                group: text(&spec["group"]),
                version: text(&version["name"]),
                plural: text(&spec["names"]["plural"]),
                name: text(&spec["names"]["kind"]),
                is_namespaced: spec["scope"] != "Cluster",
            });
        }
    }
    kinds
}

/// `APIResourceList` of a version of a group; `None` when there is none.
pub(crate) fn resources(kinds: &[Kind], group: &str, version: &str) -> Option<Value> {
    let found: Vec<Value> = kinds
        .iter()
        .filter(|it| it.group == group && it.version == version)
        .map(|it| {
            json!({
                "name": it.plural, "singularName": "", "namespaced": it.is_namespaced, "kind": it.name,
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            })
        })
        .collect();
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!found.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found,
        })
    })
}

/// `APIGroupList`.
pub(crate) fn groups(kinds: &[Kind]) -> Value {
    let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for kind in kinds.iter().filter(|it| !it.group.is_empty()) {
        let version = json!({ "groupVersion": kind.api_version(), "version": kind.version });
        let versions = groups.entry(&kind.group).or_default();
        if !versions.contains(&version) {
            versions.push(version);
        }
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(name, versions)| {
            json!({ "name": name, "preferredVersion": versions[0], "versions": versions })
        })
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// The root of the OpenAPI documents: one for each version of a group.
pub(crate) fn schemas(kinds: &[Kind]) -> Value {
    let entry = |it: &Kind| {
        let path = document_path(it);
        (path.clone(), json!({ "serverRelativeURL": format!("/openapi/v3/{path}") }))
    };
    let paths: BTreeMap<String, Value> = kinds.iter().map(entry).collect();
    json!({ "paths": paths })
}

fn document_path(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", kind.api_version())
}

/// The OpenAPI document at `path`: no schemas, but that this server looks at fields itself, so that
/// clients leave that to it. `None` when there is none.
pub(crate) fn schema(kinds: &[Kind], path: &str) -> Option<Value> {
    let mut paths = BTreeMap::new();
    for kind in kinds.iter().filter(|it| document_path(it) == path) {
        let operation = json!({
            "parameters": [{ "name": "fieldValidation", "in": "query", "schema": { "type": "string" } }],
            "responses": {},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind":
                { "group": kind.group, "version": kind.version, "kind": kind.name },
        });
        let name = format!("/{path}/{}/{{name}}", kind.plural);
        paths.insert(name, json!({ "patch": operation }));
    }
    let info = json!({ "title": "fake", "version": "v1" });
    (!paths.is_empty()).then(|| json!({ "openapi": "3.0.0", "info": info, "paths": paths }))
}
