//! Which documents are KOTS kinds, and how a document is read as one of them.

use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::yaml;

/// The `apiVersion` and `kind` of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gvk {
    /// The API group and version, for example `kots.io/v1beta1`.
    pub api_version: String,
    /// The kind, for example `Config`.
    pub kind: String,
}

impl std::fmt::Display for Gvk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, Kind={}", self.api_version, self.kind)
    }
}

/// Why a document is not of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KindError {
    /// The text is not YAML, or a field has the wrong type.
    #[error("the {kind} document cannot be read")]
    Yaml {
        /// The kind asked for.
        kind: &'static str,
        /// What is wrong with it.
        source: yaml::Error,
    },
    /// The document is of another kind.
    #[error("found {found}, allowed is `{allowed}`")]
    WrongKind {
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
    },
}

impl Gvk {
    /// Returns the kind of a document that was already read, if it names one.
    pub fn of(document: &Value) -> Option<Self> {
        let text = |key: &str| document.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self { api_version: text("apiVersion")?, kind: text("kind")? })
    }

    /// Returns whether KOTS itself reads this document, so that it is not an object to deploy
    /// (`IsKotsKind`).
    pub fn is_kots_kind(&self) -> bool {
        match self.api_version.as_str() {
            "kots.io/v1beta1"
            | "kots.io/v1beta2"
            | "troubleshoot.sh/v1beta2"
            | "troubleshoot.replicated.com/v1beta1"
            | "cluster.kurl.sh/v1beta1"
            | "kurl.sh/v1beta1"
            | "embeddedcluster.replicated.com/v1beta1"
            | "app.k8s.io/v1beta1" => true,
            "velero.io/v1" => matches!(self.kind.as_str(), "Backup" | "Restore"),
            _ => false,
        }
    }

    /// Returns whether this is one of the kinds that carry the operator's own data (licence,
    /// values, installation) and that are therefore never templated.
    pub fn is_operator_data(&self) -> bool {
        matches!(self.api_version.as_str(), "kots.io/v1beta1" | "kots.io/v1beta2")
            && matches!(
                self.kind.as_str(),
                "License" | "ConfigValues" | "Installation" | "IdentityConfig"
            )
    }
}

/// The kind of a document whose text may still hold templates: the first `apiVersion` and `kind`
/// that start a line.
///
/// The original asks a tolerant YAML reader; a template in front of these two lines defeats both.
pub fn sniff(text: &str) -> Option<Gvk> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.trim_start().strip_prefix(':')?;
            let value = rest.split(" #").next()?.trim().trim_matches(['"', '\'']);
            (!value.is_empty()).then(|| value.to_owned())
        })
    };
    Some(Gvk { api_version: field("apiVersion")?, kind: field("kind")? })
}

/// Whether a rendered object is to be deployed, by its annotations `kots.io/exclude` and
/// `kots.io/when`.
///
/// `kots.io/exclude: true` leaves it out; so does a `kots.io/when` that is not a true word of Go's
/// `ParseBool`. Without either the object is deployed.
pub fn is_included(document: &Value) -> bool {
    let annotation = |name: &str| {
        let value = document.get("metadata")?.get("annotations")?.get(name)?;
        Some(match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    if annotation("kots.io/exclude").is_some_and(|text| go_bool(&text) == Some(true)) {
        return false;
    }
    annotation("kots.io/when").is_none_or(|text| go_bool(&text) == Some(true))
}

/// Reads a text as Go's `strconv.ParseBool` does.
pub fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Reads one document of one of the `allowed` API versions of `kind` into `T`.
///
/// As in Go, `null` is the same as an absent field, except below the `kept` field names, where a
/// `null` means something (Helm values: "remove this key").
pub(crate) fn decode<T: DeserializeOwned>(
    text: &str,
    allowed: &[&str],
    kind: &'static str,
    kept: &[&str],
) -> Result<(Gvk, T), KindError> {
    let failed = |source| KindError::Yaml { kind, source };
    let value = yaml::to_value(text).map_err(failed)?;
    decode_value(value, allowed, kind, kept)
}

/// As [`decode`], of a value that was already read.
pub(crate) fn decode_value<T: DeserializeOwned>(
    mut value: Value,
    allowed: &[&str],
    kind: &'static str,
    kept: &[&str],
) -> Result<(Gvk, T), KindError> {
    let gvk = Gvk::of(&value);
    let fits = gvk
        .as_ref()
        .is_some_and(|gvk| gvk.kind == kind && allowed.contains(&gvk.api_version.as_str()));
    let Some(gvk) = gvk.clone().filter(|_| fits) else {
        let allowed: Vec<_> = allowed.iter().map(|api| format!("{api}, Kind={kind}")).collect();
        return Err(KindError::WrongKind {
            found: gvk.map_or_else(
                || "a document without apiVersion and kind".to_owned(),
                |gvk| format!("`{gvk}`"),
            ),
            allowed: allowed.join("` or `"),
        });
    };
    drop_nulls(&mut value, kept);
    yaml::from_value(value)
        .map(|typed| (gvk, typed))
        .map_err(|source| KindError::Yaml { kind, source })
}

/// Removes every map entry that is null, not looking below `kept` fields.
pub(crate) fn drop_nulls(value: &mut Value, kept: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            for (key, value) in map {
                if !kept.contains(&key.as_str()) {
                    drop_nulls(value, kept);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_nulls(item, kept)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kots_kinds_are_not_deployed() {
        let is = |api: &str, kind: &str| {
            Gvk { api_version: api.into(), kind: kind.into() }.is_kots_kind()
        };
        assert!(is("kots.io/v1beta1", "Config"));
        assert!(is("kots.io/v1beta2", "HelmChart"));
        assert!(is("velero.io/v1", "Backup"));
        assert!(is("app.k8s.io/v1beta1", "Application"));
        assert!(is("troubleshoot.sh/v1beta2", "Preflight"));
        assert!(!is("velero.io/v1", "Schedule"));
        assert!(!is("apps/v1", "Deployment"));
        assert!(!is("troubleshoot.sh/v1beta3", "Preflight"));
    }

    #[test]
    fn annotations_leave_an_object_out() {
        let with =
            |annotations: Value| is_included(&json!({"metadata": {"annotations": annotations}}));
        assert!(is_included(&json!({"metadata": {}})));
        assert!(with(json!({})));
        assert!(!with(json!({"kots.io/exclude": "true"})));
        assert!(!with(json!({"kots.io/exclude": true})));
        assert!(with(json!({"kots.io/exclude": "false"})));
        assert!(with(json!({"kots.io/when": "true"})));
        assert!(with(json!({"kots.io/when": "1"})));
        assert!(!with(json!({"kots.io/when": "false"})));
        assert!(!with(json!({"kots.io/when": ""})));
    }

    #[test]
    fn a_kind_is_found_before_rendering() {
        let found = sniff("apiVersion: \"v1\" # x\nkind: ConfigMap\ndata:\n  a: {{repl x }}\n");
        assert_eq!(found.map(|gvk| gvk.to_string()), Some("v1, Kind=ConfigMap".to_owned()));
        assert_eq!(sniff("a: 1\n  kind: x\n"), None);
    }
}
