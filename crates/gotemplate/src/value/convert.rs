//! Rust's values into Go's.

use std::sync::Arc;

use super::{GoTime, List, Map, Str, Strings, Value};

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i)
    }
}

impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Self::Float64(f)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::String(text)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(items.into())
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<GoTime> for Value {
    fn from(time: GoTime) -> Self {
        Self::Time(time)
    }
}

impl From<Vec<Str>> for Value {
    fn from(items: Vec<Str>) -> Self {
        Self::Strings(Strings::from(items))
    }
}

impl From<Vec<i64>> for Value {
    fn from(items: Vec<i64>) -> Self {
        Self::Ints(Arc::from(items))
    }
}

impl Value {
    /// Returns a `string` of any bytes.
    pub fn string(bytes: impl Into<Str>) -> Self {
        Self::String(bytes.into())
    }

    /// Returns a list as JSON decoding makes it: its capacity is the next power of two, which `slice`
    /// can see.
    pub fn json_list(items: Vec<Value>) -> Self {
        Self::List(List::grown(items))
    }

    /// Decodes a JSON text as Go's `encoding/json` does, numbers included, which `serde_json` rounds.
    ///
    /// # Errors
    /// The text of Go's error.
    pub fn parse_json(text: &[u8]) -> Result<Self, String> {
        match crate::sprig::decode_json(text) {
            (value, None) => Ok(value),
            (_, Some(error)) => Err(error),
        }
    }

    /// Returns what Go's `encoding/json` decodes into an `interface {}`: every number is a float64.
    ///
    /// Recurses as deep as the value is nested; `serde_json` refuses more than 128 levels.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => Self::Float64(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(s) => Self::from(s.as_str()),
            serde_json::Value::Array(items) => {
                Self::List(List::grown(items.iter().map(Self::from_json).collect()))
            }
            serde_json::Value::Object(entries) => Self::Map(
                entries.iter().map(|(k, v)| (k.as_str(), Self::from_json(v))).collect::<Map>(),
            ),
        }
    }
}
