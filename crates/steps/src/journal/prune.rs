//! Removes old journals, but none that still matters.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::file::{Locked, flags, io_error, is_named, read_all};
use super::folder::entries;
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
    let mut found = entries(dir)?;
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

/// Removes the file while holding its lock, so that nobody writes to a file without a name.
fn remove_if_settled(path: &Path) -> Result<bool, JournalError> {
    let opened = OpenOptions::new().read(true).custom_flags(flags()).open(path);
    let Ok(file) = opened else { return Ok(false) };
    let Some(file) = Locked::try_new(file, path)? else { return Ok(false) };
    if !is_named(&file, path)? {
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
