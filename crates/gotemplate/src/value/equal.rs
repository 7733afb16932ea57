//! `reflect.DeepEqual`.

use super::Value;

/// How many pairs one comparison may look at, so that values that share their parts many times over
/// cannot make it run for ever.
const BUDGET: usize = 1_000_000;

/// Reports whether two values are deeply equal: same types, same contents.
pub(crate) fn deep_equal(a: &Value, b: &Value) -> bool {
    let mut work = vec![(a.clone(), b.clone())];
    let mut budget = BUDGET;
    while let Some((a, b)) = work.pop() {
        budget = match budget.checked_sub(1) {
            Some(budget) => budget,
            None => return false,
        };
        let equal = match (&a, &b) {
            (Value::Nil, Value::Nil) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
            (Value::Uint8(a), Value::Uint8(b)) => a == b,
            (Value::Uint32(a), Value::Uint32(b)) => a == b,
            (Value::Uint64(a), Value::Uint64(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Go compares floats with ==")]
            (Value::Float64(a), Value::Float64(b)) => a == b,
            #[expect(clippy::float_cmp, reason = "Go compares floats with ==")]
            (Value::Complex(a, im), Value::Complex(b, im_b)) => a == b && im == im_b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Ints(a), Value::Ints(b)) => a == b,
            (Value::StringMap(a), Value::StringMap(b)) => a == b,
            (Value::Time(a), Value::Time(b)) => a == b,
            (Value::Named(kind, a), Value::Named(kind_b, b)) => kind == kind_b && a == b,
            (Value::Strings(a), Value::Strings(b)) => {
                a.is_nil() == b.is_nil() && a.to_vec() == b.to_vec()
            }
            (Value::List(x), Value::List(y)) => push_lists(x, y, &mut work),
            (Value::Typed(one, x), Value::Typed(other, y)) => {
                one == other && push_lists(x, y, &mut work)
            }
            (Value::Map(x), Value::Map(y)) => {
                if x.is_nil() != y.is_nil() || x.len() != y.len() {
                    false
                } else if x.same(y) {
                    true
                } else {
                    let (x, y) = (x.entries(), y.entries());
                    let same_keys = x.iter().zip(&y).all(|((k, _), (l, _))| k == l);
                    work.extend(x.into_iter().zip(y).map(|((_, a), (_, b))| (a, b)));
                    same_keys
                }
            }
            (Value::Object(a), Value::Object(b)) => {
                a.type_name() == b.type_name() && format!("{a:?}") == format!("{b:?}")
            }
            _ => false,
        };
        if !equal {
            return false;
        }
    }
    true
}

fn push_lists(x: &super::List, y: &super::List, work: &mut Vec<(Value, Value)>) -> bool {
    if x.is_nil() != y.is_nil() || x.len() != y.len() {
        return false;
    }
    work.extend(x.iter().cloned().zip(y.iter().cloned()));
    true
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        deep_equal(self, other)
    }
}
