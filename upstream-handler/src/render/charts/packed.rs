//! Packed charts of a release.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};

use airgap::{ArchiveLimits, EntryKind, Gunzip, TarReader};
use kinds::yaml;
use serde::Deserialize;

use crate::release::ReleaseError;
use crate::release::tree::TreeFile;

/// The largest `Chart.yaml`, in bytes.
pub(super) const META_BYTES: u64 = 1024 * 1024;
/// How much of a packed chart is read.
pub(super) const LIMITS: ArchiveLimits =
    ArchiveLimits { entries: 100_000, entry_size: 4 << 30, total_size: 16 << 30, ratio: 200 };

/// A packed chart of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Path in the release.
    pub(crate) path: String,
    /// Name and version of its `Chart.yaml`, or why there are none.
    pub(crate) meta: Result<(String, String), String>,
}

/// Lists the files of a release that are packed.
pub(crate) fn archives(files: &[TreeFile]) -> impl Iterator<Item = &TreeFile> {
    files.iter().filter(|it| it.extension() == "tgz" || it.path.ends_with(".tar.gz"))
}

/// Reads name and version of every packed chart of the release at `root`.
///
/// # Errors
///
/// The disk failed. An archive that is no chart is no error until a kind needs it.
pub(crate) fn packed(root: &Path, files: &[TreeFile]) -> Result<Vec<Packed>, ReleaseError> {
    archives(files)
        .map(|file| {
            let full = root.join(&file.path);
            let open = File::open(&full).map_err(ReleaseError::disk("read", &full))?;
            Ok(Packed { path: file.path.clone(), meta: read_meta(open) })
        })
        .collect()
}

/// Name and version of a packed chart.
///
/// # Errors
///
/// It is no chart.
pub(crate) fn read_meta(source: impl Read) -> Result<(String, String), String> {
    #[derive(Deserialize)]
    struct Meta {
        name: String,
        version: String,
    }
    let mut tar = TarReader::new(Gunzip::new(source, &LIMITS), &LIMITS);
    while let Some(entry) = tar.next_entry().map_err(|error| told(&error))? {
        let is_meta = entry.name.split_once('/').is_some_and(|(_, rest)| rest == "Chart.yaml");
        if !is_meta {
            continue;
        }
        if META_BYTES < entry.size {
            return Err(format!(
                "its Chart.yaml is {} bytes long, at most {META_BYTES} are allowed",
                entry.size
            ));
        }
        let mut text = String::new();
        tar.data().read_to_string(&mut text).map_err(|error| told(&error))?;
        let meta: Meta =
            yaml::from_str(&text).map_err(|error| format!("its Chart.yaml: {error}"))?;
        return Ok((meta.name, meta.version));
    }
    Err("it has no Chart.yaml".to_owned())
}

/// How deep packed sub-charts may lie inside of each other.
const NESTED: usize = 8;
/// How much of a file is searched for checks, in bytes.
const SEARCHED_BYTES: u64 = 4 << 20;

/// Calls `visit` with the path and the bytes of each file of a packed chart. Paths are those below the
/// chart's folder; a sub-chart that is packed once more is looked into, as if it lay there as a folder.
///
/// # Errors
///
/// The archive is damaged or too large, or what `visit` says.
pub(super) fn each_file(packed: &mut dyn Read, visit: &mut Visit<'_>) -> Result<(), String> {
    each_below("", packed, NESTED, visit)
}

/// What is done with a file of a chart.
pub(super) type Visit<'a> = dyn FnMut(&str, &mut dyn Read) -> Result<(), String> + 'a;

fn each_below(
    parent: &str,
    packed: &mut dyn Read,
    depth: usize,
    visit: &mut Visit<'_>,
) -> Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(format!("its sub-charts are packed more than {NESTED} times"));
    };
    let mut tar = TarReader::new(Gunzip::new(packed, &LIMITS), &LIMITS);
    while let Some(entry) = tar.next_entry().map_err(|error| told(&error))? {
        let Some((folder, path)) = entry.name.split_once('/') else { continue };
        // The reader refuses such names; nothing is written on its word alone.
        let is_plain =
            Path::new(&entry.name).components().all(|it| matches!(it, Component::Normal(_)));
        if entry.kind == EntryKind::Directory || path.is_empty() || !is_plain {
            continue;
        }
        // A packed sub-chart's own folder takes the archive's place.
        let path =
            if parent.is_empty() { path.to_owned() } else { format!("{parent}/{folder}/{path}") };
        if let Some(charts) = packed_in(&path) {
            each_below(charts, &mut tar.data(), depth, visit)
                .map_err(|what| format!("`{path}`: {what}"))?;
        } else {
            visit(&path, &mut tar.data())?;
        }
    }
    Ok(())
}

/// The folder `charts` that a packed sub-chart lies in.
fn packed_in(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let is_charts = folder == "charts" || folder.ends_with("/charts");
    let is_packed = Path::new(name).extension().is_some_and(|it| it == "tgz");
    (is_charts && (is_packed || name.ends_with(".tar.gz"))).then_some(folder)
}

/// Whether a packed chart may bring preflights along: a template of it, or of a sub-chart, names them.
/// One that cannot be read may.
pub(crate) fn may_hold_preflights(archive: &Path) -> bool {
    let Ok(mut packed) = File::open(archive) else { return true };
    let mut is_found = false;
    let looked = each_file(&mut packed, &mut |path, data| {
        if is_found || !(path.starts_with("templates/") || path.contains("/templates/")) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        data.take(SEARCHED_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&bytes);
        is_found = ["Preflight", "troubleshoot.sh/"].iter().any(|it| text.contains(it));
        Ok(())
    });
    is_found || looked.is_err()
}

/// Unpacks a chart into a folder, packed sub-charts too; returns the paths of its files, sorted.
pub(super) fn unpack(packed: &mut dyn Read, into: &Path) -> Result<Vec<String>, String> {
    let failed = |error: io::Error| error.to_string();
    let mut files = Vec::new();
    let mut left = LIMITS.total_size;
    each_file(packed, &mut |path, data| {
        let full = into.join(path);
        if let Some(parent) = full.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut file = File::create_new(&full)
            .map_err(|error| format!("`{path}` could not be unpacked: {error}"))?;
        left -= io::copy(&mut data.take(left), &mut file).map_err(failed)?;
        if left == 0 {
            return Err(format!("it unpacks to more than {} bytes", LIMITS.total_size));
        }
        files.push(path.to_owned());
        Ok(())
    })?;
    files.sort();
    Ok(files)
}

/// An error with its causes in one line.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
