//! The values a template works on, with the kinds Go gives them.
//!
//! Go's rules for printing, comparing and passing arguments depend on the kind (an `int` is not an
//! `int64`, a number from JSON is a `float64`), so every kind that can occur has its own variant.
//! Maps are shared, as in Go: a `set` through one variable is seen through every other one.

mod convert;
mod drop;
mod equal;
mod list;
mod map;
mod object;
mod text;
mod time;

pub use list::{List, Strings};
pub use map::Map;
pub use object::Object;
pub use text::Str;
pub use time::{GoTime, Zone};

pub(crate) use drop::drain;
pub(crate) use equal::deep_equal;
pub(crate) use text::lossy;
pub(crate) use time::{
    civil::Civil, duration_string, month_name, parse_duration, parse_time, round_duration,
    weekday_name,
};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::types::Type;

/// A value of one of Go's kinds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// An untyped nil: what a missing value, a JSON `null` and a nil interface are.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// `int` (64 bits wide).
    Int(i64),
    /// `int64`.
    Int64(i64),
    /// `uint8`, what indexing a string or bytes gives.
    Uint8(u8),
    /// `uint32`.
    Uint32(u32),
    /// `uint64`.
    Uint64(u64),
    /// `float64`.
    Float64(f64),
    /// `complex128`, only from literals such as `1i`.
    Complex(f64, f64),
    /// `string`: bytes, mostly UTF-8.
    String(Str),
    /// `[]byte`.
    Bytes(Arc<[u8]>),
    /// `[]interface {}`.
    List(List),
    /// `map[string]interface {}`.
    Map(Map),
    /// `[]string`.
    Strings(Strings),
    /// `[]int`.
    Ints(Arc<[i64]>),
    /// `map[string]string`.
    StringMap(Arc<BTreeMap<Str, Str>>),
    /// `[]map[string]interface {}`, `[][]interface {}` and the like: a list with a fixed element type.
    Typed(Type, List),
    /// `time.Time`.
    Time(GoTime),
    /// A named integer of package time.
    Named(Named, i64),
    /// A value with methods or fields that is none of the above.
    Object(Arc<dyn Object>),
}

/// A named integer type of Go's package time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// `time.Duration`, in nanoseconds.
    Duration,
    /// `time.Month`, 1 to 12.
    Month,
    /// `time.Weekday`, 0 (Sunday) to 6.
    Weekday,
}

/// The reflect kind of a value: what Go's rules switch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value at all.
    Invalid,
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
    /// Any slice.
    Slice,
    /// Any map.
    Map,
    /// A struct.
    Struct,
    /// A pointer.
    Pointer,
}

impl Kind {
    /// Returns the name `reflect.Kind.String` gives.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Struct => "struct",
            Self::Pointer => "ptr",
        }
    }
}

impl Value {
    /// Returns the kind Go's package reflect would name.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Int64(_) => Kind::Int64,
            Self::Uint8(_) => Kind::Uint8,
            Self::Uint32(_) => Kind::Uint32,
            Self::Uint64(_) => Kind::Uint64,
            Self::Float64(_) => Kind::Float64,
            Self::Complex(..) => Kind::Complex128,
            Self::String(_) => Kind::String,
            Self::Bytes(_) | Self::List(_) | Self::Strings(_) | Self::Ints(_) | Self::Typed(..) => {
                Kind::Slice
            }
            Self::Map(_) | Self::StringMap(_) => Kind::Map,
            Self::Time(_) => Kind::Struct,
            Self::Named(Named::Duration, _) => Kind::Int64,
            Self::Named(..) => Kind::Int,
            Self::Object(object) if object.is_pointer() => Kind::Pointer,
            Self::Object(_) => Kind::Struct,
        }
    }

    /// Returns the type as `%T` prints it; nil is `<nil>`.
    pub fn type_name(&self) -> String {
        self.go_type().map_or_else(|| "<nil>".to_owned(), |t| t.name().into_owned())
    }

    /// Returns the type, none for nil.
    pub fn go_type(&self) -> Option<Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Int64(_) => Type::Int64,
            Self::Uint8(_) => Type::Uint8,
            Self::Uint32(_) => Type::Uint32,
            Self::Uint64(_) => Type::Uint64,
            Self::Float64(_) => Type::Float64,
            Self::Complex(..) => Type::Complex128,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::List(_) => Type::List,
            Self::Map(_) => Type::Map,
            Self::Strings(_) => Type::Strings,
            Self::Ints(_) => Type::Ints,
            Self::StringMap(_) => Type::StringMap,
            Self::Typed(t, _) => t.clone(),
            Self::Time(_) => Type::Time,
            Self::Named(Named::Duration, _) => Type::Duration,
            Self::Named(Named::Month, _) => Type::Month,
            Self::Named(Named::Weekday, _) => Type::Weekday,
            Self::Object(object) => Type::Object(object.type_name().to_owned().into()),
        })
    }

    /// Reports whether this is nil, or a nil map, list or pointer.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::List(list) | Self::Typed(_, list) => list.is_nil(),
            Self::Map(map) => map.is_nil(),
            Self::Strings(strings) => strings.is_nil(),
            _ => false,
        }
    }

    /// Reports what `if` makes of the value: false for zero, nil and everything empty.
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(i) | Self::Int64(i) | Self::Named(_, i) => *i != 0,
            Self::Uint8(u) => *u != 0,
            Self::Uint32(u) => *u != 0,
            Self::Uint64(u) => *u != 0,
            Self::Float64(f) => *f != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Time(_) | Self::Object(_) => true,
            other => other.len().is_some_and(|n| n > 0),
        }
    }

    /// Returns the length of a string (in bytes), slice or map; none for everything else.
    #[expect(clippy::len_without_is_empty, reason = "most values have no length")]
    pub fn len(&self) -> Option<usize> {
        Some(match self {
            Self::String(s) => s.len(),
            Self::Bytes(b) => b.len(),
            Self::List(list) | Self::Typed(_, list) => list.len(),
            Self::Map(map) => map.len(),
            Self::Strings(strings) => strings.len(),
            Self::Ints(ints) => ints.len(),
            Self::StringMap(map) => map.len(),
            _ => return None,
        })
    }

    /// Returns element `i` of a slice; none when there is none or this is no slice.
    pub fn element(&self, i: usize) -> Option<Value> {
        match self {
            Self::Bytes(b) => b.get(i).map(|b| Value::Uint8(*b)),
            Self::List(list) | Self::Typed(_, list) => list.get(i).cloned(),
            Self::Strings(strings) => strings.get(i).map(Value::String),
            Self::Ints(ints) => ints.get(i).map(|i| Value::Int(*i)),
            _ => None,
        }
    }

    /// Returns the elements of a slice; none for everything else.
    pub fn elements(&self) -> Option<Vec<Value>> {
        Some(match self {
            Self::Bytes(b) => b.iter().map(|b| Value::Uint8(*b)).collect(),
            Self::List(list) | Self::Typed(_, list) => list.to_vec(),
            Self::Strings(strings) => strings.to_vec().into_iter().map(Value::String).collect(),
            Self::Ints(ints) => ints.iter().map(|i| Value::Int(*i)).collect(),
            _ => return None,
        })
    }

    /// Returns the entries of a map in the order of their keys; none for everything else.
    pub fn entries(&self) -> Option<Vec<(Str, Value)>> {
        Some(match self {
            Self::Map(map) => map.entries(),
            Self::StringMap(map) => {
                map.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect()
            }
            _ => return None,
        })
    }

    /// Returns the text of a string that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(s) => s.as_str(),
            _ => None,
        }
    }

    /// Returns the bytes of a string or of bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(s) => Some(s.as_bytes()),
            Self::Bytes(b) => Some(b),
            _ => None,
        }
    }

    /// Returns the text as Go's `fmt.Sprint` prints it.
    pub fn print(&self) -> String {
        Str::from(crate::fmt::sprint(std::slice::from_ref(self))).to_lossy().into_owned()
    }

    /// Returns any integer that fits 64 signed bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) | Self::Int64(i) | Self::Named(_, i) => Some(*i),
            Self::Uint8(u) => Some(i64::from(*u)),
            Self::Uint32(u) => Some(i64::from(*u)),
            Self::Uint64(u) => i64::try_from(*u).ok(),
            _ => None,
        }
    }

    /// Returns a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }
}
