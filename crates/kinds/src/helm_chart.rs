//! `kots.io/v1beta1` and `kots.io/v1beta2` HelmChart: a chart of a release and its values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::gvk::{self, KindError, go_bool};
use crate::multitype::BoolOrString;

/// Below these fields a `null` means "remove this key", so it is kept.
const KEPT: &[&str] = &["values", "builder"];

/// The two generations of chart kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartVersion {
    /// `kots.io/v1beta1`: rendered into the manifests unless `useHelmInstall`.
    V1Beta1,
    /// `kots.io/v1beta2`: passed through unmodified with its values.
    #[default]
    V1Beta2,
}

/// A chart of a release.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HelmChart {
    /// The generation of the kind.
    pub api: ChartVersion,
    /// The `metadata.name` of the document.
    pub name: String,
    /// The fields.
    pub spec: ChartSpec,
}

/// The fields of a chart kind; some exist in one generation only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChartSpec {
    /// Which packaged chart this is.
    pub chart: ChartIdentifier,
    /// The Helm release's name (v1beta2).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_name: String,
    /// Leaves the chart out when it renders to a true word.
    #[serde(skip_serializing_if = "BoolOrString::is_empty")]
    pub exclude: BoolOrString,
    /// The Helm version (v1beta1, ignored).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub helm_version: String,
    /// Whether Helm installs the chart (v1beta1).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub use_helm_install: bool,
    /// The namespace to install into; empty means the application's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub values: Map<String, Value>,
    /// Further values, each under a condition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub optional_values: Vec<OptionalValues>,
    /// Values used to find images only.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub builder: Map<String, Value>,
    /// The order of installation, ascending.
    pub weight: i64,
    /// Flags for `helm upgrade`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub helm_upgrade_flags: Vec<String>,
}

/// Which packaged chart a kind stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChartIdentifier {
    /// The chart's name.
    pub name: String,
    /// The chart's version.
    pub chart_version: String,
    /// The Helm release's name (v1beta1).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release_name: String,
}

/// Values that apply under a condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OptionalValues {
    /// The condition, a true or false word once rendered.
    pub when: BoolOrString,
    /// Whether maps are merged key by key; otherwise top-level keys are replaced.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recursive_merge: bool,
    /// The values.
    pub values: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    metadata: Metadata,
    spec: ChartSpec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    name: String,
}

impl HelmChart {
    /// Reads a HelmChart document of either generation, templates already rendered.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a HelmChart, or a field has the wrong type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        let allowed = ["kots.io/v1beta1", "kots.io/v1beta2"];
        let (gvk, document) = gvk::decode::<Document>(text, &allowed, "HelmChart", KEPT)?;
        let api = if gvk.api_version == "kots.io/v1beta1" {
            ChartVersion::V1Beta1
        } else {
            ChartVersion::V1Beta2
        };
        Ok(Self { api, name: document.metadata.name, spec: document.spec })
    }

    /// The Helm release's name: the one given, else the document's (v1beta1) or chart's (v1beta2).
    pub fn release_name(&self) -> &str {
        let (given, fallback) = match self.api {
            ChartVersion::V1Beta1 => (&self.spec.chart.release_name, &self.name),
            ChartVersion::V1Beta2 => (&self.spec.release_name, &self.spec.chart.name),
        };
        if given.is_empty() { fallback } else { given }
    }

    /// Returns whether the chart is left out. A text that is no boolean leaves nothing out.
    pub fn is_excluded(&self) -> bool {
        go_bool(self.spec.exclude.text()) == Some(true)
    }

    /// The values to install with: `values`, then every `optionalValues` whose condition is true,
    /// in order. Keys are sorted, as Go writes them. A key with the text `null` becomes a null, which
    /// removes the chart's own default.
    pub fn merged_values(&self) -> Map<String, Value> {
        let mut merged = self.spec.values.clone();
        for optional in &self.spec.optional_values {
            if go_bool(optional.when.text()) != Some(true) {
                continue;
            }
            if optional.recursive_merge {
                merge(&mut merged, &optional.values);
            } else {
                merged.extend(optional.values.clone());
            }
        }
        sorted(with_nulls(merged))
    }

    /// The values to find images with, in the same form. Where they alone do not render a chart, those
    /// it is installed with may stand below them ([`HelmChart::builder_over_values`]).
    pub fn builder_values(&self) -> Map<String, Value> {
        sorted(with_nulls(self.spec.builder.clone()))
    }

    /// The values to find images with, over those to install with.
    pub fn builder_over_values(&self) -> Map<String, Value> {
        let mut merged = self.merged_values();
        merge(&mut merged, &self.builder_values());
        sorted(merged)
    }
}

/// Turns the text `null` of a key into a null, but not inside of lists: a vendor has no other way to say
/// that a default of the chart is to go, since a plain null is dropped from a kind.
fn with_nulls(map: Map<String, Value>) -> Map<String, Value> {
    let turned = |value| match value {
        Value::String(text) if text == "null" => Value::Null,
        Value::Object(map) => Value::Object(with_nulls(map)),
        other => other,
    };
    map.into_iter().map(|(key, value)| (key, turned(value))).collect()
}

fn sorted(map: Map<String, Value>) -> Map<String, Value> {
    let in_order = |value| match value {
        Value::Object(map) => Value::Object(sorted(map)),
        other => other,
    };
    let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, in_order(value))).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries.into_iter().collect()
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(api: &str, spec: &Value) -> HelmChart {
        let document = json!({"apiVersion": api, "kind": "HelmChart", "metadata": {"name": "doc"}, "spec": spec});
        HelmChart::parse(&document.to_string()).expect("the test gives a chart")
    }

    #[test]
    fn a_release_has_a_name() {
        let spec = json!({"chart": {"name": "c", "chartVersion": "1", "releaseName": "r1"}, "releaseName": "r2"});
        assert_eq!(check("kots.io/v1beta1", &spec).release_name(), "r1");
        assert_eq!(check("kots.io/v1beta2", &spec).release_name(), "r2");
        let spec = json!({"chart": {"name": "c", "chartVersion": "1"}});
        assert_eq!(check("kots.io/v1beta1", &spec).release_name(), "doc");
        assert_eq!(check("kots.io/v1beta2", &spec).release_name(), "c");
    }

    #[test]
    fn optional_values_are_merged_when_their_condition_holds() {
        let chart = check(
            "kots.io/v1beta2",
            &json!({
                "values": {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": null}},
                "optionalValues": [
                    {"when": "true", "recursiveMerge": true, "values": {"a": {"x": 3}}},
                    {"when": true, "values": {"b": {"z": null}}},
                    {"when": "false", "values": {"c": 1}},
                    {"when": "", "values": {"d": 1}},
                ],
            }),
        );
        let merged = Value::Object(chart.merged_values());
        assert_eq!(merged, json!({"a": {"x": 3, "y": 2}, "b": {"z": null}}));
    }

    #[test]
    fn the_text_null_removes_a_default() {
        let chart = check(
            "kots.io/v1beta2",
            &json!({
                "values": {"a": {"x": "null", "y": "Null"}, "list": ["null", {"z": "null"}]},
                "optionalValues": [{"when": "true", "values": {"b": "null"}}],
                "builder": {"c": "null"},
            }),
        );
        assert_eq!(
            Value::Object(chart.merged_values()),
            json!({"a": {"x": null, "y": "Null"}, "b": null, "list": ["null", {"z": "null"}]})
        );
        assert_eq!(Value::Object(chart.builder_values()), json!({"c": null}));
        assert_eq!(chart.builder_over_values().len(), 4);
    }

    #[test]
    fn a_chart_is_left_out_by_a_true_word_only() {
        let excluded =
            |exclude: Value| check("kots.io/v1beta1", &json!({"exclude": exclude})).is_excluded();
        assert!(excluded(json!("true")));
        assert!(excluded(json!(true)));
        assert!(excluded(json!("1")));
        assert!(!excluded(json!("")));
        assert!(!excluded(json!("no")));
    }
}
