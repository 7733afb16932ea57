//! Methods and fields of the values that have them.

use crate::func::Func;
use crate::value::Value;

/// Returns the method of this name, bound to the value.
pub(crate) fn find(value: &Value, name: &str) -> Option<Func> {
    match value {
        Value::Object(object) => object.method(name),
        _ => None,
    }
}

/// Returns the fields of a struct.
pub(crate) fn fields(value: &Value) -> Option<Vec<(&'static str, Value)>> {
    match value {
        Value::Object(object) => Some(object.fields()),
        Value::Time(_) => {
            Some(vec![("wall", Value::Nil), ("ext", Value::Nil), ("loc", Value::Nil)])
        }
        _ => None,
    }
}
