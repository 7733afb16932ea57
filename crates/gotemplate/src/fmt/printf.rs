//! The format string: verbs, flags, widths and argument indexes.

use super::{Flags, Printer};
use crate::utf8;
use crate::value::Value;

/// Widths, precisions and indexes beyond this count as malformed.
const MAX_NUMBER: i64 = 1_000_000;

/// Where the formatter is in its format and arguments.
struct Cursor<'a> {
    format: &'a [u8],
    i: usize,
    arg: usize,
    reordered: bool,
    good_arg: bool,
}

impl Cursor<'_> {
    fn at(&self) -> Option<u8> {
        self.format.get(self.i).copied()
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.i;
        let mut number = 0i64;
        while let Some(b @ b'0'..=b'9') = self.at() {
            if number > MAX_NUMBER {
                self.i = self.format.len();
                return None;
            }
            number = number * 10 + i64::from(b - b'0');
            self.i += 1;
        }
        if self.i == start { None } else { usize::try_from(number).ok() }
    }

    /// Reads `[n]`; reports whether there was one.
    fn arg_index(&mut self, n_args: usize) -> bool {
        if self.at() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.i..];
        let (index, width, ok) = match rest.iter().position(|b| *b == b']') {
            Some(end) if rest.len() >= 3 => {
                let mut inner =
                    Cursor { format: &rest[..end], i: 1, arg: 0, reordered: false, good_arg: true };
                match inner.number() {
                    Some(n) if inner.i == end => (n.checked_sub(1), end + 1, true),
                    _ => (None, end + 1, false),
                }
            }
            _ => (None, 1, false),
        };
        self.i += width;
        match index {
            Some(index) if ok && index < n_args => {
                self.arg = index;
                true
            }
            _ => {
                self.good_arg = false;
                ok
            }
        }
    }

    /// Reads the argument of a `*`.
    fn int_arg(&mut self, args: &[Value]) -> Option<i64> {
        let value = args.get(self.arg)?;
        self.arg += 1;
        value.as_i64().filter(|n| (-MAX_NUMBER..=MAX_NUMBER).contains(n))
    }
}

impl Printer {
    pub(super) fn printf(&mut self, format: &[u8], args: &[Value]) {
        let mut at = Cursor { format, i: 0, arg: 0, reordered: false, good_arg: true };
        while at.i < format.len() && self.failed.is_none() {
            at.good_arg = true;
            let start = at.i;
            while at.at().is_some_and(|b| b != b'%') {
                at.i += 1;
            }
            self.push_bytes(&format[start..at.i]);
            if at.i >= format.len() {
                break;
            }
            at.i += 1;
            self.flags = Flags::default();
            self.verb(&mut at, args);
        }
        if !at.reordered && at.arg < args.len() {
            self.flags = Flags::default();
            self.push("%!(EXTRA ");
            for (i, arg) in args[at.arg..].iter().enumerate() {
                if i > 0 {
                    self.push(", ");
                }
                if matches!(arg, Value::Nil) {
                    self.push("<nil>");
                } else {
                    self.push(&arg.type_name());
                    self.push("=");
                    self.print_arg(arg, 'v');
                }
            }
            self.push(")");
        }
    }

    /// One verb, its `%` is past.
    fn verb(&mut self, at: &mut Cursor<'_>, args: &[Value]) {
        while let Some(b) = at.at() {
            match b {
                b'#' => self.flags.sharp = true,
                b'0' => self.flags.zero = true,
                b'+' => self.flags.plus = true,
                b'-' => self.flags.minus = true,
                b' ' => self.flags.space = true,
                _ => break,
            }
            at.i += 1;
        }
        // The usual verb has neither width nor precision nor index.
        if let (Some(b @ b'a'..=b'z'), Some(arg)) = (at.at(), args.get(at.arg)) {
            at.i += 1;
            at.arg += 1;
            self.apply(arg, char::from(b));
            return;
        }
        let mut after_index = at.arg_index(args.len());
        if at.at() == Some(b'*') {
            at.i += 1;
            match at.int_arg(args) {
                None => self.push("%!(BADWIDTH)"),
                Some(width) => {
                    if width < 0 {
                        self.flags.minus = true;
                        self.flags.zero = false;
                    }
                    self.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            after_index = false;
        } else {
            self.flags.width = at.number();
            if after_index && self.flags.width.is_some() {
                at.good_arg = false;
            }
        }
        if at.i + 1 < at.format.len() && at.at() == Some(b'.') {
            at.i += 1;
            if after_index {
                at.good_arg = false;
            }
            after_index = at.arg_index(args.len());
            if at.at() == Some(b'*') {
                at.i += 1;
                self.flags.precision = at.int_arg(args).and_then(|p| usize::try_from(p).ok());
                if self.flags.precision.is_none() {
                    self.push("%!(BADPREC)");
                }
                after_index = false;
            } else {
                self.flags.precision = Some(at.number().unwrap_or(0));
            }
        }
        if !after_index {
            at.arg_index(args.len());
        }
        if at.i >= at.format.len() {
            self.push("%!(NOVERB)");
            return;
        }
        let (verb, size) = utf8::decode(&at.format[at.i..]);
        at.i += size;
        if verb == '%' {
            self.push("%");
        } else if !at.good_arg {
            self.push("%!");
            self.push_char(verb);
            self.push("(BADINDEX)");
        } else if let Some(arg) = args.get(at.arg) {
            at.arg += 1;
            self.apply(arg, verb);
        } else {
            self.push("%!");
            self.push_char(verb);
            self.push("(MISSING)");
        }
    }

    fn apply(&mut self, arg: &Value, verb: char) {
        if verb == 'v' || verb == 'w' {
            self.flags.sharp_v = std::mem::take(&mut self.flags.sharp);
            self.flags.plus_v = std::mem::take(&mut self.flags.plus);
        }
        self.print_arg(arg, verb);
    }
}
