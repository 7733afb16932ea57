//! How far a push of images is (`pkg/image/airgap.go: ProgressReport`), and the registry an application uses.

use serde::{Deserialize, Serialize};

/// One line of progress for a browser. Counts are bytes; the original counts layers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressReport {
    /// Always `progressReport`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A line for readers that know nothing else.
    pub compatibility_message: String,
    /// Every image, always in the same order.
    pub images: Vec<ProgressImage>,
}

/// How far one image is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProgressImage {
    /// `debian:0.1`.
    pub display_name: String,
    /// `queued`, `uploading`, `uploaded` or `failed`.
    pub status: String,
    /// Why it failed; else empty.
    pub error: String,
    /// Bytes that are there.
    pub current: u64,
    /// Bytes in all.
    pub total: u64,
    /// RFC 3339; the year 1 when it has not begun.
    pub start_time: String,
    /// RFC 3339; the year 1 when it has not ended.
    pub end_time: String,
}

/// Answer of `GET /api/v1/app/{slug}/registry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RegistryReply {
    /// Whether there is anything to say.
    pub success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// `host[:port]`; empty when the application has no registry of its own.
    pub hostname: String,
    /// The namespace in it.
    pub namespace: String,
    /// The user.
    pub username: String,
    /// A mask where one is stored, never the password.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// Nothing is pushed to it.
    pub is_read_only: bool,
}
