//! `.helmignore`: what `helm package` leaves out of a chart. Pure.
//!
//! The rules are Helm's, which differ from those of git: the first one that matches decides, `**` is refused, and a
//! negated rule leaves out everything that it does not match.

/// The rules of one chart.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

/// What Helm adds to the rules of every chart: hidden files among the templates.
const DEFAULT: &str = "templates/.?*";

#[derive(Debug, Clone)]
struct Rule {
    pattern: Vec<char>,
    is_negated: bool,
    is_for_folders: bool,
    /// Whether the whole path is matched, instead of the last name.
    is_for_paths: bool,
}

impl Ignore {
    /// Reads the rules of a file.
    ///
    /// # Errors
    ///
    /// The line that Helm would refuse, and why.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let refused = |why: &str| Err(format!("line {}: `{line}`: {why}", at + 1));
            if line.contains("**") {
                return refused("`**` is no pattern of a .helmignore");
            }
            if !is_well_formed(&line.chars().collect::<Vec<_>>()) {
                return refused("a `[` without its end, or a lone `\\`");
            }
            rules.push(Rule::of(line));
        }
        rules.push(Rule::of(DEFAULT));
        Ok(Self { rules })
    }

    /// Whether a file or folder is left out; `path` is that in the chart. What is in such a folder is left out with it.
    pub(super) fn ignores(&self, path: &str, is_folder: bool) -> bool {
        for rule in &self.rules {
            let fits = (is_folder || !rule.is_for_folders) && rule.matches(path);
            if fits != rule.is_negated {
                return true;
            }
        }
        false
    }
}

impl Rule {
    fn of(line: &str) -> Self {
        let (is_negated, line) = match line.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (is_for_folders, line) = match line.strip_suffix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let (is_rooted, line) = match line.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        Self {
            pattern: line.chars().collect(),
            is_negated,
            is_for_folders,
            is_for_paths: is_rooted || line.contains('/'),
        }
    }

    fn matches(&self, path: &str) -> bool {
        let subject =
            if self.is_for_paths { path } else { path.rsplit('/').next().unwrap_or(path) };
        matches(&self.pattern, &subject.chars().collect::<Vec<_>>())
    }
}

/// Go's `filepath.Match`: `*` and `?` stop at `/`. A `*` that was passed is widened when what follows does not fit;
/// only the last one has to be, because an earlier one is fixed by what stands between them.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            p += 1;
            star = Some((p, n));
            continue;
        }
        let step = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(_), Some(&letter)) => one(&pattern[p..], letter),
            _ => None,
        };
        if let Some(length) = step {
            (p, n) = (p + length, n + 1);
            continue;
        }
        match star {
            Some((after, from)) if name.get(from).is_some_and(|it| *it != '/') => {
                star = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

/// Matches one letter with the first element of a pattern; gives the element's length when it fits.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern[0] {
        '?' => (letter != '/').then_some(1),
        '[' => {
            let (length, holds) = class(pattern, letter)?;
            (holds && letter != '/').then_some(length)
        }
        '\\' => (*pattern.get(1)? == letter).then_some(2),
        plain => (plain == letter).then_some(1),
    }
}

/// The length of a class like `[^a-c\]]`, and whether it holds a letter; `None` when it is malformed.
fn class(pattern: &[char], letter: char) -> Option<(usize, bool)> {
    let is_negated = pattern.get(1) == Some(&'^');
    let mut at = 1 + usize::from(is_negated);
    let bound = |at: &mut usize| -> Option<char> {
        match *pattern.get(*at)? {
            '-' | ']' => return None,
            '\\' => *at += 1,
            _ => {}
        }
        *at += 1;
        pattern.get(*at - 1).copied()
    };
    let (mut holds, mut n_ranges) = (false, 0);
    while pattern.get(at) != Some(&']') || n_ranges == 0 {
        let low = bound(&mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = bound(&mut at)?;
        }
        holds |= (low..=high).contains(&letter);
        n_ranges += 1;
    }
    Some((at + 1, holds != is_negated))
}

fn is_well_formed(mut pattern: &[char]) -> bool {
    while let Some(first) = pattern.first() {
        let length = match first {
            '[' => class(pattern, ' ').map(|(length, _)| length),
            '\\' => (pattern.len() > 1).then_some(2),
            _ => Some(1),
        };
        let Some(length) = length else { return false };
        pattern = &pattern[length..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers are those of Helm 4.1.4's own reader.
    #[test]
    fn rules_are_those_of_helm() {
        for (rules, left_out, kept) in [
            ("", vec!["templates/.a"], vec![".a", "templates/a", "templates/b/.a"]),
            ("# c\n\n *.md ", vec!["a.md", "d/a.md"], vec!["a.mdx", "c"]),
            ("/a.txt", vec!["a.txt"], vec!["b/a.txt"]),
            ("b/a?.txt", vec!["b/ax.txt"], vec!["ax.txt", "c/b/ax.txt", "b/a/.txt"]),
            ("docs/*", vec!["docs/a"], vec!["docs/a/b", "docs"]),
            ("[^a-c]\\*", vec!["d*"], vec!["a*", "dx"]),
            ("ä[]-]x", vec![], vec![]),
            ("*a*b", vec!["xaab", "ab", "d/cacb"], vec!["ba", "a"]),
            ("\u{feff}a", vec!["a"], vec!["b"]),
            ("!a.md", vec!["b", "x/b"], vec!["a.md"]),
        ] {
            let Ok(ignore) = Ignore::parse(rules) else {
                assert!(left_out.is_empty(), "{rules} is refused");
                continue;
            };
            for path in left_out {
                assert!(ignore.ignores(path, false), "{rules:?} leaves out {path}");
            }
            for path in kept {
                assert!(!ignore.ignores(path, false), "{rules:?} keeps {path}");
            }
        }
        let folders = Ignore::parse("tests/").expect("rules");
        assert!(folders.ignores("tests", true) && folders.ignores("a/tests", true));
        assert!(!folders.ignores("tests", false));
    }

    #[test]
    fn what_helm_refuses_is_told_with_its_line() {
        let error = Ignore::parse("a\n**/b").expect_err("a double star");
        assert_eq!(error, "line 2: `**/b`: `**` is no pattern of a .helmignore");
        for rule in ["[a", "[]a]", "a\\", "[a-]"] {
            assert!(Ignore::parse(rule).is_err(), "{rule}");
        }
    }
}
