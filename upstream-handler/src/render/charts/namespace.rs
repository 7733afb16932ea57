//! Objects of a chart are put into the chart's namespace where they name none (kustomize's `namespace`).
//! Pure.

use std::collections::BTreeSet;

use kinds::yaml;
use serde_json::Value;

use super::layout::Document;
use crate::render::object::ObjectId;
use crate::render::rendered::sorted;

/// Kinds that are in no namespace.
const CLUSTER_WIDE: [&str; 26] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "FlowSchema",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "SelfSubjectReview",
    "StorageClass",
    "TokenReview",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
    "VolumeAttachment",
];

/// Puts documents into `namespace`; what is left as it is comes first, as in the original.
pub(super) fn put_into(namespace: &str, documents: Vec<Document>) -> Vec<Document> {
    if namespace.is_empty() {
        return documents;
    }
    let mut left = Vec::new();
    let mut moved = Vec::new();
    for document in documents {
        match yaml::to_manifest(&document.text) {
            Ok(object) if is_moved(&object) => moved.push((document.path, object)),
            _ => left.push(document),
        }
    }
    let accounts: BTreeSet<String> = moved
        .iter()
        .map(|(_, object)| ObjectId::of(object))
        .filter(|id| id.kind == "ServiceAccount")
        .map(|id| id.name)
        .chain(["default".to_owned()])
        .collect();
    left.extend(moved.into_iter().map(|(path, mut object)| {
        if !CLUSTER_WIDE.contains(&&*ObjectId::of(&object).kind) {
            object["metadata"]["namespace"] = namespace.into();
        }
        move_subjects(&mut object, namespace, &accounts);
        let text = yaml::to_string(&sorted(object));
        Document { path, text: text.expect("what was read from YAML has a YAML form") }
    }));
    left
}

/// Whether it is an object that names no namespace; resource definitions are left as they are.
fn is_moved(object: &Value) -> bool {
    let id = ObjectId::of(object);
    let is_object = [&id.api_version, &id.kind, &id.name].iter().all(|it| !it.is_empty());
    let is_namespace = id.kind == "Namespace" && id.api_version == "v1";
    is_object && id.namespace.is_empty() && id.kind != "CustomResourceDefinition" && !is_namespace
}

/// A binding's service accounts move with the accounts.
fn move_subjects(object: &mut Value, namespace: &str, accounts: &BTreeSet<String>) {
    let is_binding = ObjectId::of(object).kind.ends_with("RoleBinding");
    let subjects = object.get_mut("subjects").and_then(Value::as_array_mut).filter(|_| is_binding);
    for subject in subjects.into_iter().flatten() {
        let text = |key: &str| subject.get(key).and_then(Value::as_str).unwrap_or_default();
        let is_ours = text("kind") == "ServiceAccount"
            && text("namespace").is_empty()
            && accounts.contains(text("name"));
        if is_ours {
            subject["namespace"] = namespace.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str]) -> String {
        let documents =
            texts.iter().map(|text| Document { path: "a".into(), text: (*text).into() });
        let moved = put_into("ns", documents.collect());
        moved.into_iter().map(|it| it.text.trim().to_owned()).collect::<Vec<_>>().join("\n---\n")
    }

    #[test]
    fn objects_without_a_namespace_get_one() {
        insta::assert_snapshot!(check(&[
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\ndata: {x: yes}",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: own}",
            "a: [",
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa}",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: c}\nsubjects: [{kind: ServiceAccount, name: sa}, {kind: ServiceAccount, name: other}]",
        ]), @r#"
        apiVersion: v1
        kind: Secret
        metadata: {name: b, namespace: own}
        ---
        a: [
        ---
        apiVersion: v1
        data:
          x: "yes"
        kind: ConfigMap
        metadata:
          name: a
          namespace: ns
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata:
          name: sa
          namespace: ns
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata:
          name: c
        subjects:
        - kind: ServiceAccount
          name: sa
          namespace: ns
        - kind: ServiceAccount
          name: other
        "#);
    }
}
