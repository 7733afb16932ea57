//! Functions a template can call.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::builtins::Builtin;
use crate::error::FuncError;
use crate::types::Type;
use crate::value::Value;

/// The body of a function: it may hold state, and several renders may call it at once.
pub type Body = Arc<dyn Fn(&[Value]) -> Result<Value, FuncError> + Send + Sync>;

/// A function with the signature Go would see: it decides which arguments are accepted and how the
/// message reads when one is not.
#[derive(Clone)]
pub struct Func {
    pub(crate) params: Vec<Type>,
    pub(crate) variadic: Option<Type>,
    /// The declared result is `interface {}`: a nil result is then a nil interface.
    pub(crate) result_any: bool,
    pub(crate) call: Callable,
}

#[derive(Clone)]
pub(crate) enum Callable {
    Body(Body),
    Builtin(Builtin),
    /// Go refuses the signature, with this message.
    Refused(Arc<str>),
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func")
            .field("params", &self.params)
            .field("variadic", &self.variadic)
            .finish_non_exhaustive()
    }
}

impl Func {
    /// Returns a function of these parameters. `body` gets values of exactly these types (nil where the
    /// type is an interface, a nil map or list where it is one).
    pub fn new<F>(params: impl Into<Vec<Type>>, body: F) -> Self
    where
        F: Fn(&[Value]) -> Result<Value, FuncError> + Send + Sync + 'static,
    {
        Self {
            params: params.into(),
            variadic: None,
            result_any: true,
            call: Callable::Body(Arc::new(body)),
        }
    }

    /// Returns a function of any number of arguments of any type.
    pub fn any<F>(body: F) -> Self
    where
        F: Fn(&[Value]) -> Result<Value, FuncError> + Send + Sync + 'static,
    {
        Self::new([], body).variadic(Type::Any)
    }

    /// Adds any number of further arguments of this type.
    pub fn variadic(mut self, element: Type) -> Self {
        self.variadic = Some(element);
        self
    }

    pub(crate) fn refused(message: String) -> Self {
        Self {
            params: Vec::new(),
            variadic: None,
            result_any: false,
            call: Callable::Refused(message.into()),
        }
    }

    pub(crate) fn builtin(params: &[Type], variadic: Option<Type>, builtin: Builtin) -> Self {
        Self {
            params: params.to_vec(),
            variadic,
            result_any: false,
            call: Callable::Builtin(builtin),
        }
    }

    /// Says that Go declares the result with a type of its own (`string`, `int`…) and not with
    /// `interface {}`. It matters only for a field of the result of a call without parentheses.
    pub fn typed(mut self) -> Self {
        self.result_any = false;
        self
    }

    /// Calls the function with values of its parameters' types.
    ///
    /// # Errors
    /// What the function answers; calling a built-in function of the language is one, too.
    pub fn call(&self, args: &[Value]) -> Result<Value, FuncError> {
        match &self.call {
            Callable::Body(body) => body(args),
            Callable::Builtin(_) => Err(FuncError::new("built-in functions need a template")),
            Callable::Refused(message) => Err(FuncError::new(&**message)),
        }
    }
}

/// The functions a template may use, by name; they win over the built-in ones of the language.
///
/// A clone shares the functions until one of the two is changed.
#[derive(Clone, Debug, Default)]
pub struct FuncMap(Arc<HashMap<String, Func>>);

impl FuncMap {
    /// Returns a map without functions: a template then has Go's built-in ones only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a function.
    pub fn insert(&mut self, name: impl Into<String>, func: Func) {
        Arc::make_mut(&mut self.0).insert(name.into(), func);
    }

    /// Takes a function away.
    pub fn remove(&mut self, name: &str) {
        Arc::make_mut(&mut self.0).remove(name);
    }

    /// Adds all functions of `other`; they replace those of the same name.
    pub fn extend(&mut self, other: FuncMap) {
        Arc::make_mut(&mut self.0).extend(Arc::unwrap_or_clone(other.0));
    }

    /// Returns the function of this name.
    pub fn get(&self, name: &str) -> Option<&Func> {
        self.0.get(name)
    }

    /// Returns the names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
