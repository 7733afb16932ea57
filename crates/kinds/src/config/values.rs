//! The ConfigValues document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gvk::{self, KindError};

/// The answers to an application's questions, by item name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigValues {
    /// The answers.
    pub values: BTreeMap<String, ConfigValue>,
}

/// One answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigValue {
    /// The default at the time of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub default: String,
    /// The value; of a password its cipher text, of a file its content in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// A password in plain text, to be encrypted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value_plaintext: String,
    /// Passed through.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data_plaintext: String,
    /// The name of the uploaded file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// The repeatable item that this answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub repeatable_item: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    spec: ConfigValues,
}

impl ConfigValues {
    /// Reads a ConfigValues document. Every value is text: an unquoted number is refused, as by the
    /// original.
    ///
    /// # Errors
    ///
    /// [`KindError`] when it is not YAML, not a `kots.io/v1beta1` ConfigValues, or a field has the
    /// wrong type.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        gvk::decode::<Document>(text, &["kots.io/v1beta1"], "ConfigValues", &[])
            .map(|(_, document)| document.spec)
    }

    /// Writes the document that [`parse`](Self::parse) reads; equal values give equal text.
    pub fn to_yaml(&self, name: &str) -> String {
        let document = serde_json::json!({
            "apiVersion": "kots.io/v1beta1",
            "kind": "ConfigValues",
            "metadata": {"name": name},
            "spec": self,
            "status": {},
        });
        crate::yaml::to_string(&document).expect("maps and text always have a YAML form")
    }
}
