//! A parsed template.

use crate::error::{Error, ErrorKind};
use crate::exec::{self, Program};
use crate::func::FuncMap;
use crate::limits::Limits;
use crate::node::{Kind, Tree};
use crate::parse::{self, Bodies};
use crate::value::Value;

/// Texts longer than this are refused.
const MAX_TEXT_BYTES: usize = 256 << 20;

/// How a template is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What begins an action; empty stands for `{{`.
    pub left: String,
    /// What ends an action; empty stands for `}}`.
    pub right: String,
}

impl Options {
    /// Returns options with these delimiters.
    pub fn delims(left: impl Into<String>, right: impl Into<String>) -> Self {
        Self { left: left.into(), right: right.into() }
    }
}

/// A call of a function in a template, see [`Template::calls`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The name of the function.
    pub function: String,
    /// The first argument when it is a string literal, also when it comes through a pipe.
    pub first_literal: Option<String>,
}

/// A parsed template: it can be rendered many times, also at once.
#[derive(Debug)]
pub struct Template {
    name: String,
    text: String,
    tree: Tree,
    bodies: Bodies,
    funcs: FuncMap,
}

impl Template {
    /// Parses `text` as the template `name`; only the functions of `funcs` and Go's built-in ones exist.
    ///
    /// # Errors
    /// What is no template, in Go's words: an unknown function names the function, the template and the line.
    pub fn parse(
        name: &str,
        text: &str,
        options: &Options,
        funcs: &FuncMap,
    ) -> Result<Self, Error> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error {
                kind: ErrorKind::Limit,
                template: name.to_owned(),
                line: 0,
                column: None,
                message: format!("template: {name}: text exceeds {MAX_TEXT_BYTES} bytes"),
            });
        }
        let parsed = parse::parse(name, text, (&options.left, &options.right), funcs)?;
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            tree: parsed.tree,
            bodies: parsed.bodies,
            funcs: funcs.clone(),
        })
    }

    /// Returns the name the template was parsed with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs the template on `data`. Bytes of the output that are not UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// What failed, in Go's words, or the limit that was reached.
    pub fn render(&self, data: &Value, limits: &Limits) -> Result<String, Error> {
        self.render_bytes(data, limits).map(text_of)
    }

    /// As [`Self::render`], calling `funcs` instead of the functions that the template was parsed with: a template
    /// is parsed once for functions that read something else each time. They are to be of the same names.
    ///
    /// # Errors
    /// As [`Self::render`]; calling a function that `funcs` does not have is one, too.
    pub fn render_with(
        &self,
        funcs: &FuncMap,
        data: &Value,
        limits: &Limits,
    ) -> Result<String, Error> {
        exec::run(self.program(funcs), data, limits).map(text_of)
    }

    /// Runs the template on `data` and returns the very bytes.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_bytes(&self, data: &Value, limits: &Limits) -> Result<Vec<u8>, Error> {
        exec::run(self.program(&self.funcs), data, limits)
    }

    fn program<'a>(&'a self, funcs: &'a FuncMap) -> Program<'a> {
        Program {
            name: &self.name,
            text: &self.text,
            tree: &self.tree,
            bodies: &self.bodies,
            funcs,
        }
    }

    /// Returns the calls of functions in the order of the text, each with its first argument when that is
    /// a string literal: what a caller needs to know which names a template refers to.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for node in &self.tree.nodes {
            let Kind::Pipe(pipe) = &node.kind else { continue };
            let mut piped: Option<String> = None;
            for command in &pipe.commands {
                let Kind::Command(args) = self.tree.kind(*command) else { continue };
                let literal = |i: usize| match args.get(i).map(|id| self.tree.kind(*id)) {
                    Some(Kind::Str { value, .. }) => Some(value.to_lossy().into_owned()),
                    _ => None,
                };
                for (i, arg) in args.iter().enumerate() {
                    let Kind::Identifier(name) = self.tree.kind(*arg) else { continue };
                    let first_literal = match i {
                        0 if args.len() > 1 => literal(1),
                        0 => piped.clone(),
                        _ => None,
                    };
                    let at = self.tree.pos(*arg);
                    calls.push((at, Call { function: name.to_string(), first_literal }));
                }
                piped = if args.len() == 1 { literal(0) } else { None };
            }
        }
        for node in &self.tree.nodes {
            if let Kind::Chain { node, .. } = &node.kind
                && let Kind::Identifier(name) = self.tree.kind(*node)
            {
                let call = Call { function: name.to_string(), first_literal: None };
                calls.push((self.tree.pos(*node), call));
            }
        }
        calls.sort_by_key(|(at, _)| *at);
        calls.into_iter().map(|(_, call)| call).collect()
    }
}

fn text_of(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => crate::value::lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::func::Func;
    use crate::types::Type;

    fn check(text: &str, options: &Options) -> String {
        let mut funcs = crate::sprig::funcs();
        funcs.insert("ConfigOption", Func::new([Type::String], |a| Ok(a[0].clone())).typed());
        Template::parse("t", text, options, &funcs)
            .and_then(|template| template.render(&Value::Nil, &Limits::default()))
            .unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn both_pairs_of_delimiters_leave_the_other_alone() {
        let text = r#"{{repl ConfigOption "a" }} repl{{ ConfigOption "b" }} {{ .Values.c }}"#;
        let first = check(text, &Options::delims("{{repl", "}}"));
        assert_eq!(first, r#"a repl{{ ConfigOption "b" }} {{ .Values.c }}"#);
        assert_eq!(check(&first, &Options::delims("repl{{", "}}")), "a b {{ .Values.c }}");
    }

    #[test]
    fn functions_with_state_are_called() {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
        let mut funcs = FuncMap::new();
        funcs.insert(
            "next",
            Func::new([], move |_| {
                Ok(Value::from(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
            }),
        );
        let template = Template::parse("t", "{{next}}{{next}}", &Options::default(), &funcs);
        let template = template.expect("the template parses");
        let got = template.render(&Value::Nil, &Limits::default());
        assert_eq!(got.expect("it renders"), "01");
    }

    #[test]
    fn a_template_runs_with_other_functions_of_the_same_names() {
        let funcs = |answer: &'static str| {
            let mut funcs = FuncMap::new();
            funcs.insert("answer", Func::new([], move |_| Ok(Value::from(answer))).typed());
            funcs
        };
        let template = Template::parse("t", "{{answer}}", &Options::default(), &funcs("a"));
        let template = template.expect("the template parses");
        let with = |funcs: &FuncMap| {
            let got = template.render_with(funcs, &Value::Nil, &Limits::default());
            got.unwrap_or_else(|error| error.to_string())
        };
        assert_eq!([with(&funcs("b")), with(&funcs("c"))], ["b", "c"]);
        assert!(with(&FuncMap::new()).contains("answer"), "the function is named");
    }

    #[test]
    fn calls_are_listed_with_their_first_literal() {
        let text = r#"{{if ConfigOptionEquals "a" "1"}}{{"b" | ConfigOption | upper}}{{end}}{{print (ConfigOption "c") (now).Year}}{{ConfigOption .x}}"#;
        let mut funcs = crate::sprig::funcs();
        for name in ["ConfigOption", "ConfigOptionEquals"] {
            funcs.insert(name, Func::any(|_| Ok(Value::Nil)));
        }
        let template = Template::parse("t", text, &Options::default(), &funcs);
        let calls: Vec<String> = template
            .expect("the template parses")
            .calls()
            .into_iter()
            .map(|call| match call.first_literal {
                Some(literal) => format!("{} {literal}", call.function),
                None => call.function,
            })
            .collect();
        assert_eq!(
            calls,
            [
                "ConfigOptionEquals a",
                "ConfigOption b",
                "upper",
                "print",
                "ConfigOption c",
                "now",
                "ConfigOption"
            ]
        );
    }
}
