//! `GET /healthz`.

use serde::{Deserialize, Serialize};

/// The feature: a POST with an `Idempotency-Key` that was answered before has no second effect.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The feature: `upstream/update` takes the config values that are set next (field or part `configValues`) and makes
/// no version of a release that does not take them.
pub const CONFIG_VALUES_BEFORE_UPDATE: &str = "config-values-before-update";
/// The feature: `PUT …/registry` is over when it is answered, and `airgap/install` takes the registry as parts
/// (`registryHost`, `namespace`, `username`, `password`, `isReadOnly`).
pub const REGISTRY_SETTINGS: &str = "registry-settings";

/// Whether the server can work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Healthz {
    /// Version of the server.
    pub version: String,
    /// Commit of the server.
    pub git_sha: String,
    /// What was probed.
    pub status: HealthStatus,
    /// New at every start of the process, so that a client can say that the server was restarted. An
    /// addition of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Names of additions a client may use: [`IDEMPOTENCY_KEY`], [`CONFIG_VALUES_BEFORE_UPDATE`],
    /// [`REGISTRY_SETTINGS`]. An addition of ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// What was probed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthStatus {
    /// The database.
    pub database: DatabaseStatus,
    /// The archive storage.
    pub storage: StorageStatus,
}

/// State of the database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseStatus {
    /// Whether a query succeeded.
    pub connected: bool,
}

/// State of the archive storage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageStatus {
    /// Whether a write succeeded.
    pub available: bool,
}
