//! Dates.

use super::args::{any, string, text};
use super::sources::Sources;
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{Any, String as Text, Time};
use crate::value::{GoTime, Value, Zone, duration_string, parse_duration, parse_time};

const SECOND: i64 = 1_000_000_000;

pub(super) fn register(to: &mut Registry, sources: &Sources) {
    let clock = sources.clone();
    to.typed("now", &[], move |_| Ok(Value::Time(clock.now().in_zone(Zone::Local))));
    let clock = sources.clone();
    to.typed("date", &[Text, Any], move |a| in_zone(text(a, 0), &a[1], b"UTC", &clock));
    let clock = sources.clone();
    to.typed("htmlDate", &[Any], move |a| in_zone(b"2006-01-02", &a[0], b"UTC", &clock));
    let clock = sources.clone();
    to.typed("htmlDateInZone", &[Any, Text], move |a| {
        in_zone(b"2006-01-02", &a[0], text(a, 1), &clock)
    });
    for name in ["dateInZone", "date_in_zone"] {
        let clock = sources.clone();
        to.typed(name, &[Text, Any, Text], move |a| in_zone(text(a, 0), &a[1], text(a, 2), &clock));
    }
    for name in ["dateModify", "date_modify"] {
        to.typed(name, &[Text, Time], |a| {
            Ok(modified(text(a, 0), &a[1]).unwrap_or_else(|_| any(a, 1)))
        });
    }
    for name in ["mustDateModify", "must_date_modify"] {
        to.typed(name, &[Text, Time], |a| modified(text(a, 0), &a[1]));
    }
    to.typed("toDate", &[Text, Text], |a| {
        let time = parse_time(text(a, 0), text(a, 1)).unwrap_or_else(|_| GoTime::zero());
        Ok(Value::Time(time))
    });
    to.typed("mustToDate", &[Text, Text], |a| {
        parse_time(text(a, 0), text(a, 1)).map(Value::Time).map_err(FuncError)
    });
    to.typed("unixEpoch", &[Time], |a| match &a[0] {
        Value::Time(time) => string(time.unix().to_string()),
        _ => string(""),
    });
    let clock = sources.clone();
    to.typed("ago", &[Any], move |a| {
        let time = match &a[0] {
            Value::Time(time) => time.clone(),
            Value::Int(unix) | Value::Int64(unix) => GoTime::new(*unix, 0, Zone::Local),
            _ => clock.now(),
        };
        let nanos = crate::value::round_duration(clock.now().since(&time), SECOND);
        string(duration_string(nanos))
    });
    to.typed("duration", &[Any], |a| {
        let seconds = match &a[0] {
            Value::String(s) => s.as_str().map_or(0, parse_seconds),
            Value::Int64(n) => *n,
            _ => 0,
        };
        string(duration_string(seconds.wrapping_mul(SECOND)))
    });
    let clock = sources.clone();
    to.typed("durationRound", &[Any], move |a| {
        let nanos = match &a[0] {
            Value::String(s) => parse_duration(s).unwrap_or(0),
            Value::Int64(n) => *n,
            Value::Time(time) => clock.now().since(time),
            _ => 0,
        };
        string(rounded(nanos))
    });
}

/// `strconv.ParseInt` without its error: what is too large is the nearest.
fn parse_seconds(text: &str) -> i64 {
    use crate::strconv::ParseError;
    match crate::strconv::parse_int(text, 10) {
        Ok(n) => n,
        Err(ParseError::Syntax) => 0,
        Err(ParseError::Range) if text.starts_with('-') => i64::MIN,
        Err(ParseError::Range) => i64::MAX,
    }
}

fn in_zone(layout: &[u8], date: &Value, zone: &[u8], clock: &Sources) -> Answer {
    let time = match date {
        Value::Time(time) => time.clone(),
        Value::Int(unix) | Value::Int64(unix) => GoTime::new(*unix, 0, Zone::Local),
        _ => clock.now(),
    };
    let zone = std::str::from_utf8(zone).ok().and_then(Zone::load).unwrap_or(Zone::Utc);
    super::args::check_size(layout.len().saturating_mul(4))?;
    string(time.in_zone(zone).format_bytes(layout))
}

fn modified(duration: &[u8], date: &Value) -> Answer {
    let nanos = parse_duration(duration).map_err(FuncError)?;
    match date {
        Value::Time(time) => Ok(Value::Time(time.add(nanos))),
        other => Ok(other.clone()),
    }
}

/// The largest unit of which there is more than one, and how many of it.
fn rounded(nanos: i64) -> String {
    let u = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    let units = [
        (365 * 24 * 3600, "y"),
        (30 * 24 * 3600, "mo"),
        (24 * 3600, "d"),
        (3600, "h"),
        (60, "m"),
        (1, "s"),
    ];
    for (seconds, name) in units {
        let unit = second * seconds;
        if u > unit {
            return format!("{}{name}", u / unit);
        }
    }
    "0s".to_owned()
}
