//! Numbers from text.

use std::fmt;

/// Why a text is no number: Go's two reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It is not written like a number.
    Syntax,
    /// It is one that does not fit into 64 bits.
    Range,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "invalid syntax",
            Self::Range => "value out of range",
        })
    }
}

/// `strconv.ParseUint` with 64 bits; base 0 reads the prefix and allows underscores.
///
/// # Errors
///
/// [`ParseError`].
///
/// # Panics
///
/// The base is over 36.
pub fn parse_uint(text: &str, base: u32) -> Result<u64, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Syntax);
    }
    let (radix, digits) = match base {
        0 => prefix(text),
        base => (base, text),
    };
    let mut value = 0u64;
    let mut overflow = false;
    let mut any = false;
    for c in digits.chars() {
        if c == '_' && base == 0 {
            continue;
        }
        any = true;
        let digit = c.to_digit(radix).ok_or(ParseError::Syntax)?;
        match value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit))) {
            Some(v) => value = v,
            // Go reads on to find bad characters only up to here.
            None => {
                overflow = true;
                break;
            }
        }
    }
    if overflow {
        return Err(ParseError::Range);
    }
    if !any || (base == 0 && text.contains('_') && !underscores_ok(text)) {
        return Err(ParseError::Syntax);
    }
    Ok(value)
}

fn prefix(text: &str) -> (u32, &str) {
    let b = text.as_bytes();
    if b[0] != b'0' {
        return (10, text);
    }
    match b.get(1).map(u8::to_ascii_lowercase) {
        Some(b'b') if b.len() >= 3 => (2, &text[2..]),
        Some(b'o') if b.len() >= 3 => (8, &text[2..]),
        Some(b'x') if b.len() >= 3 => (16, &text[2..]),
        Some(_) => (8, &text[1..]),
        None => (10, text),
    }
}

/// `strconv.ParseInt` with 64 bits.
///
/// # Errors
///
/// [`ParseError`].
///
/// # Panics
///
/// The base is over 36.
pub fn parse_int(text: &str, base: u32) -> Result<i64, ParseError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let value = parse_uint(digits, base)?;
    if negative {
        0i64.checked_sub_unsigned(value).ok_or(ParseError::Range)
    } else {
        i64::try_from(value).map_err(|_| ParseError::Range)
    }
}

/// Underscores must stand between digits, or between the base prefix and a digit.
fn underscores_ok(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let mut last = b'^';
    let mut i = 0;
    let mut hex = false;
    if text.len() >= 2 && text[0] == b'0' && matches!(text[1] | 32, b'b' | b'o' | b'x') {
        i = 2;
        last = b'0';
        hex = text[1] | 32 == b'x';
    }
    for b in &text[i..] {
        if b.is_ascii_digit() || (hex && matches!(b | 32, b'a'..=b'f')) {
            last = b'0';
        } else if *b == b'_' {
            if last != b'0' {
                return false;
            }
            last = b'_';
        } else {
            if last == b'_' {
                return false;
            }
            last = b'!';
        }
    }
    last != b'_'
}

/// `strconv.ParseFloat` with 64 bits.
///
/// # Errors
///
/// [`ParseError`].
pub fn parse_float(text: &str) -> Result<f64, ParseError> {
    let (sign, body) = match text.as_bytes().first() {
        Some(b'-') => (-1.0, &text[1..]),
        Some(b'+') => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match body.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" if text.len() == 3 => return Ok(f64::NAN),
        _ => {}
    }
    if body.contains('_') && !underscores_ok(text) {
        return Err(ParseError::Syntax);
    }
    let plain: String = body.chars().filter(|c| *c != '_').collect();
    if plain.len() > 2 && (plain.starts_with("0x") || plain.starts_with("0X")) {
        return hex_float(&plain[2..]).map(|f| sign * f);
    }
    let mut digits = false;
    let mut exponent = false;
    let mut dot = false;
    let mut chars = plain.bytes().peekable();
    while let Some(b) = chars.next() {
        match b {
            b'0'..=b'9' => digits = true,
            b'.' if !dot && !exponent => dot = true,
            b'e' | b'E' if digits && !exponent => {
                exponent = true;
                if matches!(chars.peek(), Some(b'+' | b'-')) {
                    chars.next();
                }
                if !matches!(chars.peek(), Some(b'0'..=b'9')) {
                    return Err(ParseError::Syntax);
                }
            }
            _ => return Err(ParseError::Syntax),
        }
    }
    if !digits {
        return Err(ParseError::Syntax);
    }
    let value: f64 = plain.parse().map_err(|_| ParseError::Syntax)?;
    if value.is_infinite() { Err(ParseError::Range) } else { Ok(sign * value) }
}

fn hex_float(body: &str) -> Result<f64, ParseError> {
    let (mantissa, exponent) = body.split_once(['p', 'P']).ok_or(ParseError::Syntax)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return Err(ParseError::Syntax);
    }
    let mut value = 0u128;
    let mut scale = 0i64;
    for (c, in_fraction) in
        whole.chars().map(|c| (c, false)).chain(fraction.chars().map(|c| (c, true)))
    {
        let digit = c.to_digit(16).ok_or(ParseError::Syntax)?;
        if value >> 120 == 0 {
            value = value << 4 | u128::from(digit);
            scale -= if in_fraction { 4 } else { 0 };
        } else {
            value |= u128::from(digit != 0);
            scale += if in_fraction { 0 } else { 4 };
        }
    }
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned.is_empty() || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseError::Syntax);
    }
    let exponent: i64 =
        exponent.parse().unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
    let mut power = (exponent.clamp(-100_000, 100_000) + scale).clamp(-4000, 4000);
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is wanted")]
    let mut result = value as f64;
    while power != 0 && result != 0.0 && result.is_finite() {
        let step = power.clamp(-1000, 1000);
        result *= 2f64.powi(i32::try_from(step).unwrap_or(0));
        power -= step;
    }
    if result.is_infinite() { Err(ParseError::Range) } else { Ok(result) }
}
