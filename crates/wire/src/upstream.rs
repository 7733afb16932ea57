//! The vendor's upstream protocol (`/release/{slug}/pending`).

use serde::{Deserialize, Serialize};

use crate::null_as_default;

/// `GET /release/{slug}/pending`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingReleases {
    /// Releases after the cursor.
    #[serde(deserialize_with = "null_as_default")]
    pub channel_releases: Vec<ChannelRelease>,
}

/// One release of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ChannelRelease {
    /// Position in the channel: the cursor.
    pub channel_sequence: i64,
    /// Position among the application's releases.
    pub release_sequence: i64,
    /// The vendor's label; not unique.
    pub version_label: String,
    /// Whether later releases need it.
    pub is_required: bool,
    /// RFC 3339.
    pub created_at: String,
    /// The vendor's notes.
    pub release_notes: String,
}
