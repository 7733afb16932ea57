//! Several preflight specs made into one.

use kinds::yaml;
use serde_json::{Value, json};

/// One spec, ready to be run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    /// The document.
    pub(super) text: String,
    /// The titles of the checks that are not left out.
    pub(super) titles: Vec<String>,
}

/// Lists of a spec that are put together.
const LISTS: [&str; 3] = ["collectors", "remoteCollectors", "analyzers"];

/// Puts the specs' lists together, equal entries once; `None` when there is nothing to check.
pub(super) fn merge(texts: &[String]) -> Result<Option<Spec>, String> {
    let mut spec = serde_json::Map::new();
    for text in texts {
        let document =
            yaml::to_value(text).map_err(|error| format!("a preflight spec: {error}"))?;
        for list in LISTS {
            let Some(entries) = document["spec"][list].as_array() else { continue };
            let merged = spec.entry(list).or_insert_with(|| json!([]));
            if let Some(merged) = merged.as_array_mut() {
                for entry in entries {
                    if !merged.contains(entry) {
                        merged.push(entry.clone());
                    }
                }
            }
        }
    }
    let analyzers = spec.get("analyzers").and_then(Value::as_array).cloned().unwrap_or_default();
    if analyzers.is_empty() {
        return Ok(None);
    }
    let document = json!({
        "apiVersion": "troubleshoot.sh/v1beta2",
        "kind": "Preflight",
        "metadata": { "name": "app-preflights" },
        "spec": spec,
    });
    let titles = analyzers.iter().filter_map(title).collect();
    let text = yaml::to_string(&document).map_err(|error| error.to_string())?;
    Ok(Some(Spec { text, titles }))
}

/// The title of an analyzer, unless it is left out: its `checkName`, else its kind.
fn title(analyzer: &Value) -> Option<String> {
    let (kind, body) = analyzer.as_object()?.iter().next()?;
    let is_excluded = match &body["exclude"] {
        Value::Bool(value) => *value,
        Value::String(text) => kinds::gvk::go_bool(text) == Some(true),
        _ => false,
    };
    let name = body["checkName"].as_str().unwrap_or(kind);
    (!is_excluded).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str]) -> String {
        let texts: Vec<String> = texts.iter().map(|it| (*it).to_owned()).collect();
        match merge(&texts) {
            Ok(Some(spec)) => format!("{}---\n{}", spec.text, spec.titles.join("\n")),
            Ok(None) => "nothing".to_owned(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lists_are_put_together_once() {
        let one = "spec: {collectors: [{clusterInfo: {}}], analyzers: [{clusterVersion: {checkName: Version}}]}";
        let other = "spec: {collectors: [{clusterInfo: {}}], analyzers: [{nodeResources: {checkName: Nodes, exclude: 'true'}}, {distribution: {}}]}";
        insta::assert_snapshot!(check(&[one, other]));
    }

    #[test]
    fn nothing_to_check_is_no_spec() {
        assert_eq!(check(&["spec: {collectors: [{clusterInfo: {}}]}"]), "nothing");
        assert_eq!(check(&["{}"]), "nothing");
        assert!(check(&["{"]).starts_with("error: a preflight spec: "));
    }
}
