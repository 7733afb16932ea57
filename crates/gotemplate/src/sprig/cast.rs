//! Numbers from anything, as cast's `ToInt64` and `ToFloat64`: what is no number is 0.

use crate::strconv::{float_to_i64, parse_float, parse_int};
use crate::value::Value;

/// `cast.ToInt64` (and `ToInt`, which is as wide).
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Bool(b) => i64::from(*b),
        Value::Uint64(u) => u.cast_signed(),
        Value::Float64(f) => float_to_i64(*f),
        Value::String(s) => s.as_str().map_or(0, parse),
        other => other.as_i64().unwrap_or(0),
    }
}

/// `cast.ToFloat64`.
#[expect(clippy::cast_precision_loss, reason = "Go converts so, too")]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Float64(f) => *f,
        Value::Uint64(u) => *u as f64,
        Value::String(s) => s.as_str().and_then(|s| parse_float(s).ok()).unwrap_or(0.0),
        other => other.as_i64().map_or(0.0, |i| i as f64),
    }
}

/// Reads an integer of any base; what follows a decimal point is cut off.
fn parse(text: &str) -> i64 {
    let whole = match text.split_once('.') {
        None => text,
        Some((whole, fraction)) => {
            let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
            if !digits.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
                return 0;
            }
            whole
        }
    };
    match whole {
        "" | "-" | "+" => 0,
        whole => parse_int(whole, 0).unwrap_or(0),
    }
}
