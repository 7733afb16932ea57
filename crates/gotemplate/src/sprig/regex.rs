//! Regular expressions with Go's syntax and semantics.

mod class;
mod translate;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::args::{boolean, check_size, int, string, text};
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::strconv::{can_backquote, quote};
use crate::types::Type::{Int, String as Text};
use crate::utf8;
use crate::value::{Str, Strings, Value};

/// How many compiled expressions are kept.
const MAX_CACHED: usize = 64;

/// Longer expressions, and those with counted repetitions, are not kept: they can be large.
const MAX_CACHED_PATTERN: usize = 200;

/// How large a compiled expression may get.
const MAX_COMPILED_BYTES: usize = 32 << 20;

pub(super) fn register(to: &mut Registry) {
    to.typed("regexMatch", &[Text, Text], |a| {
        boolean(compile(text(a, 0)).is_ok_and(|regex| regex.is_match(text(a, 1))))
    });
    to.typed("mustRegexMatch", &[Text, Text], |a| {
        boolean(compile(text(a, 0)).map_err(FuncError)?.is_match(text(a, 1)))
    });
    both(to, "egexFindAll", &[Text, Text, Int], |regex, a| {
        let all = regex.find_all(text(a, 1), int(a, 2));
        if all.is_empty() {
            return Ok(Value::Strings(Strings::nil()));
        }
        let found = all.into_iter().map(|(start, end)| Str::from(&text(a, 1)[start..end]));
        Ok(Value::Strings(Strings::from(found.collect::<Vec<_>>())))
    });
    both(to, "egexFind", &[Text, Text], |regex, a| {
        let found = regex.find_all(text(a, 1), 1);
        string(found.first().map_or(&[][..], |(start, end)| &text(a, 1)[*start..*end]))
    });
    both(to, "egexReplaceAll", &[Text, Text, Text], |regex, a| {
        regex.replace(text(a, 1), text(a, 2), false)
    });
    both(to, "egexReplaceAllLiteral", &[Text, Text, Text], |regex, a| {
        regex.replace(text(a, 1), text(a, 2), true)
    });
    both(to, "egexSplit", &[Text, Text, Int], |regex, a| Ok(regex.split(text(a, 1), int(a, 2))));
    to.typed("regexQuoteMeta", &[Text], |a| {
        let mut out = Vec::new();
        for b in text(a, 0) {
            if br"\.+*?()|[]{}^$".contains(b) {
                out.push(b'\\');
            }
            out.push(*b);
        }
        string(out)
    });
}

/// Registers `r…` and `mustR…`, which word a bad expression differently.
fn both(
    to: &mut Registry,
    name: &str,
    params: &[crate::types::Type],
    body: fn(&Compiled, &[Value]) -> Answer,
) {
    to.typed(&format!("r{name}"), params, move |a| {
        let pattern = text(a, 0);
        let regex = compile(pattern).map_err(|error| {
            let shown = if can_backquote(pattern) {
                format!("`{}`", crate::value::lossy(pattern))
            } else {
                quote(pattern)
            };
            FuncError(format!("regexp: Compile({shown}): {error}"))
        })?;
        body(&regex, a)
    });
    to.typed(&format!("mustR{name}"), params, move |a| {
        body(&*compile(text(a, 0)).map_err(FuncError)?, a)
    });
}

struct Compiled {
    regex: regex::bytes::Regex,
    /// The name of every group that has one, by its number.
    names: Vec<(usize, String)>,
    empty: bool,
}

/// Compiles, or takes what was compiled before; the error is Go's text.
fn compile(pattern: &[u8]) -> Result<Arc<Compiled>, String> {
    static CACHE: LazyLock<Mutex<HashMap<Vec<u8>, Arc<Compiled>>>> = LazyLock::new(Mutex::default);
    if let Some(found) = CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(pattern) {
        return Ok(Arc::clone(found));
    }
    let translated = translate::translate(pattern)?;
    let regex = regex::bytes::RegexBuilder::new(&translated.pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .nest_limit(2_000)
        .build()
        .map_err(|_| {
            let shown = crate::value::lossy(pattern);
            format!("error parsing regexp: expression too large: `{shown}`")
        })?;
    let compiled = Arc::new(Compiled { regex, names: translated.names, empty: pattern.is_empty() });
    if pattern.len() > MAX_CACHED_PATTERN || pattern.contains(&b'{') {
        return Ok(compiled);
    }
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= MAX_CACHED {
        cache.clear();
    }
    cache.insert(pattern.to_vec(), Arc::clone(&compiled));
    Ok(compiled)
}

/// A regular expression in Go's syntax (RE2), for callers that are no templates.
#[derive(Clone)]
pub struct Pattern(Arc<Compiled>);

impl std::fmt::Debug for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.regex.as_str()).finish()
    }
}

/// Why a text is no regular expression, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Compiles an expression; its size is bounded.
    ///
    /// # Errors
    ///
    /// Go's words, when Go would not take it either.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        compile(pattern.as_bytes()).map(Self).map_err(PatternError)
    }

    /// Whether some part of `text` matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }
}

/// A text as the engine wants it: every byte that is no character stands as U+FFFD, as Go sees it.
struct Haystack<'a> {
    original: &'a [u8],
    valid: std::borrow::Cow<'a, str>,
    /// Where each byte of the valid text is in the original; empty when they are the same.
    offsets: Vec<usize>,
}

impl<'a> Haystack<'a> {
    fn new(original: &'a [u8]) -> Self {
        let valid = crate::value::lossy(original);
        let mut offsets = Vec::new();
        if matches!(valid, std::borrow::Cow::Owned(_)) {
            for (at, rune) in utf8::runes(original) {
                offsets.extend(std::iter::repeat_n(at, rune.len_utf8()));
            }
            offsets.push(original.len());
        }
        Self { original, valid, offsets }
    }

    /// Returns the offset in the original.
    fn at(&self, offset: usize) -> usize {
        self.offsets.get(offset).copied().unwrap_or(offset)
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.original.get(self.at(start)..self.at(end)).unwrap_or_default()
    }
}

impl Compiled {
    /// Calls `found` for every match in turn, until it says no.
    fn each(&self, text: &str, mut found: impl FnMut(&regex::bytes::Captures<'_>) -> bool) {
        let mut at = 0;
        let mut previous_end = None;
        while at <= text.len() {
            let Some(captures) = self.regex.captures_at(text.as_bytes(), at) else { return };
            let Some(m) = captures.get(0) else { return };
            let empty = m.start() == m.end();
            if empty && !text.is_char_boundary(m.start()) {
                at = m.start() + 1;
                continue;
            }
            // An empty match right after another one does not count.
            let accept = !(empty && previous_end == Some(m.start()));
            let after = text[m.end()..].chars().next().map_or(1, char::len_utf8);
            at = if empty { m.end() + after } else { m.end() };
            previous_end = Some(m.end());
            if accept && !found(&captures) {
                return;
            }
        }
    }

    fn is_match(&self, text: &[u8]) -> bool {
        !self.find_all(text, 1).is_empty()
    }

    /// Returns where the first `n` matches are; all of them when `n` is negative.
    fn find_all(&self, text: &[u8], n: i64) -> Vec<(usize, usize)> {
        let text = Haystack::new(text);
        let max = usize::try_from(n).unwrap_or(usize::MAX);
        let mut all = Vec::new();
        if max == 0 {
            return all;
        }
        self.each(&text.valid, |captures| {
            all.extend(captures.get(0).map(|m| (text.at(m.start()), text.at(m.end()))));
            all.len() < max
        });
        all
    }

    fn replace(&self, text: &[u8], with: &[u8], literal: bool) -> Answer {
        let text = Haystack::new(text);
        let mut out = Vec::with_capacity(text.original.len());
        let mut last = 0;
        let mut too_long = Ok(());
        self.each(&text.valid, |captures| {
            let Some(m) = captures.get(0) else { return false };
            out.extend_from_slice(text.slice(last, m.start()));
            if literal {
                out.extend_from_slice(with);
            } else {
                self.expand(with, captures, &text, &mut out);
            }
            last = m.end();
            too_long = check_size(out.len());
            too_long.is_ok()
        });
        too_long?;
        out.extend_from_slice(text.slice(last, text.valid.len()));
        string(out)
    }

    /// Replaces `$1`, `${name}` and `$$`.
    fn expand(
        &self,
        with: &[u8],
        captures: &regex::bytes::Captures<'_>,
        text: &Haystack<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut rest = with;
        while let Some(at) = rest.iter().position(|b| *b == b'$') {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            if rest.first() == Some(&b'$') {
                out.push(b'$');
                rest = &rest[1..];
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                out.push(b'$');
                continue;
            };
            rest = after;
            let number = if name.iter().all(u8::is_ascii_digit) && name.len() <= 8 {
                std::str::from_utf8(name).ok().and_then(|n| n.parse::<usize>().ok())
            } else {
                None
            };
            let group = match number {
                Some(number) => captures.get(number),
                None => self
                    .names
                    .iter()
                    .filter(|(_, n)| n.as_bytes() == name)
                    .find_map(|(number, _)| captures.get(*number)),
            };
            if let Some(group) = group {
                out.extend_from_slice(text.slice(group.start(), group.end()));
            }
        }
        out.extend_from_slice(rest);
    }

    fn split(&self, text: &[u8], n: i64) -> Value {
        if n == 0 {
            return Value::Strings(Strings::nil());
        }
        if !self.empty && text.is_empty() {
            return Value::from(vec![Str::default()]);
        }
        let max = usize::try_from(n).unwrap_or(usize::MAX);
        let mut parts: Vec<Str> = Vec::new();
        let (mut begin, mut end) = (0, 0);
        for (start, stop) in self.find_all(text, n) {
            if parts.len() + 1 == max {
                break;
            }
            end = start;
            if stop != 0 {
                parts.push(Str::from(&text[begin..end]));
            }
            begin = stop;
        }
        if end != text.len() {
            parts.push(Str::from(&text[begin..]));
        }
        Value::from(parts)
    }
}

/// Returns the name after `$` and what follows it.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let brace = text.first() == Some(&b'{');
    let body = if brace { &text[1..] } else { text };
    let mut len = 0;
    for (at, rune) in utf8::runes(body) {
        let word = rune == '_' || crate::unicode::is_letter(rune) || crate::unicode::is_digit(rune);
        if !word {
            break;
        }
        len = at + rune.len_utf8();
    }
    if len == 0 {
        return None;
    }
    let (name, after) = body.split_at(len);
    match (brace, after.first()) {
        (false, _) => Some((name, after)),
        (true, Some(b'}')) => Some((name, &after[1..])),
        (true, _) => None,
    }
}
