//! Arguments: what a parameter's type accepts.

use super::{Exec, Rv, State};
use crate::builtins::prepare_zero;
use crate::node::{Id, Kind};
use crate::types::Type;
use crate::value::{Named, Value};

impl<'a> State<'a> {
    /// Evaluates one argument for a parameter of type `t`; without a type everything goes.
    pub(super) fn eval_arg(&mut self, dot: &Rv, t: Option<&Type>, id: Id) -> Exec<Rv> {
        self.at(id);
        let args: &'a [Id] = &[];
        let value = match self.tree().kind(id) {
            Kind::Dot => dot.clone(),
            Kind::Nil => return self.nil_arg(t),
            Kind::Field(_) => self.eval_field_node(dot, id, args, Rv::Missing)?,
            Kind::Variable(_) => self.eval_variable_node(dot, id, args, Rv::Missing)?,
            Kind::Pipe(_) => self.eval_pipeline(dot, Some(id))?,
            Kind::Identifier(name) => self.eval_function(dot, id, name, id, args, Rv::Missing)?,
            Kind::Chain { .. } => self.eval_chain_node(dot, id, args, Rv::Missing)?,
            _ => return self.literal(t, id),
        };
        self.validate_type(value, t)
    }

    fn nil_arg(&self, t: Option<&Type>) -> Exec<Rv> {
        match t {
            Some(t) if t.can_be_nil() => Ok(zero(t)),
            Some(t) => self.error(format!("cannot assign nil to {}", t.name())),
            None => Ok(Rv::Invalid),
        }
    }

    fn literal(&mut self, t: Option<&Type>, id: Id) -> Exec<Rv> {
        let kind = self.tree().kind(id);
        let t = t.unwrap_or(&Type::Any);
        let (number, wanted) = match t {
            Type::Any | Type::Reflect => {
                return match kind {
                    Kind::Bool(b) => Ok(Rv::Val(Value::Bool(*b))),
                    Kind::Number(number) => self.ideal_constant(id, number),
                    Kind::Str { value, .. } => Ok(Rv::Val(Value::String(value.clone()))),
                    _ => Ok(Rv::Invalid),
                };
            }
            Type::Bool => match kind {
                Kind::Bool(b) => return Ok(Rv::Val(Value::Bool(*b))),
                _ => (None, "bool"),
            },
            Type::String => match kind {
                Kind::Str { value, .. } => return Ok(Rv::Val(Value::String(value.clone()))),
                _ => (None, "string"),
            },
            Type::Int | Type::Int64 | Type::Duration | Type::Month | Type::Weekday => {
                let int = match kind {
                    Kind::Number(number) => number.int,
                    _ => None,
                };
                let value = int.map(|i| match t {
                    Type::Int64 => Value::Int64(i),
                    Type::Duration => Value::Named(Named::Duration, i),
                    Type::Month => Value::Named(Named::Month, i),
                    Type::Weekday => Value::Named(Named::Weekday, i),
                    _ => Value::Int(i),
                });
                (value, "integer")
            }
            Type::Uint8 | Type::Uint32 | Type::Uint64 => {
                let uint = match kind {
                    Kind::Number(number) => number.uint,
                    _ => None,
                };
                #[expect(clippy::cast_possible_truncation, reason = "Go wraps here, too")]
                let value = uint.map(|u| match t {
                    Type::Uint8 => Value::Uint8(u as u8),
                    Type::Uint32 => Value::Uint32(u as u32),
                    _ => Value::Uint64(u),
                });
                (value, "unsigned integer")
            }
            Type::Float64 => {
                let float = match kind {
                    Kind::Number(number) => number.float,
                    _ => None,
                };
                (float.map(Value::Float64), "float")
            }
            _ => {
                let shown = self.tree().show(id);
                return self.error(format!("can't handle {shown} for arg of type {}", t.name()));
            }
        };
        match number {
            Some(value) => Ok(Rv::Val(value)),
            None => {
                let shown = self.tree().show(id);
                self.error(format!("expected {wanted}; found {shown}"))
            }
        }
    }

    /// Makes sure that a value can be passed as `t`.
    pub(super) fn validate_type(&self, value: Rv, t: Option<&Type>) -> Exec<Rv> {
        let Some(t) = t else { return Ok(value) };
        if matches!(value, Rv::Invalid | Rv::Missing) {
            if t.can_be_nil() {
                return Ok(zero(t));
            }
            return self.error(format!("invalid value; expected {}", t.name()));
        }
        if matches!(t, Type::Any | Type::Reflect) {
            return Ok(value);
        }
        match value.unwrapped() {
            Rv::Val(value) if is_type(&value, t) => Ok(Rv::Val(value)),
            Rv::Val(value) => {
                let (want, got) = (t.name(), value.type_name());
                self.error(format!("wrong type for value; expected {want}; got {got}"))
            }
            _ => {
                let want = t.name();
                self.error(format!("wrong type for value; expected {want}; got interface {{}}"))
            }
        }
    }
}

/// Returns what an untyped nil becomes as a `t`.
fn zero(t: &Type) -> Rv {
    match t {
        Type::Any => Rv::Iface(Value::Nil),
        Type::Reflect => Rv::Invalid,
        t => Rv::of(prepare_zero(t)),
    }
}

fn is_type(value: &Value, t: &Type) -> bool {
    match (value, t) {
        (Value::String(_), Type::String)
        | (Value::Int(_), Type::Int)
        | (Value::Bool(_), Type::Bool)
        | (Value::Map(_), Type::Map)
        | (Value::List(_), Type::List) => true,
        (Value::String(_) | Value::Int(_) | Value::Bool(_) | Value::Map(_) | Value::List(_), _) => {
            false
        }
        (value, t) => value.go_type().as_ref() == Some(t),
    }
}
