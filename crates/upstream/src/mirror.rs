//! The vendor's half of the protocol, served from a folder: private mirrors, CI and the demo.
//!
//! ```text
//! DIR/<app slug>/licenses/*.yaml             signed licences, served as they are
//! DIR/<app slug>/channels/<slug>.yaml        a channel and its releases
//! DIR/<app slug>/<path>                      a release: a folder, or a .tar.gz
//! ```
//!
//! The folder is read anew for every request, so a changed file is served at once. The same release
//! gives the same bytes every time. A caller is whoever knows a licence's ID; it sees the channels
//! that licence lists, and no others.
//!
//! Deliberately absent: verifying signatures (clients do), TLS, writing anything.

mod access;
mod folder;
mod ignore;
mod pack;
mod reply;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Segments, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use serde::Deserialize;
use wire::upstream::{ChannelRelease, PendingReleases};

use access::Caller;
use folder::{App, Channel, Release};
use reply::Refusal;

pub use folder::{MirrorError, Summary, check};
pub use pack::{pack_release, release_files};

type Folder = State<Arc<PathBuf>>;
type Answer = Result<Response, Refusal>;

/// Returns the routes of a mirror of `dir`. [`check`] says beforehand whether the folder is good.
pub fn router(dir: &Path) -> Router {
    Router::new()
        .route("/license/{slug}", get(license))
        .route("/release/{slug}", get(release))
        .route("/release/{slug}/pending", get(pending))
        .route("/release/{slug}/{channel}", get(release_of_channel))
        .route("/metadata/{slug}", get(metadata))
        .route("/metadata/{slug}/{channel}", get(metadata_of_channel))
        .route("/healthz", get(healthz))
        .fallback(nothing_here)
        .with_state(Arc::new(dir.to_owned()))
}

/// What a request may ask for; what is absent or empty is left to the mirror.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    channel_sequence: String,
    version_label: String,
    selected_channel_id: String,
}

/// Runs work on the folder where it may block.
async fn on_folder<T: Send + 'static>(
    dir: Arc<PathBuf>,
    work: impl FnOnce(&Path) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(move || work(&dir)).await.map_err(|_| Refusal::Broken)?
}

async fn license(
    State(dir): Folder,
    Segments(slug): Segments<String>,
    headers: HeaderMap,
) -> Answer {
    on_folder(dir, move |dir| {
        let caller = Caller::identify(&App::open(dir, &slug)?, &headers)?;
        Ok(reply::yaml(caller.text))
    })
    .await
}

async fn release(
    dir: Folder,
    Segments(slug): Segments<String>,
    wanted: Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    send_release(dir, slug, None, wanted, headers).await
}

async fn release_of_channel(
    dir: Folder,
    Segments((slug, channel)): Segments<(String, String)>,
    wanted: Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    send_release(dir, slug, Some(channel), wanted, headers).await
}

async fn send_release(
    State(dir): Folder,
    slug: String,
    channel_slug: Option<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    let (headers, content) = on_folder(dir, move |dir| {
        let app = App::open(dir, &slug)?;
        let caller = Caller::identify(&app, &headers)?;
        let channel = caller.channel(&app, &wanted.selected_channel_id, channel_slug.as_deref())?;
        let release = find(&app, &channel, &wanted)?;
        Ok((reply::release_headers(&channel, &release), pack::content(&app, &release)?))
    })
    .await?;
    reply::archive(headers, content).await
}

async fn pending(
    State(dir): Folder,
    Segments(slug): Segments<String>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Answer {
    on_folder(dir, move |dir| {
        let app = App::open(dir, &slug)?;
        let caller = Caller::identify(&app, &headers)?;
        let channel = caller.channel(&app, &wanted.selected_channel_id, None)?;
        let after = cursor(&wanted)?;
        Ok(reply::pending(&newer(&channel, after), Timestamp::now()))
    })
    .await
}

async fn metadata(dir: Folder, Segments(slug): Segments<String>, wanted: Query<Wanted>) -> Answer {
    send_metadata(dir, slug, None, wanted).await
}

async fn metadata_of_channel(
    dir: Folder,
    Segments((slug, channel)): Segments<(String, String)>,
    wanted: Query<Wanted>,
) -> Answer {
    send_metadata(dir, slug, Some(channel), wanted).await
}

async fn send_metadata(
    State(dir): Folder,
    slug: String,
    channel_slug: Option<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    on_folder(dir, move |dir| {
        let app = App::open(dir, &slug)?;
        let channel = app.channel_or_default(channel_slug.as_deref())?;
        let release = find(&app, &channel, &wanted)?;
        let text = pack::application(&app, &release)?.ok_or_else(|| {
            Refusal::absent(format!(
                "release {} of `{slug}` has no kots.io/v1beta1 Application",
                release.channel_sequence
            ))
        })?;
        Ok(reply::yaml(text))
    })
    .await
}

async fn healthz(State(dir): Folder) -> Answer {
    on_folder(dir, |dir| {
        let summary = check(dir)?;
        Ok(reply::health(&summary))
    })
    .await
}

async fn nothing_here(uri: Uri) -> Refusal {
    Refusal::absent(format!(
        "`{}` is not served here; served are /license/{{slug}}, /release/{{slug}}[/{{channel}}], \
         /release/{{slug}}/pending, /metadata/{{slug}}[/{{channel}}] and /healthz",
        uri.path()
    ))
}

fn cursor(wanted: &Wanted) -> Result<Option<i64>, Refusal> {
    match wanted.channel_sequence.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            Refusal::unusable(format!("channelSequence `{text}` is not a whole number"))
        }),
    }
}

/// Finds the release that is asked for by sequence, else by label, else the newest.
fn find(app: &App, channel: &Channel, wanted: &Wanted) -> Result<Release, Refusal> {
    let absent = |what: String| {
        let has: Vec<_> =
            channel.releases.iter().map(|it| it.channel_sequence.to_string()).collect();
        let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
        Refusal::absent(format!(
            "channel `{}` of `{}` has no {what}; it has {has}",
            channel.slug, app.slug
        ))
    };
    let found = match cursor(wanted)? {
        Some(n) => channel
            .releases
            .iter()
            .find(|it| it.channel_sequence == n)
            .ok_or_else(|| absent(format!("release {n}"))),
        None if !wanted.version_label.is_empty() => channel
            .releases
            .iter()
            .filter(|it| it.version_label == wanted.version_label)
            .max_by_key(|it| it.channel_sequence)
            .ok_or_else(|| absent(format!("release labelled `{}`", wanted.version_label))),
        None => channel
            .releases
            .iter()
            .max_by_key(|it| it.channel_sequence)
            .ok_or_else(|| absent("release".to_owned())),
    };
    found.cloned()
}

/// Lists releases after a cursor, newest first; without a cursor all of them.
fn newer(channel: &Channel, after: Option<i64>) -> PendingReleases {
    let mut releases: Vec<_> = channel
        .releases
        .iter()
        .filter(|it| after.is_none_or(|after| after < it.channel_sequence))
        .map(|it| ChannelRelease {
            channel_sequence: it.channel_sequence,
            release_sequence: it.release_sequence,
            version_label: it.version_label.clone(),
            is_required: it.is_required,
            created_at: it.created_at.map(|at| at.to_string()).unwrap_or_default(),
            release_notes: it.release_notes.clone(),
        })
        .collect();
    releases.sort_by_key(|it| std::cmp::Reverse(it.channel_sequence));
    PendingReleases { channel_releases: releases }
}
