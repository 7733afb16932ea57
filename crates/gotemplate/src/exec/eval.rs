//! Pipelines, commands and literals.

use super::{Exec, Rv, State};
use crate::deep;
use crate::node::{Id, Kind, Number};
use crate::value::Value;

impl<'a> State<'a> {
    /// Evaluates a pipeline and declares or sets its variables; no pipeline is no value.
    pub(super) fn eval_pipeline(&mut self, dot: &Rv, pipe: Option<Id>) -> Exec<Rv> {
        let Some(pipe) = pipe else { return Ok(Rv::Invalid) };
        self.parens += 1;
        let depth = self.parens;
        let value = match deep::call(depth, || self.eval_commands(dot, pipe)) {
            Some(value) => value,
            None => self.limit("no thread to go on with for deeply nested parentheses"),
        };
        self.parens -= 1;
        value
    }

    fn eval_commands(&mut self, dot: &Rv, id: Id) -> Exec<Rv> {
        self.step()?;
        self.at(id);
        let Kind::Pipe(pipe) = self.tree().kind(id) else { return Ok(Rv::Invalid) };
        let mut value = Rv::Missing;
        for command in &pipe.commands {
            value = self.eval_command(dot, *command, value)?.unwrapped();
        }
        for variable in &pipe.decl {
            if pipe.is_assign {
                self.set_var(*variable, value.clone())?;
            } else if let Kind::Variable(idents) = self.tree().kind(*variable)
                && let Some(name) = idents.first()
            {
                self.vars.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn set_var(&mut self, variable: Id, value: Rv) -> Exec<()> {
        let Kind::Variable(idents) = self.tree().kind(variable) else { return Ok(()) };
        let name: &str = idents.first().map_or("", |name| name);
        let base = self.base;
        match self.vars[base..].iter_mut().rev().find(|(n, _)| *n == name) {
            Some(variable) => {
                variable.1 = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn var_value(&self, name: &str) -> Exec<Rv> {
        match self.vars[self.base..].iter().rev().find(|(n, _)| *n == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn not_a_function(&self, args: &[Id], last: &Rv) -> Exec<()> {
        if args.len() > 1 || !last.is_missing() {
            let shown = args.first().map(|id| self.tree().show(*id)).unwrap_or_default();
            return self.error(format!("can't give argument to non-function {shown}"));
        }
        Ok(())
    }

    fn eval_command(&mut self, dot: &Rv, id: Id, last: Rv) -> Exec<Rv> {
        let Kind::Command(args) = self.tree().kind(id) else { return Ok(Rv::Invalid) };
        let Some(first) = args.first().copied() else { return Ok(Rv::Invalid) };
        match self.tree().kind(first) {
            Kind::Field(_) => return self.eval_field_node(dot, first, args, last),
            Kind::Chain { .. } => return self.eval_chain_node(dot, first, args, last),
            Kind::Identifier(name) => return self.eval_function(dot, first, name, id, args, last),
            Kind::Pipe(_) => {
                self.not_a_function(args, &last)?;
                return self.eval_pipeline(dot, Some(first));
            }
            Kind::Variable(_) => return self.eval_variable_node(dot, first, args, last),
            _ => {}
        }
        self.at(first);
        self.not_a_function(args, &last)?;
        match self.tree().kind(first) {
            Kind::Bool(b) => Ok(Rv::Val(Value::Bool(*b))),
            Kind::Dot => Ok(dot.clone()),
            Kind::Nil => self.error("nil is not a command"),
            Kind::Number(number) => self.ideal_constant(first, number),
            Kind::Str { value, .. } => Ok(Rv::Val(Value::String(value.clone()))),
            _ => {
                let shown = crate::strconv::quote(self.tree().show(first).as_bytes());
                self.error(format!("can't evaluate command {shown}"))
            }
        }
    }

    /// A number where nothing says which kind is wanted: its syntax decides.
    pub(super) fn ideal_constant(&mut self, id: Id, number: &Number) -> Exec<Rv> {
        self.at(id);
        let text = number.text.as_bytes();
        let rune = text.first() == Some(&b'\'');
        let hex = text.len() > 2
            && text[0] == b'0'
            && matches!(text[1], b'x' | b'X')
            && !number.text.contains(['p', 'P']);
        if let Some((re, im)) = number.complex {
            return Ok(Rv::Val(Value::Complex(re, im)));
        }
        if let Some(f) = number.float
            && !hex
            && !rune
            && number.text.contains(['.', 'e', 'E', 'p', 'P'])
        {
            return Ok(Rv::Val(Value::Float64(f)));
        }
        match (number.int, number.uint) {
            (Some(i), _) => Ok(Rv::Val(Value::Int(i))),
            (None, Some(_)) => self.error(format!("{} overflows int", number.text)),
            (None, None) => Ok(Rv::Invalid),
        }
    }

    pub(super) fn eval_field_node(
        &mut self,
        dot: &Rv,
        id: Id,
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        self.at(id);
        let Kind::Field(idents) = self.tree().kind(id) else { return Ok(Rv::Invalid) };
        self.eval_field_chain(dot, dot.clone(), id, idents, args, last)
    }

    pub(super) fn eval_chain_node(
        &mut self,
        dot: &Rv,
        id: Id,
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        self.at(id);
        let Kind::Chain { node, fields } = self.tree().kind(id) else { return Ok(Rv::Invalid) };
        if matches!(self.tree().kind(*node), Kind::Nil) {
            let shown = self.tree().show(id);
            return self.error(format!("indirection through explicit nil in {shown}"));
        }
        let receiver = self.eval_arg(dot, None, *node)?;
        self.eval_field_chain(dot, receiver, id, fields, args, last)
    }

    pub(super) fn eval_variable_node(
        &mut self,
        dot: &Rv,
        id: Id,
        args: &'a [Id],
        last: Rv,
    ) -> Exec<Rv> {
        self.at(id);
        let Kind::Variable(idents) = self.tree().kind(id) else { return Ok(Rv::Invalid) };
        let Some((name, fields)) = idents.split_first() else { return Ok(Rv::Invalid) };
        let value = self.var_value(name)?;
        if fields.is_empty() {
            self.not_a_function(args, &last)?;
            return Ok(value);
        }
        self.eval_field_chain(dot, value, id, fields, args, last)
    }
}
