//! Answers, and what a multipart holds.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

/// One answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

pub(super) fn ok(body: &Value) -> Reply {
    reply(200, body)
}

pub(super) fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, content_type: "application/json", body: body.to_string().into() }
}

/// `{"error": …, "success": false}`.
pub(super) fn refuse(status: u16, error: &str) -> Reply {
    reply(status, &json!({ "error": error, "success": false }))
}

/// A reason that is no JSON, as `w.Write([]byte(…))` after a status sends it.
pub(super) fn text(status: u16, reason: &str) -> Reply {
    Reply {
        status,
        content_type: "text/plain; charset=utf-8",
        body: Bytes::copy_from_slice(reason.as_bytes()),
    }
}

/// Only a status.
pub(super) fn bare(status: u16) -> Reply {
    Reply { status, content_type: "", body: Bytes::new() }
}

/// The parts of a multipart by the name of their field; none when it is not well formed.
pub(super) fn parts(content_type: &str, body: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let boundary = content_type.split_once("boundary=")?.1;
    let first = format!("--{boundary}\r\n").into_bytes();
    let next = format!("\r\n--{boundary}").into_bytes();
    let mut rest = body.strip_prefix(first.as_slice())?;
    let mut parts = BTreeMap::new();
    loop {
        let head_end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..head_end]).ok()?;
        let name = head.split_once("; name=\"")?.1.split('"').next()?.to_owned();
        let content = &rest[head_end + 4..];
        let end = find(content, &next)?;
        parts.insert(name, content[..end].to_vec());
        rest = &content[end + next.len()..];
        if rest == b"--\r\n" {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|it| *it == first) {
        if text[from + at..].starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}
