//! What is to be deployed, and which versions of an installation carry it.

use wire::app::{App, DownstreamVersion};
use wire::report::DeployTarget;

/// One release of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The channel.
    pub channel_id: String,
    /// The position in it, as text: bundles may carry any.
    pub cursor: String,
    /// The vendor's label, when it is known.
    pub label: String,
    /// Hex sha256 of the bundle it comes in.
    pub bundle_sha256: Option<String>,
    /// Hex sha256 of the bundle's `app.tar.gz`.
    pub archive_sha256: Option<String>,
}

impl Target {
    /// As reports carry it.
    pub fn report(&self) -> DeployTarget {
        DeployTarget {
            channel_id: self.channel_id.clone(),
            channel_sequence: self.cursor.clone(),
            version_label: self.label.clone(),
            bundle_sha256: self.bundle_sha256.clone(),
        }
    }

    /// For people: `1.1.0 (channel 2abc, sequence 7)`.
    pub fn name(&self) -> String {
        let place = format!("channel {}, sequence {}", self.channel_id, self.cursor);
        if self.label.is_empty() {
            format!("release ({place})")
        } else {
            format!("{} ({place})", self.label)
        }
    }

    /// Whether a version carries this release. The label is not looked at: it is not unique.
    pub fn is(&self, version: &DownstreamVersion) -> bool {
        let channel = version.channel_id.as_deref().unwrap_or_default();
        let archive = match (&self.archive_sha256, &version.archive_sha256) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        self.is_channel(channel) && version.update_cursor == self.cursor && archive
    }

    /// Whether a version is of a later position in the same channel.
    fn is_before(&self, version: &DownstreamVersion) -> bool {
        let channel = version.channel_id.as_deref().unwrap_or_default();
        let later = match (self.cursor.parse::<i64>(), version.update_cursor.parse::<i64>()) {
            (Ok(mine), Ok(theirs)) => mine < theirs,
            _ => false,
        };
        self.is_channel(channel) && later
    }

    /// Servers that tell no channel of a version have one channel.
    fn is_channel(&self, channel: &str) -> bool {
        channel.is_empty() || channel == self.channel_id
    }
}

/// Whether the release of a version is there: one that was only announced or whose download failed is not.
pub fn downloaded(version: &DownstreamVersion) -> bool {
    version.status != "pending_download"
}

/// Every version of an installation, newest first.
pub fn versions(app: &App) -> Vec<&DownstreamVersion> {
    let downstream = &app.downstream;
    let mut all: Vec<_> = downstream
        .pending_versions
        .iter()
        .chain(&downstream.current_version)
        .chain(&downstream.past_versions)
        .collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.sequence));
    all.dedup_by_key(|it| it.sequence);
    all
}

/// The highest sequence of an installation, -1 when it has no version.
pub fn highest(app: &App) -> i64 {
    versions(app).first().map_or(-1, |it| it.sequence)
}

/// Why a target cannot be deployed over what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A bundle for an application that is installed online. The original's words.
    #[error("Cannot update an online install using an airgap bundle")]
    OnlineInstall,
    /// The deployed version is a later release of the channel.
    #[error("{target} is a downgrade: {found} is deployed as sequence {sequence}")]
    Downgrade {
        /// What was asked for.
        target: String,
        /// What is deployed.
        found: String,
        /// Its sequence.
        sequence: i64,
    },
    /// A later release of the channel is there already and would be deployed in its place.
    #[error("{target} is superseded: {found} was fetched after it as sequence {sequence}")]
    Superseded {
        /// What was asked for.
        target: String,
        /// What is there.
        found: String,
        /// Its sequence.
        sequence: i64,
    },
}

impl Conflict {
    /// Says what the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OnlineInstall => {
                "deploy with --channel-id and --channel-sequence instead of a bundle"
            }
            Self::Downgrade { .. } => {
                "going back is a rollback, not a deploy: deploy the earlier version in the admin console, if the vendor allows it"
            }
            Self::Superseded { .. } => {
                "deploy the later release, or remove it in the admin console and run the command again"
            }
        }
    }
}

/// Checks that a target may be deployed over what is there.
///
/// # Errors
///
/// [`Conflict`] says what is in the way.
pub fn permitted(target: &Target, app: &App) -> Result<(), Conflict> {
    if target.bundle_sha256.is_some() && !app.is_airgap {
        return Err(Conflict::OnlineInstall);
    }
    if let Some(current) = &app.downstream.current_version
        && target.is_before(current)
    {
        return Err(Conflict::Downgrade {
            target: target.name(),
            found: name(current),
            sequence: current.sequence,
        });
    }
    // `config/values` is based on the newest version that is there: it must not be a later release.
    if let Some(newest) = versions(app).into_iter().find(|it| downloaded(it))
        && target.is_before(newest)
    {
        return Err(Conflict::Superseded {
            target: target.name(),
            found: name(newest),
            sequence: newest.sequence,
        });
    }
    Ok(())
}

/// The newest version that is there, when it carries the target: the one that `config/values` is based on.
pub fn base<'a>(target: &Target, app: &'a App) -> Option<&'a DownstreamVersion> {
    versions(app).into_iter().find(|it| downloaded(it)).filter(|it| target.is(it))
}

/// A version for people: `1.1.0 (cursor 7)`.
pub fn name(version: &DownstreamVersion) -> String {
    format!("{} (cursor {})", version.version_label, version.update_cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(line: &str) -> DownstreamVersion {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap_or_default().to_owned();
        DownstreamVersion {
            sequence: next().parse().expect("a sequence first"),
            channel_id: Some(next()).filter(|it| it != "-"),
            update_cursor: next(),
            status: next(),
            version_label: "v".to_owned(),
            ..DownstreamVersion::default()
        }
    }

    /// `check` reads lines of `sequence channel cursor status`, the current one marked by `*`.
    fn check(lines: &[&str]) -> String {
        let target = Target {
            channel_id: "a".to_owned(),
            cursor: "5".to_owned(),
            label: "1.1".to_owned(),
            ..Target::default()
        };
        let mut app = App::default();
        for line in lines {
            match line.strip_prefix('*') {
                Some(line) => app.downstream.current_version = Some(version(line)),
                None => app.downstream.pending_versions.push(version(line)),
            }
        }
        match permitted(&target, &app) {
            Ok(()) => format!("base {:?}", base(&target, &app).map(|it| it.sequence)),
            Err(conflict) => conflict.to_string(),
        }
    }

    #[test]
    fn rules_over_what_is_there() {
        insta::assert_snapshot!(
            [
                check(&[]),
                check(&["*0 a 4 deployed"]),
                check(&["*0 a 4 deployed", "1 a 5 pending"]),
                check(&["*0 a 4 deployed", "1 a 5 pending_download"]),
                check(&["*0 a 4 deployed", "2 a 4 pending", "1 a 5 pending"]),
                check(&["*0 a 4 deployed", "1 a 5 pending", "2 a 6 pending"]),
                check(&["*0 a 4 deployed", "1 a 5 pending", "2 a 6 pending_download"]),
                check(&["*3 a 6 deployed", "1 a 5 pending"]),
                check(&["*3 b 6 deployed"]),
                check(&["*3 b 6 deployed", "4 b 7 pending", "2 a 5 pending"]),
                check(&["*3 - 6 deployed"]),
                check(&["*3 - 5 deployed"]),
                check(&["*3 a x deployed"]),
            ]
            .join("\n"),
            @r"
            base None
            base None
            base Some(1)
            base None
            base None
            1.1 (channel a, sequence 5) is superseded: v (cursor 6) was fetched after it as sequence 2
            base Some(1)
            1.1 (channel a, sequence 5) is a downgrade: v (cursor 6) is deployed as sequence 3
            base None
            base None
            1.1 (channel a, sequence 5) is a downgrade: v (cursor 6) is deployed as sequence 3
            base Some(3)
            base None
            "
        );
    }
}
