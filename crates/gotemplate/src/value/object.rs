//! Values with methods or fields that are no plain data.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::func::Func;

use super::Value;

/// A value of a named Go type: printable, with methods and fields a template can use.
pub trait Object: Debug + Send + Sync {
    /// Returns the type as `%T` prints it, such as `*semver.Version`.
    fn type_name(&self) -> &str;

    /// Reports whether the Go type is a pointer (else it is a struct).
    fn is_pointer(&self) -> bool {
        false
    }

    /// Returns what the type's `String` method gives, none when it has none.
    fn text(&self) -> Option<String> {
        None
    }

    /// Returns the method of this name, bound to the value.
    fn method(&self, name: &str) -> Option<Func> {
        let _ = name;
        None
    }

    /// Returns the fields in the order of the Go type.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Returns the copy `deepCopy` makes, which leaves unexported fields empty; none when it is the same.
    fn deep_copy(&self) -> Option<Arc<dyn Object>> {
        None
    }

    /// Returns the value for a downcast.
    fn as_any(&self) -> &dyn Any;
}
