//! What the evaluator handles: Go's `reflect.Value`.

use crate::value::Value;

/// A value with what Go's rules tell apart: no value at all, an element of type `interface {}` (which
/// may be nil), and a value of its own type.
#[derive(Clone, Debug)]
pub(crate) enum Rv {
    /// No previous command in the pipeline.
    Missing,
    /// No value: a missing key, a nil that was unwrapped.
    Invalid,
    /// Of static type `interface {}`.
    Iface(Value),
    /// Of its own type; never [`Value::Nil`].
    Val(Value),
}

impl Rv {
    /// Returns `reflect.ValueOf(value)`.
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Nil => Self::Invalid,
            value => Self::Val(value),
        }
    }

    /// Forgets that the value was in an interface.
    pub(crate) fn unwrapped(self) -> Self {
        match self {
            Self::Iface(Value::Nil) => Self::Invalid,
            Self::Iface(value) => Self::Val(value),
            other => other,
        }
    }

    /// Returns the value; none is nil.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Missing | Self::Invalid => Value::Nil,
            Self::Iface(value) | Self::Val(value) => value,
        }
    }

    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Invalid => false,
            Self::Iface(value) | Self::Val(value) => value.truth(),
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// Returns the static type as messages name it.
    pub(crate) fn type_name(&self) -> String {
        match self {
            Self::Iface(_) => "interface {}".to_owned(),
            Self::Val(value) => value.type_name(),
            Self::Missing | Self::Invalid => "<nil>".to_owned(),
        }
    }
}
