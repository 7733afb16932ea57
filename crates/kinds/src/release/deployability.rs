//! Whether a version may be deployed, as shown for every version and asked again before deploying.

use std::cmp::Reverse;

use thiserror::Error;

use super::order::{Ordering, ReleaseId};
use super::required::must_be_first;

/// The states of a version, as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionStatus {
    /// `unknown`.
    #[default]
    Unknown,
    /// `pending_cluster_management`.
    PendingClusterManagement,
    /// `pending_config`.
    PendingConfig,
    /// `pending_download`.
    PendingDownload,
    /// `pending_preflight`.
    PendingPreflight,
    /// `pending`.
    Pending,
    /// `deploying`.
    Deploying,
    /// `deployed`.
    Deployed,
    /// `failed`.
    Failed,
}

impl VersionStatus {
    /// Every state with its word.
    pub const WORDS: [(Self, &'static str); 9] = [
        (Self::Unknown, "unknown"),
        (Self::PendingClusterManagement, "pending_cluster_management"),
        (Self::PendingConfig, "pending_config"),
        (Self::PendingDownload, "pending_download"),
        (Self::PendingPreflight, "pending_preflight"),
        (Self::Pending, "pending"),
        (Self::Deploying, "deploying"),
        (Self::Deployed, "deployed"),
        (Self::Failed, "failed"),
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(status, _)| *status == self).map_or("unknown", |(_, word)| word)
    }

    /// The state of a word; an unknown word is `Unknown`.
    pub fn from_word(word: &str) -> Self {
        Self::WORDS.iter().find(|(_, known)| *known == word).map_or(Self::Unknown, |(s, _)| *s)
    }
}

/// What the rules need to know of a version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionFacts {
    /// The version's sequence in the application.
    pub sequence: i64,
    /// The release it was made of.
    pub release: ReleaseId,
    /// Whether the release is required.
    pub is_required: bool,
    /// The version's state.
    pub status: VersionStatus,
    /// Whether a strict preflight failed or has not been run.
    pub has_failing_strict_preflights: bool,
    /// Whether the release's Application allows going back; false when it has none.
    pub allow_rollback: bool,
    /// What tells embedded-cluster configs apart, their text or its digest; `None` without one.
    pub cluster_config: Option<String>,
}

/// Why a version may not be deployed. The sentences are the original's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotDeployable {
    /// A strict preflight failed or has not been run.
    #[error(
        "Deployment is disabled as a strict analyzer in this version's preflight checks has failed or has not been run."
    )]
    StrictPreflight,
    /// The release is not there yet.
    #[error("Version is pending download.")]
    PendingDownload,
    /// Required answers are missing.
    #[error("Version is pending configuration.")]
    PendingConfig,
    /// The current version is required and failed.
    #[error(
        "Cannot deploy this version because required version {label} failed to deploy. Please retry deploying version {label} or check for new updates."
    )]
    CurrentFailed {
        /// The version label of the current version.
        label: String,
    },
    /// The vendor does not allow going back.
    #[error("Rollback is not supported.")]
    NoRollback,
    /// The embedded cluster's config is another one.
    #[error("Rollback is not supported, cluster configuration has changed.")]
    ClusterChanged,
    /// A required release was deployed since.
    #[error("One or more non-reversible versions have been deployed since this version.")]
    NonReversible,
    /// Required releases come first.
    #[error("{}", must_be_first(labels))]
    RequiredFirst {
        /// Their version labels, oldest first.
        labels: Vec<String>,
    },
}

/// Tells whether `version` may be deployed.
///
/// `all` are all versions of the application, newest first as [`newest_first`] sorts them, `version`
/// and `current` among them; `current` is the deployed one, if any.
///
/// # Errors
///
/// [`NotDeployable`] with the reason.
pub fn deployability(
    version: &VersionFacts,
    current: Option<&VersionFacts>,
    all: &[VersionFacts],
    is_semver_required: bool,
) -> Result<(), NotDeployable> {
    let refuse = |holds: bool, reason: NotDeployable| if holds { Err(reason) } else { Ok(()) };
    refuse(version.has_failing_strict_preflights, NotDeployable::StrictPreflight)?;
    refuse(version.status == VersionStatus::PendingDownload, NotDeployable::PendingDownload)?;
    refuse(version.status == VersionStatus::PendingConfig, NotDeployable::PendingConfig)?;
    // A first version may be any; the current one may always be deployed again, even when the
    // vendor made an earlier release required since.
    let Some(current) = current.filter(|current| current.sequence != version.sequence) else {
        return Ok(());
    };
    let is_same = |one: &VersionFacts, other: &VersionFacts| {
        is_same_upstream_release(&one.release, &other.release, is_semver_required)
    };
    let has_failed = current.is_required && current.status == VersionStatus::Failed;
    let label = current.release.version_label.clone();
    refuse(has_failed && !is_same(current, version), NotDeployable::CurrentFailed { label })?;

    if position(all, version) > position(all, current) {
        let newest = all.iter().find(|v| v.status != VersionStatus::PendingDownload);
        refuse(newest.is_some_and(|v| !v.allow_rollback), NotDeployable::NoRollback)?;
        let is_changed = version.cluster_config != current.cluster_config;
        refuse(is_changed, NotDeployable::ClusterChanged)?;
    }

    let mut line: Vec<&VersionFacts> = all.iter().collect();
    if !is_semver_required {
        line.retain(|v| v.release.channel_id == version.release.channel_id);
        line.sort_by_key(|v| Reverse((v.release.cursor_number(), v.sequence)));
    }
    let at = |wanted: &VersionFacts| line.iter().position(|v| v.sequence == wanted.sequence);
    let (Some(target_at), Some(current_at)) = (at(version), at(current)) else {
        // The current version came from another channel: there is nothing between the two.
        return Ok(());
    };
    if target_at > current_at {
        // Going back over a required release, the current one included, is not possible.
        let between = &line[current_at..target_at];
        let is_blocked = between.iter().any(|v| v.is_required && !is_same(v, version));
        return refuse(is_blocked, NotDeployable::NonReversible);
    }
    let mut required: Vec<&VersionFacts> = Vec::new();
    for candidate in line[target_at..current_at].iter().skip(1).filter(|v| v.is_required) {
        // Versions of one release (other config, other licence) do not block each other.
        let is_variant = is_same(candidate, version)
            || is_same(candidate, current)
            || required.iter().any(|seen| is_same(candidate, seen));
        if !is_variant {
            required.push(candidate);
        }
    }
    let labels: Vec<_> = required.iter().rev().map(|v| v.release.version_label.clone()).collect();
    refuse(!labels.is_empty(), NotDeployable::RequiredFirst { labels })
}

fn position(all: &[VersionFacts], wanted: &VersionFacts) -> Option<usize> {
    all.iter().position(|version| version.sequence == wanted.sequence)
}

fn is_same_upstream_release(one: &ReleaseId, other: &ReleaseId, is_semver_required: bool) -> bool {
    if one.channel_id == other.channel_id && one.cursor == other.cursor {
        return true;
    }
    let versions = one.semver().zip(other.semver()).filter(|_| is_semver_required);
    versions.is_some_and(|(one, other)| one.cmp_precedence(&other) == Ordering::Equal)
}

/// Sorts versions newest first: by sequence, and on channels that order by semantic version those
/// with a version among themselves by it.
pub fn newest_first(versions: &mut [VersionFacts], is_semver_required: bool) {
    versions.sort_by_key(|version| Reverse(version.sequence));
    if !is_semver_required {
        return;
    }
    let is_version = |version: &VersionFacts| version.release.semver().is_some();
    let slots: Vec<usize> = (0..versions.len()).filter(|at| is_version(&versions[*at])).collect();
    let mut sorted: Vec<VersionFacts> = slots.iter().map(|at| versions[*at].clone()).collect();
    sorted.sort_by(|one, other| match (one.release.semver(), other.release.semver()) {
        (Some(one), Some(other)) => other.cmp_precedence(&one),
        _ => Ordering::Equal,
    });
    for (slot, version) in slots.into_iter().zip(sorted) {
        versions[slot] = version;
    }
}

#[cfg(test)]
mod tests;
