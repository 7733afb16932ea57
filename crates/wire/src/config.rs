//! Config screens and config values (`/api/v1/app/{slug}/config/…`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{null_as_default, text_or_truth};

/// `POST /api/v1/app/{slug}/config/values`.
///
/// Field order is the alphabetical order a Go map marshals to, because the original client sends it so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct ConfigValuesRequest {
    /// Standard base64 of a `ConfigValues` document.
    pub config_values: String,
    /// Base on the deployed version. Absent from `kots deploy`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
    /// Deploy the version this makes.
    pub deploy: bool,
    /// Keep existing values that are not given. Absent from `kots deploy`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    /// The version to base on; -1 is the newest downloaded one.
    pub sequence: i64,
    /// Skip preflights unless strict ones exist.
    pub skip_preflights: bool,
}

/// Answer of `config/values` and of `PUT config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigValuesReply {
    /// Whether a version was made (and deployed, when asked).
    pub success: bool,
    /// The reason it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names of required items without a value.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub required_items: Vec<String>,
    /// Items whose value breaks its rule, by group.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub validation_errors: Vec<GroupValidationError>,
    /// Sequence of the version that was made. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// Causes beneath the reason. An addition of ours.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub causes: Vec<String>,
    /// What to do next. An addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Items of one group that break their rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupValidationError {
    /// The group's name.
    pub name: String,
    /// The group's title.
    pub title: String,
    /// Its items.
    #[serde(deserialize_with = "null_as_default")]
    pub item_errors: Vec<ItemValidationError>,
}

/// One item that breaks its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemValidationError {
    /// The item's name.
    pub name: String,
    /// The item's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Each broken rule.
    #[serde(deserialize_with = "null_as_default")]
    pub validation_errors: Vec<ValidationMessage>,
}

/// One broken rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidationMessage {
    /// The vendor's words, or the default.
    pub message: String,
}

/// `GET /api/v1/app/{slug}/config/{sequence}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigReply {
    /// Whether the config could be shown.
    pub success: bool,
    /// The reason it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Always null.
    pub downstream_version: Option<serde_json::Value>,
    /// The resolved groups.
    #[serde(deserialize_with = "null_as_default")]
    pub config_groups: Vec<ConfigGroup>,
    /// Items whose value breaks its rule.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub validation_errors: Vec<GroupValidationError>,
}

/// `POST /api/v1/app/{slug}/liveconfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveConfigRequest {
    /// The version whose config it is.
    pub sequence: i64,
    /// The groups with the values of the screen.
    #[serde(deserialize_with = "null_as_default")]
    pub config_groups: Vec<ConfigGroup>,
}

/// Answer of `liveconfig`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LiveConfigReply {
    /// Whether the config could be resolved with these values.
    pub success: bool,
    /// The reason it could not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The resolved groups.
    #[serde(deserialize_with = "null_as_default")]
    pub config_groups: Vec<ConfigGroup>,
    /// Items whose value breaks its rule.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub validation_errors: Vec<GroupValidationError>,
}

/// `PUT /api/v1/app/{slug}/config`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateConfigRequest {
    /// The version whose config it is.
    pub sequence: i64,
    /// Ignored, as by the original: the version's state decides.
    pub create_new_version: bool,
    /// The groups with the values of the screen.
    #[serde(deserialize_with = "null_as_default")]
    pub config_groups: Vec<ConfigGroup>,
}

/// One group of a config screen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigGroup {
    /// Identifier.
    pub name: String,
    /// Heading.
    pub title: String,
    /// Text under the heading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `false` hides the group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub when: String,
    /// Its items.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub items: Vec<ConfigItem>,
}

/// One item of a config screen. Password values are the stored cipher text, as from the original.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct ConfigItem {
    /// Identifier.
    pub name: String,
    /// `text`, `password`, `bool`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Heading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Text under the heading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help_text: String,
    /// Marked as recommended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// What applies without a value: text or a bool's `0`/`1`.
    #[serde(deserialize_with = "text_or_truth")]
    pub default: String,
    /// The value.
    #[serde(deserialize_with = "text_or_truth")]
    pub value: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Passed through.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub multi_value: Vec<String>,
    /// Not editable.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub write_once: bool,
    /// `false` hides the item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub when: String,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// Never shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub affix: String,
    /// Must have a value or a default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Options of a choice.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub items: Vec<ConfigChildItem>,
    /// Name of an uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// May be given several times.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
    /// The fewest values of a repeatable item; 1 when absent.
    #[serde(rename = "minimumCount", skip_serializing_if = "Option::is_none")]
    pub minimum_count: Option<i64>,
    /// The number of values of a repeatable item, by group.
    #[serde(
        rename = "countByGroup",
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub count_by_group: BTreeMap<String, i64>,
    /// The objects that a repeatable item repeats.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub templates: Vec<ConfigTemplate>,
    /// Values of a repeatable item, by group then key.
    #[serde(
        rename = "valuesByGroup",
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub values_by_group: BTreeMap<String, BTreeMap<String, String>>,
    /// The item's rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<ConfigValidation>,
}

/// An object that a repeatable item repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigTemplate {
    /// The object's API version.
    pub api_version: String,
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// The object's namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The list to repeat an entry of; the whole object when absent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub yaml_path: String,
}

/// An option of a choice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigChildItem {
    /// Identifier.
    pub name: String,
    /// Words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Marked as recommended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// What applies without a value.
    #[serde(deserialize_with = "text_or_truth")]
    pub default: String,
    /// The value.
    #[serde(deserialize_with = "text_or_truth")]
    pub value: String,
}

/// An item's rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigValidation {
    /// A regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<ConfigRegex>,
}

/// A rule by regular expression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigRegex {
    /// RE2, unanchored.
    pub pattern: String,
    /// Said when it does not match.
    pub message: String,
}
