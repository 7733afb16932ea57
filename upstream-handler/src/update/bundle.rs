//! A release from an air-gap bundle. Its images do not come here.

use std::cmp::Ordering;

use jiff::Timestamp;
use kinds::airgap::Airgap;
use kinds::installation::Installation;
use kinds::release::{ReleaseId, check_airgap, compare, same_version};
use tempfile::TempPath;

use super::fetch::{Options, Outcome, finish};
use super::{Base, UpdateError, note_end};
use crate::context::{Context, Lease, Shared};
use crate::deploy::gate::release_id;
use crate::http::once::Once;
use crate::http::reply::Reply;
use crate::store::apps::AppRow;
use crate::store::tasks::update_download;
use crate::store::versions::StoredFacts;

/// The parts of a bundle that come here.
#[derive(Debug)]
pub(crate) struct Bundle {
    pub airgap: Airgap,
    pub app_archive: TempPath,
    /// Hex SHA-256 of `app_archive`.
    pub sha256: String,
}

/// Checks `airgap.yaml` before the release is received.
pub(crate) async fn admit(
    shared: &Context,
    app_id: &str,
    airgap: &Airgap,
) -> Result<(), UpdateError> {
    check(&Base::read(shared, app_id).await?, airgap)
}

/// Refuses a bundle while required releases before it are missing.
pub(crate) async fn comes_next(
    shared: &Context,
    app_id: &str,
    airgap: &Airgap,
) -> Result<(), UpdateError> {
    let base = Base::read(shared, app_id).await?;
    base.check_required(&airgap.required_releases, &airgap.channel_id)?;
    Ok(())
}

fn check(base: &Base, airgap: &Airgap) -> Result<(), UpdateError> {
    check_airgap(airgap, &base.license.license, Timestamp::now())?;
    base.check_required(&airgap.required_releases, &airgap.channel_id)?;
    Ok(())
}

/// Brings a bundle's release in.
pub(crate) async fn from_bundle(
    shared: &Shared,
    app: &AppRow,
    bundle: Bundle,
    options: Options<'_>,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, UpdateError> {
    let task = update_download(&app.id);
    let lease = Lease::take(shared, &app.id, "update from a bundle", task.clone()).await?;
    let result = async {
        shared.store.task_running(&task, &shared.boot_id, "Processing package...").await?;
        take(shared, &lease, bundle, options, once, reply).await
    }
    .await;
    note_end(shared, &app.id, &result).await;
    lease.release().await;
    result
}

async fn take(
    shared: &Shared,
    lease: &Lease,
    bundle: Bundle,
    options: Options<'_>,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, UpdateError> {
    let base = Base::read(shared, &lease.fence.app_id).await?;
    let airgap = bundle.airgap;
    check(&base, &airgap)?;
    let offered = ReleaseId {
        channel_id: airgap.channel_id.clone(),
        cursor: airgap.update_cursor.clone(),
        version_label: airgap.version_label.clone(),
    };
    if let Some(newest) = &base.newest {
        let is_semver = base.is_semver_required(&airgap.channel_id);
        let current = release_id(newest);
        // The very same bytes again are what a client sends whose first answer was lost.
        let is_same_release = current.channel_id == offered.channel_id
            && compare(&current, &offered, false) == Some(Ordering::Equal);
        if is_same_release && newest.release_sha256 == bundle.sha256 {
            return Ok(reply(Outcome::Present(newest.sequence), &newest.facts()));
        }
        same_version(&current, &offered, is_semver)?;
    }
    let installation = Installation {
        update_cursor: airgap.update_cursor,
        channel_id: airgap.channel_id,
        channel_name: airgap.channel_name,
        version_label: airgap.version_label,
        is_required: airgap.is_required,
        release_notes: airgap.release_notes,
        replicated_chart_names: airgap.replicated_chart_names,
        ..Installation::default()
    };
    let release = (bundle.app_archive, bundle.sha256);
    finish(shared, lease, base, installation, release, options, once, reply).await
}
