//! Defaults, reflection and what else looks at any value.

use super::args::{any, boolean, empty, string, text};
use super::{Answer, Registry};
use crate::deep;
use crate::error::FuncError;
use crate::types::Type::{Any, Bool, String as Text};
use crate::value::{List, Map, Str, Strings, Value, deep_equal};

pub(super) fn register(to: &mut Registry) {
    to.variadic_any("default", &[Any], Any, |a| match a.get(1) {
        Some(given) if !empty(given) => Ok(given.clone()),
        _ => Ok(any(a, 0)),
    });
    to.typed("empty", &[Any], |a| boolean(empty(&a[0])));
    to.variadic_any("coalesce", &[], Any, |a| {
        Ok(a.iter().find(|v| !empty(v)).cloned().unwrap_or_default())
    });
    to.variadic("all", &[], Any, |a| boolean(!a.iter().any(empty)));
    to.variadic("any", &[], Any, |a| boolean(a.iter().any(|v| !empty(v))));
    to.any("ternary", &[Any, Any, Bool], |a| Ok(if a[2].truth() { any(a, 0) } else { any(a, 1) }));
    for name in ["deepCopy", "mustDeepCopy"] {
        to.any(name, &[Any], |a| deep_copy(&a[0]));
    }
    to.typed("deepEqual", &[Any, Any], |a| boolean(deep_equal(&a[0], &a[1])));
    to.typed("typeOf", &[Any], |a| string(a[0].type_name()));
    to.typed("typeIs", &[Text, Any], |a| boolean(text(a, 0) == a[1].type_name().as_bytes()));
    to.typed("typeIsLike", &[Text, Any], |a| {
        let name = a[1].type_name();
        let like = text(a, 0) == name.as_bytes()
            || name.strip_prefix('*').is_some_and(|n| n.as_bytes() == text(a, 0));
        boolean(like)
    });
    to.typed("kindOf", &[Any], |a| string(a[0].kind().name()));
    to.typed("kindIs", &[Text, Any], |a| boolean(text(a, 0) == a[1].kind().name().as_bytes()));
    to.typed("env", &[Text], |_| string(""));
    to.typed("expandenv", &[Text], |a| string(expand(text(a, 0))));
    to.typed("getHostByName", &[Text], |a| {
        // An address needs no lookup; without a network nothing else has one, and Go picks one of none.
        let name = crate::value::lossy(text(a, 0));
        match name.parse::<std::net::IpAddr>() {
            Ok(_) => string(name),
            Err(_) => Err("invalid argument to Intn".into()),
        }
    });
}

/// `os.ExpandEnv` in an empty environment: every reference is replaced by nothing.
fn expand(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut i = 0;
    while i < text.len() {
        if text[i] != b'$' || i + 1 >= text.len() {
            out.push(text[i]);
            i += 1;
            continue;
        }
        let (name_len, width) = shell_name(&text[i + 1..]);
        // `${` without an end is eaten; `$` before what is no name stays.
        if name_len == 0 && width == 0 {
            out.push(b'$');
        }
        i += 1 + width;
    }
    out
}

/// Returns the length of the name after `$`, and how many bytes belong to it.
fn shell_name(text: &[u8]) -> (usize, usize) {
    let special = |b: u8| b"*#$@!?-0123456789".contains(&b);
    if text[0] == b'{' {
        if text.len() > 2 && special(text[1]) && text[2] == b'}' {
            return (1, 3);
        }
        return match text[1..].iter().position(|b| *b == b'}') {
            // `${}` is bad syntax: both braces go.
            Some(0) => (0, 2),
            Some(end) => (end, end + 2),
            // No end: the brace goes.
            None => (0, 1),
        };
    }
    if special(text[0]) {
        return (1, 1);
    }
    let n = text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
    (n, n)
}

/// Copies a value with everything it holds.
fn deep_copy(value: &Value) -> Answer {
    if matches!(value, Value::Nil) {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    let mut budget = 1_000_000;
    copy(value, 0, &mut budget)
}

fn copy(value: &Value, depth: usize, budget: &mut usize) -> Answer {
    let too_deep = || FuncError::new("deepCopy error: value is nested too deeply");
    if depth > deep::MAX_VALUE_DEPTH {
        return Err(too_deep());
    }
    *budget = budget
        .checked_sub(1)
        .ok_or_else(|| FuncError::new("deepCopy error: value has more than a million parts"))?;
    deep::call(depth, || copy_parts(value, depth, budget)).ok_or_else(too_deep)?
}

fn copy_parts(value: &Value, depth: usize, budget: &mut usize) -> Answer {
    Ok(match value {
        Value::List(list) | Value::Typed(_, list) if list.is_nil() => value.clone(),
        Value::List(list) => Value::List(copy_list(list, depth, budget)?),
        Value::Typed(t, list) => Value::Typed(t.clone(), copy_list(list, depth, budget)?),
        Value::Map(map) if map.is_nil() => value.clone(),
        Value::Map(map) => {
            let copied = map
                .entries()
                .into_iter()
                .map(|(k, v)| Ok((k, copy(&v, depth + 1, budget)?)))
                .collect::<Result<Vec<(Str, Value)>, FuncError>>()?;
            Value::Map(copied.into_iter().collect::<Map>())
        }
        Value::Strings(strings) if !strings.is_nil() => {
            Value::Strings(Strings::from(strings.to_vec()))
        }
        Value::Object(object) => object.deep_copy().map_or_else(|| value.clone(), Value::Object),
        other => other.clone(),
    })
}

fn copy_list(list: &List, depth: usize, budget: &mut usize) -> Result<List, FuncError> {
    let items: Result<Vec<Value>, FuncError> =
        list.iter().map(|item| copy(item, depth + 1, budget)).collect();
    Ok(List::from(items?))
}
