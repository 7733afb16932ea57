//! Makes versions: from a release that is in the archives, a licence and values, to a row.
//!
//! ```text
//! extract the release ─► release::build ─► pack the tree ─► archives ─► one transaction
//! ```
//!
//! Everything before the transaction leaves at most files that nobody names.

mod error;
mod tree;

use std::fs::{self, File};
use std::sync::Arc;

use kinds::application::Application;
use kinds::config::{ConfigValues, Generated, Given, apply_values};
use kinds::installation::Installation;
use kinds::license::VerifiedLicense;
use kinds::release::{IncompatibleKots, Purpose, kots_version_gate};

use crate::config;
use crate::config::change::ChangeError;
use crate::context::{Context, Shared};
use crate::env;
use crate::faults;
use crate::http::once::Once;
use crate::http::reply::Reply;
use crate::images::copy::{self, Copies};
use crate::registry_settings::StoredRegistry;
use crate::release::{
    self, Broken, Built, DOWNSTREAM, Facts, Input, KotsVersions, Lacking, Preflights, UPSTREAM,
    Version,
};
use crate::render::programs::Programs;
use crate::store::apps::{AppRow, StoredLicense, put_installed, put_license, put_registry};
use crate::store::leases::Fence;
use crate::store::tasks::{TaskEnd, end_task};
use crate::store::versions::{
    NewVersion, PENDING, PENDING_PREFLIGHT, StoredFacts, VersionContent, insert_version,
    queue_deploy, replace_version,
};
use crate::store::{Store, StoreError};
pub(crate) use error::MakeError;
use error::file;
use tree::keep_tree;
pub(crate) use tree::unpack_tree;

/// Source of the first version of an online installation.
pub(crate) const ONLINE_INSTALL: &str = "Online Install";
/// Source of the first version of an air-gapped installation.
pub(crate) const AIRGAP_INSTALL: &str = "Airgap Install";
/// Source of a version that was fetched from the vendor.
pub(crate) const UPSTREAM_UPDATE: &str = "Upstream Update";
/// Source of a version that came in a bundle.
pub(crate) const AIRGAP_UPDATE: &str = "Airgap Update";
/// Source of a version made of another licence.
pub(crate) const LICENSE_CHANGE: &str = "License Change";
/// Source of a version made of other values.
pub(crate) const CONFIG_CHANGE: &str = "Config Change";
/// Source of a version made for another registry.
pub(crate) const REGISTRY_CHANGE: &str = "Registry Change";

/// What templates made up for an earlier version; nothing when it cannot be read any more.
pub(crate) fn generated(shared: &Context, content: &VersionContent) -> Generated {
    shared
        .cipher
        .decrypt(&content.generated)
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// What a version is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// With the registry that the version is rendered with.
    pub app: AppRow,
    pub source: &'static str,
    pub license: VerifiedLicense,
    pub installation: Installation,
    /// Stored values: passwords are cipher text or plain text that is to be encrypted.
    pub values: ConfigValues,
    /// What templates of the Config made up before.
    pub generated: Generated,
    /// Values that are to be set next: a release that does not take them makes no version.
    pub next_values: Option<ConfigValues>,
    /// Digest of the document the values came from; kept from version to version.
    pub config_values_sha256: Option<String>,
    pub release: Release,
    pub preflights: Preflights,
    /// The task that is told how far its images are.
    pub task: Option<String>,
}

/// Where the vendor's files are.
#[derive(Debug)]
pub(crate) enum Release {
    /// In the archives: another version has them.
    Kept(String),
    /// In a temporary file, with its digest. It is kept once the version was built.
    New(tempfile::TempPath, String),
}

/// A version whose archives are in place.
#[derive(Debug)]
pub(crate) struct Made {
    pub new: NewVersion,
    pub built: Built,
    /// Whether it takes the place of the version with its number, which waits for its config.
    is_again: bool,
}

/// Builds a version and brings its archive into place, and its images into the operator's registry. Nobody names it
/// yet.
pub(crate) async fn make(shared: &Shared, recipe: Recipe) -> Result<Made, MakeError> {
    let newest = shared.store.newest_version(&recipe.app.id).await?;
    let sequence = newest.map_or(0, |row| row.sequence + 1);
    Box::pin(complete(shared, recipe, sequence)).await
}

/// Builds a version that waits for its config once more, with other values.
pub(crate) async fn make_again(
    shared: &Shared,
    recipe: Recipe,
    sequence: i64,
) -> Result<Made, MakeError> {
    let made = Box::pin(complete(shared, recipe, sequence)).await?;
    Ok(Made { is_again: true, ..made })
}

async fn complete(shared: &Shared, recipe: Recipe, sequence: i64) -> Result<Made, MakeError> {
    let registry =
        Some(recipe.app.registry.clone()).filter(|it| !recipe.app.is_airgap && it.is_pushed_to());
    let (license_id, task) = (recipe.license.license.license_id.clone(), recipe.task.clone());
    let are_compared = matches!(recipe.release, Release::New(..));
    let builder = Arc::clone(shared);
    let made = tokio::task::spawn_blocking(move || build(&builder, recipe, sequence))
        .await
        .unwrap_or(Err(MakeError::Bug))?;
    if let Some(registry) = &registry {
        let (origins, license_id, task) = (&*made.built.origins, &*license_id, task.as_deref());
        let copies = Copies { registry, origins, license_id, are_compared, task };
        copy::bring(shared, &copies).await?;
    }
    Ok(made)
}

fn build(shared: &Context, recipe: Recipe, sequence: i64) -> Result<Made, MakeError> {
    let work = shared.archives.work_folder()?;
    let tree = work.path().join("tree");
    let upstream = tree.join(UPSTREAM);
    fs::create_dir(&tree).map_err(file("make", &tree))?;
    let archive = match &recipe.release {
        Release::Kept(sha256) => shared.archives.path(sha256),
        Release::New(path, _) => path.to_path_buf(),
    };
    let source = File::open(&archive).map_err(file("open", &archive))?;
    airgap::release::extract_to(source, &upstream, &airgap::limits::Limits::default())
        .map_err(MakeError::Extract)?;
    let wanted = release::kots_versions(&tree).map_err(MakeError::Build)?;
    check_kots(&wanted, recipe.source)?;
    let input = Input {
        app_slug: &recipe.app.slug,
        namespace: &recipe.app.namespace,
        console_namespace: &shared.namespace,
        app_id: &recipe.app.id,
        console_id: "",
        registry: &recipe.app.registry.settings(&shared.cipher)?,
        rewrite_images: recipe.app.registry.is_set(),
        downstreams: &[DOWNSTREAM.to_owned()],
        identity_config: None,
        programs: &Programs::find(),
        is_airgap: recipe.app.is_airgap,
        sequence,
        license: &recipe.license,
        installation: &recipe.installation,
        values: &recipe.values,
        generated: &recipe.generated,
        cipher: &shared.cipher,
        preflights: recipe.preflights,
        surroundings: &shared.surroundings,
        now: jiff::Timestamp::now(),
        broken: Broken::Refused,
    };
    let built = release::build(&tree, &input).map_err(MakeError::Build)?;
    let lacking: Vec<_> = built.lacking.iter().map(Lacking::told).collect();
    for note in built.notes.iter().chain(&lacking) {
        tracing::warn!(app = recipe.app.slug, sequence, "{note}");
    }
    let overlooked = std::iter::once(built.overlooked.clone()).filter(|it| !it.is_empty());
    let status_info = overlooked.chain(lacking).collect::<Vec<_>>().join("; ");
    let version = Version::open(&tree).map_err(MakeError::Build)?;
    if let Some(next) = &recipe.next_values {
        judge_next(&version, &built, next, &input)?;
    }
    let release_sha256 = match recipe.release {
        Release::Kept(sha256) => sha256,
        Release::New(path, sha256) => {
            shared.archives.keep(path, &sha256)?;
            sha256
        }
    };
    let tree_sha256 = keep_tree(&shared.archives, &tree)?;
    let installation = &recipe.installation;
    let new = NewVersion {
        sequence,
        source: recipe.source,
        status: built.status.as_str(),
        status_info,
        channel_id: installation.channel_id.clone(),
        channel_name: installation.channel_name.clone(),
        update_cursor: installation.update_cursor.clone(),
        version_label: installation.version_label.clone(),
        is_required: installation.is_required,
        release_notes: installation.release_notes.clone(),
        released_at: installation.released_at.clone(),
        release_sha256,
        tree_sha256,
        config_values_sha256: recipe.config_values_sha256,
        facts: stored(&built.facts),
        yaml_errors: built.yaml_errors.clone(),
        preflight_skipped: recipe.preflights == Preflights::Skip,
        content: VersionContent {
            license: recipe.license.raw,
            installation: serde_json::to_string(installation)?,
            config: version.config.as_ref().map(serde_json::to_string).transpose()?,
            config_screen: built
                .config
                .as_ref()
                .map(|it| serde_json::to_string(&config::screen(it.config.clone(), &built.values)))
                .transpose()?,
            config_values: serde_json::to_string(&built.values)?,
            generated: shared.cipher.encrypt(&serde_json::to_string(&built.generated)?),
        },
    };
    Ok(Made { new, built, is_again: false })
}

/// Refuses values that could not be set once the version is there (`config/values` with all answers).
fn judge_next(
    version: &Version,
    built: &Built,
    next: &ConfigValues,
    input: &Input<'_>,
) -> Result<(), MakeError> {
    let refused = |error: ChangeError| MakeError::Values(Box::new(error));
    let Some(config) = &version.config else {
        return Err(refused(ChangeError::NoConfig { slug: input.app_slug.to_owned() }));
    };
    let ciphers = std::slice::from_ref(input.cipher);
    let applied = apply_values(config, &built.values, next, Given::All, ciphers)
        .map_err(|error| refused(error.into()))?;
    let (invalid, missing) = version
        .judge(&Input {
            sequence: input.sequence + 1,
            values: &applied.values,
            generated: &built.generated,
            ..*input
        })
        .map_err(MakeError::Build)?;
    ChangeError::check(invalid, missing).map_err(refused)
}

/// Refuses a release that asks for another kotsadm, before its templates fail for that reason.
fn check_kots(wanted: &KotsVersions, source: &str) -> Result<(), IncompatibleKots> {
    let purpose = match source {
        ONLINE_INSTALL | AIRGAP_INSTALL => Purpose::Install,
        _ => Purpose::Update,
    };
    let application = Application {
        min_kots_version: wanted.min.clone(),
        target_kots_version: wanted.target.clone(),
        ..Application::default()
    };
    kots_version_gate(&application, release::KOTS_VERSION, purpose)
}

fn stored(facts: &Facts) -> StoredFacts {
    StoredFacts {
        title: facts.title.clone(),
        icon: facts.icon.clone(),
        allow_rollback: facts.allow_rollback,
        min_kots_version: facts.min_kots_version.clone(),
        target_kots_version: facts.target_kots_version.clone(),
        status_informers: facts.status_informers.clone(),
        proxy_public_images: facts.proxy_public_images,
        replicated_registry_domain: facts.replicated_registry_domain.clone(),
        proxy_registry_domain: facts.proxy_registry_domain.clone(),
        has_config: facts.has_config,
        has_preflight: facts.has_preflight,
        has_strict_preflight: facts.has_strict_preflight,
        has_backup: facts.has_backup,
        has_identity: facts.has_identity,
        cluster_config_sha256: env::read(env::EMBEDDED_CLUSTER_ID)
            .map(|_| facts.cluster_config_sha256.clone())
            .filter(|it| !it.is_empty()),
    }
}

/// Whether a first version is deployed at once: its config is complete and no checks wait. With
/// checks it is deployed once they have been run and let it pass.
pub(crate) fn is_ready(made: &Made) -> bool {
    made.new.status == PENDING
}

/// What one transaction does besides making the version exist.
pub(crate) struct Effects<'a> {
    /// The licence that becomes the application's.
    pub license: Option<StoredLicense>,
    /// The registry that becomes the application's.
    pub registry: Option<&'a StoredRegistry>,
    /// The channel the application follows from now on.
    pub channel_id: &'a str,
    /// Whether the version is queued for the target.
    pub deploy: bool,
    /// Tasks that end well with it.
    pub tasks: &'a [String],
    /// The answer that is stored with the effect.
    pub reply: &'a Reply,
    pub once: &'a Once,
}

/// Makes the version exist, with everything that belongs to it, or nothing of it.
pub(crate) async fn commit(
    shared: &Context,
    fence: &Fence,
    made: &Made,
    effects: Effects<'_>,
) -> Result<(), StoreError> {
    let mut tx = shared.store.begin().await?;
    if made.is_again {
        replace_version(&mut tx, fence, &made.new).await?;
    } else {
        insert_version(&mut tx, fence, &made.new).await?;
    }
    if let Some(license) = &effects.license {
        put_license(&mut tx, &fence.app_id, license, effects.channel_id).await?;
    }
    if let Some(registry) = effects.registry {
        put_registry(&mut tx, fence, registry).await?;
    }
    put_installed(&mut tx, &fence.app_id, &made.new.facts.title, effects.channel_id).await?;
    if effects.deploy {
        queue_deploy(&mut tx, &fence.app_id, made.new.sequence).await?;
    }
    for task in effects.tasks {
        end_task(&mut tx, task, TaskEnd::Done).await?;
    }
    effects.once.record(&mut tx, effects.reply.status, &effects.reply.body).await?;
    faults::point("version-before-commit");
    Store::commit(tx).await?;
    faults::point("version-after-commit");
    if made.new.status == PENDING_PREFLIGHT {
        shared.preflights.bell.notify_one();
    }
    if effects.deploy {
        shared.deploy_bell.notify_one();
    }
    Ok(())
}
