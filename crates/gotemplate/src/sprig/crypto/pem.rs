//! PEM, as Go's encoding/pem reads and writes it.

use super::super::encoding::{base64, from_base64};
use super::super::strings::find;

/// One block of PEM.
pub(super) struct Block {
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

pub(super) fn encode(kind: &str, bytes: &[u8]) -> String {
    let mut out = format!("-----BEGIN {kind}-----\n");
    let text = base64(bytes);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {kind}-----\n"));
    out
}

/// Returns the first block, none when there is none.
pub(super) fn decode(text: &[u8]) -> Option<Block> {
    let mut rest = text;
    loop {
        let start =
            if rest.starts_with(b"-----BEGIN ") { 0 } else { find(rest, b"\n-----BEGIN ")? + 1 };
        rest = &rest[start + b"-----BEGIN ".len()..];
        let line_end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let line = trim_end(&rest[..line_end]);
        let Some(kind) = line.strip_suffix(b"-----") else { continue };
        let body = rest.get(line_end + 1..).unwrap_or_default();
        let end_mark = [b"\n-----END ", kind, b"-----"].concat();
        let (content, _) = if body.starts_with(&end_mark[1..]) {
            (&body[..0], 0)
        } else {
            match find(body, &end_mark) {
                Some(at) => (&body[..at], at),
                None => continue,
            }
        };
        let content = without_headers(content);
        let encoded: Vec<u8> =
            content.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        if let Ok(bytes) = from_base64(&encoded) {
            let kind = String::from_utf8_lossy(kind).into_owned();
            return Some(Block { kind, bytes });
        }
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t' | b'\r')).map_or(0, |at| at + 1);
    &line[..end]
}

/// Skips lines such as `Proc-Type: 4,ENCRYPTED`.
fn without_headers(content: &[u8]) -> &[u8] {
    let mut rest = content;
    loop {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        if !rest[..end].contains(&b':') {
            return rest;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}
