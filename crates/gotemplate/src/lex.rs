//! The scanner: Go's tokens, positions and messages.

mod scan;

use std::borrow::Cow;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tok {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    // What follows are keywords.
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Tok {
    fn keyword(word: &str) -> Option<Self> {
        Some(match word {
            "." => Self::Dot,
            "block" => Self::Block,
            "break" => Self::Break,
            "continue" => Self::Continue,
            "define" => Self::Define,
            "else" => Self::Else,
            "end" => Self::End,
            "if" => Self::If,
            "range" => Self::Range,
            "nil" => Self::Nil,
            "template" => Self::Template,
            "with" => Self::With,
            _ => return None,
        })
    }

    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Block
                | Self::Break
                | Self::Continue
                | Self::Dot
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Nil
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

/// A token: where it starts, its text and the line it starts on.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) tok: Tok,
    pub(crate) pos: usize,
    pub(crate) text: Cow<'a, str>,
    pub(crate) line: usize,
}

impl Item<'_> {
    /// Returns the token as messages show it.
    pub(crate) fn show(&self) -> String {
        match self.tok {
            Tok::Eof => "EOF".to_owned(),
            Tok::Error => self.text.to_string(),
            tok if tok.is_keyword() => format!("<{}>", self.text),
            _ => {
                let cut: String = self.text.chars().take(10).collect();
                let dots = if self.text.len() > 10 { "..." } else { "" };
                format!("{}{dots}", crate::strconv::quote(cut.as_bytes()))
            }
        }
    }
}

const SPACES: &[char] = &[' ', '\t', '\r', '\n'];

/// The scanner. It gives one token at a time, as the parser asks.
#[expect(clippy::struct_excessive_bools, reason = "they are the states Go's scanner has")]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    left: &'a str,
    right: &'a str,
    pos: usize,
    start: usize,
    at_eof: bool,
    paren_depth: usize,
    line: usize,
    start_line: usize,
    inside_action: bool,
    /// `break` and `continue` are keywords unless functions of those names exist.
    pub(crate) break_ok: bool,
    pub(crate) continue_ok: bool,
}

/// What a state of the scanner leads to.
enum Next<'a> {
    Item(Item<'a>),
    Text,
    LeftDelim,
    Comment,
    RightDelim,
    Inside,
    Space,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str, left: &'a str, right: &'a str) -> Self {
        Self {
            input,
            left: if left.is_empty() { "{{" } else { left },
            right: if right.is_empty() { "}}" } else { right },
            pos: 0,
            start: 0,
            at_eof: false,
            paren_depth: 0,
            line: 1,
            start_line: 1,
            inside_action: false,
            break_ok: true,
            continue_ok: true,
        }
    }

    /// Returns the next token; after an error or the end, ends and errors without end.
    pub(crate) fn next_item(&mut self) -> Item<'a> {
        let mut state = if self.inside_action { Next::Inside } else { Next::Text };
        loop {
            state = match state {
                Next::Item(item) => return item,
                Next::Text => self.text(),
                Next::LeftDelim => self.left_delim(),
                Next::Comment => self.comment(),
                Next::RightDelim => self.right_delim(),
                Next::Inside => self.inside(),
                Next::Space => self.space(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.input[self.pos..]
    }

    fn next(&mut self) -> Option<char> {
        let Some(rune) = self.rest().chars().next() else {
            self.at_eof = true;
            return None;
        };
        self.pos += rune.len_utf8();
        if rune == '\n' {
            self.line += 1;
        }
        Some(rune)
    }

    fn peek(&mut self) -> Option<char> {
        let rune = self.next();
        self.backup();
        rune
    }

    fn backup(&mut self) {
        if self.at_eof {
            return;
        }
        if let Some(rune) = self.input[..self.pos].chars().next_back() {
            self.pos -= rune.len_utf8();
            if rune == '\n' {
                self.line -= 1;
            }
        }
    }

    fn this_item(&mut self, tok: Tok) -> Item<'a> {
        let text = Cow::Borrowed(&self.input[self.start..self.pos]);
        let item = Item { tok, pos: self.start, text, line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        item
    }

    fn emit(&mut self, tok: Tok) -> Next<'a> {
        Next::Item(self.this_item(tok))
    }

    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn count_lines(&mut self) {
        self.line += self.input[self.start..self.pos].matches('\n').count();
    }

    fn error(&mut self, message: impl Into<String>) -> Next<'a> {
        let item = Item {
            tok: Tok::Error,
            pos: self.start,
            text: Cow::Owned(message.into()),
            line: self.start_line,
        };
        self.start = 0;
        self.pos = 0;
        self.input = "";
        Next::Item(item)
    }

    fn text(&mut self) -> Next<'a> {
        if let Some(x) = self.rest().find(self.left) {
            if x > 0 {
                self.pos += x;
                let delim_end = self.pos + self.left.len();
                let mut trim = 0;
                if has_left_trim(&self.input[delim_end..]) {
                    let text = &self.input[self.start..self.pos];
                    trim = text.len() - text.trim_end_matches(SPACES).len();
                }
                self.pos -= trim;
                self.count_lines();
                let item = self.this_item(Tok::Text);
                self.pos += trim;
                self.ignore();
                if !item.text.is_empty() {
                    return Next::Item(item);
                }
            }
            return Next::LeftDelim;
        }
        self.pos = self.input.len();
        if self.pos > self.start {
            self.count_lines();
            return self.emit(Tok::Text);
        }
        self.emit(Tok::Eof)
    }

    /// Reports whether a right delimiter follows, and whether it trims.
    fn at_right_delim(&self) -> (bool, bool) {
        let rest = self.rest();
        if has_right_trim(rest) && rest[2..].starts_with(self.right) {
            return (true, true);
        }
        (rest.starts_with(self.right), false)
    }

    fn left_delim(&mut self) -> Next<'a> {
        self.pos += self.left.len();
        let after = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.rest()[after..].starts_with("/*") {
            self.pos += after;
            self.ignore();
            return Next::Comment;
        }
        let item = self.this_item(Tok::LeftDelim);
        self.inside_action = true;
        self.pos += after;
        self.ignore();
        self.paren_depth = 0;
        Next::Item(item)
    }

    fn comment(&mut self) -> Next<'a> {
        self.pos += 2;
        let Some(x) = self.rest().find("*/") else {
            return self.error("unclosed comment");
        };
        self.pos += x + 2;
        let (delim, trim) = self.at_right_delim();
        if !delim {
            return self.error("comment ends before closing delimiter");
        }
        self.count_lines();
        self.start = self.pos;
        self.start_line = self.line;
        if trim {
            self.pos += 2;
        }
        self.pos += self.right.len();
        if trim {
            self.skip_spaces();
        }
        self.ignore();
        Next::Text
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.pos += rest.len() - rest.trim_start_matches(SPACES).len();
    }

    fn right_delim(&mut self) -> Next<'a> {
        let (_, trim) = self.at_right_delim();
        if trim {
            self.pos += 2;
            self.ignore();
        }
        self.pos += self.right.len();
        let item = self.this_item(Tok::RightDelim);
        if trim {
            self.skip_spaces();
            self.ignore();
        }
        self.inside_action = false;
        Next::Item(item)
    }
}

fn has_left_trim(s: &str) -> bool {
    let b = s.as_bytes();
    b.len() >= 2 && b[0] == b'-' && is_space(char::from(b[1]))
}

fn has_right_trim(s: &str) -> bool {
    let b = s.as_bytes();
    b.len() >= 2 && is_space(char::from(b[0])) && b[1] == b'-'
}

fn is_space(r: char) -> bool {
    SPACES.contains(&r)
}

fn is_alphanumeric(r: char) -> bool {
    r == '_' || crate::unicode::is_letter(r) || crate::unicode::is_digit(r)
}

/// Returns a rune as `%#U` prints it; the end of the text is -1.
fn show_rune(rune: Option<char>) -> String {
    match rune {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(r) if crate::unicode::is_print(r) => format!("U+{:04X} '{r}'", u32::from(r)),
        Some(r) => format!("U+{:04X}", u32::from(r)),
    }
}
