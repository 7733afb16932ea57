//! The Config document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gvk::{self, KindError};
use crate::multitype::{BoolOrString, QuotedBool};

/// The questions of an application.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// The groups, in the order they are shown.
    pub groups: Vec<ConfigGroup>,
}

/// A group of questions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigGroup {
    /// The group's name.
    pub name: String,
    /// The group's title.
    pub title: String,
    /// The text under the title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Hides the group when it renders to `false`.
    #[serde(skip_serializing_if = "QuotedBool::is_empty")]
    pub when: QuotedBool,
    /// The questions, in the order they are shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ConfigItem>,
}

/// One question.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigItem {
    /// The item's name, by which templates and values refer to it.
    pub name: String,
    /// The item's type; see [`ItemType`].
    #[serde(rename = "type")]
    pub kind: String,
    /// The item's title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The text under the item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help_text: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// The value that applies while there is none.
    pub default: BoolOrString,
    /// The value.
    pub value: BoolOrString,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Passed through.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub multi_value: Vec<String>,
    /// Whether the value is the vendor's alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub readonly: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub write_once: bool,
    /// Hides the item when it renders to `false`.
    #[serde(skip_serializing_if = "QuotedBool::is_empty")]
    pub when: QuotedBool,
    /// Passed through.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// Whether the item is never shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub affix: String,
    /// Whether it must have a value or a default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The options of a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ChildItem>,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// Whether it can be answered several times.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
    /// The fewest answers of a repeatable item; 1 when absent.
    #[serde(rename = "minimumCount", skip_serializing_if = "Option::is_none")]
    pub minimum_count: Option<i64>,
    /// The number of answers of a repeatable item by group.
    #[serde(rename = "countByGroup", skip_serializing_if = "BTreeMap::is_empty")]
    pub count_by_group: BTreeMap<String, i64>,
    /// The objects that a repeatable item repeats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<RepeatTemplate>,
    /// The answers of a repeatable item by group and name.
    #[serde(rename = "valuesByGroup", skip_serializing_if = "BTreeMap::is_empty")]
    pub values_by_group: BTreeMap<String, BTreeMap<String, String>>,
    /// The rule of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

/// An option of a choice.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChildItem {
    /// The option's name.
    pub name: String,
    /// The option's title.
    pub title: String,
    /// Whether the vendor recommends it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recommended: bool,
    /// The value that applies while there is none.
    pub default: BoolOrString,
    /// The value.
    pub value: BoolOrString,
}

/// An object that a repeatable item repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RepeatTemplate {
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

/// The rule of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// A regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexRule>,
}

/// A regular expression in RE2 syntax that must match somewhere in the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegexRule {
    /// The expression.
    pub pattern: String,
    /// What to say when it does not match.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What an item's type means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemType {
    /// `text`, `textarea` or nothing.
    Text,
    /// `password`: a text, encrypted at rest.
    Password,
    /// `file`: base64 content, with a file name aside.
    File,
    /// `bool`: `1` or `0`.
    Bool,
    /// `select_one`, `radio`, `dropdown`, `select`, `select_many`.
    Choice,
    /// `label`, `heading`, and every unknown type: shown, never answered.
    Shown,
}

impl ConfigItem {
    /// What the item's type means.
    pub fn item_type(&self) -> ItemType {
        match self.kind.as_str() {
            "" | "text" | "textarea" => ItemType::Text,
            "password" => ItemType::Password,
            "file" => ItemType::File,
            "bool" => ItemType::Bool,
            "select_one" | "radio" | "dropdown" | "select" | "select_many" => ItemType::Choice,
            _ => ItemType::Shown,
        }
    }

    /// Returns whether an operator's value is kept from one render to the next.
    pub fn is_editable(&self) -> bool {
        !self.readonly && self.item_type() != ItemType::Shown
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    spec: Config,
}

impl Config {
    /// Reads a Config document, templates unrendered.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a `kots.io/v1beta1` Config, or a field has the wrong
    /// type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        gvk::decode::<Document>(text, &["kots.io/v1beta1"], "Config", &[])
            .map(|(_, document)| document.spec)
    }

    /// All items of all groups, in order.
    pub fn items(&self) -> impl Iterator<Item = &ConfigItem> {
        self.groups.iter().flat_map(|group| &group.items)
    }

    /// The item with a name.
    pub fn item(&self, name: &str) -> Option<&ConfigItem> {
        self.items().find(|item| item.name == name)
    }

    /// Writes the document that [`parse`](Self::parse) reads.
    pub fn to_yaml(&self, name: &str) -> String {
        let document = serde_json::json!({
            "apiVersion": "kots.io/v1beta1",
            "kind": "Config",
            "metadata": {"name": name},
            "spec": self,
            "status": {},
        });
        crate::yaml::to_string(&document).expect("maps, text and numbers always have a YAML form")
    }
}
