//! The version that is installed, and whether the release may follow it.

use anyhow::{Context as _, Result, anyhow};
use kinds::license::VerifiedLicense;
use serde::Deserialize;
use upstream::Client;

use crate::kots;
use crate::release::Release;
use crate::site::Settings;
use crate::upgradable::{self, Point, Question, Required};

/// A version of `kots get versions -o json`.
#[expect(clippy::struct_field_names, reason = "they are the fields of the document")]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Version {
    pub(super) version_label: String,
    channel_sequence: i64,
    status: String,
}

/// Refuses a release that may not follow the version that is installed. `clusters` are the versions of the
/// embedded cluster, the one that is there and the one that the release is made for. Tells the label of
/// a release that is newer still.
pub(super) async fn check(
    current: &Version,
    release: &Release,
    license: &VerifiedLicense,
    vendor: Option<&Client>,
    clusters: Option<(String, String)>,
) -> Result<Option<String>> {
    let mut newer = None;
    let sequence = current.channel_sequence;
    let required = match (&release.airgap, vendor) {
        (Some(airgap), _) => upgradable::required_of_bundle(&airgap.required_releases, sequence)?,
        (None, Some(vendor)) => {
            let after = Some(sequence - 1).filter(|it| 0 <= *it);
            let pending =
                super::vendor::pending(vendor, &license.license, &release.channel_id, after)
                    .await?;
            newer = pending
                .releases
                .iter()
                .filter(|it| release.channel_sequence < it.channel_sequence)
                .max_by_key(|it| it.channel_sequence)
                .map(|it| it.version_label.clone());
            upgradable::required_of_pending(&pending.releases, sequence, release.channel_sequence)
        }
        (None, None) => Required::default(),
    };
    upgradable::check(&Question {
        current: Point { version_label: current.version_label.clone(), channel_sequence: sequence },
        target: Point {
            version_label: release.version_label.clone(),
            channel_sequence: release.channel_sequence,
        },
        is_semver: license.license.is_semver_required,
        has_failed: current.status == "failed",
        required,
        cluster: clusters,
    })?;
    Ok(newer)
}

/// The newest version that was deployed, well or not.
pub(super) async fn current(settings: &Settings, app_slug: &str) -> Result<Version> {
    let args = ["get", "versions", app_slug, "-n", &settings.namespace, "-o", "json"];
    let answer = kots::ask(settings, &args)
        .await
        .map_err(|why| anyhow!("failed to get the current app version: {why}"))?;
    let versions: Vec<Version> = serde_json::from_slice(&answer)
        .context("failed to get the current app version: kots did not answer with versions")?;
    versions
        .into_iter()
        .find(|it| it.status == "deployed" || it.status == "failed")
        .with_context(|| format!("no deployed version found for app {app_slug}"))
}
