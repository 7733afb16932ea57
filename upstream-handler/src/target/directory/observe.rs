//! What the status informers see in a folder of manifests.
//!
//! An object that is in place is ready: a folder runs nothing. One that is not there is missing, with
//! the reason. Of charts the templates are read ([`charts`]): an object whose name stands there is in
//! place too.

mod charts;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use wire::app::ResourceState;

use crate::target::informer::{self, Informer};
use crate::target::{TargetError, manifests};

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
    manifests::documents(folder, &[crate::release::HELM], &mut |_, value| {
        found.extend(object(&value, namespace));
    })?;
    charts::objects(&folder.join(crate::release::HELM), namespace, &mut found);
    Ok(found)
}

fn object(value: &Value, namespace: &str) -> Option<Object> {
    let text = |value: &Value| value.as_str().filter(|it| !it.is_empty()).map(str::to_owned);
    Some(Object {
        kind: text(&value["kind"])?.to_lowercase(),
        namespace: text(&value["metadata"]["namespace"]).unwrap_or_else(|| namespace.to_owned()),
        name: text(&value["metadata"]["name"])?,
    })
}

/// What each informer sees among `objects`.
pub(crate) fn observe(
    informers: &[String],
    objects: &BTreeSet<Object>,
    namespace: &str,
) -> Vec<ResourceState> {
    informer::each(informers, namespace, |informer| {
        let Informer { kind, namespace, name } = informer.clone();
        let wanted =
            Object { kind: kind.clone(), namespace: namespace.clone(), name: name.clone() };
        if objects.contains(&wanted) {
            return informer.state("ready", None);
        }
        let reason =
            format!("no manifest or chart in place defines {kind} {name} in namespace {namespace}");
        informer.state("missing", Some(reason))
    })
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
}
