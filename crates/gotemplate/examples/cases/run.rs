//! One template case: the template, its data, and what Go makes of it.

use std::sync::Arc;

use base64::Engine as _;
use gotemplate::{
    FuncMap, GoTime, Limits, List, Map, Options, Str, Strings, Template, Value, sprig,
};
use serde_json::Value as Json;

/// What became of a case.
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) pass: bool,
    pub(crate) result: Result<String, String>,
}

impl Outcome {
    pub(crate) fn json(&self) -> Json {
        match &self.result {
            Ok(got) => serde_json::json!({"id": self.id, "pass": self.pass, "got": got}),
            Err(error) => serde_json::json!({"id": self.id, "pass": self.pass, "error": error}),
        }
    }
}

/// Runs cases.
pub(crate) struct Runner {
    sprig: FuncMap,
    builtin: FuncMap,
}

impl Runner {
    pub(crate) fn new() -> Self {
        Self { sprig: sprig::funcs(), builtin: FuncMap::new() }
    }

    /// Runs the case of one line.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        let case: Json = match serde_json::from_str(line) {
            Ok(case) => case,
            Err(error) => {
                let result = Err(format!("the case is no JSON: {error}"));
                return Outcome { id: String::new(), pass: false, result };
            }
        };
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let funcs = if text("funcs") == "builtin" { &self.builtin } else { &self.sprig };
        let data = case.get("data").map_or(Value::Nil, decode);
        let options = Options::delims(text("left"), text("right"));
        let result = Template::parse("t", text("template"), &options, funcs)
            .and_then(|template| template.render(&data, &Limits::default()))
            .map_err(|error| error.to_string());
        let pass = match &result {
            Ok(got) => case["want"].as_str() == Some(got),
            Err(error) => case["error"].as_str() == Some(error),
        };
        Outcome { id: text("id").to_owned(), pass, result }
    }
}

/// Decodes the data of a case: JSON, with markers for what JSON cannot say.
fn decode(json: &Json) -> Value {
    match json {
        Json::Object(entries) => {
            if entries.len() == 1
                && let Some((marker, inner)) = entries.iter().next()
                && let Some(value) = marked(marker, inner)
            {
                return value;
            }
            Value::Map(entries.iter().map(|(k, v)| (k.as_str(), decode(v))).collect::<Map>())
        }
        // The wrapper makes the list as JSON decoding does, capacity and all.
        Json::Array(items) => Value::json_list(items.iter().map(decode).collect()),
        other => Value::from_json(other),
    }
}

fn marked(marker: &str, json: &Json) -> Option<Value> {
    let number = || json.as_str().map_or_else(|| json.to_string(), ToOwned::to_owned);
    let strings = |items: &Json| -> Vec<Str> {
        items.as_array().into_iter().flatten().filter_map(Json::as_str).map(Str::from).collect()
    };
    Some(match marker {
        "$int" => Value::Int(number().parse().ok()?),
        "$int64" => Value::Int64(number().parse().ok()?),
        "$uint64" => Value::Uint64(number().parse().ok()?),
        "$float" => Value::Float64(match json.as_str()? {
            "NaN" => f64::NAN,
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            "-0" => -0.0,
            other => other.parse().ok()?,
        }),
        "$bytes" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(json.as_str()?).ok()?;
            Value::Bytes(bytes.into())
        }
        "$strings" => Value::Strings(Strings::from(strings(json))),
        "$ints" => Value::Ints(json.as_array()?.iter().filter_map(Json::as_i64).collect()),
        "$stringmap" => Value::StringMap(Arc::new(
            json.as_object()?
                .iter()
                .map(|(k, v)| (Str::from(k), Str::from(v.as_str().unwrap_or_default())))
                .collect(),
        )),
        "$time" => {
            let at: jiff::Timestamp = json.as_str()?.parse().ok()?;
            Value::Time(GoTime::from_timestamp(at))
        }
        "$nil" if json.as_str() == Some("map") => Value::Map(Map::nil()),
        "$nil" => Value::List(List::nil()),
        _ => return None,
    })
}
