//! Where a release comes from.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use airgap::{ArchiveError, Bundle, BundleError, GzipError, Limits, ReleaseFile};
use kinds::yaml;
use serde::Deserialize;
use upstream::{Client, ReleaseMeta, ReleaseQuery};

use super::{Identity, Release, ReleaseError};
use crate::refusal::chain;

/// The largest file of a release folder, in bytes, and of all together.
const FOLDER_BYTES: u64 = 256 << 20;
/// The name of the document that says what a release in a folder is.
const RELEASE_YAML: &str = "release.yaml";

/// Where a release is read from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A folder of its files, or an archive of them; `release.yaml` among them says what it is.
    Files(PathBuf),
    /// A bundle.
    Bundle(PathBuf),
    /// The vendor: an archive that was downloaded and what its headers say.
    Vendor {
        /// The application.
        app_slug: String,
        /// The archive.
        archive: PathBuf,
        /// What the vendor says of it.
        meta: Box<ReleaseMeta>,
    },
}

/// `release.yaml`, as embedded-cluster's releases have it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChannelRelease {
    #[serde(rename = "channelID")]
    channel_id: String,
    #[serde(rename = "channelSlug")]
    channel_slug: String,
    #[serde(rename = "channelSequence")]
    channel_sequence: i64,
    #[serde(rename = "appSlug")]
    app_slug: String,
    #[serde(rename = "versionLabel")]
    version_label: String,
    #[serde(rename = "defaultDomains")]
    default_domains: Domains,
    airgap: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Domains {
    #[serde(rename = "replicatedAppDomain")]
    replicated_app_domain: String,
}

/// Reads a release. Blocks.
pub(crate) fn load(source: &Source) -> Result<Release, ReleaseError> {
    match source {
        Source::Files(path) => from_files(path),
        Source::Bundle(path) => from_bundle(path),
        Source::Vendor { app_slug, archive, meta } => {
            let files = unpack(archive, &mut open(archive)?)?;
            let identity = Identity {
                app_slug: app_slug.clone(),
                channel_id: meta.channel_id.clone(),
                channel_name: meta.channel_name.clone(),
                channel_sequence: meta.channel_sequence,
                version_label: meta.version_label.clone(),
                is_required: meta.is_required,
                app_domain: meta.replicated_app_domain.clone(),
                ..Identity::default()
            };
            Release::new(identity, &files)
        }
    }
}

/// Reads the release of a folder or archive, told by its `release.yaml`.
fn from_files(path: &Path) -> Result<Release, ReleaseError> {
    let files = if path.is_dir() { folder(path)? } else { unpack(path, &mut open(path)?)? };
    let place = path.display();
    let told = files
        .iter()
        .find(|it| it.path == RELEASE_YAML)
        .ok_or_else(|| ReleaseError::Unknown(format!("{place} has no {RELEASE_YAML}")))?;
    let text = String::from_utf8_lossy(&told.bytes);
    let told: ChannelRelease = yaml::from_str(&text)
        .map_err(|error| ReleaseError::Unknown(format!("{place}, {RELEASE_YAML}: {error}")))?;
    for (field, value) in [("appSlug", &told.app_slug), ("channelID", &told.channel_id)] {
        if value.is_empty() {
            let what = format!("{place}, {RELEASE_YAML} has no `{field}`");
            return Err(ReleaseError::Unknown(what));
        }
    }
    let identity = Identity {
        app_slug: told.app_slug,
        channel_id: told.channel_id,
        channel_slug: told.channel_slug,
        channel_sequence: told.channel_sequence,
        version_label: told.version_label,
        app_domain: told.default_domains.replicated_app_domain,
        is_airgap_download: told.airgap,
        ..Identity::default()
    };
    Release::new(identity, &files)
}

fn from_bundle(path: &Path) -> Result<Release, ReleaseError> {
    let failed = |error: BundleError| ReleaseError::Bundle {
        place: path.display().to_string(),
        why: chain(&error),
        next: next(&error),
    };
    let limits = Limits::default();
    let check = Bundle::check(path, &limits, &mut |_| ControlFlow::Continue(())).map_err(failed)?;
    let mut app = Bundle::open_app(path, &check).map_err(failed)?;
    let files = unpack(path, &mut app)?;
    let airgap = check.airgap;
    let channel_sequence = airgap.update_cursor.parse().unwrap_or(0);
    let identity = Identity {
        app_slug: airgap.app_slug.clone(),
        channel_id: airgap.channel_id.clone(),
        channel_name: airgap.channel_name.clone(),
        channel_sequence,
        version_label: airgap.version_label.clone(),
        is_required: airgap.is_required,
        airgap: Some(airgap),
        ..Identity::default()
    };
    Release::new(identity, &files)
}

const DAMAGED: &str = "; it is damaged: copy or download it again";

/// What to do about a bundle that cannot be used.
fn next(error: &BundleError) -> &'static str {
    match error {
        BundleError::Stat(_)
        | BundleError::Folder(_)
        | BundleError::NotAFile(_)
        | BundleError::Archive(ArchiveError::Gzip(GzipError::NotGzip(..)))
        | BundleError::Missing { .. } => {
            "; name the .airgap file of the release by --airgap-bundle"
        }
        BundleError::Archive(error)
        | BundleError::Near { source: error, .. }
        | BundleError::SavedImage { source: error, .. }
        | BundleError::App(error)
            if error.is_cut_short() =>
        {
            "; it did not arrive whole: copy or download it again"
        }
        BundleError::Empty(_) => "; it did not arrive: copy or download it again",
        BundleError::Content { .. } => DAMAGED,
        BundleError::Archive(error)
        | BundleError::Near { source: error, .. }
        | BundleError::App(error)
            if matches!(error, ArchiveError::Gzip(_) | ArchiveError::Header { .. }) =>
        {
            DAMAGED
        }
        _ => "",
    }
}

fn open(path: &Path) -> Result<File, ReleaseError> {
    File::open(path).map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> ReleaseError {
    let place = path.display().to_string();
    move |source| ReleaseError::Read { place: place.clone(), source }
}

fn unpack(path: &Path, source: &mut dyn std::io::Read) -> Result<Vec<ReleaseFile>, ReleaseError> {
    airgap::release::read(source, &Limits::default()).map_err(|source| ReleaseError::Archive {
        place: path.display().to_string(),
        source: Box::new(source),
    })
}

/// The regular files of a folder and below, ordered by path; links are not followed.
fn folder(root: &Path) -> Result<Vec<ReleaseFile>, ReleaseError> {
    let mut files = Vec::new();
    let mut size = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let path = entry.map_err(unreadable(&folder))?.path();
            let meta = std::fs::symlink_metadata(&path).map_err(unreadable(&path))?;
            if meta.is_dir() {
                folders.push(path);
                continue;
            }
            if !meta.is_file() {
                continue;
            }
            size += meta.len();
            if FOLDER_BYTES < size {
                let what = format!("{} holds more than {FOLDER_BYTES} bytes", root.display());
                return Err(ReleaseError::Unknown(what));
            }
            let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(ReleaseFile { path: name, bytes });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Asks the vendor for a release of a channel and reads it.
pub(crate) async fn download(
    client: &Client,
    app_slug: &str,
    query: &ReleaseQuery,
    archive: PathBuf,
) -> Result<Release, ReleaseError> {
    let download = client
        .download_release(query, &archive)
        .await
        .map_err(|error| ReleaseError::Vendor(Box::new(error)))?;
    let meta = Box::new(download.meta);
    load(&Source::Vendor { app_slug: app_slug.to_owned(), archive, meta })
}
