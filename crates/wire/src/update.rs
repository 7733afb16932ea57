//! Update checks and available updates.

use serde::{Deserialize, Serialize};

use crate::null_as_default;

/// `POST /api/v1/app/{slug}/upstream/update`, JSON form. The original sends and reads an empty object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpstreamUpdateRequest {
    /// Standard base64 of the `ConfigValues` document that is set next: a release that does not take it makes no
    /// version. An addition of ours, sent to servers with the feature `config-values-before-update`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub config_values: String,
}

/// `POST /api/v1/app/{slug}/updatecheck`, JSON form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateCheckReply {
    /// How many were found.
    pub available_updates: i64,
    /// Sequence of the newest version before the check.
    pub current_app_sequence: i64,
    /// The deployed release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_release: Option<UpdateRelease>,
    /// Releases that were found; null when none.
    pub available_releases: Option<Vec<UpdateRelease>>,
    /// The release that is being deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploying_release: Option<UpdateRelease>,
}

/// A release by its sequence in this installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateRelease {
    /// The number it has (or will have) in this installation.
    pub sequence: i64,
    /// The vendor's label.
    pub version: String,
}

/// `GET /api/v1/app/{slug}/updates`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdatesReply {
    /// Whether upstream answered.
    pub success: bool,
    /// The reason it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Releases newer than the newest version. May be null from the original although there are some.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub updates: Vec<AvailableUpdate>,
}

/// A release that may be fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AvailableUpdate {
    /// The vendor's label.
    pub version_label: String,
    /// The channel sequence, as text.
    pub update_cursor: String,
    /// Its channel.
    pub channel_id: String,
    /// Whether later releases need it.
    pub is_required: bool,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_released_at: Option<String>,
    /// The vendor's notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// Whether it may be deployed next.
    pub is_deployable: bool,
    /// Why it may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_deployable_cause: Option<String>,
}
