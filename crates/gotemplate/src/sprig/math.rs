//! Arithmetic.

use super::args::{any, from, int, string};
use super::cast::{to_float, to_int};
use super::decimal::Decimal;
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{Any, Float64, Int};
use crate::value::Value;

/// How long a list of numbers may get.
const MAX_NUMBERS: usize = 8_000_000;

const BY_ZERO: &str = "runtime error: integer divide by zero";

pub(super) fn register(to: &mut Registry) {
    let int64 = |i: i64| Ok(Value::Int64(i));
    to.typed("int64", &[Any], move |a| int64(to_int(&a[0])));
    to.typed("int", &[Any], |a| Ok(Value::Int(to_int(&a[0]))));
    to.typed("float64", &[Any], |a| Ok(Value::Float64(to_float(&a[0]))));
    to.typed("toDecimal", &[Any], move |a| {
        let text = super::args::strval_plain(&a[0])?;
        int64(text.as_str().and_then(|t| crate::strconv::parse_int(t, 8).ok()).unwrap_or(0))
    });
    to.typed("add1", &[Any], move |a| int64(to_int(&a[0]).wrapping_add(1)));
    to.variadic("add", &[], Any, move |a| int64(a.iter().map(to_int).fold(0, i64::wrapping_add)));
    to.typed("sub", &[Any, Any], move |a| int64(to_int(&a[0]).wrapping_sub(to_int(&a[1]))));
    to.typed("div", &[Any, Any], move |a| match to_int(&a[1]) {
        0 => Err(BY_ZERO.into()),
        by => int64(to_int(&a[0]).wrapping_div(by)),
    });
    to.typed("mod", &[Any, Any], move |a| match to_int(&a[1]) {
        0 => Err(BY_ZERO.into()),
        by => int64(to_int(&a[0]).wrapping_rem(by)),
    });
    to.variadic("mul", &[Any], Any, move |a| {
        int64(a.iter().map(to_int).fold(1, i64::wrapping_mul))
    });
    for name in ["max", "biggest"] {
        to.variadic(name, &[Any], Any, move |a| int64(a.iter().map(to_int).max().unwrap_or(0)));
    }
    to.variadic("min", &[Any], Any, move |a| int64(a.iter().map(to_int).min().unwrap_or(0)));
    to.variadic("maxf", &[Any], Any, |a| extreme(a, true));
    to.variadic("minf", &[Any], Any, |a| extreme(a, false));
    to.typed("ceil", &[Any], |a| Ok(Value::Float64(to_float(&a[0]).ceil())));
    to.typed("floor", &[Any], |a| Ok(Value::Float64(to_float(&a[0]).floor())));
    to.variadic("round", &[Any, Int], Float64, round);
    to.typed("until", &[Int], |a| {
        let count = int(a, 0);
        numbers(0, count, if count < 0 { -1 } else { 1 }).map(Value::from)
    });
    to.typed("untilStep", &[Int, Int, Int], |a| {
        numbers(int(a, 0), int(a, 1), int(a, 2)).map(Value::from)
    });
    to.variadic("seq", &[], Int, seq);
    decimals(to);
}

fn decimals(to: &mut Registry) {
    type Op = fn(Decimal, &Decimal) -> Result<Decimal, FuncError>;
    let op = |first: Value, rest: &[Value], f: Op| -> Answer {
        let mut result = Decimal::from_float(to_float(&first))?;
        for value in rest {
            result = f(result, &Decimal::from_float(to_float(value))?)?.checked()?;
        }
        Ok(Value::Float64(result.to_float()))
    };
    to.typed("add1f", &[Any], move |a| op(any(a, 0), &[Value::Int(1)], |a, b| Ok(a.add(b))));
    to.variadic("addf", &[], Any, move |a| op(Value::Float64(0.0), a, |a, b| Ok(a.add(b))));
    to.variadic("subf", &[Any], Any, move |a| op(any(a, 0), from(a, 1), |a, b| Ok(a.sub(b))));
    to.variadic("mulf", &[Any], Any, move |a| op(any(a, 0), from(a, 1), |a, b| Ok(a.mul(b))));
    to.variadic("divf", &[Any], Any, move |a| op(any(a, 0), from(a, 1), |a, b| a.div(b)));
}

fn extreme(a: &[Value], max: bool) -> Answer {
    let mut best = to_float(&a[0]);
    for value in from(a, 1) {
        let next = to_float(value);
        best = if best.is_nan() || next.is_nan() {
            // Infinity wins over NaN, as in Go.
            let infinite = if max { f64::INFINITY } else { f64::NEG_INFINITY };
            let wins = |f: f64| f.is_infinite() && (f > 0.0) == max;
            if wins(best) || wins(next) { infinite } else { f64::NAN }
        } else if best == 0.0 && next == 0.0 {
            match (max, best.is_sign_negative()) {
                (true, true) | (false, false) => next,
                _ => best,
            }
        } else if max {
            best.max(next)
        } else {
            best.min(next)
        };
    }
    Ok(Value::Float64(best))
}

fn round(a: &[Value]) -> Answer {
    let on = a.get(2).map_or(0.5, to_float);
    let value = to_float(&a[0]);
    let power = pow10(int(a, 1));
    let digit = power * value;
    let fraction = if digit.is_infinite() { f64::NAN } else { digit - digit.trunc() };
    let rounded = if fraction >= on { digit.ceil() } else { digit.floor() };
    Ok(Value::Float64(rounded / power))
}

/// `math.Pow(10, n)`.
#[expect(clippy::cast_precision_loss, reason = "the range is checked")]
fn pow10(n: i64) -> f64 {
    10f64.powf(n.clamp(-2000, 2000) as f64)
}

fn numbers(start: i64, end: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    let mut list = Vec::new();
    if (end < start && step >= 0) || (end >= start && step <= 0) {
        return Ok(list);
    }
    let mut i = start;
    while if step < 0 { i > end } else { i < end } {
        if list.len() >= MAX_NUMBERS {
            return Err(FuncError(format!("a list of more than {MAX_NUMBERS} numbers")));
        }
        list.push(i);
        i = match i.checked_add(step) {
            Some(next) => next,
            None => break,
        };
    }
    Ok(list)
}

fn seq(a: &[Value]) -> Answer {
    let (start, end, step, increment) = match a.len() {
        1 => {
            let end = int(a, 0);
            let increment = if end < 1 { -1 } else { 1 };
            (1, end, increment, increment)
        }
        2 => {
            let (start, end) = (int(a, 0), int(a, 1));
            let increment = if end < start { -1 } else { 1 };
            (start, end, increment, increment)
        }
        3 => {
            let (start, step, end) = (int(a, 0), int(a, 1), int(a, 2));
            if end < start && step > 0 {
                return string("");
            }
            (start, end, step, if end < start { -1 } else { 1 })
        }
        _ => return string(""),
    };
    let list = numbers(start, end.wrapping_add(increment), step)?;
    string(list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}
