//! Lists.

use super::args::{NIL_POINTER, any, boolean, from, int, items, kind_name, list};
use super::cast::to_int;
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{self, Any, Int};
use crate::value::{List, Value, deep_equal};

/// How many pairs a function may compare: a list of a million items is not searched a million times.
const MAX_COMPARISONS: usize = 20_000_000;

pub(super) fn register(to: &mut Registry) {
    for name in ["list", "tuple"] {
        to.variadic(name, &[], Any, |a| list(a.to_vec()));
    }
    both(to, "append", &[Any, Any], push);
    both(to, "push", &[Any, Any], push);
    both(to, "prepend", &[Any, Any], |a| {
        let mut all = vec![any(a, 1)];
        all.extend(items(&a[0], "Cannot prepend on type")?);
        list(all)
    });
    both_any(to, "first", |a| Ok(items(&a[0], "Cannot find first on type")?.first().cloned()));
    both_any(to, "last", |a| Ok(items(&a[0], "Cannot find last on type")?.last().cloned()));
    both(to, "rest", &[Any], |a| {
        let all = items(&a[0], "Cannot find rest on type")?;
        Ok(Value::List(all.split_first().map_or_else(List::nil, |(_, rest)| rest.to_vec().into())))
    });
    both(to, "initial", &[Any], |a| {
        let all = items(&a[0], "Cannot find initial on type")?;
        Ok(Value::List(all.split_last().map_or_else(List::nil, |(_, rest)| rest.to_vec().into())))
    });
    both(to, "reverse", &[Any], |a| {
        let mut all = items(&a[0], "Cannot find reverse on type")?;
        all.reverse();
        list(all)
    });
    both(to, "compact", &[Any], |a| {
        let mut all = items(&a[0], "Cannot compact on type")?;
        all.retain(|item| !super::args::empty(item));
        list(all)
    });
    both(to, "uniq", &[Any], uniq);
    for name in ["without", "mustWithout"] {
        to.variadic(name, &[Any], Any, |a| {
            let mut all = items(&a[0], "Cannot find without on type")?;
            let omit = from(a, 1);
            check_comparisons(all.len(), omit.len())?;
            all.retain(|item| !omit.iter().any(|o| deep_equal(item, o)));
            list(all)
        });
    }
    both(to, "has", &[Any, Any], |a| {
        if matches!(a[1], Value::Nil) {
            return boolean(false);
        }
        let all = items(&a[1], "Cannot find has on type")?;
        boolean(all.iter().any(|item| deep_equal(&a[0], item)))
    });
    for name in ["slice", "mustSlice"] {
        to.variadic_any(name, &[Any], Any, slice);
    }
    to.variadic_any("concat", &[], Any, concat);
    both(to, "chunk", &[Int, Any], chunk);
}

/// Registers `name` and `mustName`, which differ only in how Go reports the same error.
fn both(
    to: &mut Registry,
    name: &str,
    params: &[Type],
    body: impl Fn(&[Value]) -> Answer + Send + Sync + Clone + 'static,
) {
    let must = must(name);
    to.typed(name, params, body.clone());
    to.typed(&must, params, body);
}

fn both_any(
    to: &mut Registry,
    name: &str,
    body: impl Fn(&[Value]) -> Result<Option<Value>, FuncError> + Send + Sync + Clone + 'static,
) {
    let must = must(name);
    let answer = move |a: &[Value]| body(a).map(Option::unwrap_or_default);
    to.any(name, &[Any], answer.clone());
    to.any(&must, &[Any], answer);
}

fn must(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("must{}{rest}", first.to_uppercase())
}

fn push(a: &[Value]) -> Answer {
    let mut all = items(&a[0], "Cannot push on type")?;
    all.push(any(a, 1));
    list(all)
}

fn check_comparisons(a: usize, b: usize) -> Result<(), FuncError> {
    if a.saturating_mul(b) > MAX_COMPARISONS {
        return Err(FuncError(format!("more than {MAX_COMPARISONS} comparisons")));
    }
    Ok(())
}

fn uniq(a: &[Value]) -> Answer {
    let all = items(&a[0], "Cannot find uniq on type")?;
    let mut unique: Vec<Value> = Vec::new();
    let mut compared = 0;
    for item in all {
        compared += unique.len();
        check_comparisons(compared, 1)?;
        if !unique.iter().any(|u| deep_equal(&item, u)) {
            unique.push(item);
        }
    }
    list(unique)
}

fn slice(a: &[Value]) -> Answer {
    let value = &a[0];
    let n = match value {
        Value::Nil => return Err(NIL_POINTER.into()),
        value if value.elements().is_none() => {
            let kind = kind_name(value);
            return Err(FuncError(format!("list should be type of slice or array but {kind}")));
        }
        value => i64::try_from(value.len().unwrap_or(0)).unwrap_or(i64::MAX),
    };
    if n == 0 {
        return Ok(Value::Nil);
    }
    let start = a.get(1).map_or(0, to_int);
    let end = a.get(2).map_or(n, to_int);
    let capacity = match value {
        Value::List(list) | Value::Typed(_, list) => list.capacity(),
        Value::Strings(strings) => strings.capacity(),
        _ => value.len().unwrap_or(0),
    };
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(end)) else {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    };
    if from > to || to > capacity {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    Ok(match value {
        Value::List(list) => Value::List(list.slice(from, to, capacity)),
        Value::Typed(t, list) => Value::Typed(t.clone(), list.slice(from, to, capacity)),
        Value::Strings(strings) => Value::Strings(strings.slice(from, to)),
        Value::Bytes(bytes) => Value::Bytes(bytes.get(from..to).unwrap_or_default().into()),
        Value::Ints(ints) => Value::Ints(ints.get(from..to).unwrap_or_default().into()),
        _ => Value::Nil,
    })
}

fn concat(a: &[Value]) -> Answer {
    let mut all = Vec::new();
    let mut any = false;
    for value in a {
        match value {
            Value::Nil => return Err(NIL_POINTER.into()),
            value => match value.elements() {
                Some(items) => {
                    any |= !items.is_empty();
                    all.extend(items);
                }
                None => {
                    let kind = kind_name(value);
                    return Err(FuncError(format!("Cannot concat type {kind} as list")));
                }
            },
        }
    }
    Ok(Value::List(if any { List::from(all) } else { List::nil() }))
}

fn chunk(a: &[Value]) -> Answer {
    let all = items(&a[1], "Cannot chunk type")?;
    let size = int(a, 0);
    let n = i64::try_from(all.len()).unwrap_or(i64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "Go computes the count in floats, too")]
    let count = crate::strconv::float_to_i64(((n - 1) as f64 / size as f64).floor() + 1.0);
    let element = Type::Slice(std::sync::Arc::new(Type::List));
    let out_of_range = || FuncError::new("runtime error: makeslice: len out of range");
    if count < 0 {
        return Err(out_of_range());
    }
    // A negative size makes a chunk only when there is one, of one item.
    let chunks: Vec<&[Value]> = match usize::try_from(size) {
        Ok(size) => all.chunks(size.max(1)).collect(),
        Err(_) if count == 0 => Vec::new(),
        Err(_) if count == 1 && n % size != 0 => vec![&all[..]],
        Err(_) => return Err(out_of_range()),
    };
    let chunks: Vec<Value> =
        chunks.into_iter().map(|chunk| Value::List(List::from(chunk.to_vec()))).collect();
    Ok(Value::Typed(element, List::from(chunks)))
}
