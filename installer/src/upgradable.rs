//! Whether one version may follow another (`pkg-new/validation/upgradable.go`). The sentences are the
//! original's. Pure.

use kinds::airgap::RequiredRelease;
use kinds::release::parse_tolerant;
use semver::Version;
use thiserror::Error;
use wire::upstream::ChannelRelease;

/// A version of the application, in the installation or to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) version_label: String,
    pub(crate) channel_sequence: i64,
}

/// What the rules look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    pub(crate) current: Point,
    pub(crate) target: Point,
    /// Whether versions are ordered by their labels.
    pub(crate) is_semver: bool,
    /// Whether the current version did not install.
    pub(crate) has_failed: bool,
    pub(crate) required: Required,
    /// The versions of the embedded cluster, now and then; empty ones are not compared.
    pub(crate) cluster: Option<(String, String)>,
}

/// The required releases that matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Required {
    /// Labels of those between the current and the target.
    pub(crate) between: Vec<String>,
    /// Whether the current one is required.
    pub(crate) is_current: bool,
}

/// Why the upgrade is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotUpgradable {
    /// The application would be older.
    #[error("downgrade detected: cannot upgrade from app version {from} to older version {to}")]
    AppDowngrade {
        /// The current label.
        from: String,
        /// The target's label.
        to: String,
    },
    /// The current version is required and did not install.
    #[error(
        "Cannot upgrade to version {to}, because the required version {from} did not install successfully. Version {from} must be fully installed before upgrading to version {to}."
    )]
    RequiredFailed {
        /// The current label.
        from: String,
        /// The target's label.
        to: String,
    },
    /// Required releases would be passed over.
    #[error(
        "this upgrade requires installing intermediate version(s) first: {}. Please go through this upgrade path before upgrading to {to}",
        .labels.join(", ")
    )]
    RequiredSkipped {
        /// Their labels.
        labels: Vec<String>,
        /// The target's label.
        to: String,
    },
    /// The embedded cluster would be older.
    #[error(
        "downgrade detected: cannot upgrade from Embedded Cluster version {from} to older version {to}"
    )]
    ClusterDowngrade {
        /// The current version.
        from: String,
        /// The target's version.
        to: String,
    },
    /// A minor version of Kubernetes would be passed over.
    #[error(
        "Kubernetes version skip detected: cannot upgrade from k8s {from} to {to}. Kubernetes only supports upgrading by one minor version at a time"
    )]
    KubernetesSkip {
        /// The current version.
        from: String,
        /// The target's version.
        to: String,
    },
    /// Kubernetes would be older.
    #[error(
        "Kubernetes version downgrade detected: cannot downgrade from k8s {from} to {to}. Kubernetes downgrades are not supported"
    )]
    KubernetesDowngrade {
        /// The current version.
        from: String,
        /// The target's version.
        to: String,
    },
    /// A version cannot be told.
    #[error("upgrade validation execution failed: {0}")]
    Unreadable(String),
}

/// Applies every rule, in the original's order.
pub(crate) fn check(question: &Question) -> Result<(), NotUpgradable> {
    let (from, to) = (&question.current, &question.target);
    let labels = || (from.version_label.clone(), to.version_label.clone());
    let is_older = if question.is_semver {
        version(&to.version_label)? < version(&from.version_label)?
    } else {
        to.channel_sequence < from.channel_sequence
    };
    if is_older {
        let (from, to) = labels();
        return Err(NotUpgradable::AppDowngrade { from, to });
    }
    if question.has_failed && question.required.is_current {
        let (from, to) = labels();
        return Err(NotUpgradable::RequiredFailed { from, to });
    }
    if !question.required.between.is_empty() {
        let labels = question.required.between.clone();
        return Err(NotUpgradable::RequiredSkipped { labels, to: to.version_label.clone() });
    }
    match &question.cluster {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => clusters(from, to),
        _ => Ok(()),
    }
}

fn clusters(from: &str, to: &str) -> Result<(), NotUpgradable> {
    let (current, target) = (version(from)?, version(to)?);
    let bare = |it: &Version| Version { build: semver::BuildMetadata::EMPTY, ..it.clone() };
    if bare(&target) < bare(&current) {
        return Err(NotUpgradable::ClusterDowngrade { from: from.to_owned(), to: to.to_owned() });
    }
    let (Some(current), Some(target)) = (kubernetes(&current)?, kubernetes(&target)?) else {
        return Ok(());
    };
    let (from, to) = (current.to_string(), target.to_string());
    if (target.major, target.minor) < (current.major, current.minor) {
        return Err(NotUpgradable::KubernetesDowngrade { from, to });
    }
    if current.major != target.major || current.minor + 1 < target.minor {
        return Err(NotUpgradable::KubernetesSkip { from, to });
    }
    Ok(())
}

/// The Kubernetes version in the build metadata: `+k8s-1.33`.
fn kubernetes(version: &Version) -> Result<Option<Version>, NotUpgradable> {
    let Some((_, text)) = version.build.as_str().split_once("k8s-") else { return Ok(None) };
    let text = text.split(['-', '+']).next().unwrap_or_default();
    self::version(text).map(Some)
}

fn version(text: &str) -> Result<Version, NotUpgradable> {
    parse_tolerant(text)
        .ok_or_else(|| NotUpgradable::Unreadable(format!("`{text}` is not a version")))
}

/// The required releases of a bundle, newest first as they stand there.
pub(crate) fn required_of_bundle(
    releases: &[RequiredRelease],
    current: i64,
) -> Result<Required, NotUpgradable> {
    let mut required = Required::default();
    for release in releases {
        let cursor: i64 = release.update_cursor.parse().map_err(|_| {
            NotUpgradable::Unreadable(format!(
                "the required release {} has the cursor `{}`, which is no number",
                release.version_label, release.update_cursor
            ))
        })?;
        if cursor <= current {
            required.is_current = cursor == current;
            break;
        }
        required.between.push(release.version_label.clone());
    }
    Ok(required)
}

/// The required releases among the pending ones, oldest first as the vendor lists them.
pub(crate) fn required_of_pending(
    releases: &[ChannelRelease],
    current: i64,
    target: i64,
) -> Required {
    let mut releases: Vec<_> = releases.iter().collect();
    releases.sort_by_key(|it| it.channel_sequence);
    let mut required = Required::default();
    for release in releases.into_iter().filter(|it| it.is_required) {
        if release.channel_sequence == current {
            required.is_current = true;
        } else if current < release.channel_sequence && release.channel_sequence < target {
            required.between.push(release.version_label.clone());
        }
    }
    required
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `label@sequence` of the current and target version.
    fn question(from: &str, to: &str) -> Question {
        let point = |text: &str| {
            let (label, sequence) = text.split_once('@').expect("label@sequence");
            let channel_sequence = sequence.parse().expect("a number");
            Point { version_label: label.to_owned(), channel_sequence }
        };
        Question { current: point(from), target: point(to), ..Question::default() }
    }

    fn told(question: &Question) -> String {
        check(question).map_or_else(|error| error.to_string(), |()| "allowed".to_owned())
    }

    #[test]
    fn the_application_never_gets_older() {
        assert_eq!(told(&question("b@2", "a@2")), "allowed");
        insta::assert_snapshot!(told(&question("a@3", "b@2")), @"downgrade detected: cannot upgrade from app version a to older version b");
        let semver = |from, to| told(&Question { is_semver: true, ..question(from, to) });
        assert_eq!(semver("v1.0@9", "1.0.1@2"), "allowed");
        insta::assert_snapshot!(semver("1.2.0@1", "1.1.9@2"), @"downgrade detected: cannot upgrade from app version 1.2.0 to older version 1.1.9");
        insta::assert_snapshot!(semver("1.2.0@1", "new@2"), @"upgrade validation execution failed: `new` is not a version");
    }

    #[test]
    fn required_releases_are_not_passed_over() {
        let releases = |list: &[(&str, &str)]| -> Vec<RequiredRelease> {
            let release = |(label, cursor): &(&str, &str)| RequiredRelease {
                version_label: (*label).to_owned(),
                update_cursor: (*cursor).to_owned(),
                ..RequiredRelease::default()
            };
            list.iter().map(release).collect()
        };
        let bundle = releases(&[("1.3", "5"), ("1.2", "4"), ("1.0", "2"), ("0.9", "1")]);
        let of = |current| required_of_bundle(&bundle, current).expect("numbers");
        assert_eq!(of(2), Required { between: vec!["1.3".into(), "1.2".into()], is_current: true });
        assert_eq!(
            of(3),
            Required { between: vec!["1.3".into(), "1.2".into()], is_current: false }
        );
        assert_eq!(of(5), Required { between: vec![], is_current: true });
        let skipped = Question { required: of(2), ..question("1.0@2", "1.4@6") };
        insta::assert_snapshot!(told(&skipped), @"this upgrade requires installing intermediate version(s) first: 1.3, 1.2. Please go through this upgrade path before upgrading to 1.4");
        let failed = Question { required: of(5), has_failed: true, ..question("1.3@5", "1.4@6") };
        insta::assert_snapshot!(told(&failed), @"Cannot upgrade to version 1.4, because the required version 1.3 did not install successfully. Version 1.3 must be fully installed before upgrading to version 1.4.");
        assert!(required_of_bundle(&releases(&[("x", "?")]), 1).is_err());

        let pending = |sequence, label: &str, is_required| ChannelRelease {
            channel_sequence: sequence,
            version_label: label.to_owned(),
            is_required,
            ..ChannelRelease::default()
        };
        let list = [
            pending(2, "b", true),
            pending(3, "c", true),
            pending(4, "d", false),
            pending(5, "e", true),
        ];
        let found = required_of_pending(&list, 2, 5);
        assert_eq!(found, Required { between: vec!["c".into()], is_current: true });
    }

    #[test]
    fn the_cluster_goes_one_minor_version_at_a_time() {
        let cluster = |from: &str, to: &str| {
            let cluster = Some((from.to_owned(), to.to_owned()));
            told(&Question { cluster, ..question("a@1", "b@2") })
        };
        assert_eq!(cluster("2.1.0+k8s-1.33", "2.1.0+k8s-1.34"), "allowed");
        assert_eq!(cluster("2.1.0", "2.1.0+k8s-1.34"), "allowed");
        assert_eq!(cluster("", "2.1.0"), "allowed");
        insta::assert_snapshot!(cluster("2.1.0+k8s-1.33", "2.0.9+k8s-1.34"), @"downgrade detected: cannot upgrade from Embedded Cluster version 2.1.0+k8s-1.33 to older version 2.0.9+k8s-1.34");
        insta::assert_snapshot!(cluster("2.1.0+k8s-1.33", "2.1.1+k8s-1.35"), @"Kubernetes version skip detected: cannot upgrade from k8s 1.33.0 to 1.35.0. Kubernetes only supports upgrading by one minor version at a time");
        insta::assert_snapshot!(cluster("2.1.0+k8s-1.33", "2.1.1+k8s-1.32"), @"Kubernetes version downgrade detected: cannot downgrade from k8s 1.33.0 to 1.32.0. Kubernetes downgrades are not supported");
    }
}
