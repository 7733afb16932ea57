//! Syncing an application's licence (`pkg/kotsadmlicense/license.go:20-107`).
//!
//! Signatures are verified for a supplied licence and for the vendor's answer alike, and what is
//! stored is what was verified. The decision is [`kinds::release::license_sync`].

use jiff::Timestamp;
use kinds::config::ConfigValues;
use kinds::license::{LicenseError, VerifiedLicense, verify};
use kinds::release::{SyncDecision, SyncRefusal, license_sync};
use thiserror::Error;

use crate::context::{Lease, LeaseError, Shared};
use crate::faults;
use crate::http::once::Once;
use crate::http::reply::Reply;
use crate::release::Preflights;
use crate::store::StoreError;
use crate::store::apps::{AppRow, StoredLicense};
use crate::store::tasks::update_download;
use crate::vendor::{self, VendorError};
use crate::versions::{self, Effects, LICENSE_CHANGE, MakeError, Recipe, Release};

/// Why a licence was not synced.
#[derive(Debug, Error)]
pub(crate) enum SyncError {
    /// The licence that is stored does not verify any more.
    #[error("the installed license cannot be read")]
    Current(#[source] LicenseError),
    /// The supplied licence does not verify.
    #[error("the supplied license is refused")]
    Supplied(#[source] LicenseError),
    /// The vendor's licence does not verify.
    #[error("the license the vendor sent is refused")]
    Online(#[source] LicenseError),
    /// The vendor did not send one.
    #[error("the vendor could not be asked for the license")]
    Vendor(#[from] VendorError),
    /// It may not replace the installed one.
    #[error(transparent)]
    Refused(#[from] SyncRefusal),
    /// Stored text is not what this program writes.
    #[error("the newest version cannot be read")]
    Stored(#[from] serde_json::Error),
    /// An air-gapped installation was told to ask the vendor.
    #[error("the application is air-gapped: its license cannot be fetched from the vendor")]
    Airgapped,
    /// There is no version yet.
    #[error("the application has no version yet")]
    NoVersion,
    /// Another change is running.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The version could not be made.
    #[error("the version with the license could not be made")]
    Make(#[from] MakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Syncs the licence of `slug`'s application; an empty text asks the vendor, unless the installation is air-gapped.
///
/// `reply` makes the answer from whether a version was made and the licence.
pub(crate) async fn sync(
    shared: &Shared,
    app: AppRow,
    text: String,
    once: &Once,
    reply: impl Fn(bool, &AppRow, &VerifiedLicense) -> Reply,
) -> Result<Reply, SyncError> {
    let purpose = "license sync";
    let lease = Lease::take(shared, &app.id, purpose, update_download(&app.id)).await?;
    let result = sync_leased(shared, &lease, &app.id, text, once, reply).await;
    lease.release().await;
    result
}

async fn sync_leased(
    shared: &Shared,
    lease: &Lease,
    app_id: &str,
    text: String,
    once: &Once,
    reply: impl Fn(bool, &AppRow, &VerifiedLicense) -> Reply,
) -> Result<Reply, SyncError> {
    // Read again: the row may have changed while the lease was waited for.
    let app = shared.store.app_by_id(app_id).await?.ok_or(SyncError::NoVersion)?;
    let newest = shared.store.newest_version(app_id).await?.ok_or(SyncError::NoVersion)?;
    let content =
        shared.store.version_content(app_id, newest.sequence).await?.ok_or(SyncError::NoVersion)?;
    let keys = &shared.root_keys;
    let current = verify(&app.license, keys).map_err(SyncError::Current)?;
    let offered = if text.is_empty() {
        if app.is_airgap {
            return Err(SyncError::Airgapped);
        }
        let text = vendor::client(shared, &current.license, &app)?
            .license(
                current.license.license_sequence,
                Some(&app.selected_channel_id),
                vendor::format(&current.license),
            )
            .await
            .map_err(VendorError::from)?;
        verify(&text, keys).map_err(SyncError::Online)?
    } else {
        verify(&text, keys).map_err(SyncError::Supplied)?
    };
    let archived =
        verify(&content.license, keys).map_err(SyncError::Current)?.license.license_sequence;
    let decision = license_sync(&current.license, &offered, archived, Timestamp::now())?;
    let SyncDecision::Update { selected_channel_id, .. } = decision else {
        shared.store.touch_license_sync(&lease.fence).await?;
        let app = AppRow { last_license_sync: Some(crate::store::now_text()), ..app };
        return Ok(reply(false, &app, &current));
    };
    let channel_id = selected_channel_id.unwrap_or_else(|| app.selected_channel_id.clone());
    let values: ConfigValues = serde_json::from_str(&content.config_values)?;
    let preflights = if newest.preflight_skipped { Preflights::Skip } else { Preflights::Run };
    let recipe = Recipe {
        app: AppRow { last_license_sync: Some(crate::store::now_text()), ..app.clone() },
        source: LICENSE_CHANGE,
        license: offered.clone(),
        installation: serde_json::from_str(&content.installation)?,
        values,
        next_values: None,
        generated: versions::generated(shared, &content),
        config_values_sha256: newest.config_values_sha256,
        release: Release::Kept(newest.release_sha256),
        task: None,
        preflights,
    };
    let answer = reply(true, &recipe.app, &offered);
    let made = versions::make(shared, recipe).await?;
    faults::point("license-before-commit");
    let license = StoredLicense {
        text: offered.raw.clone(),
        id: offered.license.license_id.clone(),
        sequence: offered.license.license_sequence,
    };
    let effects = Effects {
        license: Some(license),
        registry: None,
        channel_id: &channel_id,
        deploy: false,
        tasks: &[],
        reply: &answer,
        once,
    };
    versions::commit(shared, &lease.fence, &made, effects).await?;
    faults::point("license-after-commit");
    Ok(answer)
}
