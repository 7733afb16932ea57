//! The application's questions and answers on the wire (`api/types/app.go`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One answer to a question of the application.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppConfigValue {
    /// The value; of a password eight bullets, which mean "unchanged" when they are sent back.
    pub(crate) value: String,
    /// The default at the time of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) default: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data_plaintext: String,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filename: String,
    /// The repeatable item that this answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) repeatable_item: String,
}

/// Answers by the names of their items.
pub(crate) type AppConfigValues = BTreeMap<String, AppConfigValue>;

/// Answers, sent and given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConfigValuesBody {
    /// By the names of their items.
    #[serde(default)]
    pub(crate) values: AppConfigValues,
}

/// The questions of the application, rendered.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct AppConfig {
    /// Groups with at least one item that is shown.
    pub(crate) groups: Vec<ConfigGroup>,
}

/// A group of questions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigGroup {
    /// The name.
    pub(crate) name: String,
    /// The title.
    pub(crate) title: String,
    /// Markdown under the title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// Rendered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) when: String,
    /// The questions.
    pub(crate) items: Vec<ConfigItem>,
}

/// A question.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigItem {
    /// The name.
    pub(crate) name: String,
    /// `text`, `password`, `bool`, `file`, …
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) title: String,
    /// Markdown under the item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) help_text: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recommended: bool,
    /// What applies while there is no value.
    pub(crate) default: String,
    /// The value.
    pub(crate) value: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) data: String,
    /// The vendor's own words of an error.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    /// Passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) multi_value: Vec<String>,
    /// Whether the value is the vendor's alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) readonly: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) write_once: bool,
    /// Rendered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) when: String,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) multiple: bool,
    /// Whether it is never shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hidden: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) affix: String,
    /// Whether it must have a value or a default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) required: bool,
    /// The options of a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) items: Vec<ConfigChildItem>,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) filename: String,
    /// Passed through: answers to repeatable items are not taken here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeatable: bool,
    /// Passed through.
    #[serde(rename = "minimumCount", skip_serializing_if = "Option::is_none")]
    pub(crate) minimum_count: Option<i64>,
    /// Passed through.
    #[serde(rename = "countByGroup", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) count_by_group: BTreeMap<String, i64>,
    /// Passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) templates: Vec<ConfigRepeatTemplate>,
    /// Passed through.
    #[serde(rename = "valuesByGroup", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values_by_group: BTreeMap<String, BTreeMap<String, String>>,
    /// The rule of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation: Option<ConfigValidation>,
}

/// An option of a choice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigChildItem {
    /// The name.
    pub(crate) name: String,
    /// The title.
    pub(crate) title: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recommended: bool,
    /// What applies while there is no value.
    pub(crate) default: ConfigText,
    /// The value.
    pub(crate) value: ConfigText,
}

/// A text, or the boolean that stands in the vendor's file: options are passed through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ConfigText {
    /// A boolean.
    Bool(bool),
    /// A text.
    Text(String),
}

/// An object that a repeatable item repeats.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfigRepeatTemplate {
    /// The object's API version.
    pub(crate) api_version: String,
    /// The object's kind.
    pub(crate) kind: String,
    /// The object's name.
    pub(crate) name: String,
    /// The object's namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) namespace: String,
    /// The list to repeat an entry of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) yaml_path: String,
}

/// The rule of a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigValidation {
    /// A regular expression in RE2 syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) regex: Option<ConfigRegex>,
}

/// A regular expression and what to say when it does not match.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConfigRegex {
    /// The expression.
    pub(crate) pattern: String,
    /// The words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
}
