//! Versions of applications: rows that name archives which are already in place.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use wire::app::YamlError;
use wire::preflight::PreflightResults;

use super::leases::{Fence, check_fence};
use super::{Store, StoreError, Tx, failed, now_text};

/// Status of a version whose config lacks a required value.
pub(crate) const PENDING_CONFIG: &str = "pending_config";
/// Status of a version whose preflights have not run.
pub(crate) const PENDING_PREFLIGHT: &str = "pending_preflight";
/// Status of a version that may be deployed.
pub(crate) const PENDING: &str = "pending";
/// Status of a version that is queued for the target or on its way.
pub(crate) const DEPLOYING: &str = "deploying";
/// Status of a version that the target has taken.
pub(crate) const DEPLOYED: &str = "deployed";
/// Status of a version that the target has refused.
pub(crate) const FAILED: &str = "failed";

/// What bodies show of a version's release, kept so that no archive is opened for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each shown on its own")]
pub(crate) struct StoredFacts {
    pub title: String,
    pub icon: String,
    pub allow_rollback: bool,
    pub min_kots_version: String,
    pub target_kots_version: String,
    pub status_informers: Vec<String>,
    pub proxy_public_images: bool,
    pub replicated_registry_domain: String,
    pub proxy_registry_domain: String,
    pub has_config: bool,
    pub has_preflight: bool,
    pub has_strict_preflight: bool,
    pub has_backup: bool,
    pub has_identity: bool,
    /// The SHA-256 of the cluster's config; `None` without one, or outside of an embedded cluster.
    pub cluster_config_sha256: Option<String>,
}

/// A version as lists show it.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct VersionRow {
    pub app_id: String,
    pub sequence: i64,
    pub source: String,
    pub status: String,
    pub status_info: String,
    pub created_at: String,
    pub deployed_at: Option<String>,
    pub channel_id: String,
    pub update_cursor: String,
    pub version_label: String,
    pub is_required: bool,
    pub release_notes: String,
    pub released_at: Option<String>,
    pub release_sha256: String,
    pub tree_sha256: String,
    pub config_values_sha256: Option<String>,
    facts: String,
    yaml_errors: String,
    pub preflight_skipped: bool,
    /// Whether its checks are to be run, or are being run.
    pub preflight_is_queued: bool,
    /// How far they are, JSON; empty while they are not being run.
    pub preflight_progress: String,
    /// What they found, JSON.
    pub preflight_result: Option<String>,
    pub preflight_result_at: Option<String>,
}

/// Columns of [`VersionRow`].
const SUMMARY: &str = "app_id, sequence, source, status, status_info, created_at, deployed_at,
    channel_id, update_cursor, version_label, is_required, release_notes, released_at,
    release_sha256, tree_sha256, config_values_sha256, facts, yaml_errors,
    preflight_skipped, preflight_is_queued, preflight_progress, preflight_result,
    preflight_result_at";

impl VersionRow {
    /// What the release says about itself.
    pub(crate) fn facts(&self) -> StoredFacts {
        // Only this program writes the column; an older shape reads as its defaults.
        serde_json::from_str(&self.facts).unwrap_or_default()
    }

    /// What its checks found; `None` while nothing was run.
    pub(crate) fn preflight_results(&self) -> Option<PreflightResults> {
        self.preflight_result.as_ref().and_then(|text| serde_json::from_str(text).ok())
    }

    /// Documents that could not be read.
    pub(crate) fn yaml_errors(&self) -> Vec<YamlError> {
        serde_json::from_str(&self.yaml_errors).unwrap_or_default()
    }
}

/// What a version was built from, for building the next one.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct VersionContent {
    /// The licence it was built with.
    pub license: String,
    /// Which release it is. JSON.
    pub installation: String,
    /// The vendor's Config, not rendered. JSON.
    pub config: Option<String>,
    /// The config as it was resolved, passwords encrypted. JSON.
    pub config_screen: Option<String>,
    /// The stored values, passwords encrypted. JSON.
    pub config_values: String,
    /// What templates of the Config made up. JSON, encrypted.
    pub generated: String,
}

/// A version that is to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    /// The number it was built with; the insert fails when it is taken.
    pub sequence: i64,
    pub source: &'static str,
    pub status: &'static str,
    /// What is worth knowing of it before it is deployed.
    pub status_info: String,
    pub channel_id: String,
    pub channel_name: String,
    pub update_cursor: String,
    pub version_label: String,
    pub is_required: bool,
    pub release_notes: String,
    pub released_at: Option<String>,
    pub release_sha256: String,
    pub tree_sha256: String,
    pub config_values_sha256: Option<String>,
    pub facts: StoredFacts,
    pub yaml_errors: Vec<YamlError>,
    pub preflight_skipped: bool,
    pub content: VersionContent,
}

/// Which page of the versions is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Versions per page; `None` is all of them.
    pub size: Option<i64>,
    /// From 0.
    pub number: i64,
}

impl Store {
    /// Versions of an application, newest first.
    pub(crate) async fn versions(
        &self,
        app_id: &str,
        page: Page,
    ) -> Result<Vec<VersionRow>, StoreError> {
        let (limit, offset) = match page.size {
            Some(size) => (size, size.saturating_mul(page.number)),
            None => (-1, 0),
        };
        let sql = format!(
            "SELECT {SUMMARY} FROM version WHERE app_id = ? ORDER BY sequence DESC LIMIT ? OFFSET ?"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(app_id)
            .bind(limit)
            .bind(offset)
            .fetch_all(self.reader())
            .await
            .map_err(failed("list versions"))
    }

    /// One version.
    pub(crate) async fn version(
        &self,
        app_id: &str,
        sequence: i64,
    ) -> Result<Option<VersionRow>, StoreError> {
        let sql = format!("SELECT {SUMMARY} FROM version WHERE app_id = ? AND sequence = ?");
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(app_id)
            .bind(sequence)
            .fetch_optional(self.reader())
            .await
            .map_err(failed("read a version"))
    }

    /// The newest version.
    pub(crate) async fn newest_version(
        &self,
        app_id: &str,
    ) -> Result<Option<VersionRow>, StoreError> {
        let page = Page { size: Some(1), number: 0 };
        Ok(self.versions(app_id, page).await?.into_iter().next())
    }

    /// What a version was built from.
    pub(crate) async fn version_content(
        &self,
        app_id: &str,
        sequence: i64,
    ) -> Result<Option<VersionContent>, StoreError> {
        sqlx::query_as(
            "SELECT license, installation, config, config_screen, config_values, generated FROM version
             WHERE app_id = ? AND sequence = ?",
        )
        .bind(app_id)
        .bind(sequence)
        .fetch_optional(self.reader())
        .await
        .map_err(failed("read what a version was built from"))
    }

    /// The next version to deploy of each application: what was asked for first.
    pub(crate) async fn deploy_queue(&self) -> Result<Vec<VersionRow>, StoreError> {
        let sql = format!(
            "SELECT {SUMMARY} FROM version WHERE status = '{DEPLOYING}' ORDER BY deploy_order"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .fetch_all(self.reader())
            .await
            .map_err(failed("read the deploy queue"))
    }

    /// Digests of every archive a version names.
    pub(crate) async fn named_archives(&self) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(
            "SELECT release_sha256 FROM version UNION SELECT tree_sha256 FROM version",
        )
        .fetch_all(self.reader())
        .await
        .map_err(failed("list the archives that are in use"))
    }
}

/// Makes a version. Its archives must be in place.
pub(crate) async fn insert_version(
    tx: &mut Tx,
    fence: &Fence,
    new: &NewVersion,
) -> Result<(), StoreError> {
    check_fence(tx, fence).await?;
    let json = |what: &'static str, result: Result<String, serde_json::Error>| {
        result.map_err(|source| StoreError::Unreadable { what, source })
    };
    let next: i64 =
        sqlx::query_scalar("SELECT coalesce(max(sequence) + 1, 0) FROM version WHERE app_id = ?")
            .bind(&fence.app_id)
            .fetch_one(&mut **tx)
            .await
            .map_err(failed("number a version"))?;
    if next != new.sequence {
        // Somebody made a version since this one was built with its number.
        return Err(StoreError::LeaseLost { app_id: fence.app_id.clone() });
    }
    sqlx::query(
        "INSERT INTO version (app_id, sequence, source, status, status_info, created_at, channel_id,
             channel_name, update_cursor, version_label, is_required, release_notes, released_at,
             release_sha256, tree_sha256, config_values_sha256, facts, yaml_errors,
             preflight_skipped, license, installation, config, config_screen, config_values,
             generated, preflight_is_queued)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&fence.app_id)
    .bind(next)
    .bind(new.source)
    .bind(new.status)
    .bind(&new.status_info)
    .bind(now_text())
    .bind(&new.channel_id)
    .bind(&new.channel_name)
    .bind(&new.update_cursor)
    .bind(&new.version_label)
    .bind(new.is_required)
    .bind(&new.release_notes)
    .bind(&new.released_at)
    .bind(&new.release_sha256)
    .bind(&new.tree_sha256)
    .bind(&new.config_values_sha256)
    .bind(json("facts", serde_json::to_string(&new.facts))?)
    .bind(json("YAML errors", serde_json::to_string(&new.yaml_errors))?)
    .bind(new.preflight_skipped)
    .bind(&new.content.license)
    .bind(&new.content.installation)
    .bind(&new.content.config)
    .bind(&new.content.config_screen)
    .bind(&new.content.config_values)
    .bind(&new.content.generated)
    .bind(new.status == PENDING_PREFLIGHT)
    .execute(&mut **tx)
    .await
    .map_err(failed("store a version"))?;
    Ok(())
}

/// Puts a version in the place of the one with its number, which must still wait for its config. Its
/// archives must be in place.
pub(crate) async fn replace_version(
    tx: &mut Tx,
    fence: &Fence,
    new: &NewVersion,
) -> Result<(), StoreError> {
    check_fence(tx, fence).await?;
    let json = |what: &'static str, result: Result<String, serde_json::Error>| {
        result.map_err(|source| StoreError::Unreadable { what, source })
    };
    let done = sqlx::query(
        "UPDATE version SET status = ?, status_info = ?, tree_sha256 = ?, config_values_sha256 = ?, facts = ?,
             yaml_errors = ?, preflight_skipped = ?, license = ?, config_screen = ?,
             config_values = ?, generated = ?, preflight_is_queued = ?
         WHERE app_id = ? AND sequence = ? AND status = ?",
    )
    .bind(new.status)
    .bind(&new.status_info)
    .bind(&new.tree_sha256)
    .bind(&new.config_values_sha256)
    .bind(json("facts", serde_json::to_string(&new.facts))?)
    .bind(json("YAML errors", serde_json::to_string(&new.yaml_errors))?)
    .bind(new.preflight_skipped)
    .bind(&new.content.license)
    .bind(&new.content.config_screen)
    .bind(&new.content.config_values)
    .bind(&new.content.generated)
    .bind(new.status == PENDING_PREFLIGHT)
    .bind(&fence.app_id)
    .bind(new.sequence)
    .bind(PENDING_CONFIG)
    .execute(&mut **tx)
    .await
    .map_err(failed("store a version"))?;
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::LeaseLost { app_id: fence.app_id.clone() })
    }
}

/// Queues a version for the target and makes it the application's current one.
pub(crate) async fn queue_deploy(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE version SET status = ?, status_info = '', deployed_at = ?,
             deploy_order = (SELECT coalesce(max(deploy_order), 0) + 1 FROM version)
         WHERE app_id = ? AND sequence = ?",
    )
    .bind(DEPLOYING)
    .bind(now_text())
    .bind(app_id)
    .bind(sequence)
    .execute(&mut **tx)
    .await
    .map_err(failed("queue a version for deploying"))?;
    sqlx::query("UPDATE app SET current_sequence = ?, updated_at = ? WHERE id = ?")
        .bind(sequence)
        .bind(now_text())
        .bind(app_id)
        .execute(&mut **tx)
        .await
        .map_err(failed("make a version the current one"))?;
    Ok(())
}

/// Queues the first version for the target unless another one was; returns whether it did.
pub(crate) async fn queue_first_deploy(tx: &mut Tx, app_id: &str) -> Result<bool, StoreError> {
    let current: Option<i64> = sqlx::query_scalar("SELECT current_sequence FROM app WHERE id = ?")
        .bind(app_id)
        .fetch_one(&mut **tx)
        .await
        .map_err(failed("read the current version"))?;
    if current.is_some() {
        return Ok(false);
    }
    queue_deploy(tx, app_id, 0).await?;
    Ok(true)
}

/// Stores how deploying a version ended.
pub(crate) async fn end_deploy(
    tx: &mut Tx,
    app_id: &str,
    sequence: i64,
    status: &str,
    info: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE version SET status = ?, status_info = ? WHERE app_id = ? AND sequence = ?")
        .bind(status)
        .bind(info)
        .bind(app_id)
        .bind(sequence)
        .execute(&mut **tx)
        .await
        .map_err(failed("store how a deploy ended"))?;
    Ok(())
}
