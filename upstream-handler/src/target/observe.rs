//! What the status informers see in a folder of manifests.
//!
//! An object that is in place is ready: a folder runs nothing. One that is not there is missing, with
//! the reason. Of charts the templates are read ([`charts`]): an object whose name stands there is in
//! place too.

mod charts;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use wire::app::ResourceState;

use super::TargetError;

/// Largest manifest that is looked into, in bytes.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// One object: kind in lower case, namespace, name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// `deployment`, …
    pub kind: String,
    /// Where.
    pub namespace: String,
    /// Which.
    pub name: String,
}

/// Lists the objects of all manifests and charts below `folder`.
pub(crate) fn objects(folder: &Path, namespace: &str) -> Result<BTreeSet<Object>, TargetError> {
    let mut found = BTreeSet::new();
    walk(folder, true, &mut |path, text| {
        for document in kinds::yaml::split_documents(text) {
            let value: Value = kinds::yaml::from_str(document.text).map_err(|source| {
                TargetError::Manifest { path: path.display().to_string(), source }
            })?;
            collect(&value, namespace, &mut found);
        }
        Ok(())
    })?;
    charts::objects(&folder.join(crate::release::HELM), namespace, &mut found);
    Ok(found)
}

fn collect(value: &Value, namespace: &str, found: &mut BTreeSet<Object>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&value["kind"]).to_lowercase();
    if kind == "list" {
        for item in value["items"].as_array().into_iter().flatten() {
            collect(item, namespace, found);
        }
    }
    let name = text(&value["metadata"]["name"]);
    if kind.is_empty() || name.is_empty() {
        return;
    }
    let own = text(&value["metadata"]["namespace"]);
    let namespace = if own.is_empty() { namespace.to_owned() } else { own };
    found.insert(Object { kind, namespace, name });
}

/// Calls `visit` with every YAML file below `folder`, in order of names.
fn walk(
    folder: &Path,
    is_top: bool,
    visit: &mut dyn FnMut(&Path, &str) -> Result<(), TargetError>,
) -> Result<(), TargetError> {
    let read = |error| TargetError::File {
        what: "read",
        path: folder.display().to_string(),
        source: error,
    };
    let mut entries =
        fs::read_dir(folder).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(read)?;
        if kind.is_dir() {
            let is_helm = is_top && entry.file_name() == crate::release::HELM;
            if !is_helm {
                walk(&path, false, visit)?;
            }
            continue;
        }
        let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let is_small = entry.metadata().is_ok_and(|meta| meta.len() <= MAX_MANIFEST_BYTES);
        if kind.is_file() && is_yaml && is_small {
            let text = fs::read_to_string(&path).map_err(|source| TargetError::File {
                what: "read",
                path: path.display().to_string(),
                source,
            })?;
            visit(&path, &text)?;
        }
    }
    Ok(())
}

/// What each informer sees among `objects`.
///
/// An application without informers has one resource `EMPTY` that is ready, as in the original.
pub(crate) fn observe(
    informers: &[String],
    objects: &BTreeSet<Object>,
    namespace: &str,
) -> Vec<ResourceState> {
    if informers.is_empty() {
        return vec![ResourceState {
            kind: "EMPTY".to_owned(),
            name: "EMPTY".to_owned(),
            namespace: "EMPTY".to_owned(),
            state: "ready".to_owned(),
            reason: None,
        }];
    }
    informers.iter().map(|informer| state_of(informer, objects, namespace)).collect()
}

fn state_of(informer: &str, objects: &BTreeSet<Object>, namespace: &str) -> ResourceState {
    let missing = |kind: &str, namespace: &str, name: &str, reason: String| ResourceState {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        state: "missing".to_owned(),
        reason: Some(reason),
    };
    let parts: Vec<&str> = informer.split('/').collect();
    let (namespace, kind, name) = match parts[..] {
        [kind, name] => (namespace, kind, name),
        [own, kind, name] => (own, kind, name),
        _ => {
            let reason = format!("`{informer}` is not `[namespace/]kind/name`");
            return missing("", namespace, informer, reason);
        }
    };
    let Some(kind) = full_kind(kind) else {
        let reason = format!("status informers do not know the kind `{kind}`");
        return missing(kind, namespace, name, reason);
    };
    let wanted =
        Object { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() };
    if objects.contains(&wanted) {
        return ResourceState {
            kind: wanted.kind,
            name: wanted.name,
            namespace: wanted.namespace,
            state: "ready".to_owned(),
            reason: None,
        };
    }
    let reason =
        format!("no manifest or chart in place defines {kind} {name} in namespace {namespace}");
    missing(kind, namespace, name, reason)
}

/// The kinds informers know and their short names (`pkg/appstate`).
fn full_kind(kind: &str) -> Option<&'static str> {
    Some(match kind.to_lowercase().as_str() {
        "deployment" | "deployments" | "deploy" => "deployment",
        "statefulset" | "statefulsets" | "sts" => "statefulset",
        "service" | "services" | "svc" => "service",
        "ingress" | "ingresses" | "ing" => "ingress",
        "persistentvolumeclaim" | "persistentvolumeclaims" | "pvc" => "persistentvolumeclaim",
        "daemonset" | "daemonsets" | "ds" => "daemonset",
        _ => return None,
    })
}

/// Worst state of all (`missing < unavailable < degraded < updating < ready`).
pub(crate) fn worst(resources: &[ResourceState]) -> String {
    const ORDER: [&str; 5] = ["missing", "unavailable", "degraded", "updating", "ready"];
    let rank = |state: &str| ORDER.iter().position(|known| *known == state).unwrap_or(0);
    ORDER[resources.iter().map(|it| rank(&it.state)).min().unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(informer: &str) -> String {
        let objects = BTreeSet::from([
            Object { kind: "deployment".into(), namespace: "shop".into(), name: "web".into() },
            Object { kind: "service".into(), namespace: "other".into(), name: "db".into() },
        ]);
        let informers = if informer.is_empty() { vec![] } else { vec![informer.to_owned()] };
        let [state] = &observe(&informers, &objects, "shop")[..] else { panic!("one informer") };
        let reason = state.reason.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        format!("{}/{}/{} {}{reason}", state.namespace, state.kind, state.name, state.state)
    }

    #[test]
    fn what_is_in_place_is_ready() {
        assert_eq!(check("deployment/web"), "shop/deployment/web ready");
        assert_eq!(check("deploy/web"), "shop/deployment/web ready");
        assert_eq!(check("other/svc/db"), "other/service/db ready");
        assert_eq!(check(""), "EMPTY/EMPTY/EMPTY ready");
    }

    #[test]
    fn what_is_not_there_is_missing_with_a_reason() {
        assert_eq!(
            check("service/db"),
            "shop/service/db missing: no manifest or chart in place defines service db in namespace \
             shop"
        );
        assert_eq!(
            check("job/x"),
            "shop/job/x missing: status informers do not know the kind `job`"
        );
        assert_eq!(check("web"), "shop//web missing: `web` is not `[namespace/]kind/name`");
    }

    #[test]
    fn the_worst_state_counts() {
        let state = |state: &str| ResourceState { state: state.into(), ..Default::default() };
        assert_eq!(worst(&[state("ready"), state("updating")]), "updating");
        assert_eq!(worst(&[state("ready")]), "ready");
        assert_eq!(worst(&[state("ready"), state("missing")]), "missing");
        assert_eq!(worst(&[]), "missing");
    }
}
