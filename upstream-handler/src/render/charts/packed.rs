//! Packed charts of a release.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use airgap::{ArchiveLimits, Gunzip, TarReader};
use kinds::yaml;
use serde::Deserialize;

use crate::release::ReleaseError;
use crate::release::tree::TreeFile;

/// The largest `Chart.yaml`, in bytes.
const META_BYTES: u64 = 1024 * 1024;
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

fn read_meta(source: impl Read) -> Result<(String, String), String> {
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
