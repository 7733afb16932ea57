//! Releases that must be deployed before another one.

use thiserror::Error;

use super::order::{Ordering, ReleaseId, compare};
use crate::airgap::RequiredRelease;

/// Required releases are missing. The sentence is the original's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", must_be_first(labels))]
pub struct RequiredFirst {
    /// The version labels of the missing releases, oldest first.
    pub labels: Vec<String>,
}

/// Why required releases cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequiredError {
    /// Some are missing.
    #[error(transparent)]
    Missing(#[from] RequiredFirst),
    /// The bundle names one by something that is no number.
    #[error("the required release `{label}` has the cursor `{found}`, a number is allowed")]
    Cursor {
        /// The version label of the required release.
        label: String,
        /// The cursor found.
        found: String,
    },
}

/// The original's sentence for releases that must be deployed first.
pub(super) fn must_be_first(labels: &[String]) -> String {
    let (noun, verb) = if labels.len() == 1 { ("version", "is") } else { ("versions", "are") };
    let labels = labels.join(", ");
    format!(
        "This version cannot be deployed because {noun} {labels} {verb} required and must be deployed first."
    )
}

/// Refuses a bundle while releases it requires are missing.
///
/// `installed` are the releases of all versions there are; none, or a changed channel, make it a
/// first installation, which requires nothing. The list is walked from the newest release, and the
/// walk stops at the first that is satisfied: an installed release of the same or a later version
/// (semantic version channels) or cursor (same channel).
///
/// # Errors
///
/// [`RequiredError`].
pub fn missing_required_releases(
    required: &[RequiredRelease],
    channel_id: &str,
    installed: &[ReleaseId],
    is_semver_required: bool,
    is_channel_changed: bool,
) -> Result<(), RequiredError> {
    if installed.is_empty() || is_channel_changed {
        return Ok(());
    }
    let mut labels = Vec::new();
    for release in required {
        let wanted = ReleaseId {
            channel_id: channel_id.to_owned(),
            cursor: release.update_cursor.clone(),
            version_label: release.version_label.clone(),
        };
        let is_version = is_semver_required && wanted.semver().is_some();
        if !is_version && wanted.cursor_number().is_none() {
            let (label, found) = (wanted.version_label, wanted.cursor);
            return Err(RequiredError::Cursor { label, found });
        }
        let is_satisfied = installed.iter().any(|version| {
            compare(version, &wanted, is_semver_required).is_some_and(Ordering::is_ge)
        });
        if is_satisfied {
            break;
        }
        labels.insert(0, release.version_label.clone());
    }
    if labels.is_empty() { Ok(()) } else { Err(RequiredFirst { labels }.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(required: &[(&str, &str)], installed: &[(&str, &str, &str)], semver: bool) -> String {
        let required: Vec<_> = required
            .iter()
            .map(|(label, cursor)| RequiredRelease {
                version_label: (*label).into(),
                update_cursor: (*cursor).into(),
                ..RequiredRelease::default()
            })
            .collect();
        let installed: Vec<_> = installed
            .iter()
            .map(|(channel, cursor, label)| ReleaseId {
                channel_id: (*channel).into(),
                cursor: (*cursor).into(),
                version_label: (*label).into(),
            })
            .collect();
        match missing_required_releases(&required, "c", &installed, semver, false) {
            Ok(()) => "allowed".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn required_releases_come_first() {
        let required = [("1.3.0", "3"), ("1.2.0", "2"), ("1.1.0", "1")];
        assert_eq!(check(&required, &[], false), "allowed");
        assert_eq!(check(&required, &[("c", "3", "")], false), "allowed");
        assert_eq!(check(&required, &[("c", "9", "")], false), "allowed");
        insta::assert_snapshot!(check(&required, &[("c", "2", "")], false), @"This version cannot be deployed because version 1.3.0 is required and must be deployed first.");
        insta::assert_snapshot!(check(&required, &[("c", "1", "")], false), @"This version cannot be deployed because versions 1.2.0, 1.3.0 are required and must be deployed first.");
        insta::assert_snapshot!(check(&required, &[("d", "9", "")], false), @"This version cannot be deployed because versions 1.1.0, 1.2.0, 1.3.0 are required and must be deployed first.");
        assert_eq!(check(&required, &[("d", "1", "1.3.0")], true), "allowed");
        insta::assert_snapshot!(check(&required, &[("c", "9", "1.2.5")], true), @"This version cannot be deployed because version 1.3.0 is required and must be deployed first.");
        insta::assert_snapshot!(check(&[("x", "seven")], &[("c", "9", "")], false), @"the required release `x` has the cursor `seven`, a number is allowed");
        assert_eq!(
            missing_required_releases(&[], "c", &[ReleaseId::default()], false, true),
            Ok(())
        );
    }

    fn number() -> impl proptest::strategy::Strategy<Value = u32> {
        0..9_u32
    }

    proptest::proptest! {
        #[test]
        fn what_is_asked_for_is_newer_than_all_that_is_there(
            required in proptest::collection::vec(number(), 0..5),
            installed in proptest::collection::vec(number(), 0..4),
            is_semver_required in proptest::prelude::any::<bool>(),
        ) {
            let mut required = required;
            required.sort_unstable_by(|a, b| b.cmp(a));
            let label = |it: &u32| format!("1.{it}.0");
            let texts: Vec<(String, String)> =
                required.iter().map(|it| (label(it), it.to_string())).collect();
            let releases: Vec<(&str, &str)> =
                texts.iter().map(|(label, cursor)| (label.as_str(), cursor.as_str())).collect();
            let there: Vec<(String, String)> =
                installed.iter().map(|it| (it.to_string(), label(it))).collect();
            let there: Vec<(&str, &str, &str)> =
                there.iter().map(|(cursor, label)| ("c", cursor.as_str(), label.as_str())).collect();
            let said = check(&releases, &there, is_semver_required);
            let newest = installed.iter().max();
            // Oldest first, each release between the newest one there and the one to come.
            let missing: Vec<String> = required
                .iter()
                .rev()
                .filter(|it| newest.is_some_and(|newest| *it > newest))
                .map(label)
                .collect();
            let expected =
                if missing.is_empty() { "allowed".to_owned() } else { must_be_first(&missing) };
            proptest::prop_assert_eq!(said, expected);
        }
    }
}
