//! Given values become a new version, and are deployed when asked.

use kinds::config::{
    ApplyError, Config, ConfigValues, Given, GroupErrors, MissingItem, apply_values,
};
use kinds::license::{LicenseError, verify};
use kinds::release::{NotDeployable, VersionFacts, VersionStatus};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::context::{Context, Lease, LeaseError, Shared};
use crate::deploy::gate::Gate;
use crate::http::once::Once;
use crate::http::reply::{Failure, Reply};
use crate::preflight::results::has_failing_strict;
use crate::release::Preflights;
use crate::store::apps::AppRow;
use crate::store::preflights::queue_preflight;
use crate::store::tasks::update_download;
use crate::store::versions::{PENDING, PENDING_CONFIG, PENDING_PREFLIGHT, Page, VersionRow};
use crate::store::{Store, StoreError};
use crate::versions::{self, CONFIG_CHANGE, Effects, Made, MakeError, Recipe, Release};

/// The version values are put over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// The newest one.
    Newest,
    /// The one that is deployed.
    Current,
    /// The one with this number.
    Sequence(i64),
}

/// Which version gets given values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A new one.
    New,
    /// The version itself while it waits for its config, else a new one (`h/config.go:575-606`).
    PendingItself,
}

/// What is to be done with given values.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub on: On,
    pub place: Place,
    pub given: ConfigValues,
    /// Hex SHA-256 of the document they came in.
    pub sha256: String,
    pub mode: Given,
    pub preflights: Preflights,
    pub deploy: bool,
}

/// Why no version was made of given values.
#[derive(Debug, Error)]
pub(crate) enum ChangeError {
    /// There is no such version.
    #[error("version {sequence} does not exist")]
    NoVersion {
        /// Its number.
        sequence: i64,
    },
    /// Nothing is deployed.
    #[error("no deployed version found for app {slug}")]
    NothingDeployed {
        /// The application.
        slug: String,
    },
    /// The release asks no questions.
    #[error("app {slug} does not have a config")]
    NoConfig {
        /// The application.
        slug: String,
    },
    /// The values do not fit the config.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Values break their rules.
    #[error("failed to validate config values")]
    Invalid(Vec<GroupErrors>),
    /// Required items have no value.
    #[error("{}", kinds::config::required_message(.0))]
    Missing(Vec<MissingItem>),
    /// The installed licence does not verify any more.
    #[error("the installed license cannot be read")]
    License(#[source] LicenseError),
    /// Another change is running.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// Stored text is not what this program writes.
    #[error("the version cannot be read")]
    Stored(#[from] serde_json::Error),
    /// The version could not be made.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// Refuses values that break rules or leave required items without one.
    pub(crate) fn check(invalid: Vec<GroupErrors>, missing: Vec<MissingItem>) -> Result<(), Self> {
        if !invalid.is_empty() {
            return Err(Self::Invalid(invalid));
        }
        if missing.is_empty() { Ok(()) } else { Err(Self::Missing(missing)) }
    }
}

/// The digest by which a document of values is known.
pub(crate) fn digest(document: &[u8]) -> String {
    hex::encode(Sha256::digest(document))
}

/// How a change ended.
pub(crate) enum Ended {
    /// The version exists, and is queued when that was asked.
    Made(Reply),
    /// The version exists; it may not be deployed.
    NotDeployed(Failure),
    /// The version with this number exists; whether it may be deployed is told by strict checks,
    /// which are being run.
    Waits(i64),
}

/// Makes a version of `app` with the given values.
///
/// `reply` makes the answer from the version's number, `refuse` the one for a version that was made
/// and may not be deployed.
pub(crate) async fn change(
    shared: &Shared,
    app: &AppRow,
    change: Change,
    once: &Once,
    reply: impl Fn(i64) -> Reply,
    refuse: impl Fn(i64, &NotDeployable) -> Failure,
) -> Result<Ended, ChangeError> {
    let lease = Lease::take(shared, &app.id, "config change", update_download(&app.id)).await?;
    let result = change_leased(shared, &lease, change, once, reply, refuse).await;
    lease.release().await;
    result
}

async fn change_leased(
    shared: &Shared,
    lease: &Lease,
    change: Change,
    once: &Once,
    reply: impl Fn(i64) -> Reply,
    refuse: impl Fn(i64, &NotDeployable) -> Failure,
) -> Result<Ended, ChangeError> {
    let app_id = &lease.fence.app_id;
    let gone = || ChangeError::NoVersion { sequence: 0 };
    let app = shared.store.app_by_id(app_id).await?.ok_or_else(gone)?;
    let rows = shared.store.versions(app_id, Page { size: None, number: 0 }).await?;
    if let Some(sequence) = already_deployed(&app, &rows, &change) {
        return Ok(Ended::Made(reply(sequence)));
    }
    if let Some(sequence) = waits_already(&app, &rows, &change) {
        check_again(shared, &app, &rows[0]).await?;
        return Ok(Ended::Waits(sequence));
    }
    let base = base(&app, &rows, change.on)?;
    let is_edit = change.place == Place::PendingItself && base.status == PENDING_CONFIG;
    let recipe = recipe(shared, app, base, &change).await?;
    let (app, channel_id) = (recipe.app.clone(), recipe.installation.channel_id.clone());
    let mut made = if is_edit {
        versions::make_again(shared, recipe, base.sequence).await?
    } else {
        versions::make(shared, recipe).await?
    };
    let built = &mut made.built;
    ChangeError::check(
        std::mem::take(&mut built.validation_errors),
        std::mem::take(&mut built.required_items),
    )?;
    let refusal = if change.deploy { gate(shared, &app, &rows, &made).err() } else { None };
    let sequence = made.new.sequence;
    if refusal == Some(NotDeployable::StrictPreflight) {
        let effects = Effects {
            license: None,
            registry: None,
            channel_id: &channel_id,
            deploy: false,
            tasks: &[],
            reply: &reply(sequence),
            once: &Once::unrecorded(),
        };
        versions::commit(shared, &lease.fence, &made, effects).await?;
        return Ok(Ended::Waits(sequence));
    }
    let refused = refusal.as_ref().map(|refusal| refuse(sequence, refusal));
    let answer = match &refused {
        Some(failure) => {
            let (status, body) = failure.parts();
            Reply { status, body }
        }
        None => reply(sequence),
    };
    let effects = Effects {
        license: None,
        registry: None,
        channel_id: &channel_id,
        // A first version that was only waiting for its config is deployed by itself.
        deploy: refused.is_none()
            && (change.deploy || (is_edit && sequence == 0 && versions::is_ready(&made))),
        tasks: &[],
        reply: &answer,
        once,
    };
    versions::commit(shared, &lease.fence, &made, effects).await?;
    Ok(match refused {
        Some(failure) => Ended::NotDeployed(failure),
        None => Ended::Made(answer),
    })
}

/// The newest version, when it was made of these very values and is deployed or being deployed: a second run, or one
/// that raced with this one, gets what the first one made.
fn already_deployed(app: &AppRow, rows: &[VersionRow], change: &Change) -> Option<i64> {
    let newest = same_values(rows, change)?;
    let is_under_way = app.current_sequence == Some(newest.sequence)
        && ["deploying", "deployed"].contains(&newest.status.as_str());
    (change.deploy && is_under_way).then_some(newest.sequence)
}

/// The newest version, when it was made of these very values and strict checks keep it back: a second run waits for
/// them, and makes no second version.
fn waits_already(app: &AppRow, rows: &[VersionRow], change: &Change) -> Option<i64> {
    let newest = same_values(rows, change)?;
    let is_held = app.current_sequence != Some(newest.sequence)
        && [PENDING, PENDING_PREFLIGHT].contains(&newest.status.as_str())
        && newest.facts().has_strict_preflight;
    (change.deploy && is_held).then_some(newest.sequence)
}

fn same_values<'a>(rows: &'a [VersionRow], change: &Change) -> Option<&'a VersionRow> {
    rows.first().filter(|newest| {
        newest.source == CONFIG_CHANGE
            && newest.config_values_sha256.as_deref() == Some(change.sha256.as_str())
            && change.on == On::Newest
            && change.mode == Given::All
    })
}

/// Has checks that failed run once more: whoever asks again has done something about them.
async fn check_again(shared: &Shared, app: &AppRow, row: &VersionRow) -> Result<(), StoreError> {
    let is_held = has_failing_strict(true, row.preflight_results().as_ref());
    if is_held && !row.preflight_is_queued {
        let mut tx = shared.store.begin().await?;
        queue_preflight(&mut tx, &app.id, row.sequence, false).await?;
        Store::commit(tx).await?;
        shared.preflights.bell.notify_one();
    }
    Ok(())
}

fn base<'a>(app: &AppRow, rows: &'a [VersionRow], on: On) -> Result<&'a VersionRow, ChangeError> {
    let find = |sequence: i64| rows.iter().find(|row| row.sequence == sequence);
    match on {
        On::Newest => rows.first().ok_or(ChangeError::NoVersion { sequence: -1 }),
        On::Current => app
            .current_sequence
            .and_then(find)
            .ok_or_else(|| ChangeError::NothingDeployed { slug: app.slug.clone() }),
        On::Sequence(sequence) => find(sequence).ok_or(ChangeError::NoVersion { sequence }),
    }
}

async fn recipe(
    shared: &Context,
    app: AppRow,
    base: &VersionRow,
    change: &Change,
) -> Result<Recipe, ChangeError> {
    let sequence = base.sequence;
    let content = shared
        .store
        .version_content(&app.id, sequence)
        .await?
        .ok_or(ChangeError::NoVersion { sequence })?;
    let config: Config = match &content.config {
        Some(text) => serde_json::from_str(text)?,
        None => return Err(ChangeError::NoConfig { slug: app.slug }),
    };
    let stored: ConfigValues = serde_json::from_str(&content.config_values)?;
    let ciphers = std::slice::from_ref(&shared.cipher);
    let applied = apply_values(&config, &stored, &change.given, change.mode, ciphers)?;
    if !applied.ignored.is_empty() {
        tracing::warn!(app = app.slug, "values of unknown items: {}", applied.ignored.join(", "));
    }
    Ok(Recipe {
        // The application's licence, not the version's: it may have been synced since.
        license: verify(&app.license, &shared.root_keys).map_err(ChangeError::License)?,
        app,
        source: CONFIG_CHANGE,
        installation: serde_json::from_str(&content.installation)?,
        values: applied.values,
        next_values: None,
        generated: versions::generated(shared, &content),
        config_values_sha256: Some(change.sha256.clone()),
        release: Release::Kept(base.release_sha256.clone()),
        task: None,
        preflights: change.preflights,
    })
}

/// Whether the version that was made may be deployed.
fn gate(
    shared: &Context,
    app: &AppRow,
    rows: &[VersionRow],
    made: &Made,
) -> Result<(), NotDeployable> {
    let is_semver_required = verify(&app.license, &shared.root_keys).is_ok_and(|verified| {
        verified
            .license
            .channel(&made.new.channel_id)
            .map_or(verified.license.is_semver_required, |channel| channel.is_semver_required)
    });
    let facts = VersionFacts {
        sequence: made.new.sequence,
        release: kinds::release::ReleaseId {
            channel_id: made.new.channel_id.clone(),
            cursor: made.new.update_cursor.clone(),
            version_label: made.new.version_label.clone(),
        },
        is_required: made.new.is_required,
        status: VersionStatus::from_word(made.new.status),
        has_failing_strict_preflights: made.new.facts.has_strict_preflight,
        allow_rollback: made.new.facts.allow_rollback,
        cluster_config: made.new.facts.cluster_config_sha256.clone(),
    };
    let mut gate = Gate::new(app, is_semver_required, rows);
    gate.add(facts.clone());
    gate.check_facts(&facts)
}
