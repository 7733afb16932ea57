//! Deploying a version (`/api/v1/app/{slug}/sequence/{n}/deploy`).

use serde::{Deserialize, Serialize};

/// `POST …/sequence/{n}/deploy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeployRequest {
    /// Skip preflights unless strict ones exist.
    pub is_skip_preflights: bool,
    /// Deploy although preflights failed.
    pub continue_with_failed_preflights: bool,
    /// Whether the caller is a command line.
    pub is_cli: bool,
}

/// Answer of `deploy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeployReply {
    /// Whether the deploy was accepted.
    pub success: bool,
    /// Always empty.
    pub status: String,
    /// The reason it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
