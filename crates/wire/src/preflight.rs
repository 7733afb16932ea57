//! Preflights: results and what is done with them (`/api/v1/app/{slug}/…/preflight/…`).

use serde::{Deserialize, Serialize};

use crate::null_as_default;

/// What the checks of a version found, as it is stored and shown. Either side is empty: with errors
/// nothing was checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreflightResults {
    /// One entry for each check.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub results: Vec<PreflightCheck>,
    /// Why the checks could not be run.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    pub errors: Vec<PreflightError>,
}

/// What one check found.
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightCheck {
    /// Whether a failure keeps the version from being deployed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Whether it failed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_fail: bool,
    /// Whether it warns.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_warn: bool,
    /// Whether it passed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_pass: bool,
    /// What was checked.
    pub title: String,
    /// What was found.
    pub message: String,
    /// Where more is said about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uri: String,
}

/// Why checks could not be run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreflightError {
    /// The reason.
    pub error: String,
}

/// Answer of `preflight/result`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightResultReply {
    /// How far a run is, JSON text of [`PreflightProgress`]; absent while none is under way.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preflight_progress: String,
    /// What is known.
    pub preflight_result: PreflightResult,
}

/// What is known of a version's preflights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightResult {
    /// JSON text of [`PreflightResults`]; empty while there are none.
    pub result: String,
    /// RFC 3339.
    pub created_at: Option<String>,
    /// The application.
    pub app_slug: String,
    /// The cluster.
    pub cluster_slug: String,
    /// Whether they were skipped.
    pub skipped: bool,
    /// Whether a strict check failed or has not been run.
    pub has_failing_strict_preflights: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightProgress {
    /// How much is done.
    pub completed_count: i64,
    /// Of how much.
    pub total_count: i64,
    /// What is being done.
    pub current_name: String,
    /// How that goes.
    pub current_status: String,
    /// RFC 3339.
    pub updated_at: String,
}
