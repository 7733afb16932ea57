//! Writing JSON.

use super::super::args::check_size;
use crate::deep;
use crate::error::FuncError;
use crate::strconv::format_float;
use crate::utf8;
use crate::value::Value;

/// How the text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One line, `<`, `>` and `&` escaped.
    Compact,
    /// Indented by two spaces a level.
    Pretty,
    /// One line, nothing escaped for HTML.
    Raw,
}

pub(super) fn encode(value: &Value, style: Style) -> Result<Vec<u8>, FuncError> {
    let mut writer = Writer { out: Vec::new(), style, n_values: 0 };
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// How many values one text may hold: values that share their parts have more of them than memory.
const MAX_VALUES: usize = 2_000_000;

struct Writer {
    out: Vec<u8>,
    style: Style,
    n_values: usize,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), FuncError> {
        let too_deep = || FuncError::new("value is nested too deeply for JSON");
        check_size(self.out.len())?;
        self.n_values += 1;
        if self.n_values > MAX_VALUES {
            return Err(FuncError(format!("more than {MAX_VALUES} values for JSON")));
        }
        if depth > deep::MAX_VALUE_DEPTH {
            return Err(too_deep());
        }
        deep::call(depth, || self.parts(value, depth)).ok_or_else(too_deep)?
    }

    fn parts(&mut self, value: &Value, depth: usize) -> Result<(), FuncError> {
        match value {
            Value::Nil => self.push("null"),
            value if value.is_nil() => self.push("null"),
            Value::Bool(b) => self.push(if *b { "true" } else { "false" }),
            Value::Int(i) | Value::Int64(i) | Value::Named(_, i) => self.push(&i.to_string()),
            Value::Uint8(u) => self.push(&u.to_string()),
            Value::Uint32(u) => self.push(&u.to_string()),
            Value::Uint64(u) => self.push(&u.to_string()),
            Value::Float64(f) => self.float(*f)?,
            Value::Complex(..) => return Err("json: unsupported type: complex128".into()),
            Value::String(s) => self.string(s),
            Value::Bytes(bytes) => {
                self.push("\"");
                self.push(&super::super::encoding::base64(bytes));
                self.push("\"");
            }
            Value::Time(time) => {
                if !(0..=9999).contains(&time.civil().year) {
                    return Err("json: error calling MarshalJSON for type time.Time: \
                                Time.MarshalJSON: year outside of range [0,9999]"
                        .into());
                }
                self.string(time.format("2006-01-02T15:04:05.999999999Z07:00").as_bytes());
            }
            Value::Object(object) => match object.text() {
                Some(text) => self.string(text.as_bytes()),
                None => {
                    let fields = object.fields().into_iter();
                    let fields = fields.map(|(name, v)| (name.as_bytes().to_vec(), v)).collect();
                    self.object(fields, depth)?;
                }
            },
            Value::Map(_) | Value::StringMap(_) => {
                let entries = value.entries().unwrap_or_default().into_iter();
                self.object(entries.map(|(k, v)| (k.to_vec(), v)).collect(), depth)?;
            }
            other => self.array(&other.elements().unwrap_or_default(), depth)?,
        }
        Ok(())
    }

    fn new_line(&mut self, depth: usize) {
        if self.style == Style::Pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * depth, b' ');
        }
    }

    fn array(&mut self, items: &[Value], depth: usize) -> Result<(), FuncError> {
        self.push("[");
        for (i, item) in items.iter().enumerate() {
            self.push(if i > 0 { "," } else { "" });
            self.new_line(depth + 1);
            self.value(item, depth + 1)?;
        }
        if !items.is_empty() {
            self.new_line(depth);
        }
        self.push("]");
        Ok(())
    }

    fn object(&mut self, entries: Vec<(Vec<u8>, Value)>, depth: usize) -> Result<(), FuncError> {
        self.push("{");
        let empty = entries.is_empty();
        for (i, (key, value)) in entries.into_iter().enumerate() {
            self.push(if i > 0 { "," } else { "" });
            self.new_line(depth + 1);
            self.string(&key);
            self.push(if self.style == Style::Pretty { ": " } else { ":" });
            self.value(&value, depth + 1)?;
        }
        if !empty {
            self.new_line(depth);
        }
        self.push("}");
        Ok(())
    }

    fn float(&mut self, f: f64) -> Result<(), FuncError> {
        if !f.is_finite() {
            let shown = format_float(f, b'g', None);
            return Err(FuncError(format!("json: unsupported value: {shown}")));
        }
        let size = f.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format_float(f, b'e', None);
            // `e-09` becomes `e-9`.
            let text = match text.split_once("e-0") {
                Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
                None => text,
            };
            self.push(&text);
        } else {
            self.push(&format_float(f, b'f', None));
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        let mut rest = text;
        while !rest.is_empty() {
            let (rune, width) = utf8::decode(rest);
            rest = &rest[width..];
            match rune {
                // A byte that is no character, as opposed to the character for one.
                '\u{FFFD}' if width == 1 => self.escaped(rune),
                '"' => self.push("\\\""),
                '\\' => self.push("\\\\"),
                '\x08' => self.push("\\b"),
                '\x0c' => self.push("\\f"),
                '\n' => self.push("\\n"),
                '\r' => self.push("\\r"),
                '\t' => self.push("\\t"),
                '<' | '>' | '&' if self.style != Style::Raw => self.escaped(rune),
                '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => self.escaped(rune),
                rune => utf8::push(&mut self.out, rune),
            }
        }
        self.out.push(b'"');
    }

    fn escaped(&mut self, rune: char) {
        self.push(&format!("\\u{:04x}", u32::from(rune)));
    }
}
