//! Go types: what parameters are declared with and what messages name.

use std::borrow::Cow;
use std::sync::Arc;

/// A Go type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `interface {}`: takes everything, nil too.
    Any,
    /// `reflect.Value`: takes everything, and tells "no value" from nil. Only built-in functions use it.
    Reflect,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint8`.
    Uint8,
    /// `uint32`.
    Uint32,
    /// `uint64`.
    Uint64,
    /// `float64`.
    Float64,
    /// `complex128`.
    Complex128,
    /// `string`.
    String,
    /// `[]byte`, which Go prints as `[]uint8`.
    Bytes,
    /// `[]interface {}`.
    List,
    /// `map[string]interface {}`.
    Map,
    /// `[]string`.
    Strings,
    /// `[]int`.
    Ints,
    /// `map[string]string`.
    StringMap,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `time.Month`.
    Month,
    /// `time.Weekday`.
    Weekday,
    /// A slice of another type, such as `[][]interface {}`.
    Slice(Arc<Type>),
    /// Any other named type.
    Object(Arc<str>),
}

impl Type {
    /// Returns the name as Go's messages print it.
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::List => "[]interface {}",
            Self::Map => "map[string]interface {}",
            Self::Strings => "[]string",
            Self::Ints => "[]int",
            Self::StringMap => "map[string]string",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Month => "time.Month",
            Self::Weekday => "time.Weekday",
            Self::Slice(element) => return Cow::Owned(format!("[]{}", element.name())),
            Self::Object(name) => return Cow::Owned(name.to_string()),
        })
    }

    /// Reports whether an untyped nil can stand for a value of this type.
    pub(crate) fn can_be_nil(&self) -> bool {
        match self {
            Self::Any
            | Self::Reflect
            | Self::Bytes
            | Self::List
            | Self::Map
            | Self::Strings
            | Self::Ints
            | Self::StringMap
            | Self::Slice(_) => true,
            Self::Object(name) => name.starts_with('*'),
            _ => false,
        }
    }
}
