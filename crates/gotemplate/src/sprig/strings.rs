//! Text.

use super::args::{boolean, check_size, int, string, strslice, strval, text};
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::fmt;
use crate::types::Type::{Any, Int, String as Text};
use crate::utf8;
use crate::value::{Str, Strings, Value};

pub(super) fn register(to: &mut Registry) {
    to.typed("hello", &[], |_| string("Hello!"));
    to.typed("abbrev", &[Int, Text], |a| string(abbrev(0, int(a, 0), text(a, 1))));
    to.typed("abbrevboth", &[Int, Int, Text], |a| {
        let (left, right) = (int(a, 0), int(a, 1));
        if right < 4 || left > 0 && right < 7 {
            return string(text(a, 2));
        }
        string(abbrev(left, right, text(a, 2)))
    });
    to.typed("trunc", &[Int, Text], |a| string(trunc(int(a, 0), text(a, 1))));
    to.typed("substr", &[Int, Int, Text], |a| substr(int(a, 0), int(a, 1), text(a, 2)));
    to.typed("trim", &[Text], |a| string(trim(text(a, 0), crate::unicode::is_space)));
    for name in ["trimAll", "trimall"] {
        to.typed(name, &[Text, Text], |a| {
            let set: Vec<char> = utf8::runes(text(a, 0)).map(|(_, r)| r).collect();
            string(trim(text(a, 1), |r| set.contains(&r)))
        });
    }
    to.typed("trimSuffix", &[Text, Text], |a| {
        string(text(a, 1).strip_suffix(text(a, 0)).unwrap_or(text(a, 1)))
    });
    to.typed("trimPrefix", &[Text, Text], |a| {
        string(text(a, 1).strip_prefix(text(a, 0)).unwrap_or(text(a, 1)))
    });
    to.typed("contains", &[Text, Text], |a| boolean(find(text(a, 1), text(a, 0)).is_some()));
    to.typed("hasPrefix", &[Text, Text], |a| boolean(text(a, 1).starts_with(text(a, 0))));
    to.typed("hasSuffix", &[Text, Text], |a| boolean(text(a, 1).ends_with(text(a, 0))));
    to.typed("repeat", &[Int, Text], |a| repeat(int(a, 0), text(a, 1)));
    to.typed("replace", &[Text, Text, Text], |a| {
        string(replace(text(a, 2), text(a, 0), text(a, 1))?)
    });
    to.typed("indent", &[Int, Text], |a| string(indent(int(a, 0), text(a, 1))?));
    to.typed("nindent", &[Int, Text], |a| {
        string([b"\n", &indent(int(a, 0), text(a, 1))?[..]].concat())
    });
    to.typed("plural", &[Text, Text, Int], |a| {
        string(if int(a, 2) == 1 { text(a, 0) } else { text(a, 1) })
    });
    to.variadic("quote", &[], Any, |a| {
        joined(a, |v| Ok(crate::strconv::quote(&strval(v)?).into_bytes()))
    });
    to.variadic("squote", &[], Any, |a| {
        joined(a, |v| fmt::sprintf(b"'%v'", std::slice::from_ref(v)))
    });
    to.variadic("cat", &[], Any, |a| joined(a, |v| fmt::sprintf(b"%v", std::slice::from_ref(v))));
    to.typed("toString", &[Any], |a| Ok(Value::String(strval(&super::args::any(a, 0))?)));
    to.typed("toStrings", &[Any], |a| match &a[0] {
        Value::Strings(strings) => Ok(Value::Strings(strings.clone())),
        other => Ok(Value::from(strslice(other)?)),
    });
    to.typed("join", &[Text, Any], |a| string(join(&strslice(&a[1])?, text(a, 0))?));
    to.typed("split", &[Text, Text], |a| numbered(split_n(text(a, 1), text(a, 0), -1)?));
    to.typed("splitn", &[Text, Int, Text], |a| {
        numbered(split_n(text(a, 2), text(a, 0), int(a, 1))?)
    });
    to.typed("splitList", &[Text, Text], |a| Ok(Value::from(split_n(text(a, 1), text(a, 0), -1)?)));
    to.typed("sortAlpha", &[Any], |a| match &a[0] {
        Value::Strings(strings) => {
            strings.sort();
            Ok(Value::Strings(strings.clone()))
        }
        other if other.elements().is_some() => {
            let strings = Strings::from(strslice(other)?);
            strings.sort();
            Ok(Value::Strings(strings))
        }
        other => Ok(Value::from(vec![strval(other)?])),
    });
    to.typed("atoi", &[Text], |a| Ok(Value::Int(atoi(text(a, 0)))));
    to.typed("fail", &[Text], |a| Err(FuncError(crate::value::lossy(text(a, 0)).into_owned())));
}

/// `strconv.Atoi` without its error: what is too large is the nearest, what is no number is 0.
fn atoi(text: &[u8]) -> i64 {
    let Ok(text) = std::str::from_utf8(text) else { return 0 };
    match crate::strconv::parse_int(text, 10) {
        Ok(n) => n,
        Err(crate::strconv::ParseError::Syntax) => 0,
        Err(crate::strconv::ParseError::Range) if text.starts_with('-') => i64::MIN,
        Err(crate::strconv::ParseError::Range) => i64::MAX,
    }
}

/// Joins what `show` makes of the arguments that are not nil.
fn joined(
    args: &[Value],
    show: impl Fn(&Value) -> Result<Vec<u8>, FuncError>,
) -> Result<Value, FuncError> {
    let mut out = Vec::new();
    let mut first = true;
    for arg in args.iter().filter(|arg| !matches!(arg, Value::Nil)) {
        if !std::mem::take(&mut first) {
            out.push(b' ');
        }
        out.extend(show(arg)?);
        check_size(out.len())?;
    }
    string(out)
}

/// Returns the length as Go's `int`.
fn len(text: &[u8]) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// Cuts at a byte, as Go's slice expressions do.
fn cut(text: &[u8], start: i64, end: i64) -> &[u8] {
    let at = |i: i64| usize::try_from(i).unwrap_or(0).min(text.len());
    text.get(at(start)..at(end)).unwrap_or_default()
}

fn abbrev(offset: i64, width: i64, text: &[u8]) -> Vec<u8> {
    let n = len(text);
    if width < 4 || n <= width {
        return text.to_vec();
    }
    let mut offset = offset.min(n);
    if n - offset < width - 3 {
        offset = n - (width - 3);
    }
    if offset <= 4 {
        return [cut(text, 0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < n {
        let rest = cut(text, offset, n);
        let rest = if width - 3 < 4 { Vec::new() } else { abbrev(0, width - 3, rest) };
        return [&b"..."[..], &rest].concat();
    }
    [b"...", cut(text, n - (width - 3), n)].concat()
}

fn trunc(count: i64, text: &[u8]) -> &[u8] {
    let n = len(text);
    if count < 0 && n.saturating_add(count) > 0 {
        return cut(text, n + count, n);
    }
    if count >= 0 && n > count {
        return cut(text, 0, count);
    }
    text
}

fn substr(start: i64, end: i64, text: &[u8]) -> Answer {
    let n = len(text);
    let bounds =
        |range: String| Err(FuncError(format!("runtime error: slice bounds out of range {range}")));
    if start < 0 {
        if end < 0 {
            return bounds(format!("[:{end}]"));
        }
        if end > n {
            return bounds(format!("[:{end}] with length {n}"));
        }
        return string(cut(text, 0, end));
    }
    let end = if end < 0 || end > n { n } else { end };
    if start > end {
        return bounds(format!("[{start}:{end}]"));
    }
    string(cut(text, start, end))
}

fn trim(text: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    let mut text = text;
    loop {
        let (rune, width) = utf8::decode(text);
        if width == 0 || !cut(rune) {
            break;
        }
        text = &text[width..];
    }
    // Backwards a rune is at most four bytes; a bad byte is a rune of its own.
    while !text.is_empty() {
        let start = (2..=text.len().min(4))
            .map(|back| text.len() - back)
            .find(|start| utf8::decode(&text[*start..]).1 == text.len() - start)
            .unwrap_or(text.len() - 1);
        let (rune, _) = utf8::decode(&text[start..]);
        if !cut(rune) {
            break;
        }
        text = &text[..start];
    }
    text
}

/// Returns where `needle` first is.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    if let (Ok(text), Ok(needle)) = (std::str::from_utf8(text), std::str::from_utf8(needle)) {
        return text.find(needle);
    }
    text.windows(needle.len()).position(|window| window == needle)
}

fn repeat(count: i64, text: &[u8]) -> Answer {
    let Ok(count) = usize::try_from(count) else {
        return Err("strings: negative Repeat count".into());
    };
    check_size(count.saturating_mul(text.len()))?;
    string(text.repeat(count))
}

pub(super) fn replace(text: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, FuncError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    if old.is_empty() {
        // Between all runes, and at both ends.
        out.extend_from_slice(new);
        while !rest.is_empty() {
            let (_, width) = utf8::decode(rest);
            out.extend_from_slice(&rest[..width]);
            out.extend_from_slice(new);
            check_size(out.len())?;
            rest = &rest[width..];
        }
        return Ok(out);
    }
    while let Some(at) = find(rest, old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        check_size(out.len())?;
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    Ok(out)
}

fn indent(spaces: i64, text: &[u8]) -> Result<Vec<u8>, FuncError> {
    let Ok(spaces) = usize::try_from(spaces) else {
        return Err("strings: negative Repeat count".into());
    };
    let lines = 1 + text.iter().filter(|b| **b == b'\n').count();
    check_size(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    let mut out = vec![b' '; spaces];
    for b in text {
        out.push(*b);
        if *b == b'\n' {
            out.resize(out.len() + spaces, b' ');
        }
    }
    Ok(out)
}

fn join(items: &[Str], separator: &[u8]) -> Result<Vec<u8>, FuncError> {
    let total: usize = items.iter().map(|s| s.len().saturating_add(separator.len())).sum();
    check_size(total)?;
    Ok(items.iter().map(Str::as_bytes).collect::<Vec<_>>().join(separator))
}

/// `strings.SplitN`.
fn split_n(text: &[u8], separator: &[u8], n: i64) -> Result<Vec<Str>, FuncError> {
    let max = match n {
        0 => return Ok(Vec::new()),
        n if n < 0 => usize::MAX,
        n => usize::try_from(n).unwrap_or(usize::MAX),
    };
    let mut parts = Vec::new();
    let mut rest = text;
    if separator.is_empty() {
        while !rest.is_empty() {
            let width = if parts.len() + 1 == max { rest.len() } else { utf8::decode(rest).1 };
            parts.push(Str::from(&rest[..width]));
            rest = &rest[width..];
        }
        return Ok(parts);
    }
    while parts.len() + 1 < max {
        let Some(at) = find(rest, separator) else { break };
        parts.push(Str::from(&rest[..at]));
        rest = &rest[at + separator.len()..];
    }
    parts.push(Str::from(rest));
    Ok(parts)
}

/// Returns a `map[string]string` of the parts under `_0`, `_1`…
fn numbered(parts: Vec<Str>) -> Answer {
    let map =
        parts.into_iter().enumerate().map(|(i, part)| (Str::from(format!("_{i}")), part)).collect();
    Ok(Value::StringMap(std::sync::Arc::new(map)))
}
