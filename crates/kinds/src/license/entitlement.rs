//! The custom fields of a licence.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A custom field of a licence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entitlement {
    /// The title shown to people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What the field means.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The value.
    #[serde(skip_serializing_if = "EntitlementValue::is_absent")]
    pub value: EntitlementValue,
    /// `String`, `Text`, `Integer`, `Boolean`, or empty for `String`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value_type: String,
    /// Whether the field is kept from people.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hidden: bool,
    /// The signature of the value, where the vendor gives one.
    #[serde(skip_serializing_if = "EntitlementSignature::is_empty")]
    pub signature: EntitlementSignature,
}

/// The signature of one value, in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntitlementSignature {
    /// The signature over MD5, in v1beta1 licences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub v1: String,
    /// The signature over SHA-256, in v1beta2 licences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub v2: String,
}

impl EntitlementSignature {
    fn is_empty(&self) -> bool {
        self.v1.is_empty() && self.v2.is_empty()
    }
}

/// The value of a custom field: a whole number, text, a boolean, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EntitlementValue {
    /// The field has no value.
    #[default]
    Absent,
    /// Text.
    String(String),
    /// A whole number.
    Int(i64),
    /// A boolean.
    Bool(bool),
}

impl EntitlementValue {
    /// Returns whether there is no value.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// The value as Go prints it, the form that is signed. An absent one is `None`.
    pub fn printed(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::String(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Bool(value) => Some(value.to_string()),
        }
    }
}

impl Serialize for EntitlementValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_unit(),
            Self::String(text) => serializer.serialize_str(text),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Bool(value) => serializer.serialize_bool(*value),
        }
    }
}

impl<'de> Deserialize<'de> for EntitlementValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = EntitlementValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("text, a whole number or a boolean")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(EntitlementValue::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(EntitlementValue::Int(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number).map(EntitlementValue::Int).map_err(|_| {
            E::custom(format!("the number {number} is too large, at most {} is allowed", i64::MAX))
        })
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // The vendor's own JSON may write a whole number with an exponent.
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        if number.fract() == 0.0 && number.abs() < 9e15 {
            return Ok(EntitlementValue::Int(number as i64));
        }
        Err(E::invalid_type(serde::de::Unexpected::Float(number), &self))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(EntitlementValue::String(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(EntitlementValue::Absent)
    }
}
