//! The fields of a licence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Channel, Entitlement};

/// The two generations of licences, which differ in their signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// `kots.io/v1beta1`: RSA-PSS over MD5.
    #[default]
    V1Beta1,
    /// `kots.io/v1beta2`: RSA-PSS over SHA-256.
    V1Beta2,
}

impl ApiVersion {
    /// The `apiVersion` of the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1Beta1 => "kots.io/v1beta1",
            Self::V1Beta2 => "kots.io/v1beta2",
        }
    }

    /// The `apiVersion` that a document names, if it is one of the two.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::V1Beta1, Self::V1Beta2].into_iter().find(|version| version.as_str() == text)
    }
}

/// The fields of a licence, named as in the document.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct License {
    /// The generation of the licence.
    #[serde(skip)]
    pub api_version: ApiVersion,
    /// The `metadata.name` of the document.
    #[serde(skip)]
    pub name: String,
    /// The signature as it stands in the document, base64 of a JSON text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// The slug of the application the licence is for.
    pub app_slug: String,
    /// The vendor endpoint; empty means the default one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The vendor's image proxy; empty means the default one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub replicated_proxy_domain: String,
    /// The customer's id.
    #[serde(rename = "customerID", skip_serializing_if = "String::is_empty")]
    pub customer_id: String,
    /// The customer's name (the licence's assignee).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub customer_name: String,
    /// The customer's mail address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub customer_email: String,
    /// The default channel's id.
    #[serde(rename = "channelID", skip_serializing_if = "String::is_empty")]
    pub channel_id: String,
    /// The default channel's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub channel_name: String,
    /// The channels of the licence; empty in old licences, which have one channel only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
    /// The number of the licence's state, growing with every change by the vendor.
    #[serde(skip_serializing_if = "is_zero")]
    pub license_sequence: i64,
    /// The licence's id, which is also its password at the vendor endpoint.
    #[serde(rename = "licenseID")]
    pub license_id: String,
    /// The licence's type: `dev`, `trial`, `prod`, `community`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub license_type: String,
    /// Whether the application may be installed from a bundle.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_airgap_supported: bool,
    /// Whether `GitOps` is allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_git_ops_supported: bool,
    /// Whether the identity service is allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_identity_service_supported: bool,
    /// Whether Geoaxis is allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_geoaxis_supported: bool,
    /// Whether snapshots are allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_snapshot_supported: bool,
    /// Whether disaster recovery is allowed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_disaster_recovery_supported: bool,
    /// Whether support bundles may be uploaded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_support_bundle_upload_supported: bool,
    /// Whether versions are ordered by semantic versioning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_semver_required: bool,
    /// Whether the embedded cluster may be downloaded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_embedded_cluster_download_enabled: bool,
    /// Whether an embedded cluster may have several nodes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_embedded_cluster_multi_node_enabled: bool,
    /// The licence's custom fields by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub entitlements: BTreeMap<String, Entitlement>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}
