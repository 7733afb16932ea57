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

#[cfg(test)]
mod tests {
    use super::super::{List, Map, Value};

    #[test]
    fn a_million_nested_values_are_freed_without_a_deep_stack() {
        let mut value = Value::Nil;
        for i in 0..1_000_000 {
            value = if i % 2 == 0 {
                Value::List(List::from(vec![value]))
            } else {
                Value::Map([("k", value)].into_iter().collect::<Map>())
            };
        }
        drop(value);
    }
}
