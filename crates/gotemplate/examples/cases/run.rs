//! One template case: the template, its data, and what Go makes of it.

use std::sync::Arc;

use base64::Engine as _;
use gotemplate::{
    FuncMap, GoTime, Limits, List, Map, Options, Str, Strings, Template, Value, Zone, sprig,
};
use jiff::civil::DateTime;
use serde_json::Value as Json;

/// What became of a case.
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) pass: bool,
    pub(crate) result: Result<String, String>,
}

impl Outcome {
    fn broken(message: &str) -> Self {
        let result = Err(format!("the case cannot be read: {message}"));
        Self { id: String::new(), pass: false, result }
    }

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
        let case = match Value::parse_json(line.as_bytes()) {
            Ok(Value::Map(case)) => case,
            Ok(_) => return Outcome::broken("the case is no JSON object"),
            Err(error) => return Outcome::broken(&error),
        };
        let text = |name: &str| match case.get(name.as_bytes()) {
            Some(Value::String(text)) => Some(text.to_lossy().into_owned()),
            _ => None,
        };
        let given = |name: &str| text(name).unwrap_or_default();
        let funcs = if given("funcs") == "builtin" { &self.builtin } else { &self.sprig };
        let data = case.get(b"data").map_or(Value::Nil, decode);
        let options = Options::delims(given("left"), given("right"));
        let result = Template::parse("t", &given("template"), &options, funcs)
            .and_then(|template| template.render(&data, &Limits::default()))
            .map_err(|error| error.to_string());
        let pass = match &result {
            Ok(got) => text("want").as_ref() == Some(got),
            Err(error) => text("error").as_ref() == Some(error),
        };
        Outcome { id: given("id"), pass, result }
    }
}

/// Replaces the markers for what JSON cannot say.
fn decode(value: Value) -> Value {
    match &value {
        Value::Map(map) => {
            let entries = map.entries();
            if let [(marker, inner)] = &entries[..]
                && let Some(value) = marked(&marker.to_lossy(), inner)
            {
                return value;
            }
            Value::Map(entries.into_iter().map(|(k, v)| (k, decode(v))).collect::<Map>())
        }
        Value::List(list) => Value::json_list(list.to_vec().into_iter().map(decode).collect()),
        _ => value,
    }
}

fn marked(marker: &str, value: &Value) -> Option<Value> {
    let items = || value.elements().unwrap_or_default();
    let number = || match value {
        // Beyond 2^53 the cases write numbers as text.
        Value::Float64(f) => format!("{f}"),
        other => other.print(),
    };
    Some(match marker {
        "$int" => Value::Int(number().parse().ok()?),
        "$int64" => Value::Int64(number().parse().ok()?),
        "$uint64" => Value::Uint64(number().parse().ok()?),
        "$float" => Value::Float64(match value.as_str()? {
            "NaN" => f64::NAN,
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            "-0" => -0.0,
            other => other.parse().ok()?,
        }),
        "$bytes" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_bytes()?).ok()?;
            Value::Bytes(bytes.into())
        }
        "$strings" => Value::Strings(Strings::from(items().iter().map(string).collect::<Vec<_>>())),
        "$ints" => Value::Ints(items().iter().filter_map(|v| v.print().parse().ok()).collect()),
        "$stringmap" => Value::StringMap(Arc::new(
            value.entries()?.iter().map(|(k, v)| (k.clone(), string(v))).collect(),
        )),
        "$time" => Value::Time(time(value.as_str()?)?),
        "$nil" if value.as_str() == Some("map") => Value::Map(Map::nil()),
        "$nil" => Value::List(List::nil()),
        _ => return None,
    })
}

/// A time in UTC, up to the end of the year 9999: a `Timestamp` ends a day earlier.
fn time(text: &str) -> Option<GoTime> {
    let civil: DateTime = text.strip_suffix('Z')?.parse().ok()?;
    let since = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let whole = since.as_secs() - i64::from(since.subsec_nanos() < 0);
    Some(GoTime::new(whole, u32::try_from(civil.subsec_nanosecond()).ok()?, Zone::Utc))
}

fn string(value: &Value) -> Str {
    match value {
        Value::String(text) => text.clone(),
        _ => Str::default(),
    }
}
