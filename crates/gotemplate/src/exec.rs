//! Running a parsed template.
//!
//! Blocks and template calls run on an explicit stack of frames; only parentheses recurse, and those
//! are bounded by the parser. Every error carries the node that was evaluated last, as in Go.

mod arg;
mod call;
mod eval;
mod field;
mod range;
mod rv;

pub(crate) use rv::Rv;

use std::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::fmt;
use crate::func::FuncMap;
use crate::limits::Limits;
use crate::node::{Branch, Id, Kind, Tree};
use crate::parse::Bodies;
use crate::value::Value;
use range::Range;

/// Go's bound for templates that call templates.
const GO_MAX_DEPTH: usize = 100_000;

/// How many steps pass between two looks at the clock.
const STEPS_PER_CLOCK: u64 = 512;

/// What is run: the parse result with its names.
#[derive(Clone, Copy)]
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) tree: &'a Tree,
    pub(crate) bodies: &'a Bodies,
    pub(crate) funcs: &'a FuncMap,
}

struct State<'a> {
    program: Program<'a>,
    limits: Limits,
    out: Vec<u8>,
    /// The node evaluated last: where an error is.
    node: Id,
    vars: Vec<(&'a str, Rv)>,
    /// Where the variables of the running template begin.
    base: usize,
    template: &'a str,
    depth: usize,
    parens: usize,
    steps: u64,
    start: Instant,
    frames: Vec<Frame<'a>>,
}

enum Frame<'a> {
    List { ids: &'a [Id], next: usize, dot: Rv },
    PopVars(usize),
    Range(Box<Range<'a>>),
    Template { template: &'a str, base: usize },
}

type Exec<T> = Result<T, Error>;

/// Runs the template and returns its output.
pub(crate) fn run(program: Program<'_>, data: &Value, limits: &Limits) -> Exec<Vec<u8>> {
    let dot = Rv::of(data.clone());
    let mut state = State {
        program,
        limits: *limits,
        out: Vec::new(),
        node: 0,
        vars: vec![("$", dot.clone())],
        base: 0,
        template: program.name,
        depth: 0,
        parens: 0,
        steps: 0,
        start: Instant::now(),
        frames: Vec::new(),
    };
    if let Some(root) = program.bodies.get(program.name) {
        state.push_list(*root, dot);
        state.run()?;
    }
    Ok(state.out)
}

impl<'a> State<'a> {
    fn tree(&self) -> &'a Tree {
        self.program.tree
    }

    fn at(&mut self, node: Id) {
        self.node = node;
    }

    fn fail<T>(&self, kind: ErrorKind, message: &str) -> Exec<T> {
        let text = self.program.text;
        let pos = self.tree().pos(self.node).min(text.len());
        let before = &text.as_bytes()[..pos];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let column = pos - before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let name = self.program.name;
        let template = crate::strconv::quote(self.template.as_bytes());
        let context = self.tree().show(self.node);
        Err(Error {
            kind,
            template: name.to_owned(),
            line,
            column: Some(column),
            message: format!(
                "template: {name}:{line}:{column}: executing {template} at <{context}>: {message}"
            ),
        })
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Exec<T> {
        self.fail(ErrorKind::Exec, message.as_ref())
    }

    fn limit<T>(&self, message: impl AsRef<str>) -> Exec<T> {
        self.fail(ErrorKind::Limit, message.as_ref())
    }

    /// Counts one step of work.
    fn step(&mut self) -> Exec<()> {
        self.steps += 1;
        if self.steps > self.limits.steps {
            return self.limit(format!("more than {} steps", self.limits.steps));
        }
        if self.steps.is_multiple_of(STEPS_PER_CLOCK) {
            self.check_clock()?;
        }
        Ok(())
    }

    fn check_clock(&self) -> Exec<()> {
        if self.start.elapsed() > self.limits.wall_time {
            return self.limit(format!("takes longer than {:?}", self.limits.wall_time));
        }
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> Exec<()> {
        if self.out.len() + text.len() > self.limits.output_bytes {
            return self.limit(format!("output exceeds {} bytes", self.limits.output_bytes));
        }
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn push_list(&mut self, list: Id, dot: Rv) {
        if let Kind::List(ids) = self.tree().kind(list) {
            self.node = list;
            self.frames.push(Frame::List { ids, next: 0, dot });
        }
    }

    fn run(&mut self) -> Exec<()> {
        while let Some(frame) = self.frames.last_mut() {
            match frame {
                Frame::List { ids, next, dot } => {
                    let Some(id) = ids.get(*next).copied() else {
                        self.frames.pop();
                        continue;
                    };
                    *next += 1;
                    let dot = dot.clone();
                    self.step()?;
                    self.walk(id, dot)?;
                }
                Frame::PopVars(mark) => {
                    let mark = *mark;
                    self.vars.truncate(mark);
                    self.frames.pop();
                }
                Frame::Range(_) => self.range_next()?,
                Frame::Template { template, base } => {
                    let (template, base) = (*template, *base);
                    self.vars.truncate(self.base);
                    self.base = base;
                    self.template = template;
                    self.depth -= 1;
                    self.frames.pop();
                }
            }
        }
        Ok(())
    }

    fn walk(&mut self, id: Id, dot: Rv) -> Exec<()> {
        self.at(id);
        match self.tree().kind(id) {
            Kind::Text(text) => self.write(text.as_bytes()),
            Kind::Action(pipe) => {
                let value = self.eval_pipeline(&dot, Some(*pipe))?;
                if let Kind::Pipe(p) = self.tree().kind(*pipe)
                    && p.decl.is_empty()
                {
                    self.print(id, &value)?;
                }
                Ok(())
            }
            Kind::If(branch) => self.walk_if(*branch, dot, false),
            Kind::With(branch) => self.walk_if(*branch, dot, true),
            Kind::Range(branch) => self.walk_range(id, *branch, dot),
            Kind::Template { name, pipe } => self.walk_template(id, name, *pipe, &dot),
            Kind::Break => {
                while let Some(frame) = self.frames.pop() {
                    if let Frame::Range(range) = frame {
                        self.vars.truncate(range.outer_mark);
                        break;
                    }
                }
                Ok(())
            }
            Kind::Continue => {
                while self.frames.last().is_some_and(|f| !matches!(f, Frame::Range(_))) {
                    self.frames.pop();
                }
                Ok(())
            }
            Kind::List(_) => {
                self.push_list(id, dot);
                Ok(())
            }
            _ => {
                let shown = self.tree().show(id);
                self.error(format!("unknown node: {shown}"))
            }
        }
    }

    fn walk_if(&mut self, branch: Branch, dot: Rv, with: bool) -> Exec<()> {
        let mark = self.vars.len();
        let value = self.eval_pipeline(&dot, Some(branch.pipe))?;
        self.frames.push(Frame::PopVars(mark));
        if value.truth() {
            self.push_list(branch.list, if with { value } else { dot });
        } else if let Some(list) = branch.else_list {
            self.push_list(list, dot);
        }
        Ok(())
    }

    fn walk_template(&mut self, id: Id, name: &'a str, pipe: Option<Id>, dot: &Rv) -> Exec<()> {
        self.at(id);
        let Some(body) = self.program.bodies.get(name).copied() else {
            let name = crate::strconv::quote(name.as_bytes());
            return self.error(format!("template {name} not defined"));
        };
        let max = self.limits.depth.min(GO_MAX_DEPTH);
        if self.depth == max {
            let kind = if max == GO_MAX_DEPTH { ErrorKind::Exec } else { ErrorKind::Limit };
            return self.fail(kind, &format!("exceeded maximum template depth ({max})"));
        }
        let dot = self.eval_pipeline(dot, pipe)?;
        self.depth += 1;
        self.frames.push(Frame::Template { template: self.template, base: self.base });
        self.base = self.vars.len();
        self.template = name;
        self.vars.push(("$", dot.clone()));
        self.push_list(body, dot);
        Ok(())
    }

    fn print(&mut self, id: Id, value: &Rv) -> Exec<()> {
        self.at(id);
        match value {
            Rv::Invalid | Rv::Missing => self.write(b"<no value>"),
            Rv::Iface(value) | Rv::Val(value) => {
                let limit = self.limits.output_bytes;
                match fmt::append(&mut self.out, value, limit) {
                    Ok(()) => Ok(()),
                    Err(reason) => {
                        self.limit(format!("output exceeds {limit} bytes or levels: {reason}"))
                    }
                }
            }
        }
    }
}
