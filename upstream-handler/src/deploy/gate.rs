//! Whether a version may be deployed now: rows turned into the facts the rule asks for
//! ([`kinds::release::deployability`]).

use kinds::release::{
    NotDeployable, ReleaseId, VersionFacts, VersionStatus, deployability, newest_first,
};

use crate::preflight::results::has_failing_strict;
use crate::store::apps::AppRow;
use crate::store::versions::{DEPLOYED, DEPLOYING, FAILED, VersionRow};

/// Everything the answer depends on besides the version itself.
pub(crate) struct Gate {
    current: Option<VersionFacts>,
    all: Vec<VersionFacts>,
    is_semver_required: bool,
}

impl Gate {
    /// `rows` are all versions of `app`.
    pub(crate) fn new(app: &AppRow, is_semver_required: bool, rows: &[VersionRow]) -> Self {
        let mut all: Vec<VersionFacts> = rows.iter().map(facts).collect();
        newest_first(&mut all, is_semver_required);
        let current = all.iter().find(|it| Some(it.sequence) == app.current_sequence).cloned();
        Self { current, all, is_semver_required }
    }

    /// Whether `row` may be deployed.
    pub(crate) fn check(&self, row: &VersionRow) -> Result<(), NotDeployable> {
        self.check_facts(&facts(row))
    }

    /// As [`Gate::check`], for a version that is not among the rows.
    pub(crate) fn check_facts(&self, version: &VersionFacts) -> Result<(), NotDeployable> {
        deployability(version, self.current.as_ref(), &self.all, self.is_semver_required)
    }

    /// Adds a version that is about to exist.
    pub(crate) fn add(&mut self, version: VersionFacts) {
        self.all.push(version);
        newest_first(&mut self.all, self.is_semver_required);
    }
}

/// Which release a row was made of.
pub(crate) fn release_id(row: &VersionRow) -> ReleaseId {
    ReleaseId {
        channel_id: row.channel_id.clone(),
        cursor: row.update_cursor.clone(),
        version_label: row.version_label.clone(),
    }
}

fn facts(row: &VersionRow) -> VersionFacts {
    let facts = row.facts();
    // A version that the target has taken got past its checks, unless they were run since.
    let found = row.preflight_results();
    let is_past = matches!(row.status.as_str(), DEPLOYING | DEPLOYED | FAILED)
        && found.is_none()
        && !row.preflight_is_queued;
    VersionFacts {
        sequence: row.sequence,
        release: release_id(row),
        is_required: row.is_required,
        status: VersionStatus::from_word(&row.status),
        has_failing_strict_preflights: !is_past
            && has_failing_strict(facts.has_strict_preflight, found.as_ref()),
        allow_rollback: facts.allow_rollback,
        cluster_config: facts.cluster_config_sha256,
    }
}
