//! Nodes as text, for messages.

use super::{Branch, Id, Kind, Tree};
use crate::deep;
use crate::strconv::quote;

/// Deeper than this a node is shown as `...`; parentheses nest 10,000 deep at most, two levels each.
const MAX_DEPTH: usize = 40_000;

impl Tree {
    /// Returns a node as Go's `String` method prints it.
    pub(crate) fn show(&self, id: Id) -> String {
        let mut out = String::new();
        self.write(id, &mut out, 0);
        out
    }

    fn write(&self, id: Id, out: &mut String, depth: usize) {
        if depth > MAX_DEPTH || deep::call(depth, || self.write_node(id, out, depth)).is_none() {
            out.push_str("...");
        }
    }

    fn write_node(&self, id: Id, out: &mut String, depth: usize) {
        match self.kind(id) {
            Kind::List(nodes) => nodes.iter().for_each(|id| self.write(*id, out, depth + 1)),
            Kind::Text(text) => out.push_str(text),
            Kind::Action(pipe) => {
                out.push_str("{{");
                self.write(*pipe, out, depth + 1);
                out.push_str("}}");
            }
            Kind::If(branch) => self.write_branch("if", *branch, out, depth),
            Kind::Range(branch) => self.write_branch("range", *branch, out, depth),
            Kind::With(branch) => self.write_branch("with", *branch, out, depth),
            Kind::Template { name, pipe } => {
                out.push_str("{{template ");
                out.push_str(&quote(name.as_bytes()));
                if let Some(pipe) = pipe {
                    out.push(' ');
                    self.write(*pipe, out, depth + 1);
                }
                out.push_str("}}");
            }
            Kind::Break => out.push_str("{{break}}"),
            Kind::Continue => out.push_str("{{continue}}"),
            Kind::End => out.push_str("{{end}}"),
            Kind::Else => out.push_str("{{else}}"),
            Kind::Pipe(pipe) => {
                self.write_joined(&pipe.decl, ", ", out, depth);
                if !pipe.decl.is_empty() {
                    out.push_str(if pipe.is_assign { " = " } else { " := " });
                }
                self.write_joined(&pipe.commands, " | ", out, depth);
            }
            Kind::Command(args) => {
                for (i, arg) in args.iter().enumerate() {
                    if i > 0 {
                        out.push(' ');
                    }
                    self.write_operand(*arg, out, depth);
                }
            }
            Kind::Identifier(name) => out.push_str(name),
            Kind::Variable(idents) => out.push_str(&idents.join(".")),
            Kind::Dot => out.push('.'),
            Kind::Nil => out.push_str("nil"),
            Kind::Field(idents) => push_fields(idents, out),
            Kind::Chain { node, fields } => {
                self.write_operand(*node, out, depth);
                push_fields(fields, out);
            }
            Kind::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Kind::Number(number) => out.push_str(&number.text),
            Kind::Str { quoted, .. } => out.push_str(quoted),
        }
    }

    fn write_joined(&self, ids: &[Id], separator: &str, out: &mut String, depth: usize) {
        for (i, id) in ids.iter().enumerate() {
            if i > 0 {
                out.push_str(separator);
            }
            self.write(*id, out, depth + 1);
        }
    }

    fn write_operand(&self, id: Id, out: &mut String, depth: usize) {
        if matches!(self.kind(id), Kind::Pipe(_)) {
            out.push('(');
            self.write(id, out, depth + 1);
            out.push(')');
        } else {
            self.write(id, out, depth + 1);
        }
    }

    fn write_branch(&self, name: &str, branch: Branch, out: &mut String, depth: usize) {
        out.push_str("{{");
        out.push_str(name);
        out.push(' ');
        self.write(branch.pipe, out, depth + 1);
        out.push_str("}}");
        self.write(branch.list, out, depth + 1);
        if let Some(list) = branch.else_list {
            out.push_str("{{else}}");
            self.write(list, out, depth + 1);
        }
        out.push_str("{{end}}");
    }
}

fn push_fields(idents: &[Box<str>], out: &mut String) {
    for ident in idents {
        out.push('.');
        out.push_str(ident);
    }
}
