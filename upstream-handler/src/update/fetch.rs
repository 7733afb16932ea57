//! A release from the vendor.

use kinds::airgap::RequiredRelease;
use kinds::installation::Installation;
use kinds::license::License;
use tempfile::TempPath;
use upstream::{PendingQuery, ReleaseQuery, UpstreamError};
use wire::upstream::ChannelRelease;

use super::{Base, UpdateError, note_end};
use crate::config::change::ChangeError;
use crate::context::{Lease, Shared};
use crate::http::once::Once;
use crate::http::reply::Reply;
use crate::registry_settings::StoredRegistry;
use crate::release::Preflights;
use crate::store::apps::AppRow;
use crate::store::tasks::{automated_install, update_download};
use crate::store::versions::StoredFacts;
use crate::vendor::{self, VendorError};
use crate::versions::{self, Effects, MakeError, Recipe, Release};

/// Which release is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub channel_id: String,
    pub channel_sequence: i64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A version was made.
    Made(i64),
    /// It is the newest version already.
    Present(i64),
}

/// Brings a release in. `values` and `deploy` are for first installations.
pub(crate) async fn from_vendor(
    shared: &Shared,
    app: &AppRow,
    wanted: &Wanted,
    options: Options<'_>,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, UpdateError> {
    let task = update_download(&app.id);
    let lease = Lease::take(shared, &app.id, "update from the vendor", task.clone()).await?;
    let result = async {
        shared.store.task_running(&task, &shared.boot_id, "Downloading update...").await?;
        fetch(shared, &lease, wanted, options, once, reply).await
    }
    .await;
    note_end(shared, &app.id, &result).await;
    lease.release().await;
    result
}

/// How a release is brought in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    pub source: &'static str,
    pub preflights: Preflights,
    /// Values that are to be set next.
    pub next_values: Option<&'a kinds::config::ConfigValues>,
    /// Values of a first installation, and the digest of their document.
    pub values: Option<(&'a kinds::config::ConfigValues, &'a str)>,
    /// The registry it is rendered with, which becomes the application's; None is the one that is.
    pub registry: Option<&'a StoredRegistry>,
    /// Deploy what was made, when nothing is pending.
    pub deploy: bool,
}

async fn fetch(
    shared: &Shared,
    lease: &Lease,
    wanted: &Wanted,
    options: Options<'_>,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, UpdateError> {
    let base = Base::read(shared, &lease.fence.app_id).await?;
    let license = &base.license.license;
    let channel_id = &wanted.channel_id;
    let channel = license
        .channel(channel_id)
        .map_err(|_| UpdateError::Channel { channel: channel_id.clone() })?;
    let cursor = wanted.channel_sequence.to_string();
    if let Some(newest) = &base.newest
        && newest.channel_id == *channel_id
        && newest.update_cursor == cursor
    {
        return Ok(reply(Outcome::Present(newest.sequence), &newest.facts()));
    }
    let client = vendor::client(shared, license, &base.app)?;
    let notes = check_path(&client, &base, wanted).await?;

    let dest = tempfile::Builder::new()
        .prefix("release-")
        .tempfile_in(shared.archives.temp())
        .map_err(UpdateError::Temp)?
        .into_temp_path();
    let query = ReleaseQuery {
        channel_sequence: wanted.channel_sequence,
        channel_id: channel_id.clone(),
        channel_slug: Some(channel.channel_slug).filter(|slug| !slug.is_empty()),
        version_label: None,
        license_sequence: license.license_sequence,
    };
    let download = client.download_release(&query, &dest).await.map_err(VendorError::from)?;
    let meta = download.meta;
    let name = Some(meta.channel_name).filter(|name| !name.is_empty());
    let installation = Installation {
        update_cursor: cursor,
        channel_id: channel_id.clone(),
        channel_name: name.unwrap_or(channel.channel_name),
        version_label: meta.version_label,
        is_required: meta.is_required,
        release_notes: notes,
        released_at: meta.released_at.map(|at| at.to_string()),
        replicated_registry_domain: meta.replicated_registry_domain,
        replicated_proxy_domain: meta.replicated_proxy_domain,
        replicated_chart_names: meta.replicated_chart_names,
        ..Installation::default()
    };
    finish(shared, lease, base, installation, (dest, download.sha256), options, once, reply).await
}

/// Builds and stores the version. The last step of both ways in.
#[expect(clippy::too_many_arguments, reason = "each is another part of one version")]
pub(super) async fn finish(
    shared: &Shared,
    lease: &Lease,
    mut base: Base,
    installation: Installation,
    (path, sha256): (TempPath, String),
    options: Options<'_>,
    once: &Once,
    reply: impl Fn(Outcome, &StoredFacts) -> Reply,
) -> Result<Reply, UpdateError> {
    let channel_id = installation.channel_id.clone();
    let slug = base.app.slug.clone();
    if let Some(registry) = options.registry {
        base.app.registry = registry.clone();
    }
    let digest = match options.values {
        Some((_, digest)) => Some(digest.to_owned()),
        None => base.newest.as_ref().and_then(|row| row.config_values_sha256.clone()),
    };
    let recipe = Recipe {
        app: base.app,
        source: options.source,
        license: base.license,
        installation,
        values: options.values.map_or(base.values, |(values, _)| values.clone()),
        next_values: options.next_values.cloned(),
        generated: base.generated,
        config_values_sha256: digest,
        release: Release::New(path, sha256),
        task: Some(update_download(&lease.fence.app_id)),
        preflights: options.preflights,
    };
    let made = versions::make(shared, recipe).await?;
    if options.values.is_some() {
        let built = &made.built;
        ChangeError::check(built.validation_errors.clone(), built.required_items.clone())
            .map_err(|error| MakeError::Values(Box::new(error)))?;
    }
    let answer = reply(Outcome::Made(made.new.sequence), &made.new.facts);
    let effects = Effects {
        license: None,
        registry: options.registry,
        channel_id: &channel_id,
        deploy: options.deploy && versions::is_ready(&made),
        tasks: &[update_download(&lease.fence.app_id), automated_install(&slug)],
        reply: &answer,
        once,
    };
    versions::commit(shared, &lease.fence, &made, effects).await?;
    Ok(answer)
}

/// Refuses a release while required ones between it and the newest version are missing; returns its
/// notes, as far as the vendor tells them.
async fn check_path(
    client: &upstream::Client,
    base: &Base,
    wanted: &Wanted,
) -> Result<String, UpdateError> {
    let Some(newest) = &base.newest else { return Ok(String::new()) };
    if newest.channel_id != wanted.channel_id {
        return Ok(String::new());
    }
    let cursor: Option<i64> = newest.update_cursor.parse().ok();
    if cursor.is_some_and(|cursor| wanted.channel_sequence < cursor) {
        return Ok(String::new());
    }
    let query = PendingQuery {
        channel_sequence: cursor,
        license_sequence: base.license.license.license_sequence,
        channel_id: wanted.channel_id.clone(),
        last_update_check_at: None,
    };
    let pending = client.pending(&query).await.map_err(VendorError::from)?.releases;
    base.check_required(&required_before(&pending, wanted.channel_sequence), &wanted.channel_id)?;
    let own = pending.into_iter().find(|it| it.channel_sequence == wanted.channel_sequence);
    Ok(own.map(|it| it.release_notes).unwrap_or_default())
}

/// The required releases before `sequence`, newest first.
fn required_before(pending: &[ChannelRelease], sequence: i64) -> Vec<RequiredRelease> {
    let mut before: Vec<&ChannelRelease> =
        pending.iter().filter(|it| it.is_required && it.channel_sequence < sequence).collect();
    before.sort_by_key(|it| std::cmp::Reverse(it.channel_sequence));
    before
        .into_iter()
        .map(|it| RequiredRelease {
            version_label: it.version_label.clone(),
            update_cursor: it.channel_sequence.to_string(),
            ..RequiredRelease::default()
        })
        .collect()
}

/// The newest release of a channel, or the newest with a label.
pub(crate) async fn newest_release(
    shared: &Shared,
    app: &AppRow,
    license: &License,
    channel_id: &str,
    label: &str,
) -> Result<Wanted, UpdateError> {
    let client = vendor::client(shared, license, app)?;
    let query = PendingQuery {
        channel_sequence: None,
        license_sequence: license.license_sequence,
        channel_id: channel_id.to_owned(),
        last_update_check_at: None,
    };
    let pending =
        client.pending(&query).await.map_err(|error: UpstreamError| VendorError::from(error))?;
    pending
        .releases
        .iter()
        .filter(|it| label.is_empty() || it.version_label == label)
        .map(|it| it.channel_sequence)
        .max()
        .map(|channel_sequence| Wanted { channel_id: channel_id.to_owned(), channel_sequence })
        .ok_or_else(|| UpdateError::NoRelease {
            wanted: if label.is_empty() { "at all".to_owned() } else { format!("`{label}`") },
        })
}
