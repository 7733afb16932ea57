//! Troubleshoot's Preflight: finding the documents, in a release and in rendered charts, and making one of
//! many; and reading what the program found ([`results`]).

pub mod results;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::gvk::{Gvk, go_bool, sniff};
use crate::yaml::{self, split_documents};

/// Lists of a Preflight that are put together.
const LISTS: [&str; 3] = ["collectors", "remoteCollectors", "analyzers"];
/// The label of a secret that holds one.
const LABEL: &str = "/metadata/labels/troubleshoot.sh~1kind";

/// A Preflight that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// What it calls itself.
    pub kind: Gvk,
    /// The document.
    pub value: Value,
    /// The document as it stood there.
    pub text: String,
}

/// Whether a document is a Preflight.
pub fn is_preflight(gvk: &Gvk) -> bool {
    gvk.kind == "Preflight"
        && ["troubleshoot.sh/v1beta2", "troubleshoot.replicated.com/v1beta1"]
            .contains(&gvk.api_version.as_str())
}

/// The Preflights of a rendered chart: documents, and secrets that hold some. What is no YAML is passed
/// over: it is told when the chart is installed.
pub fn in_chart(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for document in split_documents(text) {
        let Some(kind) = sniff(document.text) else { continue };
        let is_secret = kind.api_version == "v1" && kind.kind == "Secret";
        if !is_preflight(&kind) && !is_secret {
            continue;
        }
        let Ok(value) = yaml::to_value(document.text) else { continue };
        if is_preflight(&kind) {
            found.push(Found { kind, value, text: document.text.to_owned() });
        } else if value.pointer(LABEL).and_then(Value::as_str) == Some("preflight") {
            for held in texts_of(&value) {
                found.extend(in_chart(&held));
            }
        }
    }
    found
}

/// Whether a template of a chart could render to a Preflight.
pub fn may_render_to_one(template: &str) -> bool {
    template.contains("troubleshoot")
}

/// The texts that a secret holds.
fn texts_of(secret: &Value) -> Vec<String> {
    let fields = |name: &str| secret.get(name).and_then(Value::as_object).into_iter().flatten();
    let plain = fields("stringData").filter_map(|(_, text)| text.as_str().map(str::to_owned));
    let packed = fields("data").filter_map(|(_, text)| {
        let bytes = STANDARD.decode(text.as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    });
    plain.chain(packed).collect()
}

/// Puts documents together: the lists of all of them, equal entries once; `None` without any document.
///
/// Nothing else is taken over. The originals run the checks themselves and send the results nowhere, so
/// `uploadResultsTo` of a vendor's document must not make the program do it.
pub fn merged(documents: &[Value]) -> Option<Value> {
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

/// Where the program is told to send its results: nowhere, since it knows no such scheme.
const NOWHERE: &str = "nowhere:results";

/// A document as the program is to be given it.
///
/// What the program may not look at it hands to a thread that prints it, and it may end before that thread had its
/// turn; on one processor it mostly does, and the reason is lost. Where there is an address for results, it tells the
/// same thread that they could not be sent, and that waits until everything before it is printed. So there is an
/// address, of which [`is_said`] leaves out the failure.
///
/// # Errors
///
/// The document cannot be written as YAML.
pub fn for_program(document: &Value) -> Result<String, yaml::Error> {
    let mut document = document.clone();
    document["spec"]["uploadResultsTo"] = NOWHERE.into();
    yaml::to_string(&document)
}

/// Whether a line of the program's log says something: not that results went nowhere, not where it put what it
/// collected (which is not kept: it holds what is in the cluster), and not nothing.
pub fn is_said(line: &str) -> bool {
    !line.trim().is_empty()
        && !line.contains(NOWHERE)
        && !line.starts_with("Saving preflight bundle")
}

/// Whether a check of a document is strict, left out or not (`HasStrictAnalyzers` of troubleshoot).
pub fn has_strict(document: &Value) -> bool {
    let analyzers = document.pointer("/spec/analyzers").and_then(Value::as_array);
    let bodies = analyzers.into_iter().flatten().filter_map(Value::as_object);
    bodies.flat_map(|it| it.values()).filter_map(|it| it.get("strict")).any(is_true)
}

/// A boolean, or a text that a template gave.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => go_bool(text) == Some(true),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFLIGHT: &str = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: a}\nspec: {analyzers: [{a: {strict: true}}]}\n";

    fn document(text: &str) -> Value {
        yaml::to_value(text).expect("YAML")
    }

    #[test]
    fn the_program_sends_nothing_and_says_nothing_of_that() {
        let text = for_program(&document(PREFLIGHT)).expect("it is YAML");
        assert_eq!(document(&text)["spec"]["uploadResultsTo"], NOWHERE);
        let log = format!(
            "error - not allowed\n\nerror - failed to execute request: Post \"{NOWHERE}\": unsupported protocol scheme\nSaving preflight bundle to x\nError: failed\n"
        );
        let said: Vec<_> = log.lines().filter(|it| is_said(it)).collect();
        assert_eq!(said, ["error - not allowed", "Error: failed"]);
    }

    #[test]
    fn documents_are_put_together() {
        let one = document(
            "metadata: {name: one}\nspec: {uploadResultsTo: 'http://x', collectors: [{a: {}}], analyzers: [{b: {strict: true}}, {c: {exclude: 'true'}}]}",
        );
        let other = document(
            "spec: {collectors: [{a: {}}, {d: {}}], analyzers: [{e: {exclude: '', checkName: E}}]}",
        );
        let spec = merged(&[one, other]).expect("there are some");
        insta::assert_snapshot!(spec, @r#"{"apiVersion":"troubleshoot.sh/v1beta2","kind":"Preflight","metadata":{"name":"one"},"spec":{"collectors":[{"a":{}},{"d":{}}],"analyzers":[{"b":{"strict":true}},{"c":{"exclude":"true"}},{"e":{"exclude":"","checkName":"E"}}]}}"#);
        let titles = |it: &Value| {
            results::asked(it).into_iter().map(|it| (it.title, it.is_strict)).collect::<Vec<_>>()
        };
        assert_eq!(titles(&spec), [("b".to_owned(), true), ("E".to_owned(), false)]);
        assert!(has_strict(&spec) && !has_strict(&document("spec: {analyzers: [7, {a: 7}]}")));
        assert_eq!(merged(&[]), None);
        assert!(titles(&merged(&[document("spec: 7")]).expect("there is one")).is_empty());
        assert!(titles(&document("spec: {analyzers: [7, {}, {a: 7}]}")).len() == 1);
    }

    #[test]
    fn charts_bring_checks_along() {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, labels: {{troubleshoot.sh/kind: preflight}}}}\ndata: {{preflight.yaml: {}}}\n",
            STANDARD.encode(PREFLIGHT.replace("name: a", "name: b"))
        );
        let chart =
            format!("apiVersion: v1\nkind: Service\n---\n# Source: x\n{PREFLIGHT}---\n{secret}");
        let found = in_chart(&chart);
        let names: Vec<_> = found.iter().map(|it| it.value["metadata"]["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(may_render_to_one(&chart) && !may_render_to_one("kind: Service"));
        assert!(in_chart("apiVersion: v1\nkind: Secret\ndata: {a: QQ==}\n").is_empty());
    }
}
