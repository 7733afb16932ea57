//! Freeing deeply nested values without deep recursion: a template can nest a million lists.

use std::sync::Arc;

use super::Value;

/// Frees `values` and everything only they hold, one after the other.
pub(crate) fn drain(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(list) | Value::Typed(_, list) => {
                if let Some(mut items) = list.into_items().and_then(Arc::into_inner) {
                    values.append(&mut items.0);
                }
            }
            Value::Map(map) => {
                if let Some(entries) = map.into_entries().and_then(Arc::into_inner) {
                    values.extend(entries.take());
                }
            }
            _ => {}
        }
    }
}
