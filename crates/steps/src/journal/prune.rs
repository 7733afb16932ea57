//! Removes old journals, but none that still matters.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::file::{ENDING, flags, io_error, is_named, read_all, try_lock};
use super::{JournalError, record};

/// How many journals are kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many stay.
    pub max_files: usize,
    /// Older ones go, counted from their last write.
    pub max_age: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_files: 100, max_age: Duration::from_hours(90 * 24) }
    }
}

/// What [`prune`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Removed.
    pub removed: usize,
    /// Over the limits, but in use, damaged, or with an intent nobody has settled.
    pub kept: usize,
}

/// Removes the journals in `dir` that are over the limits of `retention` at `now`. One that is in
/// use, cannot be read, or holds an open intent stays whatever its age. Other files are not touched.
///
/// # Errors
///
/// When the folder cannot be listed or a file cannot be removed. A missing folder is none.
pub fn prune(dir: &Path, retention: &Retention, now: Timestamp) -> Result<Pruned, JournalError> {
    let mut found = list(dir)?;
    // The newest first; the name makes the order the same in every call.
    found.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut pruned = Pruned::default();
    for (at, (written_at, path)) in found.iter().enumerate() {
        if at < retention.max_files && !is_older(*written_at, retention.max_age, now) {
            continue;
        }
        if remove_if_settled(path)? {
            pruned.removed += 1;
        } else {
            pruned.kept += 1;
        }
    }
    Ok(pruned)
}

fn is_older(written_at: Timestamp, max_age: Duration, now: Timestamp) -> bool {
    SignedDuration::try_from(max_age).is_ok_and(|limit| limit < now.duration_since(written_at))
}

fn list(dir: &Path) -> Result<Vec<(Timestamp, PathBuf)>, JournalError> {
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

/// Removes the file while holding its lock, so that nobody writes to a file without a name.
fn remove_if_settled(path: &Path) -> Result<bool, JournalError> {
    let opened = OpenOptions::new().read(true).custom_flags(flags()).open(path);
    let Ok(file) = opened else { return Ok(false) };
    if !try_lock(&file, path)? || !is_named(&file, path)? {
        return Ok(false);
    }
    let contents = read_all(&file, path).and_then(|bytes| record::read(&bytes, path));
    if !contents.is_ok_and(|it| it.state.settled()) {
        return Ok(false);
    }
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(source) => Err(io_error("remove", path, source)),
    }
}
