//! Methods and fields of the values that have them.

use std::any::Any;
use std::sync::Arc;

use crate::func::Func;
use crate::types::Type;
use crate::value::{
    Civil, GoTime, Named, Object, Value, Zone, duration_string, month_name, round_duration,
    weekday_name,
};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

const LOCATION: &str = "*time.Location";
const RFC_3339: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// Returns the method of this name, bound to the value.
pub(crate) fn find(value: &Value, name: &str) -> Option<Func> {
    match value {
        Value::Object(object) => object.method(name),
        Value::Time(time) => time_method(time, name),
        Value::Named(Named::Duration, nanos) => duration_method(*nanos, name),
        Value::Named(Named::Month, n) if name == "String" => plain(month_name(*n)),
        Value::Named(Named::Weekday, n) if name == "String" => plain(weekday_name(*n)),
        _ => None,
    }
}

/// Returns the fields of a struct.
pub(crate) fn fields(value: &Value) -> Option<Vec<(&'static str, Value)>> {
    match value {
        Value::Object(object) => Some(object.fields()),
        Value::Time(_) => {
            Some(["wall", "ext", "loc"].into_iter().map(|name| (name, Value::Nil)).collect())
        }
        _ => None,
    }
}

fn plain(value: impl Into<Value>) -> Option<Func> {
    let value = value.into();
    Some(Func::new([], move |_| Ok(value.clone())).typed())
}

fn duration(nanos: i64) -> Value {
    Value::Named(Named::Duration, nanos)
}

#[expect(clippy::cast_precision_loss, reason = "Go converts so, too")]
fn duration_method(nanos: i64, name: &str) -> Option<Func> {
    let units = |unit: i64| {
        // Whole units and the rest apart, as Go adds them.
        Value::Float64((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64)
    };
    let rounded = move |round: fn(i64, i64) -> i64| {
        let body = move |a: &[Value]| {
            Ok(duration(round(nanos, a.first().and_then(Value::as_i64).unwrap_or(0))))
        };
        Some(Func::new([Type::Duration], body).typed())
    };
    match name {
        "String" => plain(duration_string(nanos)),
        "Nanoseconds" => plain(Value::Int64(nanos)),
        "Microseconds" => plain(Value::Int64(nanos / 1_000)),
        "Milliseconds" => plain(Value::Int64(nanos / 1_000_000)),
        "Seconds" => plain(units(SECOND)),
        "Minutes" => plain(units(MINUTE)),
        "Hours" => plain(units(HOUR)),
        "Abs" => plain(duration(nanos.saturating_abs())),
        "Round" => rounded(round_duration),
        "Truncate" => rounded(|nanos, to| if to <= 0 { nanos } else { nanos - nanos % to }),
        _ => None,
    }
}

fn time_method(time: &GoTime, name: &str) -> Option<Func> {
    let civil = time.civil();
    match name {
        "Year" => plain(civil.year),
        "Month" => plain(Value::Named(Named::Month, civil.month)),
        "Day" => plain(civil.day),
        "Hour" => plain(civil.hour),
        "Minute" => plain(civil.minute),
        "Second" => plain(civil.second),
        "Nanosecond" => plain(i64::from(time.nanos())),
        "YearDay" => plain(civil.year_day()),
        "Weekday" => plain(Value::Named(Named::Weekday, civil.weekday())),
        "Unix" => plain(Value::Int64(time.unix())),
        "UnixMilli" => plain(Value::Int64(scaled(time, 1_000))),
        "UnixMicro" => plain(Value::Int64(scaled(time, 1_000_000))),
        "UnixNano" => plain(Value::Int64(scaled(time, SECOND))),
        "IsZero" => plain(time.is_zero()),
        "IsDST" => plain(time.zone().is_summer_time(time.unix())),
        "String" => plain(time.string()),
        "GoString" => plain(time.go_string()),
        "UTC" => plain(time.in_zone(Zone::Utc)),
        "Local" => plain(time.in_zone(Zone::Local)),
        "Location" => plain(Value::Object(Arc::new(Location(time.zone().clone())))),
        "In" => {
            let time = time.clone();
            let body = move |a: &[Value]| match location(a.first()) {
                Some(zone) => Ok(Value::Time(time.in_zone(zone))),
                None => Err("time: missing Location in call to Time.In".into()),
            };
            Some(Func::new([Type::Object(LOCATION.into())], body).typed())
        }
        "MarshalText" => plain(bytes(time.format(RFC_3339))),
        "MarshalJSON" => plain(bytes(format!("\"{}\"", time.format(RFC_3339)))),
        "AppendFormat" => {
            let time = time.clone();
            let body = move |a: &[Value]| {
                let part = |i: usize| a.get(i).and_then(Value::as_bytes).unwrap_or_default();
                let text = [part(0), &time.format_bytes(part(1))].concat();
                Ok(Value::Bytes(text.into()))
            };
            Some(Func::new([Type::Bytes, Type::String], body).typed())
        }
        "Zone" => two_results(name, "int"),
        "Date" => three_results(name),
        "Clock" => three_results(name),
        "ISOWeek" => two_results(name, "int"),
        "Format" => {
            let time = time.clone();
            let body = move |a: &[Value]| {
                let layout = a.first().and_then(Value::as_bytes).unwrap_or_default();
                Ok(Value::string(time.format_bytes(layout)))
            };
            Some(Func::new([Type::String], body).typed())
        }
        "Add" | "Truncate" | "Round" => with_duration(time, name),
        "AddDate" => {
            let time = time.clone();
            let body = move |a: &[Value]| {
                let n = |i: usize| a.get(i).and_then(Value::as_i64).unwrap_or(0);
                let date = Civil {
                    year: civil.year.wrapping_add(n(0)),
                    month: civil.month.wrapping_add(n(1)),
                    day: civil.day.wrapping_add(n(2)),
                    ..civil
                };
                Ok(Value::Time(GoTime::date(&date, time.nanos(), time.zone().clone())))
            };
            Some(Func::new([Type::Int, Type::Int, Type::Int], body).typed())
        }
        "Sub" | "After" | "Before" | "Equal" | "Compare" => with_time(time, name),
        _ => None,
    }
}

fn bytes(text: String) -> Value {
    Value::Bytes(text.into_bytes().into())
}

/// `*time.Location`.
#[derive(Debug)]
struct Location(Zone);

impl Object for Location {
    fn type_name(&self) -> &str {
        LOCATION
    }

    fn is_pointer(&self) -> bool {
        true
    }

    fn text(&self) -> Option<String> {
        Some(self.0.name())
    }

    fn method(&self, name: &str) -> Option<Func> {
        if name == "String" { plain(self.0.name()) } else { None }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn location(value: Option<&Value>) -> Option<Zone> {
    match value {
        Some(Value::Object(object)) => {
            object.as_any().downcast_ref::<Location>().map(|location| location.0.clone())
        }
        _ => None,
    }
}

fn scaled(time: &GoTime, per_second: i64) -> i64 {
    let nanos_per = SECOND / per_second;
    time.unix().wrapping_mul(per_second).wrapping_add(i64::from(time.nanos()) / nanos_per)
}

fn with_duration(time: &GoTime, name: &str) -> Option<Func> {
    let (time, name) = (time.clone(), name.to_owned());
    let body = move |a: &[Value]| {
        let nanos = a.first().and_then(Value::as_i64).unwrap_or(0);
        if name == "Add" {
            return Ok(Value::Time(time.add(nanos)));
        }
        if nanos <= 0 {
            return Ok(Value::Time(time.clone()));
        }
        // Counted from Go's zero time, not from 1970.
        let rest = time.nanos_since_zero().rem_euclid(i128::from(nanos));
        let rest = i64::try_from(rest).unwrap_or(0);
        let back = if name == "Truncate" || rest.saturating_mul(2) < nanos {
            rest.wrapping_neg()
        } else {
            nanos - rest
        };
        Ok(Value::Time(time.add(back)))
    };
    Some(Func::new([Type::Duration], body).typed())
}

fn with_time(time: &GoTime, name: &str) -> Option<Func> {
    let (time, name) = (time.clone(), name.to_owned());
    let body = move |a: &[Value]| {
        let Some(Value::Time(other)) = a.first() else { return Ok(Value::Nil) };
        let (this, that) = ((time.unix(), time.nanos()), (other.unix(), other.nanos()));
        Ok(match name.as_str() {
            "Sub" => duration(time.since(other)),
            "After" => Value::Bool(this > that),
            "Before" => Value::Bool(this < that),
            "Equal" => Value::Bool(this == that),
            _ => Value::Int(this.cmp(&that) as i64),
        })
    };
    Some(Func::new([Type::Time], body).typed())
}

/// A method Go refuses to call from a template: its second result is no error.
fn two_results(name: &str, second: &str) -> Option<Func> {
    let message = format!(
        "invalid function signature for {name}: second return value should be error; is {second}"
    );
    Some(Func::refused(message))
}

/// A method Go refuses to call from a template: it has too many results.
fn three_results(name: &str) -> Option<Func> {
    Some(Func::refused(format!("function {name} has 3 return values; should be 1 or 2")))
}
