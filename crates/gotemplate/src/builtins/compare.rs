//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::cmp::Ordering;

use crate::error::FuncError;
use crate::exec::Rv;
use crate::value::{Kind, Value};

use super::type_of;

const BAD_TYPE: &str = "invalid type for comparison";

/// What two values can be compared as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    Invalid,
    Bool,
    Complex,
    Int,
    Float,
    String,
    Uint,
}

fn basic(value: &Value) -> Basic {
    match value.kind() {
        Kind::Bool => Basic::Bool,
        Kind::Int | Kind::Int64 => Basic::Int,
        Kind::Uint8 | Kind::Uint32 | Kind::Uint64 => Basic::Uint,
        Kind::Float64 => Basic::Float,
        Kind::Complex128 => Basic::Complex,
        Kind::String => Basic::String,
        _ => Basic::Invalid,
    }
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn uint(value: &Value) -> u64 {
    match value {
        Value::Uint64(u) => *u,
        other => other.as_i64().map_or(0, i64::cast_unsigned),
    }
}

/// Reports whether the first argument equals any other.
pub(super) fn eq_any(args: &[Rv]) -> Result<bool, FuncError> {
    let values: Vec<Value> = args.iter().map(|a| a.clone().into_value()).collect();
    let (first, others) = values.split_first().ok_or("missing argument for comparison")?;
    if others.is_empty() {
        return Err("missing argument for comparison".into());
    }
    for other in others {
        if eq(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn eq(a: &Value, b: &Value) -> Result<bool, FuncError> {
    let (ka, kb) = (basic(a), basic(b));
    if ka != kb {
        return match (ka, kb) {
            (Basic::Int, Basic::Uint) => Ok(int(a) >= 0 && int(a).cast_unsigned() == uint(b)),
            (Basic::Uint, Basic::Int) => Ok(int(b) >= 0 && int(b).cast_unsigned() == uint(a)),
            _ if !matches!(a, Value::Nil) && !matches!(b, Value::Nil) => Err(incompatible(a, b)),
            _ => Ok(false),
        };
    }
    Ok(match (a, b) {
        (Value::Bool(x), Value::Bool(y)) => x == y,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Float64(x), Value::Float64(y)) => x == y,
        (Value::String(x), Value::String(y)) => x == y,
        _ if ka == Basic::Int => int(a) == int(b),
        _ if ka == Basic::Uint => uint(a) == uint(b),
        _ => return eq_other(a, b),
    })
}

fn eq_other(a: &Value, b: &Value) -> Result<bool, FuncError> {
    let invalid = |v: &Value| matches!(v, Value::Nil);
    if a.kind() != b.kind() && !invalid(a) && !invalid(b) {
        return Err(FuncError(format!(
            "non-comparable types {}: {}, {}: {}",
            shown(a, 's'),
            type_of(a),
            type_of(b),
            shown(b, 'v')
        )));
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    match (a, b) {
        (Value::Time(x), Value::Time(y)) => Ok(x == y),
        (Value::Object(x), Value::Object(y)) => {
            if x.is_pointer() {
                Ok(std::sync::Arc::ptr_eq(x, y))
            } else {
                Ok(crate::value::deep_equal(a, b))
            }
        }
        _ if matches!(b.kind(), Kind::Slice | Kind::Map) => {
            Err(FuncError(format!("non-comparable type {}: {}", shown(b, 's'), type_of(b))))
        }
        _ => Ok(false),
    }
}

fn shown(value: &Value, verb: char) -> String {
    let text = crate::fmt::sprintf(format!("%{verb}").as_bytes(), std::slice::from_ref(value));
    String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
}

fn incompatible(a: &Value, b: &Value) -> FuncError {
    FuncError(format!("incompatible types for comparison: {} and {}", type_of(a), type_of(b)))
}

/// Reports whether the first argument is less than the second.
pub(super) fn lt(args: &[Rv]) -> Result<bool, FuncError> {
    let [a, b] = args else { return Err(BAD_TYPE.into()) };
    let (a, b) = (a.clone().into_value(), b.clone().into_value());
    let (ka, kb) = (basic(&a), basic(&b));
    if ka == Basic::Invalid || kb == Basic::Invalid {
        return Err(BAD_TYPE.into());
    }
    if ka != kb {
        return match (ka, kb) {
            (Basic::Int, Basic::Uint) => Ok(int(&a) < 0 || int(&a).cast_unsigned() < uint(&b)),
            (Basic::Uint, Basic::Int) => Ok(int(&b) >= 0 && uint(&a) < int(&b).cast_unsigned()),
            _ => Err(incompatible(&a, &b)),
        };
    }
    match (&a, &b) {
        (Value::Float64(x), Value::Float64(y)) => Ok(x.partial_cmp(y) == Some(Ordering::Less)),
        (Value::String(x), Value::String(y)) => Ok(x < y),
        _ if ka == Basic::Int => Ok(int(&a) < int(&b)),
        _ if ka == Basic::Uint => Ok(uint(&a) < uint(&b)),
        _ => Err(BAD_TYPE.into()),
    }
}

pub(super) fn le(args: &[Rv]) -> Result<bool, FuncError> {
    Ok(lt(args)? || eq_any(args)?)
}
