//! The functions every template has.

mod compare;
mod escape;
mod index;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::FuncError;
use crate::exec::Rv;
use crate::fmt;
use crate::func::Func;
use crate::types::Type;
use crate::value::Value;

pub(crate) use index::{prepare_zero, type_of};

/// A built-in function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Or,
    Not,
    Call,
    Html,
    Index,
    Slice,
    Js,
    Len,
    Print,
    Printf,
    Println,
    Urlquery,
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
}

static BUILTINS: LazyLock<HashMap<&'static str, Func>> = LazyLock::new(|| {
    use Builtin as B;
    use Type::{Any, Reflect, String};
    let reflect = |n: usize, variadic: bool, b| {
        Func::builtin(&vec![Reflect; n], variadic.then_some(Reflect), b)
    };
    HashMap::from([
        ("and", reflect(1, true, B::And)),
        ("or", reflect(1, true, B::Or)),
        ("not", reflect(1, false, B::Not)),
        ("call", reflect(1, true, B::Call)),
        ("html", Func::builtin(&[], Some(Any), B::Html)),
        ("index", reflect(1, true, B::Index)),
        ("slice", reflect(1, true, B::Slice)),
        ("js", Func::builtin(&[], Some(Any), B::Js)),
        ("len", reflect(1, false, B::Len)),
        ("print", Func::builtin(&[], Some(Any), B::Print)),
        ("printf", Func::builtin(&[String], Some(Any), B::Printf)),
        ("println", Func::builtin(&[], Some(Any), B::Println)),
        ("urlquery", Func::builtin(&[], Some(Any), B::Urlquery)),
        ("eq", reflect(1, true, B::Eq)),
        ("ge", reflect(2, false, B::Ge)),
        ("gt", reflect(2, false, B::Gt)),
        ("le", reflect(2, false, B::Le)),
        ("lt", reflect(2, false, B::Lt)),
        ("ne", reflect(2, false, B::Ne)),
    ])
});

/// Returns the built-in function of this name.
pub(crate) fn find(name: &str) -> Option<&'static Func> {
    BUILTINS.get(name)
}

impl Builtin {
    /// Runs the function; `and` and `or` are part of the evaluation of calls.
    pub(crate) fn call(self, args: Vec<Rv>, callee: &str) -> Result<Rv, FuncError> {
        let values = |args: Vec<Rv>| args.into_iter().map(Rv::into_value).collect::<Vec<Value>>();
        let text = |bytes: Vec<u8>| Ok(Rv::Val(Value::string(bytes)));
        let boolean = |b: Result<bool, FuncError>| b.map(|b| Rv::Val(Value::Bool(b)));
        match self {
            Self::And | Self::Or => Err(FuncError::new("unreachable")),
            Self::Not => Ok(Rv::Val(Value::Bool(!args.first().is_some_and(Rv::truth)))),
            Self::Call => index::call(args, callee),
            Self::Index => index::index(args),
            Self::Slice => index::slice(args),
            Self::Len => index::len(args),
            Self::Print => text(fmt::try_sprint(&values(args))?),
            Self::Println => text(fmt::sprintln(&values(args))?),
            Self::Printf => {
                let args = values(args);
                let (format, rest) = args.split_first().ok_or("printf needs a format")?;
                text(fmt::sprintf(format.as_bytes().unwrap_or_default(), rest)?)
            }
            Self::Html => text(escape::html(&escape::text_of(values(args))?)),
            Self::Js => text(escape::js(&escape::text_of(values(args))?)),
            Self::Urlquery => text(escape::query(&escape::text_of(values(args))?)),
            Self::Eq => boolean(compare::eq_any(&args)),
            Self::Ne => boolean(compare::eq_any(&args).map(|b| !b)),
            Self::Lt => boolean(compare::lt(&args)),
            Self::Le => boolean(compare::le(&args)),
            Self::Gt => boolean(compare::le(&args).map(|b| !b)),
            Self::Ge => boolean(compare::lt(&args).map(|b| !b)),
        }
    }
}
