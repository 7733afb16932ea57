//! What a scalar means: the resolver of `yaml.v2`, without its timestamps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

/// The value of a plain scalar without a tag, or why it has none.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    if let Some(value) = word(text) {
        return Ok(value);
    }
    if is_non_finite(text) {
        return Err(format!("the number `{text}` has no JSON form, a finite number is allowed"));
    }
    let Some(first) = text.bytes().next() else {
        return Ok(Value::Null);
    };
    let value = match first {
        b'+' | b'-' | b'0'..=b'9' => number(&text.replace('_', "")),
        b'.' => float(text),
        _ => None,
    };
    Ok(value.unwrap_or_else(|| Value::String(text.to_owned())))
}

/// The value of a plain scalar as `yaml.v3` gives it to kustomize: only `true` and `false` are
/// booleans, and a date is a time.
pub(super) fn plain_manifest(text: &str) -> Result<Value, String> {
    let is_word = matches!(
        text,
        "y" | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
    );
    if is_word {
        return Ok(Value::String(text.to_owned()));
    }
    match date(text) {
        Some((year, month, day)) => {
            Ok(Value::String(format!("{year}-{month:02}-{day:02}T00:00:00Z")))
        }
        None => plain(text),
    }
}

/// Reads `2006-1-2`.
fn date(text: &str) -> Option<(&str, u8, u8)> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if parts.next().is_some() || year.len() != 4 || ![year, month, day].into_iter().all(digits) {
        return None;
    }
    let (month, day): (i8, i8) = (month.parse().ok()?, day.parse().ok()?);
    jiff::civil::Date::new(year.parse().ok()?, month, day).ok()?;
    Some((year, month.unsigned_abs(), day.unsigned_abs()))
}

/// The value of a scalar with a core tag (`str`, `int`, …), or why it has none.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    let value = match tag {
        "binary" => return binary(text),
        "null" => Some(Value::Null),
        "bool" => word(text).filter(Value::is_boolean),
        "int" => number(&text.replace('_', "")).filter(|v| v.is_i64() || v.is_u64()),
        "float" => number(&text.replace('_', "")).or_else(|| float(text)),
        _ => Some(Value::String(text.to_owned())),
    };
    value.ok_or_else(|| format!("`{text}` cannot be read as !!{tag}"))
}

fn binary(text: &str) -> Result<Value, String> {
    let packed: String = text.split_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "!!binary value is not base64".to_owned())?;
    String::from_utf8(bytes)
        .map(Value::String)
        .map_err(|_| "!!binary value is not UTF-8 text, only text is allowed".to_owned())
}

fn word(text: &str) -> Option<Value> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => return None,
    })
}

fn is_non_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// An integer as Go's `ParseInt(text, 0, 64)` and `ParseUint` read it, else a float.
fn number(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // A second sign would be accepted by the parsers of the standard library.
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric()) && !digits.is_empty();
    if plain && let Ok(magnitude) = u64::from_str_radix(digits, radix) {
        let whole = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
        if let Some(value) = integer(whole) {
            return Some(value);
        }
    }
    float(text)
}

fn integer(whole: i128) -> Option<Value> {
    if let Ok(signed) = i64::try_from(whole) {
        return Some(Value::from(signed));
    }
    u64::try_from(whole).ok().map(Value::from)
}

/// A float of the form `[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?`; whole ones become integers.
fn float(text: &str) -> Option<Value> {
    if !has_float_form(text) {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    // Go prints whole floats below 1e21 without exponent, and they are read back as integers.
    if value.fract() == 0.0 && value.abs() < 1e21 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below 2^127")]
        if let Some(whole) = integer(value as i128) {
            return Some(whole);
        }
    }
    Number::from_f64(value).map(Value::Number)
}

fn has_float_form(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)));
    mantissa_ok && exponent_ok
}
