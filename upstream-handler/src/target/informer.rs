//! Status informers: which resources make up an application's state (`pkg/appstate`).

use kinds::application::StatusInformer;
use wire::app::ResourceState;

/// States from the worst to the best.
const ORDER: [&str; 5] = ["missing", "unavailable", "degraded", "updating", "ready"];

/// A resource that is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Informer {
    /// One of [`kinds::application::INFORMER_KINDS`].
    pub kind: String,
    /// Where.
    pub namespace: String,
    /// Which.
    pub name: String,
}

impl Informer {
    /// What is told of it.
    pub(crate) fn state(&self, state: &str, reason: Option<String>) -> ResourceState {
        ResourceState {
            kind: self.kind.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            state: state.to_owned(),
            reason,
        }
    }
}

/// Reads one informer; one that cannot be read is a resource that is missing, with the reason.
pub(crate) fn read(text: &str, namespace: &str) -> Result<Informer, ResourceState> {
    if let Some(read) = StatusInformer::parse(text) {
        return Ok(Informer {
            kind: read.kind,
            namespace: read.namespace.unwrap_or_else(|| namespace.to_owned()),
            name: read.name,
        });
    }
    let missing = |kind: &str, namespace: &str, name: &str, reason: String| ResourceState {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        state: "missing".to_owned(),
        reason: Some(reason),
    };
    let unknown = |kind: &str| format!("status informers do not know the kind `{kind}`");
    let parts: Vec<&str> = text.split('/').collect();
    Err(match parts[..] {
        [kind, name] if !name.is_empty() => missing(kind, namespace, name, unknown(kind)),
        [own, kind, name] if !own.is_empty() && !name.is_empty() => {
            missing(kind, own, name, unknown(kind))
        }
        _ => missing("", namespace, text, format!("`{text}` is not `[namespace/]kind/name`")),
    })
}

/// What `see` says of each informer, in order.
///
/// An application without informers has one resource `EMPTY` that is ready, as in the original.
pub(crate) fn each(
    informers: &[String],
    namespace: &str,
    mut see: impl FnMut(&Informer) -> ResourceState,
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
    informers
        .iter()
        .map(|text| read(text, namespace).map_or_else(|it| it, |informer| see(&informer)))
        .collect()
}

/// Worst state of all (`missing < unavailable < degraded < updating < ready`).
pub(crate) fn worst(resources: &[ResourceState]) -> String {
    worst_of(resources.iter().map(|it| it.state.as_str())).to_owned()
}

/// Worst of some states; `missing` of none, as in the original.
pub(crate) fn worst_of<'a>(states: impl Iterator<Item = &'a str>) -> &'static str {
    let rank = |state: &str| ORDER.iter().position(|known| *known == state).unwrap_or(0);
    ORDER[states.map(rank).min().unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_state_counts() {
        let state = |state: &str| ResourceState { state: state.into(), ..Default::default() };
        assert_eq!(worst(&[state("ready"), state("updating")]), "updating");
        assert_eq!(worst(&[state("ready")]), "ready");
        assert_eq!(worst(&[state("ready"), state("missing")]), "missing");
        assert_eq!(worst(&[]), "missing");
    }
}
