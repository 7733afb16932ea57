//! The document `kots deploy --output json` ends with.
//!
//! Its schema is versioned by [`SCHEMA`]; a change that readers of the earlier version cannot take
//! raises the number. Unknown fields must be ignored by readers.

use serde::{Deserialize, Serialize};

/// Version of [`DeployReport`].
pub const SCHEMA: u32 = 1;

/// What one run did and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployReport {
    /// [`SCHEMA`].
    #[serde(default)]
    pub schema: u32,
    /// How it ended.
    pub outcome: DeployOutcome,
    /// The application's slug.
    #[serde(default)]
    pub app: String,
    /// What was to be deployed.
    #[serde(default)]
    pub target: DeployTarget,
    /// The version of this installation that carries the target, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// Every declared step, in order.
    #[serde(default)]
    pub steps: Vec<StepReport>,
    /// What the status informers last said of that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_status: Option<AppStatusReport>,
    /// Why it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// The ways a run can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployOutcome {
    /// The target is deployed and ready (exit 0; also when less was asked by `--wait`).
    Ready,
    /// The target was already deployed and ready; nothing was changed (exit 0).
    Unchanged,
    /// The target is deployed and not ready (exit 3).
    NotReady,
    /// Deploying failed (exit 1).
    Failed,
    /// A server or a check said no (exit 1).
    Rejected,
    /// The end was not seen (exit 4).
    Unknown,
}

/// What was to be deployed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeployTarget {
    /// The release's channel.
    pub channel_id: String,
    /// The release's position in it, as text: air-gap bundles may carry any.
    pub channel_sequence: String,
    /// The vendor's label, once known.
    pub version_label: String,
    /// Hex sha256 of the air-gap bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_sha256: Option<String>,
}

/// One step of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// Stable name.
    pub name: String,
    /// `succeeded`, `warned`, `skipped`, `failed` or `interrupted`.
    pub outcome: String,
    /// Why, where there is a why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// RFC 3339; absent when it never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// RFC 3339; absent when it never ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

/// What the status informers last said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AppStatusReport {
    /// `missing unavailable degraded updating ready`.
    pub state: String,
    /// Each resource.
    pub resources: Vec<crate::app::ResourceState>,
}

/// What happened, why, and what to do next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorReport {
    /// One sentence.
    pub what: String,
    /// Causes, outermost first.
    pub why: Vec<String>,
    /// A command or a place.
    pub next: String,
}
