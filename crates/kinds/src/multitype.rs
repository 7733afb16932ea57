//! The two field types of the kinds that accept more than one JSON type.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gvk::go_bool;

/// A text or a boolean, as `default` and `value` of config items are.
///
/// Anything that is not a JSON string is read as a boolean, so `1` is `true` and any other number
/// is refused, as by the original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoolOrString {
    /// A text.
    String(String),
    /// A boolean.
    Bool(bool),
}

impl Default for BoolOrString {
    fn default() -> Self {
        Self::String(String::new())
    }
}

impl BoolOrString {
    /// The text form: a boolean is `1` or `0`.
    pub fn text(&self) -> &str {
        match self {
            Self::String(text) => text,
            Self::Bool(true) => "1",
            Self::Bool(false) => "0",
        }
    }

    /// As [`text`](Self::text), without a copy.
    pub fn into_text(self) -> String {
        match self {
            Self::String(text) => text,
            Self::Bool(_) => self.text().to_owned(),
        }
    }

    /// Returns whether this is the empty text.
    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }
}

impl From<&str> for BoolOrString {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for BoolOrString {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl Serialize for BoolOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

impl<'de> Deserialize<'de> for BoolOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoolOrStringVisitor)
    }
}

struct BoolOrStringVisitor;

impl Visitor<'_> for BoolOrStringVisitor {
    type Value = BoolOrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a boolean (numbers must be quoted)")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(BoolOrString::String(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(BoolOrString::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        match number {
            0 | 1 => Ok(BoolOrString::Bool(number == 1)),
            _ => Err(E::invalid_type(serde::de::Unexpected::Unsigned(number), &self)),
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Err(E::invalid_type(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Err(E::invalid_type(serde::de::Unexpected::Float(number), &self))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(BoolOrString::default())
    }
}

/// A `when`: a boolean or a template that gives one. Only the exact text `false` hides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct QuotedBool(pub String);

impl QuotedBool {
    /// Returns whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether this hides what it stands on.
    pub fn hides(&self) -> bool {
        self.0 == "false"
    }
}

impl<'de> Deserialize<'de> for QuotedBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The YAML reader has made booleans of the bare words; only they and 1 and 0 are folded.
        Ok(Self(match BoolOrString::deserialize(deserializer)? {
            BoolOrString::String(text) => text,
            BoolOrString::Bool(value) => value.to_string(),
        }))
    }
}

/// Reads the text an operator gives for a boolean item; `None` is not a boolean.
pub fn item_bool(text: &str) -> Option<bool> {
    go_bool(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn a_value_is_text_or_a_boolean() {
        let read = |text: &str| match yaml::from_str::<BoolOrString>(text) {
            Ok(value) => format!("{value:?} {}", value.text()),
            Err(error) => error.to_string(),
        };
        assert_eq!(read("\"1\""), "String(\"1\") 1");
        assert_eq!(read("yes"), "Bool(true) 1");
        assert_eq!(read("1"), "Bool(true) 1");
        assert_eq!(read("false"), "Bool(false) 0");
        insta::assert_snapshot!(read("8080"), @"`.`: invalid type: integer `8080`, expected text or a boolean (numbers must be quoted)");
    }

    #[test]
    fn a_when_hides_only_with_the_exact_word() {
        let read =
            |text: &str| yaml::from_str::<QuotedBool>(text).map(|when| (when.hides(), when.0));
        assert_eq!(read("no"), Ok((true, "false".to_owned())));
        assert_eq!(read("0"), Ok((true, "false".to_owned())));
        assert_eq!(read("\"false\""), Ok((true, "false".to_owned())));
        assert_eq!(read("\"no\""), Ok((false, "no".to_owned())));
        assert_eq!(read("'{{repl x }}'"), Ok((false, "{{repl x }}".to_owned())));
    }
}
