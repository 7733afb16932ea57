//! Reads bodies as the original's decoder does: content types are not looked at, keys are found in any
//! case, unknown ones are passed over, only the first JSON value counts, and `null` is an empty one.

use axum::body::{Body, to_bytes};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The largest body, in bytes: files are answers too.
const LIMIT: usize = 64 << 20;

/// Reads a body into `T`. `fields` are the keys of `T`, and of each answer below `values`.
pub(super) async fn read<T: DeserializeOwned + Default>(
    body: Body,
    fields: &[&str],
) -> Result<T, Refusal> {
    read_at_most(body, fields, LIMIT).await
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read_at_most<T: DeserializeOwned + Default>(
    body: Body,
    fields: &[&str],
    limit: usize,
) -> Result<T, Refusal> {
    let bytes = to_bytes(body, limit).await.map_err(|error| {
        let is_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_long {
            Refusal::new(413, format!("the body is longer than {limit} bytes"))
        } else {
            Refusal::bad(format!("the body could not be read: {error}"))
        }
    })?;
    decode(&bytes, fields)
}

fn decode<T: DeserializeOwned + Default>(bytes: &[u8], fields: &[&str]) -> Result<T, Refusal> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = match values.next() {
        None => return Err(Refusal::bad("EOF")),
        Some(Ok(value)) => value,
        Some(Err(error)) if error.is_eof() => return Err(Refusal::bad("unexpected EOF")),
        Some(Err(error)) => return Err(Refusal::bad(syntax(bytes, &error))),
    };
    if value.is_null() {
        return Ok(T::default());
    }
    let Value::Object(object) = value else {
        let found = kind(&value);
        return Err(Refusal::bad(format!("json: cannot unmarshal {found} into an object")));
    };
    let folded = Value::Object(folded(object, fields));
    serde_json::from_value(folded).map_err(|error| Refusal::bad(format!("json: {error}")))
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

#[cfg(test)]
mod tests {
    use super::super::types::{AppRequest, ConfigValuesBody};
    use super::*;

    fn check(text: &str) -> String {
        match decode::<ConfigValuesBody>(text.as_bytes(), &["values"]) {
            Ok(body) => serde_json::to_string(&body).expect("JSON"),
            Err(refusal) => format!("{} {}", refusal.status, refusal.message),
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
        400 EOF
        {"values":{}}
        {"values":{}}
        {"values":{}}
        {"values":{"a":{"value":"1"}}}
        400 invalid character 'i' looking for beginning of value
        400 unexpected EOF
        400 json: invalid type: integer `1`, expected a string
        400 json: cannot unmarshal array into an object
        400 json: cannot unmarshal number into an object
        "#);
        let body: AppRequest =
            decode(br#"{"IGNOREAPPPREFLIGHTS":true}"#, &["ignoreAppPreflights"]).expect("a body");
        assert!(body.ignore_app_preflights);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let line = check(&text);
            let is_body = line.starts_with('{');
            proptest::prop_assert!(line.starts_with("400 ") || is_body);
        }
    }
}
