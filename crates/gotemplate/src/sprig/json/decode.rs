//! Reading JSON.

use crate::strconv::{parse_float, quote};
use crate::utf8;
use crate::value::{List, Map, Str, Value};

/// Go's bound for nesting.
const MAX_DEPTH: usize = 10_000;

enum Frame {
    Array(Vec<Value>),
    Object(Map, Option<Str>),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    After,
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// A number that no float can hold: reported, but not before the rest has been read.
    saved: Option<String>,
}

/// Decodes into what an `interface {}` gets; the error comes with what was decoded nevertheless.
pub(crate) fn decode(text: &[u8]) -> (Value, Option<String>) {
    let mut reader = Reader { text, at: 0, saved: None };
    match reader.run() {
        Ok(value) => (value, reader.saved),
        Err(error) => (Value::Nil, Some(error)),
    }
}

/// Words what is wrong with a byte; none is the end of the text.
fn error_at<T>(byte: Option<u8>, context: &str) -> Result<T, String> {
    let Some(byte) = byte else {
        return Err("unexpected end of JSON input".to_owned());
    };
    let shown = match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        byte => {
            let mut rune = Vec::new();
            utf8::push(&mut rune, char::from(byte));
            let quoted = quote(&rune);
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    };
    Err(format!("invalid character {shown} {context}"))
}

impl Reader<'_> {
    fn error<T>(&self, context: &str) -> Result<T, String> {
        error_at(self.text.get(self.at).copied(), context)
    }

    /// As [`Self::error`], where the end of the text is taken for a space: inside a word or a number.
    fn error_inside<T>(&self, context: &str) -> Result<T, String> {
        error_at(Some(self.peek().unwrap_or(b' ')), context)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn run(&mut self) -> Result<Value, String> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut expect = Expect::Value;
        let mut done: Option<Value> = None;
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
                self.at += 1;
            }
            if let (Expect::After, true, None) = (expect, frames.is_empty(), self.peek()) {
                return Ok(done.unwrap_or_default());
            }
            let byte = self.peek();
            let mut finished = None;
            match (expect, byte) {
                (Expect::ValueOrEnd, Some(b']')) | (Expect::KeyOrEnd, Some(b'}')) => {
                    self.at += 1;
                    finished = frames.pop().map(close);
                }
                (Expect::Value | Expect::ValueOrEnd, Some(open @ (b'[' | b'{'))) => {
                    if frames.len() >= MAX_DEPTH {
                        return self.error("exceeded max depth");
                    }
                    self.at += 1;
                    if open == b'[' {
                        frames.push(Frame::Array(Vec::new()));
                        expect = Expect::ValueOrEnd;
                    } else {
                        frames.push(Frame::Object(Map::new(), None));
                        expect = Expect::KeyOrEnd;
                    }
                }
                (Expect::Value | Expect::ValueOrEnd, _) => finished = Some(self.scalar()?),
                (Expect::Key | Expect::KeyOrEnd, Some(b'"')) => {
                    self.at += 1;
                    let key = self.string()?;
                    if let Some(Frame::Object(_, next)) = frames.last_mut() {
                        *next = Some(key);
                    }
                    expect = Expect::Colon;
                }
                (Expect::Key | Expect::KeyOrEnd, _) => {
                    return self.error("looking for beginning of object key string");
                }
                (Expect::Colon, Some(b':')) => {
                    self.at += 1;
                    expect = Expect::Value;
                }
                (Expect::Colon, _) => return self.error("after object key"),
                (Expect::After, byte) => match (frames.last(), byte) {
                    (None, _) => return self.error("after top-level value"),
                    (Some(Frame::Array(_)), Some(b',')) => {
                        self.at += 1;
                        expect = Expect::Value;
                    }
                    (Some(Frame::Object(..)), Some(b',')) => {
                        self.at += 1;
                        expect = Expect::Key;
                    }
                    (Some(Frame::Array(_)), Some(b']')) | (Some(Frame::Object(..)), Some(b'}')) => {
                        self.at += 1;
                        finished = frames.pop().map(close);
                    }
                    (Some(Frame::Array(_)), _) => return self.error("after array element"),
                    (Some(Frame::Object(..)), _) => {
                        return self.error("after object key:value pair");
                    }
                },
            }
            if let Some(value) = finished {
                match frames.last_mut() {
                    None => done = Some(value),
                    Some(Frame::Array(items)) => items.push(value),
                    Some(Frame::Object(map, key)) => {
                        map.set(key.take().unwrap_or_default(), value);
                    }
                }
                expect = Expect::After;
            }
        }
    }

    fn scalar(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Ok(Value::String(self.string()?))
            }
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.error("looking for beginning of value"),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                let expected = char::from(byte);
                return self.error_inside(&format!("in literal {word} (expecting '{expected}')"));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let n = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += n;
        n
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return self.error_inside("in numeric literal");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return self.error_inside("after decimal point in numeric literal");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.error_inside("in exponent of numeric literal");
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        match parse_float(text) {
            Ok(f) => Ok(Value::Float64(f)),
            Err(_) => {
                let message =
                    format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.saved.get_or_insert(message);
                Ok(Value::Nil)
            }
        }
    }

    /// Reads a string whose opening quote is past.
    fn string(&mut self) -> Result<Str, String> {
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None | Some(0..=0x1f) => return self.error("in string literal"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Str::from(out));
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut out)?;
                }
                Some(_) => {
                    let (rune, width) = utf8::decode(&self.text[self.at..]);
                    utf8::push(&mut out, rune);
                    self.at += width;
                }
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = match self.peek() {
            Some(b'"') => b'"',
            Some(b'\\') => b'\\',
            Some(b'/') => b'/',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let first = self.hex()?;
                if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    let second = self.hex()?;
                    if (0xDC00..0xE000).contains(&second) {
                        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                        utf8::push(out, char::from_u32(code).unwrap_or('\u{FFFD}'));
                        return Ok(());
                    }
                    self.at = back;
                }
                utf8::push(out, char::from_u32(first).unwrap_or('\u{FFFD}'));
                return Ok(());
            }
            _ => return self.error_inside("in string escape code"),
        };
        self.at += 1;
        out.push(byte);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            match self.peek().and_then(|b| char::from(b).to_digit(16)) {
                Some(digit) => code = code * 16 + digit,
                None => return self.error_inside("in \\u hexadecimal character escape"),
            }
            self.at += 1;
        }
        Ok(code)
    }
}

fn close(frame: Frame) -> Value {
    match frame {
        Frame::Array(items) => Value::List(List::grown(items)),
        Frame::Object(map, _) => Value::Map(map),
    }
}
