//! One value under one verb.

use super::{Printer, TOO_DEEP};
use crate::deep;
use crate::value::{Named, Str, Value};

impl Printer {
    pub(super) fn print_arg(&mut self, arg: &Value, verb: char) {
        match (arg, verb) {
            (Value::Nil, 'T' | 'v') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(arg, verb),
            (_, 'T') => self.fmt_string(arg.type_name().as_bytes()),
            (_, 'p') => self.bad_verb(arg, verb),
            _ => self.print_value(arg, verb, 0),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) {
        self.erroring = true;
        self.push("%!");
        self.push_char(verb);
        self.push("(");
        if matches!(value, Value::Nil) {
            self.push("<nil>");
        } else {
            self.push(&value.type_name());
            self.push("=");
            self.print_value(value, 'v', 0);
        }
        self.push(")");
        self.erroring = false;
    }

    /// Prints what a type's `String` method gives, where the verb asks for text.
    fn handle_methods(&mut self, value: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        if verb == 'w' {
            self.bad_verb(value, verb);
            return true;
        }
        if self.flags.sharp_v {
            if let Value::Time(time) = value {
                self.fmt_string(time.go_string().as_bytes());
                return true;
            }
            return false;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        match stringer(value) {
            Some(text) => {
                self.text(text.as_bytes(), verb, value);
                true
            }
            None => false,
        }
    }

    fn print_value(&mut self, value: &Value, verb: char, depth: usize) {
        if self.failed.is_some() {
            return;
        }
        if depth > deep::MAX_VALUE_DEPTH {
            self.failed = Some(TOO_DEEP);
            return;
        }
        self.n_values += 1;
        if self.n_values > super::MAX_VALUES {
            self.failed = Some(super::TOO_LONG);
            return;
        }
        self.depth = depth;
        if deep::call(depth, || self.print_here(value, verb, depth)).is_none() {
            self.failed = Some(TOO_DEEP);
        }
    }

    fn print_here(&mut self, value: &Value, verb: char, depth: usize) {
        let plain_bytes = depth == 0 && matches!(value, Value::Bytes(_));
        if !plain_bytes && self.handle_methods(value, verb) {
            return;
        }
        match value {
            Value::Nil if verb == 'v' && self.flags.sharp_v => self.push("interface {}(nil)"),
            Value::Nil => self.push("<nil>"),
            Value::Bool(b) => match verb {
                't' | 'v' => self.pad(if *b { b"true" } else { b"false" }),
                _ => self.bad_verb(value, verb),
            },
            Value::Int(i) | Value::Int64(i) | Value::Named(_, i) => {
                self.integer(i.cast_unsigned(), true, verb, value);
            }
            Value::Uint8(u) => self.integer(u64::from(*u), false, verb, value),
            Value::Uint32(u) => self.integer(u64::from(*u), false, verb, value),
            Value::Uint64(u) => self.integer(*u, false, verb, value),
            Value::Float64(f) => self.float(*f, verb, value),
            Value::Complex(re, im) => self.complex(*re, *im, verb, value),
            Value::String(s) => self.text(s, verb, value),
            Value::Bytes(bytes) => self.bytes(bytes, verb, value, depth),
            Value::Map(_) | Value::StringMap(_) => self.map(value, verb, depth),
            Value::Object(object) => {
                let fields: Vec<(String, Value)> =
                    object.fields().into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
                if object.is_pointer() {
                    self.push("&");
                }
                let name = object.type_name().trim_start_matches('*').to_owned();
                self.structure(&name, &fields, verb, depth);
            }
            Value::Time(time) => {
                let fields = time.raw_fields();
                self.structure("time.Time", &fields, verb, depth);
            }
            _ => self.slice(value, verb, depth),
        }
    }

    fn integer(&mut self, u: u64, signed: bool, verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex_0x(u),
            'v' | 'd' => self.fmt_integer(u, signed, 10, verb),
            'b' => self.fmt_integer(u, signed, 2, verb),
            'o' | 'O' => self.fmt_integer(u, signed, 8, verb),
            'x' | 'X' => self.fmt_integer(u, signed, 16, verb),
            'c' => self.fmt_c(u),
            'q' => self.fmt_qc(u),
            'U' => self.fmt_unicode(u),
            _ => self.bad_verb(value, verb),
        }
    }

    fn hex_0x(&mut self, u: u64) {
        let sharp = std::mem::replace(&mut self.flags.sharp, true);
        self.fmt_integer(u, false, 16, 'v');
        self.flags.sharp = sharp;
    }

    fn float(&mut self, f: f64, verb: char, value: &Value) {
        match verb {
            'v' => self.fmt_float(f, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.fmt_float(f, verb, None),
            'f' | 'e' | 'E' => self.fmt_float(f, verb, Some(6)),
            'F' => self.fmt_float(f, 'f', Some(6)),
            _ => self.bad_verb(value, verb),
        }
    }

    fn complex(&mut self, re: f64, im: f64, verb: char, value: &Value) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.push("(");
        self.float(re, verb, value);
        self.flags.plus = true;
        self.float(im, verb, value);
        self.push("i)");
        self.flags.plus = plus;
    }

    fn text(&mut self, text: &[u8], verb: char, value: &Value) {
        match verb {
            'v' if self.flags.sharp_v => self.fmt_q(text),
            'v' | 's' => self.fmt_string(text),
            'x' => self.fmt_hex(text, false),
            'X' => self.fmt_hex(text, true),
            'q' => self.fmt_q(text),
            _ => self.bad_verb(value, verb),
        }
    }

    fn bytes(&mut self, bytes: &[u8], verb: char, value: &Value, depth: usize) {
        match verb {
            's' => self.fmt_string(bytes),
            'x' => self.fmt_hex(bytes, false),
            'X' => self.fmt_hex(bytes, true),
            'q' => self.fmt_q(bytes),
            'v' | 'd' if self.flags.sharp_v => {
                self.push(if depth == 0 { "[]byte{" } else { "[]uint8{" });
                for (i, b) in bytes.iter().enumerate() {
                    self.push(if i > 0 { ", " } else { "" });
                    self.hex_0x(u64::from(*b));
                }
                self.push("}");
            }
            _ => self.slice(value, verb, depth),
        }
    }

    fn map(&mut self, value: &Value, verb: char, depth: usize) {
        let sharp_v = self.flags.sharp_v;
        if sharp_v {
            self.push(&value.type_name());
            if value.is_nil() {
                return self.push("(nil)");
            }
        }
        self.push(if sharp_v { "{" } else { "map[" });
        for (i, (key, item)) in value.entries().unwrap_or_default().into_iter().enumerate() {
            if i > 0 {
                self.push(if sharp_v { ", " } else { " " });
            }
            self.print_value(&Value::String(key), verb, depth + 1);
            self.push(":");
            self.print_value(&item, verb, depth + 1);
        }
        self.push(if sharp_v { "}" } else { "]" });
    }

    fn slice(&mut self, value: &Value, verb: char, depth: usize) {
        let sharp_v = self.flags.sharp_v;
        if sharp_v {
            self.push(&value.type_name());
            if value.is_nil() {
                return self.push("(nil)");
            }
        }
        self.push(if sharp_v { "{" } else { "[" });
        for i in 0..value.len().unwrap_or(0) {
            if i > 0 {
                self.push(if sharp_v { ", " } else { " " });
            }
            self.print_value(&value.element(i).unwrap_or_default(), verb, depth + 1);
            if self.failed.is_some() {
                return;
            }
        }
        self.push(if sharp_v { "}" } else { "]" });
    }

    fn structure(&mut self, name: &str, fields: &[(String, Value)], verb: char, depth: usize) {
        let sharp_v = self.flags.sharp_v;
        if sharp_v {
            self.push(name);
        }
        self.push("{");
        for (i, (field, value)) in fields.iter().enumerate() {
            if i > 0 {
                self.push(if sharp_v { ", " } else { " " });
            }
            if sharp_v || self.flags.plus_v {
                self.push(field);
                self.push(":");
            }
            if name == "time.Time" && matches!(value, Value::Nil) {
                self.nil_pointer("*time.Location", verb);
            } else {
                self.print_value(value, verb, depth + 1);
            }
        }
        self.push("}");
    }

    fn nil_pointer(&mut self, type_name: &str, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.push(&format!("({type_name})(nil)")),
            'v' => self.pad(b"<nil>"),
            'b' => self.fmt_integer(0, false, 2, verb),
            'o' => self.fmt_integer(0, false, 8, verb),
            'd' => self.fmt_integer(0, false, 10, verb),
            'x' | 'X' => self.fmt_integer(0, false, 16, verb),
            _ => {
                self.push("%!");
                self.push_char(verb);
                self.push("(");
                self.push(type_name);
                self.push("=");
                self.pad(b"<nil>");
                self.push(")");
            }
        }
    }
}

/// Returns what the value's `String` method gives, none when its type has none.
pub(crate) fn stringer(value: &Value) -> Option<Str> {
    match value {
        Value::Time(time) => Some(time.string().into()),
        Value::Named(Named::Duration, ns) => Some(crate::value::duration_string(*ns).into()),
        Value::Named(Named::Month, n) => Some(crate::value::month_name(*n).into()),
        Value::Named(Named::Weekday, n) => Some(crate::value::weekday_name(*n).into()),
        Value::Object(object) => object.text().map(Str::from),
        _ => None,
    }
}
