//! Character classes and escapes.

use super::translate::{Translator, before, error, literal, next_rune};

/// `[…]`.
pub(super) fn parse<'a>(to: &mut Translator<'a>, s: &'a [u8]) -> Result<&'a [u8], String> {
    let mut t = &s[1..];
    let mut out = String::from("[");
    if t.first() == Some(&b'^') {
        out.push('^');
        t = &t[1..];
    }
    let mut first = true;
    while first || t.first() != Some(&b']') {
        first = false;
        if t.len() > 2
            && t.starts_with(b"[:")
            && let Some(end) = super::super::strings::find(&t[2..], b":]")
        {
            let name = &t[..end + 4];
            out.push_str(posix(name)?);
            t = &t[end + 4..];
            continue;
        }
        if let Some((text, after)) = unicode(t)? {
            out.push_str(&text);
            t = after;
            continue;
        }
        if let Some(text) = perl(t) {
            out.push_str(text);
            t = &t[2..];
            continue;
        }
        let range = t;
        let (low, after) = class_char(t, s)?;
        t = after;
        out.push_str(&literal(low));
        if t.len() >= 2 && t[0] == b'-' && t[1] != b']' {
            let (high, after) = class_char(&t[1..], s)?;
            t = after;
            if high < low {
                return error("invalid character class range", before(range, t));
            }
            out.push('-');
            out.push_str(&literal(high));
        }
    }
    out.push(']');
    to.class(&out);
    Ok(&t[1..])
}

fn class_char<'a>(t: &'a [u8], whole: &[u8]) -> Result<(u32, &'a [u8]), String> {
    match t.first() {
        None => error("missing closing ]", whole),
        Some(b'\\') => escape(t),
        Some(_) => next_rune(t).map(|(rune, after)| (u32::from(rune), after)),
    }
}

/// `[:alpha:]` and `[:^alpha:]`.
fn posix(name: &[u8]) -> Result<&str, String> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    let text = std::str::from_utf8(name).unwrap_or_default();
    let inner = text.trim_start_matches("[:").trim_end_matches(":]");
    let inner = inner.strip_prefix('^').unwrap_or(inner);
    if NAMES.contains(&inner) { Ok(text) } else { error("invalid character class range", name) }
}

/// `\d` and the like, as they are written inside brackets: ASCII only.
pub(super) fn perl(t: &[u8]) -> Option<&'static str> {
    if t.first() != Some(&b'\\') {
        return None;
    }
    Some(match t.get(1)? {
        b'd' => "0-9",
        b'D' => "[^0-9]",
        b's' => r"\t\n\x0C\r\x20",
        b'S' => r"[^\t\n\x0C\r\x20]",
        b'w' => "0-9A-Za-z_",
        b'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `\pL`, `\p{Greek}`, `\P{^Lu}`.
pub(super) fn unicode(s: &[u8]) -> Result<Option<(String, &[u8])>, String> {
    if !matches!(s, [b'\\', b'p' | b'P', ..]) {
        return Ok(None);
    }
    let mut negative = s[1] == b'P';
    let Some(first) = s.get(2) else {
        return error("invalid character class range", s);
    };
    let (sequence, name, after) = if *first == b'{' {
        let Some(end) = s.iter().position(|b| *b == b'}') else {
            return error("invalid character class range", s);
        };
        (&s[..=end], &s[3..end], &s[end + 1..])
    } else {
        let (_, after) = next_rune(&s[2..])?;
        let sequence = before(s, after);
        (sequence, &sequence[2..], after)
    };
    let name = String::from_utf8_lossy(name);
    let name = match name.strip_prefix('^') {
        Some(rest) => {
            negative = !negative;
            rest.to_owned()
        }
        None => name.into_owned(),
    };
    let Some(class) = table(&name) else {
        return error("invalid character class range", sequence);
    };
    let text = if negative { format!("[^{class}]") } else { format!("[{class}]") };
    Ok(Some((text, after)))
}

/// Returns the class of a category or script, as it is written inside brackets.
fn table(name: &str) -> Option<String> {
    let mut canonical = String::new();
    for c in name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')) {
        if canonical.is_empty() {
            canonical.extend(c.to_uppercase());
        } else {
            canonical.extend(c.to_lowercase());
        }
    }
    match canonical.as_str() {
        "Any" => return Some(r"\x{0}-\x{10FFFF}".to_owned()),
        "Assigned" => return Some(r"\P{Cn}".to_owned()),
        "Ascii" => return Some(r"\x{0}-\x{7F}".to_owned()),
        "Lc" => return Some(r"\p{Lu}\p{Ll}\p{Lt}".to_owned()),
        _ => {}
    }
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c)) {
        return None;
    }
    ["gc", "sc"]
        .iter()
        .map(|kind| format!(r"\p{{{kind}={name}}}"))
        .find(|class| regex::Regex::new(&format!("[{class}]")).is_ok())
}

/// An escape that stands for one character.
pub(super) fn escape(s: &[u8]) -> Result<(u32, &[u8]), String> {
    let t = &s[1..];
    if t.is_empty() {
        return error("trailing backslash at end of expression", b"");
    }
    let (c, mut t) = next_rune(t)?;
    let octal = |t: &[u8]| t.first().is_some_and(|b| (b'0'..=b'7').contains(b));
    match c {
        'a' => return Ok((7, t)),
        'f' => return Ok((12, t)),
        'n' => return Ok((10, t)),
        'r' => return Ok((13, t)),
        't' => return Ok((9, t)),
        'v' => return Ok((11, t)),
        '0'..='7' if c == '0' || octal(t) => {
            let mut code = c.to_digit(8).unwrap_or(0);
            for _ in 1..3 {
                if !octal(t) {
                    break;
                }
                code = code * 8 + u32::from(t[0] - b'0');
                t = &t[1..];
            }
            return Ok((code, t));
        }
        'x' if !t.is_empty() => {
            let (first, after) = next_rune(t)?;
            t = after;
            if first == '{' {
                let mut code = Some(0u32);
                let mut n = 0;
                while !t.is_empty() {
                    let (digit, after) = next_rune(t)?;
                    t = after;
                    if digit == '}' && n > 0 {
                        return Ok((code.unwrap_or(0), t));
                    }
                    code = code
                        .and_then(|v| Some(v.checked_mul(16)? + digit.to_digit(16)?))
                        .filter(|v| *v <= 0x10_FFFF);
                    n += 1;
                    if code.is_none() {
                        break;
                    }
                }
            } else {
                let (second, after) = next_rune(t)?;
                t = after;
                if let (Some(high), Some(low)) = (first.to_digit(16), second.to_digit(16)) {
                    return Ok((high * 16 + low, t));
                }
            }
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => return Ok((u32::from(c), t)),
        _ => {}
    }
    error("invalid escape sequence", before(s, t))
}
