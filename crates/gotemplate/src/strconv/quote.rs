//! Quoted text.

use crate::unicode::is_print;
use crate::utf8;

/// `strconv.Quote`.
pub(crate) fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, false)
}

/// `strconv.QuoteToASCII`.
pub(crate) fn quote_ascii(bytes: &[u8]) -> String {
    quote_with(bytes, true)
}

fn quote_with(bytes: &[u8], ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push('"');
    let mut rest = bytes;
    while !rest.is_empty() {
        let (rune, width) = utf8::decode(rest);
        if width == 1 && rune == '\u{FFFD}' {
            push_hex(&mut out, rest[0]);
        } else {
            push_escaped(&mut out, rune, '"', ascii);
        }
        rest = &rest[width..];
    }
    out.push('"');
    out
}

/// `strconv.QuoteRune`.
pub(crate) fn quote_rune(rune: char) -> String {
    quote_rune_with(rune, false)
}

/// `strconv.QuoteRuneToASCII`.
pub(crate) fn quote_rune_ascii(rune: char) -> String {
    quote_rune_with(rune, true)
}

fn quote_rune_with(rune: char, ascii: bool) -> String {
    let mut out = String::from("'");
    push_escaped(&mut out, rune, '\'', ascii);
    out.push('\'');
    out
}

fn push_hex(out: &mut String, byte: u8) {
    out.push_str(&format!("\\x{byte:02x}"));
}

fn push_escaped(out: &mut String, rune: char, quote: char, ascii: bool) {
    if rune == quote || rune == '\\' {
        out.push('\\');
        out.push(rune);
        return;
    }
    if (!ascii || rune.is_ascii()) && is_print(rune) {
        out.push(rune);
        return;
    }
    match rune {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\x{:02x}", u32::from(rune))),
        '\0'..='\u{FFFF}' => out.push_str(&format!("\\u{:04x}", u32::from(rune))),
        _ => out.push_str(&format!("\\U{:08x}", u32::from(rune))),
    }
}

/// `strconv.CanBackquote`.
pub(crate) fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|r| !matches!(r, '\u{FEFF}' | '`' | '\x7f') && (r >= ' ' || r == '\t'))
    })
}

/// One element of quoted text: a rune, or a byte written as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unquoted {
    Byte(u8),
    Rune(char),
}

impl Unquoted {
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Byte(b) => u32::from(b),
            Self::Rune(r) => u32::from(r),
        }
    }
}

/// `strconv.Unquote` for double and back quotes; none when the text is malformed.
pub(crate) fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let (first, last) = (*text.first()?, *text.last()?);
    if text.len() < 2 || first != last {
        return None;
    }
    let body = &text[1..text.len() - 1];
    match first {
        b'`' => {
            if body.contains(&b'`') {
                return None;
            }
            Some(body.iter().copied().filter(|b| *b != b'\r').collect())
        }
        b'"' => {
            let mut out = Vec::with_capacity(body.len());
            let mut rest = body;
            while !rest.is_empty() {
                if rest[0] == b'\n' {
                    return None;
                }
                let (unquoted, tail) = unquote_char(rest, b'"')?;
                match unquoted {
                    Unquoted::Byte(b) => out.push(b),
                    Unquoted::Rune(r) => utf8::push(&mut out, r),
                }
                rest = tail;
            }
            Some(out)
        }
        _ => None,
    }
}

/// `strconv.UnquoteChar`: the first element and what follows it.
pub(crate) fn unquote_char(text: &[u8], quote: u8) -> Option<(Unquoted, &[u8])> {
    let first = *text.first()?;
    if first == quote && (quote == b'\'' || quote == b'"') {
        return None;
    }
    if first != b'\\' {
        let (rune, width) = utf8::decode(text);
        return Some((Unquoted::Rune(rune), &text[width..]));
    }
    let escape = *text.get(1)?;
    let rest = &text[2..];
    let simple = |b| Some((Unquoted::Byte(b), rest));
    match escape {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'\\' => simple(b'\\'),
        b'\'' | b'"' if escape == quote => simple(escape),
        b'x' => {
            let code = digits(rest, 2, 16)?;
            Some((Unquoted::Byte(u8::try_from(code).ok()?), &rest[2..]))
        }
        b'u' => Some((Unquoted::Rune(char::from_u32(digits(rest, 4, 16)?)?), &rest[4..])),
        b'U' => Some((Unquoted::Rune(char::from_u32(digits(rest, 8, 16)?)?), &rest[8..])),
        b'0'..=b'7' => {
            let code = digits(&text[1..], 3, 8)?;
            Some((Unquoted::Byte(u8::try_from(code).ok()?), &text[4..]))
        }
        _ => None,
    }
}

fn digits(text: &[u8], n: usize, radix: u32) -> Option<u32> {
    text.get(..n)?.iter().try_fold(0u32, |code, b| {
        code.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?)
    })
}

#[cfg(test)]
mod tests {
    use super::{quote, quote_ascii, unquote};

    #[test]
    fn text_is_quoted_and_read_back() {
        assert_eq!(quote(b"a\"\n\xff\x00"), r#""a\"\n\xff\x00""#);
        assert_eq!(quote_ascii("é😀".as_bytes()), r#""\u00e9\U0001f600""#);
        for text in ["", "é\t\\", "\u{200b}", "a\"b"] {
            assert_eq!(unquote(quote(text.as_bytes()).as_bytes()), Some(text.as_bytes().to_vec()));
        }
        assert_eq!(unquote(b"\"\\q\""), None);
        assert_eq!(unquote(b"`a\rb`"), Some(b"ab".to_vec()));
    }
}
