//! Words and cases.

use super::Registry;
use super::args::{int, string, text};
use crate::types::Type::{Int, String as Text};
use crate::unicode::{
    is_digit, is_letter, is_lower, is_number, is_punct, is_space, is_title, is_upper, to_lower,
    to_title, to_upper,
};
use crate::utf8;

pub(super) fn register(to: &mut Registry) {
    to.typed("upper", &[Text], |a| string(mapped(text(a, 0), to_upper)));
    to.typed("lower", &[Text], |a| string(mapped(text(a, 0), to_lower)));
    to.typed("title", &[Text], |a| string(title(text(a, 0))));
    to.typed("untitle", &[Text], |a| string(untitle(text(a, 0))));
    to.typed("swapcase", &[Text], |a| string(swapcase(text(a, 0))));
    to.typed("nospace", &[Text], |a| string(nospace(text(a, 0))));
    to.typed("initials", &[Text], |a| string(initials(text(a, 0))));
    to.typed("snakecase", &[Text], |a| string(separated(text(a, 0), '_')));
    to.typed("kebabcase", &[Text], |a| string(separated(text(a, 0), '-')));
    to.typed("camelcase", &[Text], |a| string(pascal(text(a, 0))));
    to.typed("wrap", &[Int, Text], |a| string(wrap(text(a, 1), int(a, 0), b"\n", false)?));
    to.typed("wrapWith", &[Int, Text, Text], |a| {
        let separator = if text(a, 1).is_empty() { b"\n" } else { text(a, 1) };
        string(wrap(text(a, 2), int(a, 0), separator, true)?)
    });
}

fn mapped(text: &[u8], map: impl Fn(char) -> char) -> String {
    utf8::runes(text).map(|(_, r)| map(r)).collect()
}

/// `strings.Title`.
fn title(text: &[u8]) -> String {
    let mut previous = ' ';
    mapped_with(text, |r| {
        let start = match previous {
            '_' => false,
            p if p.is_ascii() => !p.is_ascii_alphanumeric(),
            p if is_letter(p) || is_digit(p) => false,
            p => is_space(p),
        };
        previous = r;
        if start { to_title(r) } else { r }
    })
}

fn mapped_with(text: &[u8], mut map: impl FnMut(char) -> char) -> String {
    utf8::runes(text).map(|(_, r)| map(r)).collect()
}

fn untitle(text: &[u8]) -> String {
    let mut next = true;
    mapped_with(text, |r| {
        if is_space(r) {
            next = true;
            r
        } else if std::mem::take(&mut next) {
            to_lower(r)
        } else {
            r
        }
    })
}

fn swapcase(text: &[u8]) -> String {
    let mut space = true;
    mapped_with(text, |r| {
        if is_upper(r) || is_title(r) {
            space = false;
            to_lower(r)
        } else if is_lower(r) {
            if std::mem::take(&mut space) { to_title(r) } else { to_upper(r) }
        } else {
            space = is_space(r);
            r
        }
    })
}

/// Byte by byte, as the original: a byte is taken for a character of Latin-1.
fn nospace(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|b| is_space(char::from(*b))) {
        return text.to_vec();
    }
    let mut out = Vec::new();
    for b in text.iter().filter(|b| !is_space(char::from(**b))) {
        utf8::push(&mut out, char::from(*b));
    }
    out
}

fn initials(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut gap = true;
    for b in text {
        let r = char::from(*b);
        if is_space(r) {
            gap = true;
        } else if std::mem::take(&mut gap) {
            utf8::push(&mut out, r);
        }
    }
    out
}

fn wrap(
    text: &[u8],
    width: i64,
    separator: &[u8],
    long_words: bool,
) -> Result<Vec<u8>, crate::error::FuncError> {
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut offset = 0;
    while text.len() - offset > width {
        super::args::check_size(out.len())?;
        if text[offset] == b' ' {
            offset += 1;
            continue;
        }
        let end = offset + width;
        if let Some(space) = text[offset..=end].iter().rposition(|b| *b == b' ') {
            out.extend_from_slice(&text[offset..offset + space]);
            out.extend_from_slice(separator);
            offset += space + 1;
        } else if long_words {
            out.extend_from_slice(&text[offset..end]);
            out.extend_from_slice(separator);
            offset = end;
        } else if let Some(space) = text[end..].iter().position(|b| *b == b' ') {
            out.extend_from_slice(&text[offset..end + space]);
            out.extend_from_slice(separator);
            offset = end + space + 1;
        } else {
            out.extend_from_slice(&text[offset..]);
            offset = text.len();
        }
    }
    out.extend_from_slice(&text[offset..]);
    Ok(out)
}

fn is_connector(r: char) -> bool {
    r == '-' || r == '_' || is_space(r)
}

/// `xstrings.ToPascalCase`.
fn pascal(text: &[u8]) -> String {
    let runes: Vec<char> = utf8::runes(text).map(|(_, r)| r).collect();
    let mut out = String::new();
    let Some(first) = runes.iter().position(|r| !is_connector(*r)) else {
        // The original writes the last connector twice.
        return runes.iter().chain(runes.last()).collect();
    };
    out.extend(&runes[..first]);
    let mut first_upper = is_upper(runes[first]);
    let mut current = to_upper(runes[first]);
    if first + 1 == runes.len() {
        out.push(current);
        return out;
    }
    for next in &runes[first + 1..] {
        let previous = std::mem::replace(&mut current, *next);
        if is_connector(current) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_upper = is_upper(current);
            current = to_upper(current);
        } else {
            if first_upper {
                if is_upper(current) {
                    current = to_lower(current);
                } else {
                    first_upper = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

fn is_alphabet(r: char) -> bool {
    is_letter(r)
        && !matches!(
            r,
            // The ideographs, by the original's own ranges.
            '\u{4E00}'..='\u{9FCC}' | '\u{3400}'..='\u{4D85}' | '\u{20000}'..='\u{2B81D}'
        )
}

/// Returns the first rune that is valid, and the bytes up to its end; `previous` when none follows.
fn next_valid(text: &[u8], previous: char) -> (char, usize) {
    for (at, rune) in utf8::runes(text) {
        if rune != '\u{FFFD}' {
            return (rune, at + rune.len_utf8());
        }
    }
    (previous, text.len())
}

/// Returns the first word of the text and its length in bytes.
fn next_word(text: &[u8]) -> (Word, usize) {
    if text.is_empty() {
        return (Word::Invalid, 0);
    }
    let (first, size) = next_valid(text, '\u{FFFD}');
    if first == '\u{FFFD}' {
        return (Word::Invalid, size);
    }
    let run = |start: usize, member: &dyn Fn(char) -> bool| {
        let mut offset = start;
        let mut previous = first;
        while offset < text.len() {
            let (r, size) = next_valid(&text[offset..], previous);
            if !member(r) {
                break;
            }
            previous = r;
            offset += size;
        }
        offset
    };
    if is_connector(first) {
        return (Word::Connector, run(size, &is_connector));
    }
    if is_punct(first) {
        return (Word::Punct, run(size, &is_punct));
    }
    if is_upper(first) {
        return (Word::Upper, upper_word(text, first, size, &run));
    }
    if is_alphabet(first) {
        return (Word::Alphabet, run(size, &|r| is_alphabet(r) && !is_upper(r)));
    }
    if is_number(first) {
        return (Word::Number, run(size, &is_number));
    }
    let other = |r| !(is_connector(r) || is_alphabet(r) || is_number(r) || is_punct(r));
    (Word::Other, run(size, &other))
}

/// Returns the end of the run of runes of a kind that begins at an offset.
type Run<'a> = dyn Fn(usize, &dyn Fn(char) -> bool) -> usize + 'a;

fn upper_word(text: &[u8], first: char, size: usize, run: &Run<'_>) -> usize {
    if size >= text.len() {
        return size;
    }
    let (second, second_size) = next_valid(&text[size..], first);
    if is_upper(second) {
        // `HTTPStatus` is `HTTP` and `Status`: the last capital belongs to what follows.
        let mut offset = size + second_size;
        let mut last_size = second_size;
        let mut r = second;
        while offset < text.len() {
            let (next, next_size) = next_valid(&text[offset..], r);
            r = next;
            if !is_upper(r) {
                break;
            }
            last_size = next_size;
            offset += next_size;
        }
        if offset < text.len() && is_alphabet(r) { offset - last_size } else { offset }
    } else if is_alphabet(second) {
        run(size + second_size, &|r| is_alphabet(r) && !is_upper(r))
    } else {
        size
    }
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn separated(text: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::new();
    if text.is_empty() {
        return out;
    }
    let (mut kind, mut word, mut rest) = take(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = take(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = take(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Punct | Word::Connector) {
                    utf8::push(&mut out, connector);
                }
            }
            Word::Connector => push_lower(&mut out, previous, last, connector),
            Word::Punct => {}
            _ => {
                if kind != Word::Number {
                    if !matches!(kind, Word::Connector | Word::Punct) {
                        utf8::push(&mut out, connector);
                    }
                    continue;
                }
                if rest.is_empty() {
                    continue;
                }
                let number = word;
                (kind, word, rest) = take(rest);
                // A number belongs to the word before it, unless lower case follows.
                if kind != Word::Alphabet {
                    push_lower(&mut out, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punct) {
                        utf8::push(&mut out, connector);
                    }
                    continue;
                }
                utf8::push(&mut out, connector);
                push_lower(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    push_lower(&mut out, kind, word, connector);
                    (kind, word, rest) = take(rest);
                }
                if !matches!(kind, Word::Invalid | Word::Connector | Word::Punct) {
                    utf8::push(&mut out, connector);
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out
}

fn take(text: &[u8]) -> (Word, &[u8], &[u8]) {
    let (kind, len) = next_word(text);
    (kind, &text[..len], &text[len..])
}

fn push_lower(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if kind != Word::Upper && kind != Word::Connector {
        out.extend_from_slice(word);
        return;
    }
    for (_, r) in utf8::runes(word) {
        utf8::push(out, if is_connector(r) { connector } else { to_lower_if_upper(r) });
    }
}

fn to_lower_if_upper(r: char) -> char {
    if is_upper(r) { to_lower(r) } else { r }
}
