//! First installations.
//!
//! ```text
//! online:   POST /api/v1/license {licenseData, configValues?, …}             → version 0
//! air gap:  POST /api/v1/license {licenseData, isAirgap: true}               → pending
//!           POST /api/v1/airgap/install  appSlug, airgap.yaml, appArchive,
//!                                        configValues?                       → version 0
//! ```
//!
//! Version 0 is deployed by itself when nothing is missing. The original finds licence, values and
//! `airgap.yaml` of an air-gapped installation in the cluster; this server has none.

use jiff::Timestamp;
use kinds::config::ConfigValues;
use kinds::license::{License, LicenseError, VerifiedLicense, verify};
use thiserror::Error;

use crate::context::{Context, Shared};
use crate::http::once::Once;
use crate::http::reply::{Reply, chain};
use crate::registry_settings::StoredRegistry;
use crate::release::Preflights;
use crate::store::apps::{AIRGAP_PENDING, AppRow, INSTALLED, ONLINE_PENDING};
use crate::store::tasks::{TaskEnd, automated_install};
use crate::store::versions::StoredFacts;
use crate::store::{StoreError, now_text};
use crate::update::{
    Bundle, Options, Outcome, UpdateError, from_bundle, from_vendor, newest_release,
};
use crate::versions::{AIRGAP_INSTALL, ONLINE_INSTALL};

/// Why an installation was refused or failed.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    /// The licence does not verify.
    #[error("License signature is not valid")]
    Signature(#[source] LicenseError),
    /// Fields of it differ from what was signed.
    #[error("License signature is not valid: these fields were changed: {}", .0.join(", "))]
    Differs(Vec<String>),
    /// It has ended.
    #[error("License is expired")]
    Expired,
    /// The end cannot be told.
    #[error("the end of the license cannot be told")]
    Expiry(#[source] kinds::license::ExpiryError),
    /// It gives no access to the channel.
    #[error(
        "Your current license does not grant access to the channel you requested. Please generate \
         a support bundle and contact support for assistance."
    )]
    Channel(#[source] kinds::license::ChannelError),
    /// It does not allow bundles.
    #[error("the license does not allow air-gapped installations")]
    NoAirgap,
    /// The application is installed already.
    #[error("License already exists")]
    Exists {
        /// The application.
        slug: String,
    },
    /// The application has no licence yet.
    #[error("no license of application `{slug}` was given yet")]
    NoLicense {
        /// The application.
        slug: String,
    },
    /// The release could not be brought in.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be installed.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Id or slug of a channel of the licence; empty for its default.
    pub channel: String,
    /// Label of a release; empty for the newest.
    pub version_label: String,
    /// Values, and the digest of the document they came in.
    pub values: Option<(ConfigValues, String)>,
    pub preflights: Preflights,
    /// The registry of its images; None is the one that is stored.
    pub registry: Option<StoredRegistry>,
}

impl Wish {
    fn options(&self, source: &'static str) -> Options<'_> {
        Options {
            source,
            preflights: self.preflights,
            next_values: None,
            values: self.values.as_ref().map(|(values, digest)| (values, digest.as_str())),
            registry: self.registry.as_ref(),
            deploy: true,
        }
    }
}

/// Verifies a licence for a new installation.
pub(crate) fn accept(shared: &Context, text: &str) -> Result<VerifiedLicense, InstallError> {
    let verified = verify(text, &shared.root_keys).map_err(InstallError::Signature)?;
    if !verified.differences.is_empty() {
        return Err(InstallError::Differs(verified.differences));
    }
    if verified.license.is_expired(Timestamp::now()).map_err(InstallError::Expiry)? {
        return Err(InstallError::Expired);
    }
    Ok(verified)
}

/// Stores a pending application, or changes the one that is pending.
pub(crate) async fn prepare(
    shared: &Context,
    verified: &VerifiedLicense,
    channel: &str,
    is_airgap: bool,
) -> Result<AppRow, InstallError> {
    let license = &verified.license;
    if is_airgap && !license.is_airgap_supported {
        return Err(InstallError::NoAirgap);
    }
    let slug = license.app_slug.clone();
    let existing = shared.store.app(&slug).await?;
    if existing.as_ref().is_some_and(|app| app.install_state == INSTALLED) {
        return Err(InstallError::Exists { slug });
    }
    let app = AppRow {
        id: existing.map_or_else(|| uuid::Uuid::now_v7().to_string(), |app| app.id),
        name: slug.clone(),
        slug,
        namespace: shared.namespace.clone(),
        is_airgap,
        install_state: if is_airgap { AIRGAP_PENDING } else { ONLINE_PENDING }.to_owned(),
        license: verified.raw.clone(),
        license_id: license.license_id.clone(),
        license_sequence: license.license_sequence,
        selected_channel_id: channel_id(license, channel)?,
        current_sequence: None,
        created_at: now_text(),
        updated_at: None,
        last_license_sync: None,
        last_update_check_at: None,
        update_checker_spec: String::new(),
        auto_deploy: String::new(),
        registry: StoredRegistry::default(),
    };
    shared.store.put_pending_app(&app).await?;
    Ok(app)
}

/// The id of the channel a person named by id or slug.
fn channel_id(license: &License, wanted: &str) -> Result<String, InstallError> {
    if wanted.is_empty() {
        return Ok(license.default_channel().channel_id);
    }
    if let Ok(channel) = license.channel(wanted) {
        return Ok(channel.channel_id);
    }
    license.channel_id_for_slug(wanted).map_err(InstallError::Channel)
}

/// Installs a pending application from the vendor.
pub(crate) async fn online(
    shared: &Shared,
    app: &AppRow,
    wish: &Wish,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, InstallError> {
    let task = automated_install(&app.slug);
    shared.store.task_running(&task, &shared.boot_id, "Installing...").await?;
    let result = async {
        let license =
            verify(&app.license, &shared.root_keys).map_err(InstallError::Signature)?.license;
        let channel = &app.selected_channel_id;
        let wanted = newest_release(shared, app, &license, channel, &wish.version_label).await?;
        let options = wish.options(ONLINE_INSTALL);
        Ok(from_vendor(shared, app, &wanted, options, once, reply).await?)
    }
    .await;
    note_end(shared, &task, &result).await;
    result
}

/// Installs a pending application from a bundle.
pub(crate) async fn airgap(
    shared: &Shared,
    app: &AppRow,
    bundle: Bundle,
    wish: &Wish,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, InstallError> {
    let task = automated_install(&app.slug);
    shared.store.task_running(&task, &shared.boot_id, "Installing...").await?;
    let options = wish.options(AIRGAP_INSTALL);
    let result = from_bundle(shared, app, bundle, options, once, reply).await;
    let result = result.map_err(InstallError::from);
    note_end(shared, &task, &result).await;
    result
}

async fn note_end(shared: &Shared, task: &str, result: &Result<Reply, InstallError>) {
    let reason;
    let end = match result {
        Ok(_) => TaskEnd::Done,
        Err(error) => {
            reason = chain(error).join(": ");
            TaskEnd::Failed(&reason)
        }
    };
    if let Err(error) = shared.store.task_ended(task, end).await {
        tracing::warn!("the end of an installation cannot be stored: {error}");
    }
}
