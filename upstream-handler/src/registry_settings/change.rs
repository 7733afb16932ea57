//! Other registry settings become a new version, or nothing changes.

use std::time::Duration;

use axum::http::StatusCode;
use kinds::config::ConfigValues;
use kinds::license::{LicenseError, verify};
use registry::Fault;
use thiserror::Error;

use super::{Asked, SettingsError, StoredRegistry, decide, present};
use crate::context::{Lease, LeaseError, Shared};
use crate::http::once::Once;
use crate::http::reply::{Reply, chain};
use crate::images::{self, ImagesError};
use crate::release::Preflights;
use crate::store::apps::{AppRow, put_registry};
use crate::store::tasks::{TaskEnd, end_task, image_rewrite};
use crate::store::versions::VersionRow;
use crate::store::{Store, StoreError};
use crate::versions::{self, Effects, MakeError, REGISTRY_CHANGE, Recipe, Release};

/// How long a registry may take to say that it takes the credentials.
const ACCESS_LIMIT: Duration = Duration::from_secs(30);

/// Why registry settings were not changed.
#[derive(Debug, Error)]
pub(crate) enum ChangeError {
    /// They cannot be meant.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// An air-gapped installation has no other place for its images.
    #[error("registry cannot be removed in airgap installs")]
    Airgapped,
    /// There is no client for the registry.
    #[error(transparent)]
    Client(#[from] ImagesError),
    /// The registry is not there, or does not take the credentials.
    #[error("registry `{host}` cannot be used: {fault}")]
    Access {
        /// The registry.
        host: String,
        /// Its reason.
        fault: Fault,
    },
    /// It does not answer.
    #[error("registry `{host}` does not answer within {} s", ACCESS_LIMIT.as_secs())]
    Silent {
        /// The registry.
        host: String,
    },
    /// Nobody will bring the images that are not there.
    #[error(
        "{} of {total} images are not in the registry `{host}`, which is set to be read-only: {}",
        missing.len(),
        missing.join(", ")
    )]
    Missing {
        /// The registry.
        host: String,
        /// The images, by the names they would be pulled by.
        missing: Vec<String>,
        /// How many the newest version has.
        total: usize,
    },
    /// The installed licence does not verify any more.
    #[error("the installed license cannot be read")]
    License(#[source] LicenseError),
    /// Another change is running.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The application was removed meanwhile.
    #[error("the application was removed")]
    Removed,
    /// Stored text is not what this program writes.
    #[error("the newest version cannot be read")]
    Stored(#[from] serde_json::Error),
    /// The version's files.
    #[error("the newest version cannot be read: {why}")]
    Tree {
        /// The reason.
        why: String,
    },
    /// The version could not be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// Whether other settings are what helps.
    pub(crate) fn is_reason(&self) -> bool {
        matches!(
            self,
            Self::Settings(_)
                | Self::Airgapped
                | Self::Client(_)
                | Self::Access { .. }
                | Self::Silent { .. }
                | Self::Missing { .. }
                | Self::Make(MakeError::Images(_))
        )
    }
}

/// Asks a registry whether it takes the credentials. Nothing is stored.
pub(crate) async fn check_access(
    shared: &Shared,
    registry: &StoredRegistry,
) -> Result<(), ChangeError> {
    let (client, _) = images::client(shared, registry)?;
    let host = || registry.host.clone();
    match tokio::time::timeout(ACCESS_LIMIT, client.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => Err(ChangeError::Access { host: host(), fault }),
        Err(_) => Err(ChangeError::Silent { host: host() }),
    }
}

/// Stores what was asked for, with a version that is rendered with it; settings that render alike make none.
///
/// A registry that is read-only must have the images of the newest version; into another one those of an online
/// application are copied.
pub(crate) async fn change(
    shared: &Shared,
    app: &AppRow,
    asked: &Asked,
    once: &Once,
    reply: impl Fn(&StoredRegistry) -> Reply,
) -> Result<Reply, ChangeError> {
    let task = image_rewrite(&app.id);
    let lease = Lease::take(shared, &app.id, "registry change", task.clone()).await?;
    let result = async {
        shared.store.task_running(&task, &shared.boot_id, "Checking the registry...").await?;
        leased(shared, &lease, asked, once, reply).await
    }
    .await;
    note_failure(shared, &task, &result).await;
    lease.release().await;
    result
}

/// A success ends the task in its transaction.
async fn note_failure<T>(shared: &Shared, task: &str, result: &Result<T, ChangeError>) {
    let Err(error) = result else { return };
    let reason = chain(error).join(": ");
    if let Err(error) = shared.store.task_ended(task, TaskEnd::Failed(&reason)).await {
        tracing::warn!("the end of a registry change cannot be stored: {error}");
    }
}

async fn leased(
    shared: &Shared,
    lease: &Lease,
    asked: &Asked,
    once: &Once,
    reply: impl Fn(&StoredRegistry) -> Reply,
) -> Result<Reply, ChangeError> {
    let app_id = &lease.fence.app_id;
    let app = shared.store.app_by_id(app_id).await?.ok_or(ChangeError::Removed)?;
    let wanted = decide(asked, &app.registry, shared.registry_access.scheme(), &shared.cipher)?;
    let is_asked = wanted.is_set() && !wanted.is_pulled_by_nodes();
    if is_asked {
        check_access(shared, &wanted).await?;
    } else if app.is_airgap && !wanted.is_set() {
        return Err(ChangeError::Airgapped);
    }
    if is_asked && wanted.is_read_only {
        let present::Found { missing, total } = present::missing(shared, &app.id, &wanted).await?;
        if !missing.is_empty() {
            return Err(ChangeError::Missing { host: wanted.host, missing, total });
        }
    }
    let answer = reply(&wanted);
    apply(shared, lease, app, &wanted, once, &answer).await?;
    Ok(answer)
}

/// Makes `registry`, to which images were brought, the application's, unless it is.
pub(crate) async fn adopt(
    shared: &Shared,
    app_id: &str,
    registry: &StoredRegistry,
) -> Result<(), ChangeError> {
    let task = image_rewrite(app_id);
    let lease = Lease::take(shared, app_id, "registry change", task.clone()).await?;
    let result = async {
        let app = shared.store.app_by_id(app_id).await?.ok_or(ChangeError::Removed)?;
        let is_read_only_alike = registry.is_read_only == app.registry.is_read_only;
        if is_read_only_alike && registry.renders_like(&app.registry, &shared.cipher) {
            return Ok(());
        }
        let (once, answer) = (Once::unrecorded(), Reply::empty(StatusCode::OK));
        apply(shared, &lease, app, registry, &once, &answer).await
    }
    .await;
    note_failure(shared, &task, &result).await;
    lease.release().await;
    result
}

async fn apply(
    shared: &Shared,
    lease: &Lease,
    app: AppRow,
    wanted: &StoredRegistry,
    once: &Once,
    answer: &Reply,
) -> Result<(), ChangeError> {
    let app_id = &lease.fence.app_id;
    let task = image_rewrite(app_id);
    let newest = shared.store.newest_version(app_id).await?;
    let is_other = !wanted.renders_like(&app.registry, &shared.cipher);
    if let Some(newest) = newest.filter(|_| is_other) {
        shared.store.task_running(&task, &shared.boot_id, "Rendering...").await?;
        let channel_id = app.selected_channel_id.clone();
        let made = versions::make(shared, recipe(shared, app, newest, wanted).await?).await?;
        let effects = Effects {
            license: None,
            registry: Some(wanted),
            channel_id: &channel_id,
            deploy: false,
            tasks: &[task],
            reply: answer,
            once,
        };
        versions::commit(shared, &lease.fence, &made, effects).await?;
    } else {
        // Before the first version there is nothing to render; whether it is read-only is in no version.
        let mut tx = shared.store.begin().await?;
        put_registry(&mut tx, &lease.fence, wanted).await?;
        end_task(&mut tx, &task, TaskEnd::Done).await?;
        once.record(&mut tx, answer.status, &answer.body).await?;
        Store::commit(tx).await?;
    }
    Ok(())
}

async fn recipe(
    shared: &Shared,
    app: AppRow,
    newest: VersionRow,
    wanted: &StoredRegistry,
) -> Result<Recipe, ChangeError> {
    let content = shared.store.version_content(&app.id, newest.sequence).await?;
    let content = content.ok_or(ChangeError::Removed)?;
    let values: ConfigValues = serde_json::from_str(&content.config_values)?;
    let app_id = app.id.clone();
    Ok(Recipe {
        license: verify(&app.license, &shared.root_keys).map_err(ChangeError::License)?,
        app: AppRow { registry: wanted.clone(), ..app },
        source: REGISTRY_CHANGE,
        installation: serde_json::from_str(&content.installation)?,
        values,
        next_values: None,
        generated: versions::generated(shared, &content),
        config_values_sha256: newest.config_values_sha256,
        release: Release::Kept(newest.release_sha256),
        task: Some(image_rewrite(&app_id)),
        preflights: if newest.preflight_skipped { Preflights::Skip } else { Preflights::Run },
    })
}
