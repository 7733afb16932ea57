//! Arithmetic by the kind of the first argument, parsing and sizes.

use gotemplate::{
    Func, FuncError, FuncMap, ParseError, Type, Value, parse_float, parse_int, parse_uint,
};

use crate::context::text::{fail, of_text, text};
use crate::gvk::go_bool;

/// What Go calls it.
const BY_ZERO: &str = "runtime error: integer divide by zero";

pub(super) fn add(functions: &mut FuncMap) {
    for (name, operator) in [
        ("Add", Operator::Add),
        ("Sub", Operator::Sub),
        ("Mult", Operator::Mult),
        ("Div", Operator::Div),
    ] {
        functions.insert(
            name,
            Func::new([Type::Any, Type::Any], move |args| operator.apply(&args[0], &args[1])),
        );
    }
    functions.insert("ParseBool", of_text(|s| go_bool(s).unwrap_or(false).into()));
    functions.insert("ParseFloat", of_text(|s| Value::Float64(float_of(s))));
    functions.insert("ParseInt", parse(|s, base| Value::Int64(int(s, base))));
    functions.insert("ParseUint", parse(|s, base| Value::Uint64(uint(s, base))));
    functions.insert(
        "HumanSize",
        Func::new([Type::Any], |args| Ok(human_size(float(&args[0])).into())).typed(),
    );
}

#[derive(Clone, Copy)]
enum Operator {
    Add,
    Sub,
    Mult,
    Div,
}

impl Operator {
    /// As the original: floats win, else the first argument's kind decides; anything else is 0.
    fn apply(self, one: &Value, other: &Value) -> Result<Value, FuncError> {
        if matches!(one, Value::Float64(_)) || matches!(other, Value::Float64(_)) {
            let (one, other) = (float(one), float(other));
            return Ok(Value::Float64(match self {
                Self::Add => one + other,
                Self::Sub => one - other,
                Self::Mult => one * other,
                Self::Div => one / other,
            }));
        }
        match one {
            Value::Uint8(_) | Value::Uint32(_) | Value::Uint64(_) => {
                self.unsigned(unsigned(one), unsigned(other)).map(Value::Uint64)
            }
            _ => match one.as_i64() {
                Some(one) => self.signed(one, other.as_i64().unwrap_or_default()).map(Value::Int64),
                None => Ok(Value::Int(0)),
            },
        }
    }

    fn signed(self, one: i64, other: i64) -> Result<i64, FuncError> {
        Ok(match self {
            Self::Add => one.wrapping_add(other),
            Self::Sub => one.wrapping_sub(other),
            Self::Mult => one.wrapping_mul(other),
            Self::Div if other == 0 => return fail(BY_ZERO),
            Self::Div => one.wrapping_div(other),
        })
    }

    fn unsigned(self, one: u64, other: u64) -> Result<u64, FuncError> {
        Ok(match self {
            Self::Add => one.wrapping_add(other),
            Self::Sub => one.wrapping_sub(other),
            Self::Mult => one.wrapping_mul(other),
            Self::Div if other == 0 => return fail(BY_ZERO),
            Self::Div => one.wrapping_div(other),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "Go converts the same way")]
fn float(value: &Value) -> f64 {
    match value {
        Value::Float64(number) => *number,
        Value::Uint64(number) => *number as f64,
        other => other.as_i64().unwrap_or_default() as f64,
    }
}

fn unsigned(value: &Value) -> u64 {
    match value {
        Value::Uint64(number) => *number,
        other => u64::try_from(other.as_i64().unwrap_or_default()).unwrap_or_default(),
    }
}

/// A function of a text and a base, 10 when it is left out. What is no number is 0, as is every text with a base that
/// there is not.
fn parse(body: impl Fn(&str, u32) -> Value + Send + Sync + 'static) -> Func {
    Func::new([Type::String], move |args| {
        let base = args.get(1).and_then(Value::as_i64).unwrap_or(10);
        Ok(match u32::try_from(base) {
            Ok(base @ (0 | 2..=36)) => body(&text(args, 0), base),
            _ => body("", 10),
        })
    })
    .variadic(Type::Int)
    .typed()
}

/// Go gives the nearest bound for a number out of range and 0 for no number.
fn int(subject: &str, base: u32) -> i64 {
    parse_int(subject, base).unwrap_or_else(|error| match error {
        ParseError::Syntax => 0,
        ParseError::Range if subject.starts_with('-') => i64::MIN,
        ParseError::Range => i64::MAX,
    })
}

fn uint(subject: &str, base: u32) -> u64 {
    parse_uint(subject, base).unwrap_or_else(|error| match error {
        ParseError::Syntax => 0,
        ParseError::Range => u64::MAX,
    })
}

fn float_of(subject: &str) -> f64 {
    parse_float(subject).unwrap_or_else(|error| match error {
        ParseError::Syntax => 0.0,
        ParseError::Range if subject.starts_with('-') => f64::NEG_INFINITY,
        ParseError::Range => f64::INFINITY,
    })
}

/// `units.HumanSize`: steps of 1000, four significant digits.
fn human_size(mut size: f64) -> String {
    const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    let mut unit = 0;
    while size >= 1000.0 && unit < UNITS.len() - 1 {
        size /= 1000.0;
        unit += 1;
    }
    format!("{}{}", four_digits(size), UNITS[unit])
}

/// `%.4g`.
fn four_digits(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let scientific = format!("{number:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..4).contains(&exponent) {
        let decimals = usize::try_from(3 - exponent).unwrap_or(0);
        trimmed(&format!("{number:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    }
}
