//! Constraints such as `>=1.2 <2 || ~3.1`.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::version::{Version, compare_prerelease};
use crate::strconv::quote;

const MAX_BYTES: usize = 512;
const MAX_GROUPS: usize = 32;

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const VERSION: &str = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
/// Go's `\s`: ASCII, without the vertical tab.
const SPACE: &str = r"[\t\n\x0C\r ]";

/// The regular expressions that split a constraint.
struct Patterns {
    one: Regex,
    range: Regex,
    find: Regex,
    valid: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let (o, v, s) = (OPERATORS, VERSION, SPACE);
    Some(Patterns {
        one: Regex::new(&format!("^{s}*({o}){s}*({v}){s}*$")).ok()?,
        range: Regex::new(&format!("{s}*({v}){s}+-{s}+({v}){s}*")).ok()?,
        find: Regex::new(&format!("({o}){s}*({v})")).ok()?,
        valid: Regex::new(&format!(
            "^({s}*({o}){s}*({v}){s}*)((?:{s}+|,{s}*)({o}){s}*({v}){s}*)*$"
        ))
        .ok()?,
    })
});

/// Groups of which one must hold; of a group everything must hold.
pub(super) struct Constraints(Vec<Group>);

struct Group {
    all: Vec<Constraint>,
    /// A constraint of the group names a prerelease: only then prereleases count.
    has_prerelease: bool,
}

struct Constraint {
    operator: String,
    version: Version,
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// `semver.NewConstraint`.
pub(super) fn parse(text: &str) -> Result<Constraints, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("constraint string is too long (max {MAX_BYTES} bytes)"));
    }
    let patterns = PATTERNS.as_ref().ok_or("constraint parser error")?;
    let text = rewrite_range(text, patterns);
    let groups: Vec<&str> = text.split("||").collect();
    if groups.len() > MAX_GROUPS {
        return Err(format!("too many constraint groups (max {MAX_GROUPS})"));
    }
    let groups = groups.into_iter().map(|group| {
        if !patterns.valid.is_match(group) {
            return Err(improper(group));
        }
        let mut found: Vec<&str> = patterns.find.find_iter(group).map(|m| m.as_str()).collect();
        if found.is_empty() {
            found.push(group);
        }
        let all: Vec<Constraint> =
            found.into_iter().map(|one| parse_one(one, patterns)).collect::<Result<_, _>>()?;
        let has_prerelease = all.iter().any(|c| !c.version.pre.is_empty());
        Ok(Group { all, has_prerelease })
    });
    Ok(Constraints(groups.collect::<Result<_, String>>()?))
}

fn improper(text: &str) -> String {
    format!("improper constraint: {}", quote(text.as_bytes()))
}

/// `1.2 - 3.4` stands for `>= 1.2, <= 3.4`.
fn rewrite_range(text: &str, patterns: &Patterns) -> String {
    let mut out = text.to_owned();
    for captures in patterns.range.captures_iter(text) {
        let group = |i: usize| captures.get(i).map_or("", |m| m.as_str());
        let rewritten = format!(">= {}, <= {} ", group(1), group(11));
        out = out.replacen(group(0), &rewritten, 1);
    }
    out
}

fn is_x(text: &str) -> bool {
    matches!(text, "x" | "*" | "X")
}

fn parse_one(text: &str, patterns: &Patterns) -> Result<Constraint, String> {
    let captures = patterns.one.captures(text).ok_or_else(|| improper(text))?;
    let group = |i: usize| captures.get(i).map_or("", |m| m.as_str());
    let open = |i: usize| is_x(group(i).trim_start_matches('.')) || group(i).is_empty();
    let mut version = group(2).to_owned();
    let (mut dirty, mut minor_dirty, mut patch_dirty) = (true, false, false);
    if open(3) {
        version = format!("0.0.0{}", group(6));
    } else if open(4) {
        minor_dirty = true;
        version = format!("{}.0.0{}", group(3), group(6));
    } else if open(5) {
        patch_dirty = true;
        version = format!("{}{}.0{}", group(3), group(4), group(6));
    } else {
        dirty = false;
    }
    let version = Version::parse(&version).map_err(|_| "constraint parser error")?;
    Ok(Constraint { operator: group(1).to_owned(), version, dirty, minor_dirty, patch_dirty })
}

impl Constraints {
    pub(super) fn check(&self, version: &Version) -> bool {
        self.0.iter().any(|group| {
            let prerelease_ok = version.pre.is_empty() || group.has_prerelease;
            prerelease_ok && group.all.iter().all(|c| c.check(version))
        })
    }
}

impl Constraint {
    fn check(&self, v: &Version) -> bool {
        let order = v.compare(&self.version);
        match self.operator.as_str() {
            "" | "=" if self.dirty => self.tilde(v),
            "" | "=" => order == Ordering::Equal,
            "!=" => self.not_equal(v),
            ">" => self.greater(v),
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" => self.less_or_equal(v),
            "~" | "~>" => self.tilde(v),
            _ => self.caret(v),
        }
    }

    fn not_equal(&self, v: &Version) -> bool {
        let c = &self.version;
        if self.dirty {
            if c.major != v.major {
                return true;
            }
            if c.minor != v.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if c.patch != v.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                let any = !v.pre.is_empty() || !c.pre.is_empty();
                return any && compare_prerelease(&v.pre, &c.pre) != Ordering::Equal;
            }
        }
        v.compare(c) != Ordering::Equal
    }

    fn greater(&self, v: &Version) -> bool {
        let c = &self.version;
        if !self.dirty {
            return v.compare(c) == Ordering::Greater;
        }
        match v.major.cmp(&c.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            // `>11` means 12 and up.
            Ordering::Equal if self.minor_dirty => false,
            Ordering::Equal if self.patch_dirty => v.minor > c.minor,
            Ordering::Equal => v.compare(c) == Ordering::Greater,
        }
    }

    fn less_or_equal(&self, v: &Version) -> bool {
        let c = &self.version;
        if !self.dirty {
            return v.compare(c) != Ordering::Greater;
        }
        !(v.major > c.major || (v.major == c.major && v.minor > c.minor && !self.minor_dirty))
    }

    fn tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c) == Ordering::Less {
            return false;
        }
        // `~0.0.0` takes everything.
        if (c.major, c.minor, c.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        v.major == c.major && (v.minor == c.minor || self.minor_dirty)
    }

    fn caret(&self, v: &Version) -> bool {
        let c = &self.version;
        if v.compare(c) == Ordering::Less {
            return false;
        }
        if c.major > 0 || self.minor_dirty {
            return v.major == c.major;
        }
        if v.major > 0 {
            return false;
        }
        if c.minor > 0 || self.patch_dirty {
            return v.minor == c.minor;
        }
        if v.minor > 0 {
            return false;
        }
        c.patch == v.patch
    }
}

#[cfg(test)]
mod tests {
    use super::super::Version;
    use super::parse;

    fn check(constraint: &str, version: &str) -> bool {
        let version = Version::parse(version).expect("it is a version");
        parse(constraint).expect("it is a constraint").check(&version)
    }

    #[test]
    fn ranges_and_prereleases_follow_masterminds() {
        assert!(check("^1.2 || ~3.1", "3.1.9"));
        assert!(!check(">=1.2, <2", "2.0.0"));
        assert!(!check(">1.0", "1.2.3-rc.1"));
        assert!(check(">1.0-0", "1.2.3-rc.1"));
        assert!(check("1.2 - 2", "2.0.5"));
        assert!(check("^0.0.3", "0.0.3") && !check("^0.0.3", "0.0.4"));
        assert!(parse("x y").is_err());
    }
}
