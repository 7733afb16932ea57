//! Fields, map keys and methods.

use super::{Exec, Rv, State};
use crate::methods;
use crate::node::Id;
use crate::value::Value;

impl<'a> State<'a> {
    /// Evaluates `.X.Y.Z` from `receiver`; the arguments go to the last one, which may be a method.
    pub(super) fn eval_field_chain(
        &mut self,
        dot: &Rv,
        receiver: Rv,
        node: Id,
        idents: &'a [Box<str>],
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        let Some((final_ident, idents)) = idents.split_last() else { return Ok(receiver) };
        let mut receiver = receiver;
        for ident in idents {
            receiver = self.eval_field(dot, ident, node, &[], Rv::Missing, receiver)?;
        }
        self.eval_field(dot, final_ident, node, args, last, receiver)
    }

    fn eval_field(
        &mut self,
        dot: &Rv,
        name: &str,
        node: Id,
        args: &'a [Id],
        last: Rv,
        receiver: Rv,
    ) -> Exec<Rv> {
        let type_name = receiver.type_name();
        let value = match receiver {
            Rv::Invalid | Rv::Missing => return Ok(Rv::Invalid),
            Rv::Iface(Value::Nil) => {
                return self.error(format!("nil pointer evaluating {type_name}.{name}"));
            }
            Rv::Iface(value) | Rv::Val(value) => value,
        };
        if let Some(method) = methods::find(&value, name) {
            return self.eval_call(dot, &method, node, name, args, last);
        }
        let has_args = args.len() > 1 || !last.is_missing();
        if let Some(fields) = methods::fields(&value)
            && let Some((_, field)) = fields.into_iter().find(|(n, _)| *n == name)
        {
            if !name.starts_with(|c: char| c.is_uppercase()) {
                return self
                    .error(format!("{name} is an unexported field of struct type {type_name}"));
            }
            if has_args {
                return self
                    .error(format!("{name} has arguments but cannot be invoked as function"));
            }
            return Ok(Rv::of(field));
        }
        let found = match &value {
            Value::Map(map) => map.get(name.as_bytes()).map(Rv::Iface),
            Value::StringMap(map) => {
                map.get(name.as_bytes()).map(|s| Rv::Val(Value::String(s.clone())))
            }
            _ => return self.error(format!("can't evaluate field {name} in type {type_name}")),
        };
        if has_args {
            return self.error(format!("{name} is not a method but has arguments"));
        }
        Ok(found.unwrap_or(Rv::Invalid))
    }
}
