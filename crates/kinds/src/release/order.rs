//! How two releases are compared: by semantic version where the channel asks for it, else by
//! cursor within one channel.

use semver::Version;

pub use std::cmp::Ordering;

/// What identifies a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseId {
    /// The channel's id.
    pub channel_id: String,
    /// The channel sequence, a number written as text.
    pub cursor: String,
    /// The version label.
    pub version_label: String,
}

impl ReleaseId {
    /// The cursor as a number.
    pub fn cursor_number(&self) -> Option<i64> {
        self.cursor.parse().ok()
    }

    /// The version label as a semantic version.
    pub fn semver(&self) -> Option<Version> {
        parse_tolerant(&self.version_label)
    }
}

/// Compares two releases; `None` when nothing can be said of them.
///
/// On a channel that orders by semantic version two labels that are versions are compared as such,
/// across channels too. Otherwise the cursors decide, and only within one channel.
pub fn compare(one: &ReleaseId, other: &ReleaseId, is_semver_required: bool) -> Option<Ordering> {
    if is_semver_required && let (Some(one), Some(other)) = (one.semver(), other.semver()) {
        return Some(one.cmp_precedence(&other));
    }
    if one.channel_id != other.channel_id {
        return None;
    }
    Some(one.cursor_number()?.cmp(&other.cursor_number()?))
}

/// Reads a version as the original's `semver.ParseTolerant`: a leading `v`, leading zeros and
/// missing parts are allowed.
pub fn parse_tolerant(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(without_leading_zeros).collect();
    if parts.len() < 3 {
        // A short version may carry neither pre-release nor build.
        if parts.last()?.contains(['+', '-']) {
            return None;
        }
        parts.resize(3, "0".to_owned());
    }
    Version::parse(&parts.join(".")).ok()
}

fn without_leading_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let trimmed = part.trim_start_matches('0');
    if trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        trimmed.to_owned()
    } else {
        format!("0{trimmed}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_tolerantly() {
        let read = |text: &str| parse_tolerant(text).map(|version| version.to_string());
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            (" v1.2 ", Some("1.2.0")),
            ("1", Some("1.0.0")),
            ("01.002.0003", Some("1.2.3")),
            ("1.2.3-rc.1+x", Some("1.2.3-rc.1+x")),
            ("1.2.0-rc", Some("1.2.0-rc")),
            ("1.2-rc", None),
            ("v", None),
            ("", None),
            ("main", None),
            ("1.2.3.4", None),
        ] {
            assert_eq!(read(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn releases_are_compared_by_version_or_cursor() {
        let release = |channel: &str, cursor: &str, label: &str| ReleaseId {
            channel_id: channel.into(),
            cursor: cursor.into(),
            version_label: label.into(),
        };
        let one = release("a", "9", "1.10.0");
        assert_eq!(compare(&one, &release("a", "10", "1.9.0"), true), Some(Ordering::Greater));
        assert_eq!(compare(&one, &release("a", "10", "1.9.0"), false), Some(Ordering::Less));
        assert_eq!(compare(&one, &release("b", "1", "1.10.0+x"), true), Some(Ordering::Equal));
        assert_eq!(compare(&one, &release("b", "9", "x"), true), None);
        assert_eq!(compare(&one, &release("a", "9", "x"), true), Some(Ordering::Equal));
        assert_eq!(compare(&one, &release("a", "nine", "x"), false), None);
    }

    fn any_release() -> impl Strategy<Value = ReleaseId> {
        ("c|d", "[0-9]{0,3}|x", "v?[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-rc\\.[0-9])?|main|\\PC{0,6}")
            .prop_map(|(channel_id, cursor, version_label)| ReleaseId {
                channel_id,
                cursor,
                version_label,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_two_releases_are_compared_the_same_from_both_sides(
            one in any_release(),
            other in any_release(),
            third in any_release(),
            is_semver_required in any::<bool>(),
        ) {
            let compared = compare(&one, &other, is_semver_required);
            let reversed = compare(&other, &one, is_semver_required);
            prop_assert_eq!(compared, reversed.map(Ordering::reverse));
            // Where all are versions, order is transitive.
            let is_version = |release: &ReleaseId| release.semver().is_some();
            if is_semver_required && [&one, &other, &third].into_iter().all(is_version) {
                let next = compare(&other, &third, true);
                if compared == next {
                    prop_assert_eq!(compare(&one, &third, true), compared);
                }
            }
        }
    }
}
