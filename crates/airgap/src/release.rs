//! Release archives: `app.tar.gz` of a bundle, and what the vendor's server sends.
//!
//! Only regular files count. As in KOTS, the longest folder prefix that all files share is taken off, except that files
//! under `userdata/` are left alone and do not take part in finding it.

mod extract;
mod prefix;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
};

pub use extract::{ExtractedFile, extract_to};
use thiserror::Error;

use crate::{
    gzip::Gunzip,
    limits::Limits,
    tar::{ArchiveError, EntryKind, TarReader},
    write::{BundleWriter, WriteError},
};

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its path, with the common prefix taken off: relative, `/` between parts, no `.` or `..`.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Why a release cannot be read or extracted.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// The gzip or tar, or a shape that is not allowed.
    #[error("failed to read the release archive")]
    Archive(#[source] ArchiveError),
    /// Too much to hold in memory.
    #[error("the release archive holds more than {limit} bytes")]
    TooLarge {
        /// The cap.
        limit: u64,
    },
    /// Two files that become one when the common prefix is taken off.
    #[error("the release archive holds two files `{0}` once their common folder is taken off")]
    Collision(String),
    /// A name that extraction needs for itself.
    #[error("the release archive holds `{0}`, a name reserved for extraction")]
    Reserved(String),
    /// Extraction goes into a folder of its own.
    #[error("folder {0:?} is not empty")]
    NotEmpty(PathBuf),
    /// Writing a file.
    #[error("failed to write {path:?}")]
    Write {
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl From<ArchiveError> for ReleaseError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

/// Reads a release into memory, ordered by path. The archive is read to its end, so a cut one is found.
///
/// # Errors
///
/// Returns an error when the archive is damaged, not of the allowed shape, without files, or over the caps
/// (`limits.app` and `limits.in_memory`).
pub fn read(source: impl Read, limits: &Limits) -> Result<Vec<ReleaseFile>, ReleaseError> {
    let mut tar = TarReader::new(Gunzip::new(source, &limits.app), &limits.app);
    let mut files = Vec::new();
    let mut held = 0_u64;
    while let Some(entry) = tar.next_entry()? {
        if entry.kind == EntryKind::Directory {
            continue;
        }
        held = held.saturating_add(entry.size).saturating_add(entry.name.len() as u64);
        if held > limits.in_memory {
            return Err(ReleaseError::TooLarge { limit: limits.in_memory });
        }
        let mut bytes = Vec::new();
        tar.data().read_to_end(&mut bytes).map_err(ArchiveError::from)?;
        files.push(ReleaseFile { path: entry.name, bytes });
    }
    if files.is_empty() {
        return Err(ArchiveError::NoFiles.into());
    }
    let paths = prefix::strip(files.iter().map(|it| it.path.as_str()))?;
    for (file, path) in files.iter_mut().zip(paths) {
        file.path = path;
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Packs files as a release archive: gzip tar, reproducible, ordered by path.
///
/// # Errors
///
/// Returns an error for paths that the reader would refuse, or for two that are the same.
pub fn pack(files: &[ReleaseFile]) -> Result<Vec<u8>, WriteError> {
    pack_to(Vec::new(), files)
}

/// As [`pack`], into `sink`, which is given back.
///
/// # Errors
///
/// As [`pack`], or when writing fails.
pub fn pack_to<W: Write>(sink: W, files: &[ReleaseFile]) -> Result<W, WriteError> {
    let mut ordered: Vec<_> = files.iter().collect();
    ordered.sort_by(|a, b| a.path.cmp(&b.path));
    let mut writer = BundleWriter::new(sink);
    for file in ordered {
        writer.bytes(&file.path, &file.bytes)?;
    }
    writer.finish()
}
