//! Bringing a release in as a new version: from the vendor or from a bundle
//! (`pkg/kotsadmupstream/upstream.go:28-298`, `pkg/airgap/update.go:83-333`).
//!
//! Three differences from the original, each so that repeating a request is harmless: a release that
//! is the newest version already makes no second one; a failure leaves no version behind; required
//! releases are enforced online too, before anything is downloaded.

mod bundle;
mod fetch;
pub(crate) mod upload;

use kinds::airgap::RequiredRelease;
use kinds::config::{ConfigValues, Generated};
use kinds::license::{License, LicenseError, VerifiedLicense, verify};
use kinds::release::{
    AirgapRefusal, ReleaseId, RequiredError, SameVersion, missing_required_releases,
};
use thiserror::Error;

pub(crate) use bundle::{Bundle, admit, comes_next, from_bundle};
pub(crate) use fetch::{Options, Outcome, Wanted, from_vendor, newest_release};

use crate::context::{Context, LeaseError, Shared};
use crate::deploy::gate::release_id;
use crate::store::StoreError;
use crate::store::apps::AppRow;
use crate::store::tasks::{TaskEnd, update_download};
use crate::store::versions::{Page, VersionRow};
use crate::vendor::VendorError;
use crate::versions::{self, MakeError};

/// Why a release was not brought in.
#[derive(Debug, Error)]
pub(crate) enum UpdateError {
    /// The licence that is stored does not verify any more.
    #[error("the installed license cannot be read")]
    License(#[source] LicenseError),
    /// The licence gives no access to the channel.
    #[error("Requested channel ({channel}) not found in license.")]
    Channel {
        /// The channel's id.
        channel: String,
    },
    /// The bundle does not fit.
    #[error(transparent)]
    Bundle(#[from] AirgapRefusal),
    /// Other releases come first.
    #[error(transparent)]
    Required(#[from] RequiredError),
    /// It is the current one, with other content.
    #[error(transparent)]
    Same(#[from] SameVersion),
    /// The vendor was not reached or said no.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// The vendor has no such release.
    #[error("the vendor has no release {wanted} on this channel")]
    NoRelease {
        /// What was asked for.
        wanted: String,
    },
    /// Another change is running.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// A temporary file could not be made.
    #[error("failed to make a temporary file")]
    Temp(#[source] std::io::Error),
    /// Stored text is not what this program writes.
    #[error("the newest version cannot be read")]
    Stored(#[from] serde_json::Error),
    /// The application was removed meanwhile.
    #[error("the application was removed")]
    Removed,
    /// The version could not be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UpdateError {
    /// Whether its own words are the reason (the original's "actionable" errors).
    pub(crate) fn is_reason(&self) -> bool {
        matches!(
            self,
            Self::Channel { .. }
                | Self::Bundle(_)
                | Self::Required(_)
                | Self::Same(_)
                | Self::Make(MakeError::Kots(_) | MakeError::Images(_))
                | Self::NoRelease { .. }
                | Self::Lease(LeaseError::Busy { .. })
        )
    }
}

/// What an update starts from.
pub(crate) struct Base {
    pub app: AppRow,
    pub license: VerifiedLicense,
    /// The newest version, the one the values are taken from. None before the first.
    pub newest: Option<VersionRow>,
    pub values: ConfigValues,
    pub generated: Generated,
    pub installed: Vec<ReleaseId>,
}

impl Base {
    /// Reads it, under the application's lease.
    pub(crate) async fn read(shared: &Context, app_id: &str) -> Result<Self, UpdateError> {
        let app = shared.store.app_by_id(app_id).await?.ok_or(UpdateError::Removed)?;
        let license = verify(&app.license, &shared.root_keys).map_err(UpdateError::License)?;
        let rows = shared.store.versions(app_id, Page { size: None, number: 0 }).await?;
        let installed = rows.iter().map(release_id).collect();
        let newest = rows.into_iter().next();
        let (values, generated) = match &newest {
            Some(row) => {
                let content = shared.store.version_content(app_id, row.sequence).await?;
                let content = content.ok_or(UpdateError::Removed)?;
                let generated = versions::generated(shared, &content);
                (serde_json::from_str(&content.config_values)?, generated)
            }
            None => Default::default(),
        };
        Ok(Self { app, license, newest, values, generated, installed })
    }

    /// Whether the channel orders its releases by their labels.
    fn is_semver_required(&self, channel_id: &str) -> bool {
        is_semver_required(&self.license.license, channel_id)
    }

    /// Refuses a release while others come first.
    fn check_required(
        &self,
        required: &[RequiredRelease],
        channel_id: &str,
    ) -> Result<(), RequiredError> {
        let is_channel_changed =
            self.newest.as_ref().is_some_and(|newest| newest.channel_id != channel_id);
        missing_required_releases(
            required,
            channel_id,
            &self.installed,
            self.is_semver_required(channel_id),
            is_channel_changed,
        )
    }
}

fn is_semver_required(license: &License, channel_id: &str) -> bool {
    license
        .channel(channel_id)
        .map_or(license.is_semver_required, |channel| channel.is_semver_required)
}

/// Notes in the task how an update ended; a failure's reason is kept for good.
async fn note_end<T>(shared: &Shared, app_id: &str, result: &Result<T, UpdateError>) {
    let causes;
    let end = match result {
        Ok(_) => TaskEnd::Done,
        Err(error) => {
            causes = crate::http::reply::chain(error).join(": ");
            TaskEnd::Failed(&causes)
        }
    };
    if let Err(error) = shared.store.task_ended(&update_download(app_id), end).await {
        tracing::warn!("the end of an update cannot be stored: {error}");
    }
}
