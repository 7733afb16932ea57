//! Licences (`/api/v1/app/{slug}/license`, `/api/v1/license`).

use serde::{Deserialize, Serialize};

use crate::null_as_default;

/// `PUT /api/v1/app/{slug}/license`: an empty text asks for an online sync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LicenseRequest {
    /// The licence document.
    pub license_data: String,
}

/// Answer of `PUT` and `GET` of an application's licence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LicenseReply {
    /// Whether the licence was read or synced.
    pub success: bool,
    /// The reason it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether a new version was made of it. Absent from `GET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synced: Option<bool>,
    /// The licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<License>,
}

/// What is told of a licence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct License {
    /// The licence id.
    pub id: String,
    /// The customer.
    pub assignee: String,
    /// RFC 3339; [`crate::ZERO_TIME`] when it never expires.
    pub expires_at: String,
    /// The selected channel.
    pub channel_name: String,
    /// Grows with every change the vendor makes.
    pub license_sequence: i64,
    /// `prod`, `trial`, `dev`, `community`.
    pub license_type: String,
    /// Visible entitlements, by title.
    #[serde(deserialize_with = "null_as_default")]
    pub entitlements: Vec<Entitlement>,
    /// Whether air-gap installs are allowed.
    pub is_airgap_supported: bool,
    /// Passed through.
    pub is_git_ops_supported: bool,
    /// Passed through.
    pub is_identity_service_supported: bool,
    /// Passed through.
    pub is_geoaxis_supported: bool,
    /// Passed through.
    pub is_semver_required: bool,
    /// Passed through.
    pub is_snapshot_supported: bool,
    /// Passed through.
    pub is_disaster_recovery_supported: bool,
    /// Passed through.
    pub is_support_bundle_upload_supported: bool,
    /// Passed through.
    pub is_embedded_cluster_multi_node_enabled: bool,
    /// RFC 3339 or empty.
    pub last_synced_at: String,
}

/// One entitlement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entitlement {
    /// For people.
    pub title: String,
    /// A number, text or bool.
    pub value: serde_json::Value,
    /// The entitlement's name.
    pub label: String,
    /// `String`, `Text`, `Integer`, `Boolean`.
    pub value_type: String,
}

/// `POST /api/v1/license`: a new installation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "the original's body has them all")]
pub struct NewLicenseReply {
    /// Whether the licence was taken.
    pub success: bool,
    /// The reason it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How to remove the installation that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_app_command: Option<String>,
    /// Whether the release has preflights.
    pub has_preflight: bool,
    /// The application's slug.
    pub slug: String,
    /// Whether an air-gap bundle is expected next.
    pub is_airgap: bool,
    /// Whether a registry is needed.
    pub needs_registry: bool,
    /// Whether the release has a Config.
    pub is_configurable: bool,
}
