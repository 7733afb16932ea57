//! The parser: Go's grammar, token look-ahead and messages.

mod command;
mod control;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::deep;
use crate::error::{Error, ErrorKind};
use crate::func::FuncMap;
use crate::lex::{Item, Lexer, Tok};
use crate::node::{Id, Kind, Tree};

/// Go's bound for nested parentheses.
const MAX_PARENS: usize = 10_000;

/// Our bound for nested blocks; Go has none but its stack.
const MAX_BLOCKS: usize = 10_000;

/// Names the body that was parsed for it.
pub(crate) type Bodies = HashMap<String, Id>;

pub(crate) struct Parsed {
    pub(crate) tree: Tree,
    pub(crate) bodies: Bodies,
}

/// Parses `text`.
pub(crate) fn parse(
    name: &str,
    text: &str,
    delims: (&str, &str),
    funcs: &FuncMap,
) -> Result<Parsed, Error> {
    let mut lexer = Lexer::new(text, delims.0, delims.1);
    lexer.break_ok = funcs.get("break").is_none();
    lexer.continue_ok = funcs.get("continue").is_none();
    let mut parser = Parser {
        name,
        funcs,
        lexer,
        tree: Tree::default(),
        bodies: Bodies::new(),
        blocks: 0,
        state: State::default(),
    };
    name.clone_into(&mut parser.state.template);
    parser.top_level()?;
    Ok(Parsed { tree: parser.tree, bodies: parser.bodies })
}

struct Parser<'a> {
    name: &'a str,
    funcs: &'a FuncMap,
    lexer: Lexer<'a>,
    tree: Tree,
    bodies: Bodies,
    blocks: usize,
    state: State<'a>,
}

/// What Go keeps for each template body: `define` and `block` start anew.
#[derive(Clone)]
struct State<'a> {
    template: String,
    token: [Item<'a>; 3],
    peek_count: usize,
    vars: Vec<Cow<'a, str>>,
    action_line: usize,
    range_depth: usize,
    paren_depth: usize,
}

impl Default for State<'_> {
    fn default() -> Self {
        let none = Item { tok: Tok::Error, pos: 0, text: Cow::Borrowed(""), line: 0 };
        Self {
            template: String::new(),
            token: [none.clone(), none.clone(), none],
            peek_count: 0,
            vars: vec![Cow::Borrowed("$")],
            action_line: 0,
            range_depth: 0,
            paren_depth: 0,
        }
    }
}

type Parse<T> = Result<T, Error>;

impl<'a> Parser<'a> {
    fn next(&mut self) -> Item<'a> {
        if self.state.peek_count > 0 {
            self.state.peek_count -= 1;
        } else {
            self.state.token[0] = self.lexer.next_item();
        }
        self.state.token[self.state.peek_count].clone()
    }

    fn backup(&mut self) {
        self.state.peek_count += 1;
    }

    fn backup2(&mut self, first: Item<'a>) {
        self.state.token[1] = first;
        self.state.peek_count = 2;
    }

    fn backup3(&mut self, first: Item<'a>, second: Item<'a>) {
        self.state.token[1] = second;
        self.state.token[2] = first;
        self.state.peek_count = 3;
    }

    fn peek_ref(&mut self) -> &Item<'a> {
        if self.state.peek_count == 0 {
            self.state.peek_count = 1;
            self.state.token[0] = self.lexer.next_item();
        }
        &self.state.token[self.state.peek_count - 1]
    }

    fn peek_tok(&mut self) -> Tok {
        self.peek_ref().tok
    }

    fn next_non_space(&mut self) -> Item<'a> {
        loop {
            let token = self.next();
            if token.tok != Tok::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> &Item<'a> {
        while self.peek_tok() == Tok::Space {
            self.next();
        }
        self.peek_ref()
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Parse<T> {
        let line = self.state.token[0].line;
        Err(Error {
            kind: ErrorKind::Parse,
            template: self.name.to_owned(),
            line,
            column: None,
            message: format!("template: {}:{line}: {}", self.name, message.as_ref()),
        })
    }

    fn expect(&mut self, tok: Tok, context: &str) -> Parse<Item<'a>> {
        let token = self.next_non_space();
        if token.tok == tok { Ok(token) } else { self.unexpected(&token, context) }
    }

    fn unexpected<T>(&self, token: &Item<'_>, context: &str) -> Parse<T> {
        if token.tok != Tok::Error {
            return self.error(format!("unexpected {} in {context}", token.show()));
        }
        let started = self.state.action_line;
        let mut extra = String::new();
        if started != 0 && started != token.line {
            extra = format!(" in action started at {}:{started}", self.name);
            if token.text.ends_with(" action") {
                extra = extra.split_off(" in action".len());
            }
        }
        self.error(format!("{}{extra}", token.text))
    }

    /// Enters the body under `name`; an empty body replaces nothing, a second full one is an error.
    fn add(&mut self, body: Id) -> Parse<()> {
        let name = &self.state.template;
        match self.bodies.get(name) {
            Some(old) if !self.tree.is_empty(*old) => {
                if !self.tree.is_empty(body) {
                    let name = crate::strconv::quote(name.as_bytes());
                    return self.error(format!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.bodies.insert(name.clone(), body);
            }
        }
        Ok(())
    }

    fn top_level(&mut self) -> Parse<()> {
        let pos = self.peek_ref().pos;
        let mut nodes = Vec::new();
        while self.peek_tok() != Tok::Eof {
            if self.peek_tok() == Tok::LeftDelim {
                let delim = self.next();
                if self.next_non_space().tok == Tok::Define {
                    self.definition()?;
                    continue;
                }
                self.backup2(delim);
            }
            let node = self.text_or_action()?;
            if matches!(self.tree.kind(node), Kind::End | Kind::Else) {
                return self.error(format!("unexpected {}", self.tree.show(node)));
            }
            nodes.push(node);
        }
        let root = self.tree.add(pos, Kind::List(nodes));
        self.add(root)
    }

    /// `{{define "name"}} … {{end}}`; the keyword is past.
    fn definition(&mut self) -> Parse<()> {
        let outer = std::mem::take(&mut self.state);
        let token = self.next_non_space();
        if !matches!(token.tok, Tok::String | Tok::RawString) {
            return self.unexpected(&token, "define clause");
        }
        self.state.template = self.unquote(&token)?.to_lossy().into_owned();
        self.expect(Tok::RightDelim, "define clause")?;
        let (body, end) = self.item_list()?;
        if !matches!(self.tree.kind(end), Kind::End) {
            let end = self.tree.show(end);
            return self.error(format!("unexpected {end} in define clause"));
        }
        self.add(body)?;
        self.state = outer;
        Ok(())
    }

    fn unquote(&self, token: &Item<'_>) -> Parse<crate::value::Str> {
        match crate::strconv::unquote(token.text.as_bytes()) {
            Some(text) => Ok(text.into()),
            None => self.error("invalid syntax"),
        }
    }

    /// Everything up to `{{end}}` or `{{else}}`, which comes second.
    fn item_list(&mut self) -> Parse<(Id, Id)> {
        if self.blocks >= MAX_BLOCKS {
            return self.error(format!("exceeded maximum block depth ({MAX_BLOCKS})"));
        }
        self.blocks += 1;
        let depth = self.blocks;
        let list = match deep::call(depth, || self.items()) {
            Some(list) => list,
            None => self.error("no thread to go on with for deeply nested blocks"),
        };
        self.blocks -= 1;
        list
    }

    fn items(&mut self) -> Parse<(Id, Id)> {
        let pos = self.peek_non_space().pos;
        let mut nodes = Vec::new();
        while self.peek_non_space().tok != Tok::Eof {
            let node = self.text_or_action()?;
            if matches!(self.tree.kind(node), Kind::End | Kind::Else) {
                return Ok((self.tree.add(pos, Kind::List(nodes)), node));
            }
            nodes.push(node);
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Parse<Id> {
        let token = self.next_non_space();
        match token.tok {
            Tok::Text => Ok(self.tree.add(token.pos, Kind::Text(token.text.into()))),
            Tok::LeftDelim => {
                self.state.action_line = token.line;
                let node = self.action();
                self.state.action_line = 0;
                node
            }
            _ => self.unexpected(&token, "input"),
        }
    }
}
