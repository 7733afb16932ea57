//! `merge` and `mergeOverwrite`: maps into one another, by the rules of mergo.

use super::args::{any, map};
use super::{Answer, Registry};
use crate::deep;
use crate::error::FuncError;
use crate::types::Type::Map as Dict;
use crate::value::{Map, Value};

pub(super) fn register(to: &mut Registry) {
    for (name, overwrite) in [
        ("merge", false),
        ("mustMerge", false),
        ("mergeOverwrite", true),
        ("mustMergeOverwrite", true),
    ] {
        to.variadic_any(name, &[Dict], Dict, move |a| merge(a, overwrite));
    }
}

fn merge(a: &[Value], overwrite: bool) -> Answer {
    let mut into = map(a, 0);
    for i in 1..a.len() {
        let source = map(a, i);
        if into.is_nil() && !source.is_nil() {
            into = Map::new();
        }
        merge_maps(&into, &source, overwrite, 0)?;
    }
    Ok(if into.is_nil() { any(a, 0) } else { Value::Map(into) })
}

/// Merges `source` into `into`. Nested maps stay shared with the source unless the key existed.
fn merge_maps(into: &Map, source: &Map, overwrite: bool, depth: usize) -> Result<(), FuncError> {
    if into.same(source) {
        return Ok(());
    }
    let too_deep = || FuncError::new("maps are nested too deeply to be merged");
    if depth > deep::MAX_VALUE_DEPTH {
        return Err(too_deep());
    }
    deep::call(depth, || merge_entries(into, source, overwrite, depth)).ok_or_else(too_deep)?
}

fn merge_entries(into: &Map, source: &Map, overwrite: bool, depth: usize) -> Result<(), FuncError> {
    for (key, from) in source.entries() {
        if matches!(from, Value::Nil) {
            if overwrite {
                into.set(key, from);
            }
            continue;
        }
        let old = into.get(&key);
        if let (Value::Map(from), Some(Value::Map(old))) = (&from, &old)
            && !old.is_nil()
        {
            merge_maps(old, from, overwrite, depth + 1)?;
        }
        let slice = from.elements().is_some();
        if slice && overwrite {
            into.set(key.clone(), from.clone());
        }
        // An old map that was empty until now counts by what it holds now.
        if let Some(old) = &old
            && !is_empty(old)
            && (slice || (is_map(&from) && is_map(old)))
        {
            continue;
        }
        if overwrite || old.as_ref().is_none_or(is_empty) {
            into.set(key, from);
        }
    }
    Ok(())
}

fn is_map(value: &Value) -> bool {
    matches!(value, Value::Map(_) | Value::StringMap(_))
}

/// Mergo's idea of empty: complex numbers, times and objects never are.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Complex(..) => false,
        other => super::args::empty(other),
    }
}
