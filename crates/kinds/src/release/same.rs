//! Whether a release is already there, or older than what is there.

use thiserror::Error;

use super::order::{Ordering, ReleaseId, compare};

/// The release is the current one. The sentence is the original's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "Version {version_label} ({cursor}) cannot be installed again because it is already the current version"
)]
pub struct SameVersion {
    /// The version label of the release.
    pub version_label: String,
    /// The cursor of the release.
    pub cursor: String,
}

/// The release is older than the current one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "version {offered_label} ({offered_cursor}) is older than the current version {current_label} ({current_cursor})"
)]
pub struct Downgrade {
    /// The version label of the offered release.
    pub offered_label: String,
    /// The cursor of the offered release.
    pub offered_cursor: String,
    /// The version label of the current release.
    pub current_label: String,
    /// The cursor of the current release.
    pub current_cursor: String,
}

/// Refuses a release that is the current one: equal versions on a channel that orders by them,
/// else equal cursors on one channel.
///
/// # Errors
///
/// [`SameVersion`].
pub fn same_version(
    current: &ReleaseId,
    offered: &ReleaseId,
    is_semver_required: bool,
) -> Result<(), SameVersion> {
    if compare(current, offered, is_semver_required) != Some(Ordering::Equal) {
        return Ok(());
    }
    Err(SameVersion {
        version_label: offered.version_label.clone(),
        cursor: offered.cursor.clone(),
    })
}

/// Refuses a release that is older than the current one. The original does not have this rule for
/// updates; going back is done by deploying a past version.
///
/// # Errors
///
/// [`Downgrade`].
pub fn downgrade(
    current: &ReleaseId,
    offered: &ReleaseId,
    is_semver_required: bool,
) -> Result<(), Downgrade> {
    if compare(offered, current, is_semver_required) != Some(Ordering::Less) {
        return Ok(());
    }
    Err(Downgrade {
        offered_label: offered.version_label.clone(),
        offered_cursor: offered.cursor.clone(),
        current_label: current.version_label.clone(),
        current_cursor: current.cursor.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(current: (&str, &str, &str), offered: (&str, &str, &str), semver: bool) -> String {
        let release = |(channel, cursor, label): (&str, &str, &str)| ReleaseId {
            channel_id: channel.into(),
            cursor: cursor.into(),
            version_label: label.into(),
        };
        let (current, offered) = (release(current), release(offered));
        let same = same_version(&current, &offered, semver).err().map(|e| e.to_string());
        let older = downgrade(&current, &offered, semver).err().map(|e| e.to_string());
        same.or(older).unwrap_or_else(|| "allowed".to_owned())
    }

    #[test]
    fn the_current_and_older_releases_are_refused() {
        let current = ("c", "5", "1.5.0");
        assert_eq!(check(current, ("c", "6", "1.6.0"), false), "allowed");
        insta::assert_snapshot!(check(current, ("c", "5", "x"), false), @"Version x (5) cannot be installed again because it is already the current version");
        insta::assert_snapshot!(check(current, ("c", "4", "1.6.0"), false), @"version 1.6.0 (4) is older than the current version 1.5.0 (5)");
        assert_eq!(check(current, ("c", "4", "1.6.0"), true), "allowed");
        insta::assert_snapshot!(check(current, ("d", "9", "v1.5"), true), @"Version v1.5 (9) cannot be installed again because it is already the current version");
        assert_eq!(check(current, ("d", "1", "0.1"), false), "allowed");
    }
}
