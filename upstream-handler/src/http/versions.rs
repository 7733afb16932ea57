//! `GET /api/v1/app/{slug}/versions` (`h/app.go:343`), and how a version looks on the wire.

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use wire::app::{DownloadStatus, DownstreamVersion, VersionsReply};

use super::apps;
use super::reply::{Failure, Reply};
use crate::context::Shared;
use crate::deploy::gate::Gate;
use crate::preflight::results::has_failing_strict;
use crate::store::apps::AppRow;
use crate::store::versions::{Page, VersionRow};

/// Versions on a page when nothing is said.
const PAGE_SIZE: i64 = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Asked {
    page_size: Option<String>,
    current_page: Option<String>,
    pin_latest: Option<String>,
    pin_latest_deployable: Option<String>,
}

/// `GET /api/v1/app/{slug}/versions`.
pub(crate) async fn list(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Reply, Failure> {
    let app = apps::installed(&shared, &slug).await?;
    let size = number(asked.page_size.as_deref(), PAGE_SIZE, "pageSize")?;
    let page = number(asked.current_page.as_deref(), 0, "currentPage")?;
    let rows = shared.store.versions(&app.id, Page { size: None, number: 0 }).await?;
    let total_count = count(rows.len());
    let shown = Shown::of(&shared, &app, &rows);
    let is_set =
        |text: &Option<String>| text.as_deref().is_some_and(|it| it == "true" || it == "1");

    // A pinned version is the whole answer; what is newer was skipped, what is older remains.
    let pinned = if is_set(&asked.pin_latest) {
        rows.first().map(|_| 0)
    } else if is_set(&asked.pin_latest_deployable) {
        rows.iter().position(|row| shown.gate.check(row).is_ok())
    } else {
        None
    };
    let (from, to) = match pinned {
        Some(index) => (index, index + 1),
        None if size == -1 && page == -1 => (0, rows.len()),
        None => {
            let from = usize::try_from(size.max(0).saturating_mul(page.max(0))).unwrap_or(0);
            let size = usize::try_from(size).unwrap_or(0);
            (from.min(rows.len()), from.saturating_add(size).min(rows.len()))
        }
    };
    let skipped = if pinned.is_some() { from } else { 0 };
    Ok(Reply::ok(&VersionsReply {
        version_history: rows[from..to].iter().map(|row| shown.version(row)).collect(),
        total_count,
        num_of_skipped_versions: count(skipped),
        num_of_remaining_versions: count(rows.len() - to),
    }))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn number(text: Option<&str>, default: i64, name: &str) -> Result<i64, Failure> {
    match text {
        None | Some("") => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            Failure::bad_request(format!("failed to parse {name}"))
                .cause(format!("`{text}` is not a whole number"))
        }),
    }
}

/// Everything a version's look depends on besides itself.
pub(crate) struct Shown {
    pub(crate) gate: Gate,
}

impl Shown {
    pub(crate) fn new(app: &AppRow, is_semver_required: bool, rows: &[VersionRow]) -> Self {
        Self { gate: Gate::new(app, is_semver_required, rows) }
    }

    /// As [`Shown::new`], with what the stored licence says.
    pub(crate) fn of(shared: &Shared, app: &AppRow, rows: &[VersionRow]) -> Self {
        let is_semver_required = kinds::license::verify(&app.license, &shared.root_keys)
            .is_ok_and(|verified| is_semver_required(&verified.license, &app.selected_channel_id));
        Self::new(app, is_semver_required, rows)
    }

    /// The wire form of `row`.
    pub(crate) fn version(&self, row: &VersionRow) -> DownstreamVersion {
        let facts = row.facts();
        let some = |text: String| (!text.is_empty()).then_some(text);
        let deployable = self.gate.check(row);
        DownstreamVersion {
            version_label: row.version_label.clone(),
            semver: semver(&row.version_label),
            update_cursor: row.update_cursor.clone(),
            channel_id: Some(row.channel_id.clone()),
            is_required: row.is_required,
            status: row.status.clone(),
            status_info: row.status_info.clone(),
            created_on: Some(row.created_at.clone()),
            parent_sequence: row.sequence,
            sequence: row.sequence,
            deployed_at: row.deployed_at.clone(),
            source: row.source.clone(),
            preflight_skipped: row.preflight_skipped,
            upstream_released_at: row.released_at.clone(),
            is_deployable: deployable.is_ok(),
            non_deployable_cause: deployable.err().map(|cause| cause.to_string()),
            release_notes: some(row.release_notes.clone()),
            preflight_result: row.preflight_result.clone(),
            preflight_result_created_at: row.preflight_result_at.clone(),
            has_failing_strict_preflights: has_failing_strict(
                facts.has_strict_preflight,
                row.preflight_results().as_ref(),
            ),
            has_config: facts.has_config,
            yaml_errors: row.yaml_errors(),
            needs_kots_upgrade: None,
            download_status: DownloadStatus::default(),
            app_title: some(facts.title),
            app_icon_uri: some(facts.icon),
            archive_sha256: some(row.release_sha256.clone()),
            config_values_sha256: row.config_values_sha256.clone(),
        }
    }
}

/// Whether versions of a channel are ordered by their labels.
pub(crate) fn is_semver_required(license: &kinds::license::License, channel_id: &str) -> bool {
    license
        .channel(channel_id)
        .map_or(license.is_semver_required, |channel| channel.is_semver_required)
}

/// The semantic version a label carries.
fn semver(label: &str) -> Option<String> {
    kinds::release::parse_tolerant(label).map(|version| version.to_string())
}
