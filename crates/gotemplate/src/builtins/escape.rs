//! `html`, `js`, `urlquery`.

use crate::error::FuncError;
use crate::fmt;
use crate::utf8;
use crate::value::Value;

/// Returns the arguments as an action prints them.
pub(super) fn text_of(args: Vec<Value>) -> Result<Vec<u8>, FuncError> {
    let args: Vec<Value> = args
        .into_iter()
        .map(|arg| if matches!(arg, Value::Nil) { Value::from("<no value>") } else { arg })
        .collect();
    fmt::try_sprint(&args)
}

pub(super) fn html(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for b in bytes {
        match b {
            0 => out.extend_from_slice("\u{FFFD}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            other => out.push(*other),
        }
    }
    out
}

pub(super) fn js(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(b) = rest.first() {
        let mut width = 1;
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'<' => out.extend_from_slice(b"\\u003C"),
            b'>' => out.extend_from_slice(b"\\u003E"),
            b'&' => out.extend_from_slice(b"\\u0026"),
            b'=' => out.extend_from_slice(b"\\u003D"),
            0..=0x1f => out.extend_from_slice(format!("\\u{b:04X}").as_bytes()),
            0x20..=0x7f => out.push(*b),
            _ => {
                let (rune, size) = utf8::decode(rest);
                width = size;
                if crate::unicode::is_print(rune) {
                    out.extend_from_slice(&rest[..size]);
                } else {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(rune)).as_bytes());
                }
            }
        }
        rest = &rest[width..];
    }
    out
}

/// `url.QueryEscape`.
pub(super) fn query(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for b in bytes {
        match b {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*b),
            b if b.is_ascii_alphanumeric() => out.push(*b),
            b => out.extend_from_slice(format!("%{b:02X}").as_bytes()),
        }
    }
    out
}
