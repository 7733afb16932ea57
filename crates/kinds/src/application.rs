//! `kots.io/v1beta1` Application: what the vendor says of the application as a whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gvk::{self, KindError};

/// The vendor's description of the application.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Application {
    /// The title shown to people.
    pub title: String,
    /// The address of the icon.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// Style sheets and fonts, passed through.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub branding: Value,
    /// Ports that the command line forwards, passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Value>,
    /// The release notes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_notes: String,
    /// Whether an earlier version may be deployed again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_rollback: bool,
    /// The objects whose state makes up the application's, as `[namespace/]kind/name`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status_informers: Vec<String>,
    /// Graphs, passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub graphs: Vec<Value>,
    /// The oldest kotsadm that may install the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub min_kots_version: String,
    /// The kotsadm that the release was made for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target_kots_version: String,
    /// Images that no manifest names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_images: Vec<String>,
    /// Images to leave out of bundles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_images: Vec<String>,
    /// Further namespaces the application uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_namespaces: Vec<String>,
    /// Whether the application must run without cluster-wide rights.
    #[serde(rename = "requireMinimalRBACPrivileges", skip_serializing_if = "std::ops::Not::not")]
    pub require_minimal_rbac_privileges: bool,
    /// Whether the application can run without cluster-wide rights.
    #[serde(rename = "supportMinimalRBACPrivileges", skip_serializing_if = "std::ops::Not::not")]
    pub support_minimal_rbac_privileges: bool,
    /// Whether public images go through the vendor's proxy too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proxy_public_images: bool,
    /// Flags for the console, passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub console_feature_flags: Vec<String>,
    /// The vendor's own name for the image registry.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replicated_registry_domain: String,
    /// The vendor's own name for the image proxy.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy_registry_domain: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    spec: Application,
}

impl Application {
    /// Reads an Application document.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a `kots.io/v1beta1` Application, or a field has the
    /// wrong type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        gvk::decode::<Document>(text, &["kots.io/v1beta1"], "Application", &[])
            .map(|(_, document)| document.spec)
    }

    /// The status informers that can be read; templates in them must be rendered before.
    pub fn informers(&self) -> Vec<StatusInformer> {
        self.status_informers.iter().filter_map(|text| StatusInformer::parse(text)).collect()
    }
}

/// An object whose state is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusInformer {
    /// The namespace; `None` means the application's.
    pub namespace: Option<String>,
    /// The kind: one of [`INFORMER_KINDS`].
    pub kind: String,
    /// The object's name.
    pub name: String,
}

/// The kinds that can be watched.
pub const INFORMER_KINDS: [&str; 6] =
    ["deployment", "statefulset", "service", "ingress", "persistentvolumeclaim", "daemonset"];

impl StatusInformer {
    /// Reads `[namespace/]kind/name`; `None` for another form or a kind that cannot be watched.
    ///
    /// Plural and short names are understood, as by the original.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.trim().split('/').collect();
        let (namespace, kind, name) = match parts[..] {
            [kind, name] => (None, kind, name),
            [namespace, kind, name] if !namespace.is_empty() => (Some(namespace), kind, name),
            _ => return None,
        };
        let kind = match kind.to_lowercase().as_str() {
            "deployment" | "deployments" | "deploy" => "deployment",
            "statefulset" | "statefulsets" | "sts" => "statefulset",
            "service" | "services" | "svc" => "service",
            "ingress" | "ingresses" | "ing" => "ingress",
            "persistentvolumeclaim" | "persistentvolumeclaims" | "pvc" => "persistentvolumeclaim",
            "daemonset" | "daemonsets" | "ds" => "daemonset",
            _ => return None,
        };
        (!name.is_empty()).then(|| Self {
            namespace: namespace.map(str::to_owned),
            kind: kind.to_owned(),
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn informers_are_read() {
        let read = |text: &str| {
            StatusInformer::parse(text)
                .map(|i| format!("{} {} {}", i.namespace.unwrap_or_default(), i.kind, i.name))
        };
        assert_eq!(read("deployment/nginx").as_deref(), Some(" deployment nginx"));
        assert_eq!(read("ns/sts/db").as_deref(), Some("ns statefulset db"));
        assert_eq!(read("pvc/data").as_deref(), Some(" persistentvolumeclaim data"));
        for refused in ["", "nginx", "job/x", "/deployment/x", "a/b/c/d", "deployment/"] {
            assert_eq!(read(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_wrong_type_is_named() {
        let text =
            "apiVersion: kots.io/v1beta1\nkind: Application\nspec:\n  allowRollback: \"true\"\n";
        let Err(KindError::Yaml { source, .. }) = Application::parse(text) else {
            panic!("text was read as a boolean");
        };
        insta::assert_snapshot!(source, @r#"`spec.allowRollback`: invalid type: string "true", expected a boolean"#);
    }
}
