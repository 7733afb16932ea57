//! What templates and people read from a licence.

use jiff::Timestamp;
use thiserror::Error;

use super::{EntitlementValue, License};

/// Why the expiry of a licence cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExpiryError {
    /// The entitlement `expires_at` has another type.
    #[error("expires_at must be type String: found `{found}`")]
    WrongType {
        /// The type found.
        found: String,
    },
    /// The entitlement `expires_at` is not a time.
    #[error("failed to parse expiration time: found `{found}`, allowed is RFC 3339 or nothing")]
    NotATime {
        /// The text found.
        found: String,
    },
}

impl License {
    /// When the licence ends; `None` means never.
    ///
    /// The entitlement `expires_at` holds the time in RFC 3339; an empty one means never.
    ///
    /// # Errors
    ///
    /// [`ExpiryError`]; a licence whose end cannot be told must not be taken for an endless one.
    pub fn expires_at(&self) -> Result<Option<Timestamp>, ExpiryError> {
        let Some(entitlement) = self.entitlements.get("expires_at") else {
            return Ok(None);
        };
        if !matches!(entitlement.value_type.as_str(), "" | "String") {
            return Err(ExpiryError::WrongType { found: entitlement.value_type.clone() });
        }
        let text = entitlement.value.printed().unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| ExpiryError::NotATime { found: text })
    }

    /// Returns whether the licence has ended.
    ///
    /// # Errors
    ///
    /// As [`expires_at`](Self::expires_at).
    pub fn is_expired(&self, now: Timestamp) -> Result<bool, ExpiryError> {
        Ok(self.expires_at()?.is_some_and(|end| end < now))
    }

    /// The text of a field for the template function `LicenseFieldValue`: one of the licence's
    /// own fields, else an entitlement, else nothing.
    ///
    /// An entitlement without a value is `false` when it is a boolean, else empty.
    pub fn field_value(&self, name: &str) -> String {
        match name {
            "appSlug" => self.app_slug.clone(),
            "channelID" => self.channel_id.clone(),
            "channelName" => self.channel_name.clone(),
            "customerEmail" => self.customer_email.clone(),
            "customerName" => self.customer_name.clone(),
            "endpoint" => self.endpoint_or_default().to_owned(),
            "licenseID" | "licenseId" => self.license_id.clone(),
            "licenseSequence" => self.license_sequence.to_string(),
            "licenseType" => self.license_type.clone(),
            "replicatedProxyDomain" => self.replicated_proxy_domain.clone(),
            "signature" => self.signature_text(),
            _ => match self.flag(name) {
                Some(flag) => flag.to_string(),
                None => self.entitlement_text(name),
            },
        }
    }

    /// The vendor endpoint, `https://replicated.app` when the licence names none.
    pub fn endpoint_or_default(&self) -> &str {
        if self.endpoint.is_empty() { "https://replicated.app" } else { &self.endpoint }
    }

    fn flag(&self, name: &str) -> Option<bool> {
        Some(match name {
            "isEmbeddedClusterDownloadEnabled" => self.is_embedded_cluster_download_enabled,
            "isAirgapSupported" => self.is_airgap_supported,
            "isEmbeddedClusterMultiNodeEnabled" => self.is_embedded_cluster_multi_node_enabled,
            "isDisasterRecoverySupported" | "IsDisasterRecoverySupported" => {
                self.is_disaster_recovery_supported
            }
            "isGeoaxisSupported" => self.is_geoaxis_supported,
            "isGitOpsSupported" => self.is_git_ops_supported,
            "isIdentityServiceSupported" => self.is_identity_service_supported,
            "isSemverRequired" => self.is_semver_required,
            "isSnapshotSupported" => self.is_snapshot_supported,
            "isSupportBundleUploadSupported" => self.is_support_bundle_upload_supported,
            _ => return None,
        })
    }

    fn entitlement_text(&self, name: &str) -> String {
        let Some(entitlement) = self.entitlements.get(name) else {
            return String::new();
        };
        match (&entitlement.value, entitlement.value_type.as_str()) {
            (EntitlementValue::Absent, "Boolean") => "false".to_owned(),
            (value, _) => value.printed().unwrap_or_default(),
        }
    }

    /// The signature as bytes made text: the original's field is a byte string, so its base64 is
    /// undone before a template sees it.
    fn signature_text(&self) -> String {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(&self.signature);
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}
