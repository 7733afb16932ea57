//! The states of the scanner inside an action.

use super::{Lexer, Next, Tok, has_right_trim, is_alphanumeric, is_space, show_rune};
use crate::strconv::quote;

impl<'a> Lexer<'a> {
    pub(super) fn inside(&mut self) -> Next<'a> {
        if self.at_right_delim().0 {
            if self.paren_depth == 0 {
                return Next::RightDelim;
            }
            return self.error("unclosed left paren");
        }
        let Some(r) = self.next() else { return self.error("unclosed action") };
        match r {
            r if is_space(r) => {
                self.backup();
                Next::Space
            }
            '=' => self.emit(Tok::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Tok::Declare)
                } else {
                    self.error("expected :=")
                }
            }
            '|' => self.emit(Tok::Pipe),
            '"' => self.quoted('"', Tok::String, "unterminated quoted string"),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Tok::Variable),
            '\'' => self.quoted('\'', Tok::CharConstant, "unterminated character constant"),
            '.' if self.rest().bytes().next().is_some_and(|b| !b.is_ascii_digit()) => {
                self.field_or_variable(Tok::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.backup();
                self.number()
            }
            r if is_alphanumeric(r) => {
                self.backup();
                self.identifier()
            }
            '(' => {
                self.paren_depth += 1;
                self.emit(Tok::LeftParen)
            }
            ')' => {
                if self.paren_depth == 0 {
                    return self.error("unexpected right paren");
                }
                self.paren_depth -= 1;
                self.emit(Tok::RightParen)
            }
            ' '..='~' => self.emit(Tok::Char),
            r => self.error(format!("unrecognized character in action: {}", show_rune(Some(r)))),
        }
    }

    pub(super) fn space(&mut self) -> Next<'a> {
        let mut spaces = 0;
        while self.peek().is_some_and(is_space) {
            self.next();
            spaces += 1;
        }
        // A space may belong to a right delimiter that trims.
        let from = &self.input[self.pos - 1..];
        if has_right_trim(from) && from[2..].starts_with(self.right) {
            self.backup();
            if spaces == 1 {
                return Next::RightDelim;
            }
        }
        self.emit(Tok::Space)
    }

    fn word(&mut self) -> Option<char> {
        loop {
            let r = self.next();
            if !r.is_some_and(is_alphanumeric) {
                self.backup();
                return r;
            }
        }
    }

    fn identifier(&mut self) -> Next<'a> {
        let after = self.word();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", show_rune(after)));
        }
        let word = &self.input[self.start..self.pos];
        let tok = match Tok::keyword(word) {
            Some(Tok::Break) if !self.break_ok => Tok::Identifier,
            Some(Tok::Continue) if !self.continue_ok => Tok::Identifier,
            Some(tok) => tok,
            None if word == "true" || word == "false" => Tok::Bool,
            None => Tok::Identifier,
        };
        self.emit(tok)
    }

    fn field_or_variable(&mut self, tok: Tok) -> Next<'a> {
        if self.at_terminator() {
            return self.emit(if tok == Tok::Variable { tok } else { Tok::Dot });
        }
        let after = self.word();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", show_rune(after)));
        }
        self.emit(tok)
    }

    fn at_terminator(&mut self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(self.right),
        }
    }

    fn quoted(&mut self, end: char, tok: Tok, unterminated: &str) -> Next<'a> {
        loop {
            match self.next() {
                Some('\\') => {
                    if self.next().is_none_or(|r| r == '\n') {
                        return self.error(unterminated);
                    }
                }
                Some('\n') | None => return self.error(unterminated),
                Some(r) if r == end => return self.emit(tok),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Next<'a> {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.emit(Tok::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Next<'a> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.input[..self.pos].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(Tok::Complex);
        }
        self.emit(Tok::Number)
    }

    fn bad_number(&mut self) -> Next<'a> {
        let text = quote(&self.input.as_bytes()[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"))
    }

    fn accept(&mut self, valid: &str) -> bool {
        if self.next().is_some_and(|r| valid.contains(r)) {
            return true;
        }
        self.backup();
        false
    }

    fn accept_run(&mut self, valid: &str) {
        while self.next().is_some_and(|r| valid.contains(r)) {}
        self.backup();
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 11 && self.accept("eE") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        if digits.len() == 23 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}
