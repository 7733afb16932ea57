//! Character classes as Go's package unicode has them.

/// Reports whether Go's `strconv.IsPrint` holds: letters, marks, numbers, punctuation, symbols, space.
pub(crate) fn is_print(r: char) -> bool {
    if r.is_ascii() {
        return (' '..='~').contains(&r);
    }
    class(r"^[\pL\pM\pN\pP\pS]$", r)
}

/// Reports whether `r` is a letter (category L).
pub(crate) fn is_letter(r: char) -> bool {
    if r.is_ascii() {
        return r.is_ascii_alphabetic();
    }
    class(r"^\pL$", r)
}

/// Reports whether `r` is a decimal digit (category Nd).
pub(crate) fn is_digit(r: char) -> bool {
    if r.is_ascii() {
        return r.is_ascii_digit();
    }
    class(r"^\p{Nd}$", r)
}

/// Reports whether `r` is upper case (category Lu).
pub(crate) fn is_upper(r: char) -> bool {
    if r.is_ascii() {
        return r.is_ascii_uppercase();
    }
    class(r"^\p{Lu}$", r)
}

/// Reports whether `r` is lower case (category Ll).
pub(crate) fn is_lower(r: char) -> bool {
    if r.is_ascii() {
        return r.is_ascii_lowercase();
    }
    class(r"^\p{Ll}$", r)
}

/// Reports whether `r` is white space.
pub(crate) fn is_space(r: char) -> bool {
    match r {
        '\t'..='\r' | ' ' | '\u{85}' | '\u{A0}' => true,
        r if r.is_ascii() => false,
        r => r.is_whitespace(),
    }
}

fn class(pattern: &'static str, r: char) -> bool {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    static CLASSES: LazyLock<Mutex<HashMap<&'static str, Option<regex::Regex>>>> =
        LazyLock::new(Mutex::default);
    let regex = {
        let mut classes = CLASSES.lock().unwrap_or_else(PoisonError::into_inner);
        classes.entry(pattern).or_insert_with(|| regex::Regex::new(pattern).ok()).clone()
    };
    regex.is_some_and(|regex| regex.is_match(r.encode_utf8(&mut [0; 4])))
}

/// Returns the upper case of one rune, as `unicode.ToUpper`: always one rune.
pub(crate) fn to_upper(r: char) -> char {
    let mut upper = r.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(u), None) => u,
        _ => single_case(r, true),
    }
}

/// Returns the lower case of one rune, as `unicode.ToLower`: always one rune.
pub(crate) fn to_lower(r: char) -> char {
    let mut lower = r.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(l), None) => l,
        _ => single_case(r, false),
    }
}

/// Returns the title case of one rune, as `unicode.ToTitle`.
pub(crate) fn to_title(r: char) -> char {
    match r {
        '\u{1C4}'..='\u{1C6}' => '\u{1C5}',
        '\u{1C7}'..='\u{1C9}' => '\u{1C8}',
        '\u{1CA}'..='\u{1CC}' => '\u{1CB}',
        '\u{1F1}'..='\u{1F3}' => '\u{1F2}',
        '\u{10D0}'..='\u{10FA}' | '\u{10FD}'..='\u{10FF}' => r,
        _ => to_upper(r),
    }
}

/// Returns the simple mapping of a rune whose full mapping has several runes.
fn single_case(r: char, upper: bool) -> char {
    let code = u32::from(r);
    let mapped = match (r, upper) {
        ('\u{130}', false) => 0x69,
        ('\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}', true) => {
            code + 8
        }
        ('\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}', true) => code + 9,
        _ => code,
    };
    char::from_u32(mapped).unwrap_or(r)
}

/// Reports whether `r` is title case (category Lt).
pub(crate) fn is_title(r: char) -> bool {
    !r.is_ascii() && class(r"^\p{Lt}$", r)
}

/// Reports whether `r` is a number (category N).
pub(crate) fn is_number(r: char) -> bool {
    if r.is_ascii() {
        return r.is_ascii_digit();
    }
    class(r"^\pN$", r)
}

/// Reports whether `r` is punctuation (category P).
pub(crate) fn is_punct(r: char) -> bool {
    if r.is_ascii() {
        // Go counts symbols such as `$` and `+` apart.
        return r.is_ascii_punctuation()
            && !matches!(r, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~');
    }
    class(r"^\pP$", r)
}
