//! Calls of functions and methods.

use super::{Exec, Rv, State};
use crate::builtins::{self, Builtin};
use crate::func::{Callable, Func};
use crate::node::Id;
use crate::types::Type;
use crate::value::Value;

impl<'a> State<'a> {
    /// Calls the function `name`; `node` is what an error of the function is reported at.
    pub(super) fn eval_function(
        &mut self,
        dot: &Rv,
        id: Id,
        name: &'a str,
        node: Id,
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        self.at(id);
        let funcs = self.program.funcs;
        match funcs.get(name).or_else(|| builtins::find(name)) {
            Some(func) => self.eval_call(dot, func, node, name, args, last),
            None => {
                let name = crate::strconv::quote(name.as_bytes());
                self.error(format!("{name} is not a defined function"))
            }
        }
    }

    pub(super) fn eval_call(
        &mut self,
        dot: &Rv,
        func: &Func,
        node: Id,
        name: &str,
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        self.step()?;
        let args = args.get(1..).unwrap_or_default();
        let n_in = args.len() + usize::from(!last.is_missing());
        let n_fixed = func.params.len();
        if func.variadic.is_some() {
            if n_in < n_fixed {
                let got = args.len();
                return self.error(format!(
                    "wrong number of args for {name}: want at least {n_fixed} got {got}"
                ));
            }
        } else if n_in != n_fixed {
            return self
                .error(format!("wrong number of args for {name}: want {n_fixed} got {n_in}"));
        }
        if let Callable::Refused(message) = &func.call {
            return self.error(message);
        }
        if let Callable::Builtin(builtin @ (Builtin::And | Builtin::Or)) = func.call {
            return self.eval_and_or(dot, builtin == Builtin::Or, args, last);
        }
        let type_of = |i: usize| func.params.get(i).or(func.variadic.as_ref());
        let mut values_in = Vec::with_capacity(n_in);
        for (i, arg) in args.iter().enumerate() {
            values_in.push(self.eval_arg(dot, type_of(i), *arg)?);
        }
        let mut callee = String::new();
        if matches!(func.call, Callable::Builtin(Builtin::Call)) {
            callee = match args.first() {
                Some(arg) => self.tree().show(*arg),
                None => shown(&last),
            };
        }
        if !last.is_missing() {
            values_in.push(self.validate_type(last, type_of(args.len()))?);
        }
        self.invoke(func, node, name, values_in, &callee)
    }

    fn invoke(
        &mut self,
        func: &Func,
        node: Id,
        name: &str,
        values_in: Vec<Rv>,
        callee: &str,
    ) -> Exec<Rv> {
        let sizes: usize = values_in.iter().map(size).sum();
        self.check_size(sizes)?;
        // A single call may take seconds: keys, password hashes, large texts.
        self.check_clock()?;
        let result = match &func.call {
            Callable::Builtin(builtin) => builtin.call(values_in, callee),
            Callable::Refused(message) => Err(crate::error::FuncError::new(&**message)),
            Callable::Body(body) => {
                let values: Vec<Value> = values_in.into_iter().map(Rv::into_value).collect();
                body(&values).map(|value| match value {
                    value if func.result_any => Rv::Iface(value),
                    value => Rv::of(value),
                })
            }
        };
        match result {
            Ok(value) => {
                self.check_size(size(&value))?;
                Ok(value)
            }
            Err(error) => {
                self.at(node);
                self.error(format!("error calling {name}: {error}"))
            }
        }
    }

    /// Keeps a template from growing values by doubling them again and again.
    fn check_size(&self, bytes: usize) -> Exec<()> {
        let max = self.limits.output_bytes;
        if bytes > max {
            return self.limit(format!("a value of more than {max} bytes"));
        }
        Ok(())
    }

    /// `and` and `or` evaluate no further than they must.
    fn eval_and_or(&mut self, dot: &Rv, or: bool, args: &'a [Id], last: Rv) -> Exec<Rv> {
        let mut value = Rv::Invalid;
        for arg in args {
            value = self.eval_arg(dot, Some(&Type::Reflect), *arg)?;
            if value.truth() == or {
                return Ok(value);
            }
        }
        if !last.is_missing() {
            value = self.validate_type(last, Some(&Type::Reflect))?;
        }
        Ok(value)
    }
}

/// Returns roughly what a value holds itself, not what its parts hold.
fn size(value: &Rv) -> usize {
    match value {
        Rv::Missing | Rv::Invalid => 0,
        Rv::Iface(value) | Rv::Val(value) => match value {
            Value::String(s) => s.len(),
            Value::Bytes(b) => b.len(),
            other => other.len().unwrap_or(0).saturating_mul(16),
        },
    }
}

/// Returns what `reflect.Value.String` gives: the text of a string, else the type.
fn shown(value: &Rv) -> String {
    match value {
        Rv::Val(Value::String(s)) => s.to_lossy().into_owned(),
        Rv::Missing | Rv::Invalid => "<invalid Value>".to_owned(),
        other => format!("<{} Value>", other.type_name()),
    }
}
