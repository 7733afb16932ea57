//! JSON as the original's decoder reads it: keys are found in any case, unknown ones are passed over, only
//! the first value counts, and `null` is an empty one. Only so many values are held: a short text can be very many, and
//! each takes far more memory than its text. Pure.

use std::fmt;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// Decodes the text of a body into `T`. `fields` are the keys of `T`; below `values` those of answers too.
pub(super) fn decode<T: DeserializeOwned + Default>(
    bytes: &[u8],
    fields: &[&str],
) -> Result<T, String> {
    if bytes.trim_ascii().is_empty() {
        return Err("EOF".to_owned());
    }
    let mut left = VALUES;
    let read = Bounded(&mut left).deserialize(&mut serde_json::Deserializer::from_slice(bytes));
    let value = match read {
        Ok(value) => value,
        Err(error) if error.is_eof() => return Err("unexpected EOF".to_owned()),
        Err(error) => return Err(syntax(bytes, &error)),
    };
    if value.is_null() {
        return Ok(T::default());
    }
    let Value::Object(object) = value else {
        let found = kind(&value);
        return Err(format!("json: cannot unmarshal {found} into an object"));
    };
    let folded = Value::Object(folded(object, fields));
    serde_json::from_value(folded).map_err(|error| format!("json: {error}"))
}

/// The words for text that is not JSON.
fn syntax(bytes: &[u8], error: &serde_json::Error) -> String {
    let first = String::from_utf8_lossy(bytes).trim_start().chars().next().unwrap_or_default();
    if error.line() == 1 && !matches!(first, '{' | '[' | '"') {
        return format!("invalid character '{first}' looking for beginning of value");
    }
    error.to_string()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The keys of an answer.
const ANSWER: [&str; 6] =
    ["value", "default", "data", "dataPlaintext", "filename", "repeatableItem"];

/// The object with its known keys in their right case, and without `null`s.
fn folded(object: Map<String, Value>, fields: &[&str]) -> Map<String, Value> {
    let mut folded = Map::new();
    for (key, value) in object {
        let known = fields.iter().find(|it| it.eq_ignore_ascii_case(&key));
        let Some(known) = known.filter(|_| !value.is_null()) else { continue };
        let value = match value {
            Value::Object(answers) if *known == "values" => Value::Object(
                answers
                    .into_iter()
                    .map(|(name, answer)| match answer {
                        Value::Object(answer) => {
                            (name, Value::Object(self::folded(answer, &ANSWER)))
                        }
                        Value::Null => (name, Value::Object(Map::new())),
                        other => (name, other),
                    })
                    .collect(),
            ),
            other => other,
        };
        folded.insert((*known).to_owned(), value);
    }
    folded
}

/// The most values of a body, those of objects and lists included.
const VALUES: usize = 50_000;

/// Reads a value, and takes it and those in it from how many are left.
struct Bounded<'a>(&'a mut usize);

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| {
            D::Error::custom(format_args!("the body has more than {VALUES} values"))
        })?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Bounded(self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            values.insert(key, object.next_value_seed(Bounded(self.0))?);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use super::super::types::{AppRequest, ConfigValuesBody};
    use super::*;

    fn check(text: &str) -> String {
        match decode::<ConfigValuesBody>(text.as_bytes(), &["values"]) {
            Ok(body) => serde_json::to_string(&body).expect("JSON"),
            Err(why) => why,
        }
    }

    #[test]
    fn bodies_are_read_as_by_the_original() {
        let texts = [
            "",
            "null",
            "{}",
            r#"{"values":null}"#,
            r#"{"VALUES":{"a":{"Value":"1","other":2,"filename":null}}} trailing"#,
            "invalid json",
            r#"{"values""#,
            r#"{"values":{"a":{"value":1}}}"#,
            "[]",
            "7",
        ];
        insta::assert_snapshot!(texts.map(check).join("\n"), @r#"
        EOF
        {"values":{}}
        {"values":{}}
        {"values":{}}
        {"values":{"a":{"value":"1"}}}
        invalid character 'i' looking for beginning of value
        unexpected EOF
        json: invalid type: integer `1`, expected a string
        json: cannot unmarshal array into an object
        json: cannot unmarshal number into an object
        "#);
        let body: AppRequest =
            decode(br#"{"IGNOREAPPPREFLIGHTS":true}"#, &["ignoreAppPreflights"]).expect("a body");
        assert!(body.ignore_app_preflights);
    }

    #[test]
    fn a_short_text_of_very_many_values_is_refused() {
        let answers = |n: usize| {
            let answers: Vec<_> = (0..n).map(|at| format!("\"k{at}\":{{}}")).collect();
            format!(r#"{{"values":{{{}}}}}"#, answers.join(","))
        };
        assert!(check(&answers(40_000)).starts_with(r#"{"values":{"#));
        assert!(check(&answers(50_000)).starts_with("the body has more than 50000 values"));
    }

    proptest::proptest! {
        /// What is not part of a body makes no difference to what is.
        #[test]
        fn unknown_keys_and_cases_change_nothing(
            name in "[a-z]{1,8}",
            value in "\\PC{0,20}",
            key in "[vV][aA][lL][uU][eE]",
            other in "[b-u]{1,8}",
        ) {
            let body = serde_json::json!({ "values": { &name: { "value": value } } });
            let mut noisy = serde_json::json!({ "VALUES": { &name: { key: value } } });
            noisy[other.as_str()] = serde_json::json!({ "x": [1, null] });
            noisy["values"] = serde_json::Value::Null;
            proptest::prop_assert_eq!(check(&body.to_string()), check(&noisy.to_string()));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            proptest::prop_assert!(!check(&text).is_empty());
        }
    }
}
