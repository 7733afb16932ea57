//! Reading arguments whose types the engine has checked.

use crate::error::FuncError;
use crate::fmt;
use crate::value::{Kind, List, Map, Str, Value};

/// No function makes a value larger than this.
pub(super) const MAX_BYTES: usize = 128 << 20;

/// What Go says when nil is used as if it were something.
pub(super) const NIL_POINTER: &str =
    "runtime error: invalid memory address or nil pointer dereference";

pub(super) fn text(args: &[Value], i: usize) -> &[u8] {
    args.get(i).and_then(Value::as_bytes).unwrap_or_default()
}

pub(super) fn int(args: &[Value], i: usize) -> i64 {
    args.get(i).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn any(args: &[Value], i: usize) -> Value {
    args.get(i).cloned().unwrap_or_default()
}

pub(super) fn map(args: &[Value], i: usize) -> Map {
    match args.get(i) {
        Some(Value::Map(map)) => map.clone(),
        _ => Map::nil(),
    }
}

pub(super) fn from(args: &[Value], i: usize) -> &[Value] {
    args.get(i..).unwrap_or_default()
}

pub(super) fn string(bytes: impl Into<Str>) -> Result<Value, FuncError> {
    Ok(Value::String(bytes.into()))
}

pub(super) fn list(items: Vec<Value>) -> Result<Value, FuncError> {
    Ok(Value::List(List::from(items)))
}

pub(super) fn boolean(b: bool) -> Result<Value, FuncError> {
    Ok(Value::Bool(b))
}

/// Refuses to make a value of more than [`MAX_BYTES`].
pub(super) fn check_size(bytes: usize) -> Result<(), FuncError> {
    if bytes > MAX_BYTES {
        return Err(FuncError(format!("result of {bytes} bytes is larger than {MAX_BYTES}")));
    }
    Ok(())
}

/// Sprig's `strval`: text as it is, everything else as it prints.
pub(super) fn strval(value: &Value) -> Result<Str, FuncError> {
    match value {
        Value::String(s) => Ok(s.clone()),
        Value::Bytes(b) => Ok(Str::from(&**b)),
        other => fmt::sprintf(b"%v", std::slice::from_ref(other)).map(Str::from),
    }
}

/// Sprig's `strslice`: anything as a list of texts, without the nils.
pub(super) fn strslice(value: &Value) -> Result<Vec<Str>, FuncError> {
    match value {
        Value::Nil => Ok(Vec::new()),
        Value::Strings(strings) => Ok(strings.to_vec()),
        other => match other.elements() {
            Some(items) => {
                items.iter().filter(|item| !matches!(item, Value::Nil)).map(strval).collect()
            }
            None => Ok(vec![strval(other)?]),
        },
    }
}

/// Returns the items of a slice, or the message that says what was found instead.
pub(super) fn items(value: &Value, verb: &str) -> Result<Vec<Value>, FuncError> {
    match value {
        Value::Nil => Err(NIL_POINTER.into()),
        other => other.elements().ok_or_else(|| FuncError(format!("{verb} {}", kind_name(other)))),
    }
}

pub(super) fn kind_name(value: &Value) -> &'static str {
    value.kind().name()
}

/// Sprig's `empty`.
pub(super) fn empty(value: &Value) -> bool {
    match value.kind() {
        Kind::Invalid => true,
        Kind::Struct | Kind::Pointer => false,
        _ => !value.truth(),
    }
}

/// `fmt.Sprint` of one value: bytes print as numbers here.
pub(super) fn strval_plain(value: &Value) -> Result<Str, FuncError> {
    fmt::try_sprint(std::slice::from_ref(value)).map(Str::from)
}
