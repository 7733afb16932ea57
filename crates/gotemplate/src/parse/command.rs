//! Pipelines, commands and operands.

use super::{MAX_PARENS, Parse, Parser};
use crate::deep;
use crate::lex::Tok;
use crate::node::{Id, Kind, Number, Pipe};
use crate::strconv::quote;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Tok) -> Parse<Id> {
        let pos = self.peek_non_space().pos;
        let mut pipe = Pipe::default();
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.next_non_space();
            match token.tok {
                tok if tok == end => {
                    self.check_pipeline(&pipe, context)?;
                    return Ok(self.tree.add(pos, Kind::Pipe(pipe)));
                }
                Tok::Bool
                | Tok::CharConstant
                | Tok::Complex
                | Tok::Dot
                | Tok::Field
                | Tok::Identifier
                | Tok::Number
                | Tok::Nil
                | Tok::RawString
                | Tok::String
                | Tok::Variable
                | Tok::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parse<()> {
        while self.peek_non_space().tok == Tok::Variable {
            let variable = self.next();
            // In `$x foo` the token after the space tells whether $x is an argument or declared.
            let after = self.peek_ref().clone();
            let next = self.peek_non_space();
            match next.tok {
                Tok::Assign | Tok::Declare => {
                    pipe.is_assign = next.tok == Tok::Assign;
                    self.next_non_space();
                    let node = self.variable(variable.pos, &variable.text);
                    pipe.decl.push(node);
                    self.state.vars.push(variable.text);
                }
                Tok::Char if next.text == "," => {
                    self.next_non_space();
                    let node = self.variable(variable.pos, &variable.text);
                    pipe.decl.push(node);
                    self.state.vars.push(variable.text);
                    if context == "range" && pipe.decl.len() < 2 {
                        match self.peek_non_space().tok {
                            Tok::Variable | Tok::RightDelim | Tok::RightParen => continue,
                            _ => return self.error("range can only initialize variables"),
                        }
                    }
                    return self.error(format!("too many declarations in {context}"));
                }
                _ if after.tok == Tok::Space => self.backup3(variable, after),
                _ => self.backup2(variable),
            }
            break;
        }
        Ok(())
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parse<()> {
        if pipe.commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        for (i, command) in pipe.commands.iter().enumerate().skip(1) {
            let Kind::Command(args) = self.tree.kind(*command) else { continue };
            let first = args.first().map(|id| self.tree.kind(*id));
            if let Some(
                Kind::Bool(_) | Kind::Dot | Kind::Nil | Kind::Number(_) | Kind::Str { .. },
            ) = first
            {
                let stage = i + 1;
                return self.error(format!("non executable command in pipeline stage {stage}"));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parse<Id> {
        let pos = self.peek_non_space().pos;
        let mut args = Vec::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.tok {
                Tok::Space => continue,
                Tok::RightDelim | Tok::RightParen => self.backup(),
                Tok::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if args.is_empty() {
            return self.error("empty command");
        }
        Ok(self.tree.add(pos, Kind::Command(args)))
    }

    /// A term and the fields taken from it; none when no term follows.
    fn operand(&mut self) -> Parse<Option<Id>> {
        let Some(node) = self.term()? else { return Ok(None) };
        if self.peek_tok() != Tok::Field {
            return Ok(Some(node));
        }
        let pos = self.peek_ref().pos;
        let mut fields: Vec<Box<str>> = Vec::new();
        while self.peek_tok() == Tok::Field {
            fields.push(self.next().text[1..].into());
        }
        let kind = match self.tree.kind(node) {
            Kind::Field(idents) => Kind::Field(idents.iter().cloned().chain(fields).collect()),
            Kind::Variable(idents) => {
                Kind::Variable(idents.iter().cloned().chain(fields).collect())
            }
            Kind::Bool(_) | Kind::Str { .. } | Kind::Number(_) | Kind::Nil | Kind::Dot => {
                let term = quote(self.tree.show(node).as_bytes());
                return self.error(format!("unexpected . after term {term}"));
            }
            _ => Kind::Chain { node, fields },
        };
        Ok(Some(self.tree.add(pos, kind)))
    }

    fn term(&mut self) -> Parse<Option<Id>> {
        let token = self.next_non_space();
        let kind = match token.tok {
            Tok::Identifier => {
                if self.funcs.get(&token.text).is_none()
                    && crate::builtins::find(&token.text).is_none()
                {
                    let name = quote(token.text.as_bytes());
                    return self.error(format!("function {name} not defined"));
                }
                Kind::Identifier(token.text.into())
            }
            Tok::Dot => Kind::Dot,
            Tok::Nil => Kind::Nil,
            Tok::Variable => {
                if !self.state.vars.contains(&token.text) {
                    let name = quote(token.text.as_bytes());
                    return self.error(format!("undefined variable {name}"));
                }
                return Ok(Some(self.variable(token.pos, &token.text)));
            }
            Tok::Field => Kind::Field(vec![token.text[1..].into()]),
            Tok::Bool => Kind::Bool(token.text == "true"),
            Tok::CharConstant => self.number(Number::char_constant(&token.text))?,
            Tok::Complex => self.number(Number::complex_pair(&token.text))?,
            Tok::Number => self.number(Number::parse(&token.text))?,
            Tok::LeftParen => return self.parenthesis().map(Some),
            Tok::String | Tok::RawString => {
                let value = self.unquote(&token)?;
                Kind::Str { quoted: token.text.into(), value }
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(self.tree.add(token.pos, kind)))
    }

    fn parenthesis(&mut self) -> Parse<Id> {
        if self.state.paren_depth >= MAX_PARENS {
            return self.error("max expression depth exceeded");
        }
        self.state.paren_depth += 1;
        let depth = self.state.paren_depth;
        let work = || self.pipeline("parenthesized pipeline", Tok::RightParen);
        let node = match deep::call(depth, work) {
            Some(node) => node,
            None => self.error("no thread to go on with for deeply nested parentheses"),
        };
        self.state.paren_depth -= 1;
        node
    }

    fn number(&self, number: Result<Number, String>) -> Parse<Kind> {
        match number {
            Ok(number) => Ok(Kind::Number(Box::new(number))),
            Err(message) => self.error(message),
        }
    }

    fn variable(&mut self, pos: usize, text: &str) -> Id {
        self.tree.add(pos, Kind::Variable(vec![text.into()]))
    }
}
