//! Names of entries: what is allowed, and one spelling for each.

use super::error::NameFault;

const NAME_MAX: usize = 4096;
const PART_MAX: usize = 255;
const DEPTH_MAX: usize = 64;

/// The one spelling of a name, and whether it ended with a slash. An empty name is the root of the archive.
pub(crate) fn clean(raw: &[u8]) -> Result<(String, bool), NameFault> {
    if raw.is_empty() {
        return Err(NameFault::Empty);
    }
    let name = str::from_utf8(raw).map_err(|_| NameFault::NotUtf8)?;
    if name.chars().any(is_hidden) {
        return Err(NameFault::Control);
    }
    if name.starts_with('/') {
        return Err(NameFault::Absolute);
    }
    if name.len() > NAME_MAX || name.split('/').any(|it| it.len() > PART_MAX) {
        return Err(NameFault::TooLong);
    }
    let parts: Vec<&str> = name.split('/').filter(|it| !matches!(*it, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(NameFault::Parent);
    }
    if parts.len() > DEPTH_MAX {
        return Err(NameFault::TooDeep);
    }
    Ok((parts.join("/"), name.ends_with('/')))
}

/// Where a link leads to: a symbolic one is read from the folder of `name`, a hard one from the root. `None` when it
/// leads out of the archive or is no allowed name.
pub(crate) fn target(name: &str, link: &[u8], symbolic: bool) -> Option<String> {
    let link = str::from_utf8(link).ok().filter(|it| !it.is_empty() && !it.starts_with('/'))?;
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    if !symbolic {
        parts.clear();
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    let (name, _) = clean(parts.join("/").as_bytes()).ok()?;
    Some(name).filter(|it| !it.is_empty())
}

/// Control characters, and those that make a terminal show another name than the one there is.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name as an error may show it: escaped, at most 100 characters.
pub(crate) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut shown: String = text
        .chars()
        .take(100)
        .flat_map(|c| if c == '\'' || c == '"' { vec![c] } else { c.escape_debug().collect() })
        .collect();
    if text.chars().nth(100).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u8]) -> String {
        match clean(raw) {
            Ok((name, slash)) => format!("{name}{}", if slash { " (slash)" } else { "" }),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        assert_eq!(check(b"./airgap.yaml"), "airgap.yaml");
        assert_eq!(check(b"images/"), "images (slash)");
        assert_eq!(check(b"././a//b/./c"), "a/b/c");
        assert_eq!(check(b"./"), " (slash)");
        assert_eq!(check("größe/ä".as_bytes()), "größe/ä");
        assert_eq!(check(b"..a/b.."), "..a/b..");
    }

    #[test]
    fn names_that_reach_out_or_hide_are_refused() {
        assert_eq!(check(b"/etc/passwd"), "its name is absolute");
        assert_eq!(check(b"a/../../b"), "its name holds `..`");
        assert_eq!(check(b".."), "its name holds `..`");
        assert_eq!(check(b"a\nb"), "its name holds control characters");
        assert_eq!(check("a\u{202e}lmay.b".as_bytes()), "its name holds control characters");
        assert_eq!(check(b"a\xff"), "its name is not UTF-8");
        assert_eq!(check(b""), "its name is empty");
        assert_eq!(
            check(&[b'a'; 256]),
            "its name is longer than 4096 bytes, or a part of it than 255"
        );
        assert_eq!(check("a/".repeat(65).as_bytes()), "its name has more than 64 parts");
    }

    #[test]
    fn a_link_leads_to_a_name_inside_or_nowhere() {
        let check = |link: &str| target("a/b/layer.tar", link.as_bytes(), true);
        assert_eq!(check("../../c.tar").as_deref(), Some("c.tar"));
        assert_eq!(check("./d").as_deref(), Some("a/b/d"));
        assert_eq!(check("../../../c.tar"), None);
        assert_eq!(check("/etc/passwd"), None);
        assert_eq!(check("../.."), None);
        assert_eq!(target("a/b", b"c/d", false).as_deref(), Some("c/d"));
    }

    #[test]
    fn what_is_shown_cannot_harm_a_terminal() {
        assert_eq!(shown(b"a\x1b[31m\xff"), "a\\u{1b}[31m\u{fffd}");
        assert_eq!(shown(&[b'a'; 200]).chars().count(), 101);
    }
}
