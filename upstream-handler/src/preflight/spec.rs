//! What is checked: the Preflight documents of a version as one.

use std::path::Path;

use kinds::gvk::Gvk;
use kinds::yaml::{self, split_documents};
use serde_json::{Map, Value, json};

use crate::release::tree::{require_text, vendor_files};
use crate::release::{KOTS_KINDS, ReleaseError};

/// Lists of a Preflight that are put together.
const LISTS: [&str; 3] = ["collectors", "remoteCollectors", "analyzers"];

/// Reads the Preflights of the version in `tree`, those of its charts included; `None` without any.
pub(crate) fn read(tree: &Path) -> Result<Option<Value>, ReleaseError> {
    let folder = tree.join(KOTS_KINDS);
    let mut found = Vec::new();
    for file in vendor_files(&folder)? {
        let text = require_text(&folder, &file.path)?;
        for document in split_documents(&text) {
            let broken = |what: String| ReleaseError::Broken {
                path: format!("{KOTS_KINDS}/{}", file.path),
                kind: "Preflight".to_owned(),
                what,
            };
            if !kinds::gvk::sniff(document.text).is_some_and(|gvk| is_preflight(&gvk)) {
                continue;
            }
            found.push(yaml::to_value(document.text).map_err(|error| broken(error.to_string()))?);
        }
    }
    Ok(merged(&found))
}

/// Whether a document is a Preflight.
pub(crate) fn is_preflight(gvk: &Gvk) -> bool {
    gvk.kind == "Preflight"
        && ["troubleshoot.sh/v1beta2", "troubleshoot.replicated.com/v1beta1"]
            .contains(&gvk.api_version.as_str())
}

/// Puts documents together: the lists of all of them, equal entries once.
///
/// Nothing else is taken over. The original runs the checks itself and sends the results nowhere, so
/// `uploadResultsTo` of a vendor's document must not make the program do it.
fn merged(documents: &[Value]) -> Option<Value> {
    let first = documents.first()?;
    let name = first.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("preflight");
    let mut spec = Map::new();
    for list in LISTS {
        let mut entries: Vec<&Value> = Vec::new();
        for document in documents {
            let more = document.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
            for entry in more.into_iter().flatten() {
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
        }
        if !entries.is_empty() {
            spec.insert(list.to_owned(), json!(entries));
        }
    }
    Some(json!({
        "apiVersion": "troubleshoot.sh/v1beta2",
        "kind": "Preflight",
        "metadata": {"name": name},
        "spec": spec,
    }))
}

/// The number of checks in a merged document that are not left out.
pub(crate) fn n_checks(spec: &Value) -> usize {
    let analyzers = spec.pointer("/spec/analyzers").and_then(Value::as_array);
    let is_left_out = |analyzer: &Value| {
        let fields = analyzer.as_object().into_iter().flat_map(Map::values);
        fields.filter_map(|it| it.get("exclude")).any(|exclude| match exclude {
            Value::Bool(exclude) => *exclude,
            Value::String(text) => kinds::gvk::go_bool(text) == Some(true),
            _ => false,
        })
    };
    analyzers.into_iter().flatten().filter(|it| !is_left_out(it)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Value {
        yaml::to_value(text).expect("YAML")
    }

    #[test]
    fn documents_are_put_together() {
        let one = document(
            "metadata: {name: one}\nspec: {uploadResultsTo: 'http://x', collectors: [{a: {}}], analyzers: [{b: {strict: true}}, {c: {exclude: 'true'}}]}",
        );
        let other =
            document("spec: {collectors: [{a: {}}, {d: {}}], analyzers: [{e: {exclude: ''}}]}");
        let spec = merged(&[one, other]).expect("there are some");
        insta::assert_snapshot!(spec, @r#"{"apiVersion":"troubleshoot.sh/v1beta2","kind":"Preflight","metadata":{"name":"one"},"spec":{"collectors":[{"a":{}},{"d":{}}],"analyzers":[{"b":{"strict":true}},{"c":{"exclude":"true"}},{"e":{"exclude":""}}]}}"#);
        assert_eq!(n_checks(&spec), 2);
        assert_eq!(merged(&[]), None);
        assert_eq!(n_checks(&merged(&[document("spec: 7")]).expect("there is one")), 0);
    }
}
