//! Maps.

use super::args::{any, boolean, from, list, map, strval, text};
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{Any, Map as Dict, String as Text};
use crate::value::{Map, Str, Strings, Value};

pub(super) fn register(to: &mut Registry) {
    to.variadic("dict", &[], Any, dict);
    to.any("get", &[Dict, Text], |a| {
        Ok(map(a, 0).get(text(a, 1)).unwrap_or_else(|| Value::from("")))
    });
    to.typed("set", &[Dict, Text, Any], set);
    to.typed("unset", &[Dict, Text], |a| {
        map(a, 0).remove(text(a, 1));
        Ok(any(a, 0))
    });
    to.typed("hasKey", &[Dict, Text], |a| boolean(map(a, 0).contains(text(a, 1))));
    to.variadic("pluck", &[Text], Dict, |a| {
        list((1..a.len()).filter_map(|i| map(a, i).get(text(a, 0))).collect())
    });
    to.variadic("keys", &[], Dict, |a| {
        let keys: Vec<Str> =
            (0..a.len()).flat_map(|i| map(a, i).entries()).map(|(k, _)| k).collect();
        Ok(Value::Strings(Strings::from(keys)))
    });
    to.typed("values", &[Dict], |a| {
        list(map(a, 0).entries().into_iter().map(|(_, v)| v).collect())
    });
    to.variadic("pick", &[Dict], Text, |a| {
        let (dict, picked) = (map(a, 0), Map::new());
        for key in from(a, 1).iter().filter_map(Value::as_bytes) {
            if let Some(value) = dict.get(key) {
                picked.set(key, value);
            }
        }
        Ok(Value::Map(picked))
    });
    to.variadic("omit", &[Dict], Text, |a| {
        let omitted: Vec<&[u8]> = from(a, 1).iter().filter_map(Value::as_bytes).collect();
        let entries = map(a, 0).entries().into_iter();
        let kept = entries.filter(|(key, _)| !omitted.contains(&key.as_bytes()));
        Ok(Value::Map(kept.collect()))
    });
    to.variadic_any("dig", &[], Any, dig);
}

fn dict(a: &[Value]) -> Answer {
    let dict = Map::new();
    for pair in a.chunks(2) {
        let key = strval(&pair[0])?;
        dict.set(key, pair.get(1).cloned().unwrap_or_else(|| Value::from("")));
    }
    Ok(Value::Map(dict))
}

fn set(a: &[Value]) -> Answer {
    let dict = map(a, 0);
    let value = any(a, 2);
    if holds(&value, &dict)? {
        return Err("a map cannot hold itself".into());
    }
    if !dict.set(text(a, 1), value) {
        return Err("assignment to entry in nil map".into());
    }
    Ok(any(a, 0))
}

/// Reports whether `value` is or holds `dict`. Go lets a map hold itself and then runs out of memory
/// when it is printed.
fn holds(value: &Value, dict: &Map) -> Result<bool, FuncError> {
    /// How many values are looked at before the answer is given up.
    const MAX_LOOKS: usize = 1_000_000;
    let mut work = match value {
        Value::Map(_) | Value::List(_) | Value::Typed(..) => vec![value.clone()],
        _ => return Ok(false),
    };
    let mut looks = 0;
    while let Some(value) = work.pop() {
        looks += 1;
        if looks > MAX_LOOKS {
            return Err("a value of more than a million parts cannot be set".into());
        }
        match &value {
            Value::Map(map) if map.same(dict) && !map.is_nil() => return Ok(true),
            Value::Map(map) => {
                work.extend(
                    map.entries().into_iter().map(|(_, v)| v).filter(|v| v.len().is_some()),
                );
            }
            Value::List(list) | Value::Typed(_, list) => {
                work.extend(list.iter().filter(|v| v.len().is_some()).cloned());
            }
            _ => {}
        }
    }
    Ok(false)
}

fn dig(a: &[Value]) -> Answer {
    let [keys @ .., default, value] = a else {
        return Err("dig needs at least three arguments".into());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut dict = as_dict(value)?;
    let keys: Vec<Str> = keys
        .iter()
        .map(|key| match key {
            Value::String(key) => Ok(key.clone()),
            other => Err(conversion(other, "string")),
        })
        .collect::<Result<_, _>>()?;
    for (i, key) in keys.iter().enumerate() {
        match dict.get(key) {
            None => return Ok(default.clone()),
            Some(step) if i + 1 == keys.len() => return Ok(step),
            Some(step) => dict = as_dict(&step)?,
        }
    }
    Ok(default.clone())
}

fn as_dict(value: &Value) -> Result<Map, FuncError> {
    match value {
        Value::Map(map) => Ok(map.clone()),
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

fn conversion(value: &Value, wanted: &str) -> FuncError {
    let found = match value {
        Value::Nil => "nil".to_owned(),
        other => other.type_name(),
    };
    FuncError(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
}
