//! `index`, `slice`, `len`, `call`.

use crate::error::FuncError;
use crate::exec::Rv;
use crate::types::Type;
use crate::value::{Kind, Str, Value};

/// Returns the type as messages name it; nil has none.
pub(crate) fn type_of(value: &Value) -> String {
    value.type_name()
}

/// Returns the zero value of a type that can be nil, as an untyped nil becomes it.
pub(crate) fn prepare_zero(t: &Type) -> Value {
    use crate::value::{List, Map, Strings};
    match t {
        Type::List => Value::List(List::nil()),
        Type::Map => Value::Map(Map::nil()),
        Type::Strings => Value::Strings(Strings::nil()),
        Type::Slice(_) => Value::Typed(t.clone(), List::nil()),
        Type::Bytes => Value::Bytes(Vec::new().into()),
        Type::Ints => Value::Ints(Vec::new().into()),
        Type::StringMap => Value::StringMap(std::sync::Arc::default()),
        _ => Value::Nil,
    }
}

fn index_arg(index: &Value, capacity: usize) -> Result<usize, FuncError> {
    let x = match index.kind() {
        Kind::Invalid => return Err("cannot index slice/array with nil".into()),
        Kind::Int | Kind::Int64 | Kind::Uint8 | Kind::Uint32 => index.as_i64().unwrap_or(-1),
        Kind::Uint64 => match index {
            Value::Uint64(u) => u.cast_signed(),
            _ => -1,
        },
        _ => {
            let name = type_of(index);
            return Err(FuncError(format!("cannot index slice/array with type {name}")));
        }
    };
    match usize::try_from(x) {
        Ok(i) if i <= capacity => Ok(i),
        _ => Err(FuncError(format!("index out of range: {x}"))),
    }
}

pub(super) fn index(args: Vec<Rv>) -> Result<Rv, FuncError> {
    let mut args = args.into_iter();
    let mut item = match args.next() {
        Some(rv) => rv.unwrapped(),
        None => Rv::Invalid,
    };
    if matches!(item, Rv::Invalid) {
        return Err("index of untyped nil".into());
    }
    for index in args {
        let index = index.into_value();
        let value = match item {
            Rv::Iface(Value::Nil) => return Err("index of nil pointer".into()),
            other => other.into_value(),
        };
        item = match value.kind() {
            Kind::Slice | Kind::String => {
                let len = value.len().unwrap_or(0);
                let x = index_arg(&index, len)?;
                if x >= len {
                    // The check above lets the length itself pass; reflect panics then.
                    let kind = if value.kind() == Kind::String { "string" } else { "slice" };
                    return Err(FuncError(format!("reflect: {kind} index out of range")));
                }
                match &value {
                    Value::String(s) => Rv::Val(Value::Uint8(s[x])),
                    Value::List(list) => Rv::Iface(list.get(x).cloned().unwrap_or_default()),
                    other => Rv::Val(other.element(x).unwrap_or_default()),
                }
            }
            Kind::Map => {
                let key = map_key(&index)?;
                match &value {
                    Value::Map(map) => Rv::Iface(map.get(&key).unwrap_or_default()),
                    Value::StringMap(map) => {
                        Rv::Val(Value::String(map.get(&key).cloned().unwrap_or_default()))
                    }
                    _ => Rv::Invalid,
                }
            }
            _ => {
                // Go looks through a pointer.
                let name = type_of(&value);
                let name = name.trim_start_matches('*');
                return Err(FuncError(format!("can't index item of type {name}")));
            }
        };
    }
    Ok(item)
}

fn map_key(index: &Value) -> Result<Str, FuncError> {
    match index {
        Value::String(key) => Ok(key.clone()),
        Value::Nil => Err("value is nil; should be of type string".into()),
        other => Err(FuncError(format!("value has type {}; should be string", type_of(other)))),
    }
}

pub(super) fn slice(args: Vec<Rv>) -> Result<Rv, FuncError> {
    let mut args = args.into_iter();
    let item = match args.next().unwrap_or(Rv::Invalid).unwrapped() {
        Rv::Invalid => return Err("slice of untyped nil".into()),
        other => other.into_value(),
    };
    let indexes: Vec<Value> = args.map(Rv::into_value).collect();
    if indexes.len() > 3 {
        return Err(FuncError(format!("too many slice indexes: {}", indexes.len())));
    }
    let len = item.len().unwrap_or(0);
    let capacity = match &item {
        Value::String(_) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".into());
        }
        Value::List(list) | Value::Typed(_, list) => list.capacity(),
        Value::Strings(strings) => strings.capacity(),
        Value::String(_) | Value::Bytes(_) | Value::Ints(_) => len,
        other => {
            let name = type_of(other);
            let name = name.trim_start_matches('*');
            return Err(FuncError(format!("can't slice item of type {name}")));
        }
    };
    let mut at = [0, len, capacity];
    for (i, index) in indexes.iter().enumerate() {
        at[i] = index_arg(index, capacity)?;
    }
    let [start, end, max] = at;
    for (low, high) in [(start, end), (end, max)].iter().take(if indexes.len() < 3 { 1 } else { 2 })
    {
        if low > high {
            return Err(FuncError(format!("invalid slice index: {low} > {high}")));
        }
    }
    let max = if indexes.len() < 3 { capacity } else { max };
    Ok(Rv::Val(match &item {
        Value::String(s) => Value::string(&s[start..end]),
        Value::Bytes(b) => Value::Bytes(b[start..end].into()),
        Value::Ints(ints) => Value::Ints(ints[start..end].into()),
        Value::Strings(strings) => Value::Strings(strings.slice(start, end)),
        Value::List(list) => Value::List(list.slice(start, end, max)),
        Value::Typed(t, list) => Value::Typed(t.clone(), list.slice(start, end, max)),
        _ => Value::Nil,
    }))
}

pub(super) fn len(args: Vec<Rv>) -> Result<Rv, FuncError> {
    match args.into_iter().next().unwrap_or(Rv::Invalid) {
        Rv::Iface(Value::Nil) => Err("len of nil pointer".into()),
        // What Go's reflect says when it panics on no value at all.
        Rv::Invalid | Rv::Missing => {
            Err("reflect: call of reflect.Value.Type on zero Value".into())
        }
        Rv::Iface(value) | Rv::Val(value) => match value.len() {
            Some(n) => Ok(Rv::Val(Value::Int(i64::try_from(n).unwrap_or(i64::MAX)))),
            None => {
                let name = type_of(&value);
                Err(FuncError(format!("len of type {}", name.trim_start_matches('*'))))
            }
        },
    }
}

/// `call`: no value of ours is a function.
pub(super) fn call(args: Vec<Rv>, callee: &str) -> Result<Rv, FuncError> {
    match args.into_iter().next().unwrap_or(Rv::Invalid).into_value() {
        Value::Nil => Err("call of nil".into()),
        value => Err(FuncError(format!("non-function {callee} of type {}", type_of(&value)))),
    }
}
