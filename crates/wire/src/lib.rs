//! JSON bodies that cross a socket, and nothing else.
//!
//! Every type mirrors a body of the kotsadm API (KOTS commit `370ae903`) or of our own documented
//! additions. Field names, absence and null are the original's: clients of either server must be
//! able to read both. No type here has behaviour beyond (de)serialisation; domain types live in the
//! crates that own their meaning and are converted at the edge.
//!
//! Readers ignore unknown fields everywhere.

pub mod app;
pub mod config;
pub mod deploy;
pub mod health;
pub mod license;
pub mod login;
pub mod preflight;
pub mod push;
pub mod report;
pub mod update;
pub mod upstream;

use serde::{Deserialize, Serialize};

/// The error body of most routes: `{"error": …, "success": false}` (`pkg/handlers/types/errors.go`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// The reason, for a person.
    #[serde(default)]
    pub error: String,
    /// Always false.
    #[serde(default)]
    pub success: bool,
    /// Causes beneath the reason, outermost first. An addition of ours; the original never sends it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What to do next. An addition of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `{"success": …, "error"?: …}`, the answer of most verbs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuccessReply {
    /// Whether the verb was carried out.
    #[serde(default)]
    pub success: bool,
    /// The reason it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The time that stands for "never" where a timestamp is not optional (Go's zero time).
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Reads `null` as the type's default, as Go's decoder does.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a text, or what the original writes in its place for a `BoolOrString`: a bool, whose text
/// form is `1` or `0`, or null (`multitype/boolstring.go` of kotskinds).
pub(crate) fn text_or_truth<'de, D>(deserializer: D) -> Result<String, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Truth(bool),
        Number(serde_json::Number),
    }
    Ok(match Option::<Either>::deserialize(deserializer)? {
        None => String::new(),
        Some(Either::Text(text)) => text,
        Some(Either::Truth(truth)) => if truth { "1" } else { "0" }.to_owned(),
        Some(Either::Number(number)) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_truth_is_read_where_a_text_is_due() {
        let check = |json: &str| match serde_json::from_str::<crate::config::ConfigItem>(json) {
            Ok(it) => format!("{:?} {:?}", it.default, it.value),
            Err(error) => error.to_string(),
        };
        assert_eq!(check(r#"{"default": true, "value": "x"}"#), r#""1" "x""#);
        assert_eq!(check(r#"{"default": false, "value": null}"#), r#""0" """#);
        assert_eq!(check(r#"{"value": 7}"#), r#""" "7""#);
        assert!(check(r#"{"value": []}"#).contains("did not match"));
    }
}
