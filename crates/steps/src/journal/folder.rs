//! Finds the journals in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::file::{self, ENDING, io_error};
use super::record::Contents;
use super::{JournalError, State};

/// A journal in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// When it was last written.
    pub written_at: Timestamp,
    /// The fields of its run key.
    pub key: Vec<(String, String)>,
    /// What its records say.
    pub state: State,
}

/// Reads all journals in `dir`, the last written first, without locking or changing any: how a
/// program finds the runs that another began. One that cannot be read is its error.
///
/// # Errors
///
/// When the folder cannot be listed. A missing folder is none.
pub fn list(dir: &Path) -> Result<Vec<Result<Listed, JournalError>>, JournalError> {
    let mut found = entries(dir)?;
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let read = |(written_at, path): (Timestamp, PathBuf)| match file::peek(&path) {
        Ok(Some(Contents { key: Some(key), state, .. })) => {
            Some(Ok(Listed { path, written_at, key, state }))
        }
        // Made a moment ago, or removed a moment ago.
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// The journals in a folder and when each was last written, in no order.
pub(super) fn entries(dir: &Path) -> Result<Vec<(Timestamp, PathBuf)>, JournalError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io_error("list", dir, source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|it| io_error("list", dir, it))?.path();
        if !is_journal(&path) {
            continue;
        }
        // Another process may remove it at any moment; what is gone needs no pruning.
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let Ok(Ok(written_at)) = metadata.modified().map(Timestamp::try_from) else { continue };
        if metadata.is_file() {
            found.push((written_at, path));
        }
    }
    Ok(found)
}

fn is_journal(path: &Path) -> bool {
    let is_id = |it: &str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
    path.extension().is_some_and(|it| it == ENDING)
        && path.file_stem().and_then(|it| it.to_str()).is_some_and(is_id)
}
