//! What a mirror's folder holds, read and checked.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use super::pack;

/// The largest licence or channel file, in bytes.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The most files of one kind that are looked at.
const MAX_FILES: usize = 10_000;

/// What is wrong with a mirror's folder.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is not what its place says.
    #[error("`{}`: {what}", path.display())]
    Content {
        /// Its path.
        path: PathBuf,
        /// What was found and what is allowed.
        what: String,
    },
    /// There is no such application.
    #[error("there is no application `{0}` here")]
    UnknownApp(String),
}

impl MirrorError {
    pub(super) fn content(path: &Path, what: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), what: what.into() }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// What a folder serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Slugs of the applications.
    pub apps: Vec<String>,
    /// How many licences there are.
    pub n_licenses: usize,
    /// How many channels there are.
    pub n_channels: usize,
    /// How many releases there are.
    pub n_releases: usize,
}

/// Reads the whole folder and says what it serves. Release archives are not read through.
///
/// # Errors
///
/// The first file that is not what its place says.
pub fn check(dir: &Path) -> Result<Summary, MirrorError> {
    let mut summary = Summary::default();
    for path in entries(dir)? {
        let name = file_name(&path);
        if !path.is_dir() || name.starts_with('.') {
            continue;
        }
        if !is_plain_name(&name) {
            return Err(MirrorError::content(
                &path,
                "a folder here is an application's slug: letters, digits, `-`, `_` and `.`",
            ));
        }
        let app = App::open(dir, &name)?;
        let (licenses, bad) = app.licenses()?;
        if let Some(error) = bad.into_iter().next() {
            return Err(error);
        }
        let mut ids = BTreeSet::new();
        for license in &licenses {
            if !ids.insert(&license.id) {
                return Err(MirrorError::content(
                    &license.path,
                    "another licence file has the same licenseID",
                ));
            }
        }
        let channels = app.channels()?;
        for release in channels.iter().flat_map(|it| &it.releases) {
            pack::check(&app, release)?;
        }
        summary.n_licenses += licenses.len();
        summary.n_releases += channels.iter().map(|it| it.releases.len()).sum::<usize>();
        summary.n_channels += channels.len();
        summary.apps.push(name);
    }
    Ok(summary)
}

/// One application's part of the folder.
#[derive(Debug)]
pub(super) struct App {
    pub(super) slug: String,
    pub(super) dir: PathBuf,
}

/// A licence file.
#[derive(Debug)]
pub(super) struct License {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The secret a caller shows.
    pub(super) id: String,
    /// Channels it lists, the default one first.
    pub(super) channel_ids: Vec<String>,
}

/// A channel file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) slug: String,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "a part of the file's format; licences carry the flag to clients"
    )]
    pub(super) is_semver_required: bool,
    #[serde(default)]
    pub(super) replicated_app_domain: String,
    #[serde(default)]
    pub(super) replicated_registry_domain: String,
    #[serde(default)]
    pub(super) replicated_proxy_domain: String,
    #[serde(default)]
    pub(super) releases: Vec<Release>,
}

/// One release of a channel.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the protocol")]
pub(super) struct Release {
    pub(super) channel_sequence: i64,
    #[serde(default)]
    pub(super) release_sequence: i64,
    pub(super) version_label: String,
    #[serde(default)]
    pub(super) is_required: bool,
    #[serde(default)]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) release_notes: String,
    #[serde(default)]
    pub(super) replicated_chart_names: Vec<String>,
    /// A folder or a `.tar.gz`, relative to the application's folder.
    pub(super) path: String,
}

impl App {
    pub(super) fn open(dir: &Path, slug: &str) -> Result<Self, MirrorError> {
        let app = dir.join(slug);
        if !is_plain_name(slug) || !app.is_dir() {
            return Err(MirrorError::UnknownApp(slug.to_owned()));
        }
        Ok(Self { slug: slug.to_owned(), dir: app })
    }

    /// Reads the licences; those that cannot be used come as errors beside the good ones, so that
    /// one customer's bad file does not shut out another.
    pub(super) fn licenses(&self) -> Result<(Vec<License>, Vec<MirrorError>), MirrorError> {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for path in yaml_files(&self.dir.join("licenses"))? {
            match read_license(&path, &self.slug) {
                Ok(license) => good.push(license),
                Err(error) => bad.push(error),
            }
        }
        Ok((good, bad))
    }

    pub(super) fn channels(&self) -> Result<Vec<Channel>, MirrorError> {
        let mut channels: Vec<Channel> = Vec::new();
        for path in yaml_files(&self.dir.join("channels"))? {
            let channel = read_channel(&path)?;
            if channels.iter().any(|it| it.id == channel.id) {
                return Err(MirrorError::content(
                    &path,
                    format!("another channel file has the id `{}` too", channel.id),
                ));
            }
            channels.push(channel);
        }
        Ok(channels)
    }

    /// Returns the channel of that slug; without one the only channel, `stable`, or the first.
    pub(super) fn channel_or_default(&self, slug: Option<&str>) -> Result<Channel, super::Refusal> {
        let mut channels = self.channels()?;
        let index = match slug {
            Some(slug) => channels.iter().position(|it| it.slug == slug),
            None => channels
                .iter()
                .position(|it| it.slug == "stable")
                .or_else(|| (!channels.is_empty()).then_some(0)),
        };
        match index {
            Some(index) => Ok(channels.swap_remove(index)),
            None => Err(super::Refusal::absent(format!(
                "`{}` has no channel `{}`",
                self.slug,
                slug.unwrap_or("stable")
            ))),
        }
    }

    /// Returns where a release lies.
    pub(super) fn release_path(&self, release: &Release) -> PathBuf {
        self.dir.join(&release.path)
    }
}

fn read_license(path: &Path, slug: &str) -> Result<License, MirrorError> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        kind: String,
        spec: Spec,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        app_slug: String,
        #[serde(rename = "licenseID")]
        license_id: String,
        #[serde(rename = "channelID", default)]
        channel_id: String,
        #[serde(default)]
        channels: Option<Vec<Listed>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listed {
        #[serde(rename = "channelID")]
        channel_id: String,
        #[serde(default)]
        is_default: bool,
    }

    let text = read_text(path)?;
    let file: File = kinds::yaml::from_str(&text)
        .map_err(|error| MirrorError::content(path, format!("not a licence: {error}")))?;
    if file.kind != "License" {
        return Err(MirrorError::content(
            path,
            format!("its kind is `{}`, only `License` is allowed here", file.kind),
        ));
    }
    if file.spec.app_slug != slug {
        return Err(MirrorError::content(
            path,
            format!("it is a licence for `{}`, this is the folder of `{slug}`", file.spec.app_slug),
        ));
    }
    if file.spec.license_id.is_empty() {
        return Err(MirrorError::content(path, "its licenseID is empty"));
    }
    let mut listed = file.spec.channels.unwrap_or_default();
    listed.sort_by_key(|it| !it.is_default);
    let mut channel_ids: Vec<_> = listed.into_iter().map(|it| it.channel_id).collect();
    if channel_ids.is_empty() {
        channel_ids.push(file.spec.channel_id);
    }
    Ok(License { path: path.to_owned(), text, id: file.spec.license_id, channel_ids })
}

fn read_channel(path: &Path) -> Result<Channel, MirrorError> {
    let wrong = |what: String| MirrorError::content(path, what);
    let channel: Channel = kinds::yaml::from_str(&read_text(path)?)
        .map_err(|error| wrong(format!("not a channel: {error}")))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    if channel.slug != stem {
        return Err(wrong(format!(
            "its slug is `{}`, the file's name says `{stem}`",
            channel.slug
        )));
    }
    if !is_plain_name(&channel.slug) {
        return Err(wrong(
            "its slug may hold letters, digits, `-`, `_` and `.`, and not start with `.`"
                .to_owned(),
        ));
    }
    if channel.slug == "pending" {
        return Err(wrong(
            "a channel cannot have the slug `pending`: the route is taken".to_owned(),
        ));
    }
    if channel.id.is_empty() || channel.name.is_empty() {
        return Err(wrong("a channel needs an `id` and a `name`".to_owned()));
    }
    let mut sequences = BTreeSet::new();
    for release in &channel.releases {
        let n = release.channel_sequence;
        if !sequences.insert(n) {
            return Err(wrong(format!("channelSequence {n} occurs twice")));
        }
        if n < 0 {
            return Err(wrong(format!("channelSequence {n} is negative")));
        }
        let inside = Path::new(&release.path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if release.path.is_empty() || !inside {
            return Err(wrong(format!(
                "release {n} lies at `{}`, only a path inside the application's folder is allowed",
                release.path
            )));
        }
    }
    Ok(channel)
}

/// Whether a name from outside may be used as the name of a file.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

pub(super) fn read_text(path: &Path) -> Result<String, MirrorError> {
    let file = fs::File::open(path).map_err(MirrorError::io(path))?;
    let mut text = String::new();
    file.take(FILE_BYTES + 1).read_to_string(&mut text).map_err(MirrorError::io(path))?;
    if FILE_BYTES < text.len() as u64 {
        return Err(MirrorError::content(
            path,
            format!("it is longer than the {FILE_BYTES} bytes allowed"),
        ));
    }
    Ok(text)
}

/// Lists a folder in order of names. A folder that does not exist is empty.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, MirrorError> {
    let listing = fs::read_dir(dir).map_err(MirrorError::io(dir))?;
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(MirrorError::io(dir))?.path());
        if MAX_FILES < paths.len() {
            return Err(MirrorError::content(dir, format!("it has more than {MAX_FILES} entries")));
        }
    }
    paths.sort();
    Ok(paths)
}

fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, MirrorError> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let mut paths = entries(dir)?;
    paths.retain(|path| {
        !file_name(path).starts_with('.')
            && path.extension().is_some_and(|it| it == "yaml" || it == "yml")
    });
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
