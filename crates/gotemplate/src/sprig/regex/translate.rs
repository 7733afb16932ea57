//! Go's syntax into that of the regex crate: checked by Go's rules, worded as Go words it, and every
//! character written so that it means the same.

use super::class;
use crate::utf8;

/// Go's bound for nested groups.
const MAX_NESTING: usize = 1_000;
/// Go's bound for counted repetitions, nested ones multiplied.
const MAX_REPEAT: u64 = 1_000;

pub(super) struct Translated {
    pub(super) pattern: String,
    pub(super) names: Vec<(usize, String)>,
}

/// One open group.
struct Group {
    /// Something stands before a repetition operator.
    has_atom: bool,
    /// The largest product of counted repetitions inside, and that of the last atom.
    repeats: u64,
    last_repeats: u64,
}

impl Group {
    fn new() -> Self {
        Self { has_atom: false, repeats: 1, last_repeats: 1 }
    }
}

pub(super) struct Translator<'a> {
    pub(super) whole: &'a [u8],
    pub(super) out: String,
    groups: Vec<Group>,
    n_captures: usize,
    names: Vec<(usize, String)>,
    /// Flags that have been read but not written: an operator after them belongs before them.
    flags: String,
}

pub(super) fn error<T>(code: &str, expr: &[u8]) -> Result<T, String> {
    Err(format!("error parsing regexp: {code}: `{}`", crate::value::lossy(expr)))
}

/// Translates, or says in Go's words what is wrong.
pub(super) fn translate(pattern: &[u8]) -> Result<Translated, String> {
    let mut translator = Translator {
        whole: pattern,
        out: String::new(),
        groups: vec![Group::new()],
        n_captures: 0,
        names: Vec::new(),
        flags: String::new(),
    };
    translator.run()?;
    Ok(Translated { pattern: translator.out, names: translator.names })
}

/// Returns the first rune and what follows; an error when the text is not UTF-8.
pub(super) fn next_rune(text: &[u8]) -> Result<(char, &[u8]), String> {
    let (rune, width) = utf8::decode(text);
    if rune == '\u{FFFD}' && width == 1 {
        return error("invalid UTF-8", text);
    }
    Ok((rune, &text[width..]))
}

/// Returns what stands before `after` in `text`.
pub(super) fn before<'a>(text: &'a [u8], after: &[u8]) -> &'a [u8] {
    &text[..text.len() - after.len()]
}

/// Writes a character that stands for itself.
pub(super) fn literal(code: u32) -> String {
    // A surrogate is no character here and matches nothing in valid text.
    let code = if char::from_u32(code).is_some() { code } else { 0xFFFD };
    format!("\\x{{{code:X}}}")
}

impl<'a> Translator<'a> {
    /// Writes a bracket expression.
    pub(super) fn class(&mut self, text: &str) {
        self.atom(text);
    }

    fn atom(&mut self, text: &str) {
        self.atom_with(text, 1);
    }

    fn atom_with(&mut self, text: &str, repeats: u64) {
        self.out.push_str(&std::mem::take(&mut self.flags));
        self.out.push_str(text);
        if let Some(group) = self.groups.last_mut() {
            group.has_atom = true;
            group.last_repeats = repeats;
            group.repeats = group.repeats.max(repeats);
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut t = self.whole;
        let mut last_repeat: &[u8] = b"";
        while let Some(first) = t.first() {
            let mut repeat: &[u8] = b"";
            match first {
                b'(' if t.get(1) == Some(&b'?') => t = self.perl_group(t)?,
                b'(' => {
                    self.n_captures += 1;
                    self.open("(")?;
                    t = &t[1..];
                }
                b'|' => {
                    self.out.push('|');
                    if let Some(group) = self.groups.last_mut() {
                        group.has_atom = false;
                    }
                    t = &t[1..];
                }
                b')' => {
                    self.close()?;
                    t = &t[1..];
                }
                b'^' | b'$' | b'.' => {
                    self.atom(&char::from(*first).to_string());
                    t = &t[1..];
                }
                b'[' => t = class::parse(self, t)?,
                b'*' | b'+' | b'?' => {
                    repeat = t;
                    let op = char::from(*first).to_string();
                    t = self.repeat(&op, None, t, &t[1..], last_repeat)?;
                }
                b'{' => match counts(t) {
                    None => {
                        self.atom(&literal(u32::from(b'{')));
                        t = &t[1..];
                    }
                    Some((min, max, after)) => {
                        repeat = t;
                        let valid = matches!((min, max), (Some(min), Some(max))
                            if min <= 1000 && max.is_none_or(|m| m <= 1000 && min <= m));
                        if !valid {
                            return error("invalid repeat count", before(t, after));
                        }
                        let (min, max) = (min.unwrap_or(0), max.flatten());
                        let op = match max {
                            Some(max) => format!("{{{min},{max}}}"),
                            None => format!("{{{min},}}"),
                        };
                        t = self.repeat(&op, Some((min, max)), t, after, last_repeat)?;
                    }
                },
                b'\\' => t = self.escape(t)?,
                _ => {
                    let (rune, after) = next_rune(t)?;
                    self.atom(&literal(u32::from(rune)));
                    t = after;
                }
            }
            last_repeat = repeat;
        }
        if self.groups.len() > 1 {
            return error("missing closing )", self.whole);
        }
        Ok(())
    }

    fn open(&mut self, text: &str) -> Result<(), String> {
        if self.groups.len() > MAX_NESTING {
            return error("expression nests too deeply", self.whole);
        }
        self.out.push_str(&std::mem::take(&mut self.flags));
        self.out.push_str(text);
        self.groups.push(Group::new());
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        if self.groups.len() < 2 {
            return error("unexpected )", self.whole);
        }
        self.flags.clear();
        let repeats = self.groups.pop().map_or(1, |group| group.repeats);
        self.atom_with(")", repeats);
        Ok(())
    }

    fn repeat<'t>(
        &mut self,
        op: &str,
        count: Option<(u64, Option<u64>)>,
        text: &[u8],
        after: &'t [u8],
        last_repeat: &[u8],
    ) -> Result<&'t [u8], String> {
        let mut after = after;
        let mut lazy = "";
        if after.first() == Some(&b'?') {
            after = &after[1..];
            lazy = "?";
        }
        if !last_repeat.is_empty() {
            return error("invalid nested repetition operator", before(last_repeat, after));
        }
        let whole = before(text, after);
        let Some(group) = self.groups.last_mut().filter(|group| group.has_atom) else {
            return error("missing argument to repetition operator", whole);
        };
        if let Some((min, max)) = count {
            let times = match max {
                Some(0) => 0,
                Some(max) => max,
                None => min.max(1),
            };
            let product = group.last_repeats.saturating_mul(times);
            if (min >= 2 || max.is_some_and(|m| m >= 2)) && product > MAX_REPEAT {
                return error("invalid repeat count", whole);
            }
            group.last_repeats = product.max(1);
            group.repeats = group.repeats.max(product);
        }
        self.out.push_str(op);
        self.out.push_str(lazy);
        Ok(after)
    }

    /// `(?…`: a group that does not capture, flags, or a named group.
    fn perl_group(&mut self, t: &'a [u8]) -> Result<&'a [u8], String> {
        let name_at = if t.len() > 4 && t.starts_with(b"(?P<") {
            4
        } else if t.len() > 3 && t.starts_with(b"(?<") {
            3
        } else {
            return self.flags(t);
        };
        let Some(end) = t.iter().position(|b| *b == b'>') else {
            return error("invalid named capture", t);
        };
        let name = &t[name_at..end];
        let good = !name.is_empty() && name.iter().all(|b| *b == b'_' || b.is_ascii_alphanumeric());
        if !good {
            return error("invalid named capture", &t[..=end]);
        }
        self.n_captures += 1;
        self.names.push((self.n_captures, String::from_utf8_lossy(name).into_owned()));
        self.open("(")?;
        Ok(&t[end + 1..])
    }

    fn flags(&mut self, s: &'a [u8]) -> Result<&'a [u8], String> {
        let mut t = &s[2..];
        let (mut text, mut negative, mut saw) = (String::from("(?"), false, false);
        while !t.is_empty() {
            let (rune, after) = next_rune(t)?;
            t = after;
            match rune {
                'i' | 'm' | 's' | 'U' => {
                    text.push(rune);
                    saw = true;
                }
                '-' if !negative => {
                    negative = true;
                    saw = false;
                    text.push('-');
                }
                ':' | ')' if !negative || saw => {
                    if rune == ':' {
                        text.push(':');
                        self.open(&text)?;
                    } else if text.len() > 2 {
                        text.push(')');
                        self.flags.push_str(&text);
                    }
                    return Ok(t);
                }
                _ => break,
            }
        }
        error("invalid or unsupported Perl syntax", before(s, t))
    }

    fn escape(&mut self, t: &'a [u8]) -> Result<&'a [u8], String> {
        match t.get(1) {
            Some(b'A') => self.atom(r"\A"),
            Some(b'z') => self.atom(r"\z"),
            Some(b'b') => self.atom(r"(?-u:\b)"),
            Some(b'B') => self.atom(r"(?-u:\B)"),
            Some(b'C') => return error("invalid escape sequence", &t[..2]),
            Some(b'Q') => {
                let body = &t[2..];
                let end = super::super::strings::find(body, br"\E");
                let mut quoted = &body[..end.unwrap_or(body.len())];
                while !quoted.is_empty() {
                    let (rune, after) = next_rune(quoted)?;
                    self.atom(&literal(u32::from(rune)));
                    quoted = after;
                }
                return Ok(end.map_or(b"", |end| &body[end + 2..]));
            }
            _ => {
                if let Some((text, after)) = class::unicode(t)? {
                    self.atom(&text);
                    return Ok(after);
                }
                if let Some(text) = class::perl(t) {
                    self.atom(&format!("[{text}]"));
                } else {
                    let (code, after) = class::escape(t)?;
                    self.atom(&literal(code));
                    return Ok(after);
                }
            }
        }
        Ok(&t[2..])
    }
}

/// A bound of a counted repetition; none when it is too large to be read.
type Count = Option<u64>;

/// The two bounds and what follows them; the second is none without a bound.
type Counts<'a> = (Count, Option<Count>, &'a [u8]);

/// Reads `{n}`, `{n,}` or `{n,m}`; none when the brace stands for itself.
fn counts(t: &[u8]) -> Option<Counts<'_>> {
    let (min, t) = number(&t[1..])?;
    match t.first()? {
        b'}' => Some((min, min.map(Some), &t[1..])),
        b',' => {
            let t = &t[1..];
            if t.first()? == &b'}' {
                return Some((min, Some(None), &t[1..]));
            }
            let (max, t) = number(t)?;
            (t.first()? == &b'}').then(|| (min, max.map(Some), &t[1..]))
        }
        _ => None,
    }
}

fn number(t: &[u8]) -> Option<(Count, &[u8])> {
    let n = t.iter().take_while(|b| b.is_ascii_digit()).count();
    if n == 0 || (n > 1 && t[0] == b'0') {
        return None;
    }
    let value =
        std::str::from_utf8(&t[..n]).ok()?.parse::<u64>().ok().filter(|v| *v < 1_000_000_000);
    Some((value, &t[n..]))
}

#[cfg(test)]
mod tests {
    use super::translate;

    fn check(pattern: &str) -> String {
        match translate(pattern.as_bytes()) {
            Ok(translated) => translated.pattern,
            Err(error) => error,
        }
    }

    #[test]
    fn classes_stay_ascii_and_flags_come_before_their_atom() {
        assert_eq!(check(r"\d"), "[0-9]");
        assert_eq!(check("a(?i)*b"), r"\x{61}*(?i)\x{62}");
        assert_eq!(check("(?P<1a>x)"), r"(\x{78})");
    }

    #[test]
    fn faults_are_worded_as_go_words_them() {
        assert_eq!(check("a**"), "error parsing regexp: invalid nested repetition operator: `**`");
        assert_eq!(check("(a{30}){40}"), "error parsing regexp: invalid repeat count: `{40}`");
        assert_eq!(check("[b-a]"), "error parsing regexp: invalid character class range: `b-a`");
        assert_eq!(
            check("a\\"),
            "error parsing regexp: trailing backslash at end of expression: ``"
        );
    }
}
