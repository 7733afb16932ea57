//! Archives on disk, named by the sha256 of their bytes.
//!
//! ```text
//! STATE/archives/<sha256>.tar.gz   releases as they came, and trees that were built from them
//! STATE/tmp/…                      everything that is not finished
//! ```
//!
//! An archive is written to `tmp/`, synced, renamed into place, and its folder synced, before any
//! row names it. A crash leaves at most a file that nobody names; [`Archives::sweep`] removes it.
//!
//! Deliberately absent: deleting archives of versions that exist.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::faults;

/// Why a file could not be stored.
#[derive(Debug, Error)]
#[error("could not {what} {path}")]
pub struct ArchiveError {
    /// What was attempted.
    what: &'static str,
    /// The file.
    path: String,
    /// The cause.
    #[source]
    source: io::Error,
}

impl ArchiveError {
    pub(crate) fn new(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self { what, path: path.display().to_string(), source }
    }
}

/// The folder of archives and the folder of unfinished work.
#[derive(Debug, Clone)]
pub(crate) struct Archives {
    folder: PathBuf,
    temp: PathBuf,
}

impl Archives {
    /// Makes the folders below `state` and empties the one of unfinished work.
    pub(crate) fn open(state: &Path) -> Result<Self, ArchiveError> {
        let archives = Self { folder: state.join("archives"), temp: state.join("tmp") };
        if archives.temp.exists() {
            std::fs::remove_dir_all(&archives.temp)
                .map_err(|error| ArchiveError::new("empty", &archives.temp, error))?;
        }
        for folder in [&archives.folder, &archives.temp] {
            std::fs::create_dir_all(folder)
                .map_err(|error| ArchiveError::new("make", folder, error))?;
        }
        Ok(archives)
    }

    /// Where an archive is, whether it exists or not.
    pub(crate) fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.tar.gz"))
    }

    /// The folder of unfinished work; on the same file system as the archives.
    pub(crate) fn temp(&self) -> &Path {
        &self.temp
    }

    /// Makes a folder for unfinished work that disappears with the guard.
    pub(crate) fn work_folder(&self) -> Result<tempfile::TempDir, ArchiveError> {
        tempfile::Builder::new()
            .prefix("work-")
            .tempdir_in(&self.temp)
            .map_err(|error| ArchiveError::new("make a folder in", &self.temp, error))
    }

    /// Moves `file`, whose bytes have the digest `sha256`, into place. Blocking.
    ///
    /// Storing what is there already changes nothing.
    pub(crate) fn keep(&self, file: tempfile::TempPath, sha256: &str) -> Result<(), ArchiveError> {
        let path = self.path(sha256);
        faults::point("archive-temp-written");
        File::open(&file)
            .and_then(|open| open.sync_all())
            .map_err(|error| ArchiveError::new("sync", &file, error))?;
        faults::point("archive-temp-synced");
        if path.exists() {
            return Ok(());
        }
        file.persist(&path)
            .map_err(|error| ArchiveError::new("move an archive to", &path, error.error))?;
        faults::point("archive-renamed");
        sync_folder(&self.folder)?;
        faults::point("archive-folder-synced");
        Ok(())
    }

    /// Removes archives that no version names. Only while nothing is being stored.
    pub(crate) fn sweep(&self, named: &HashSet<String>) -> Result<usize, ArchiveError> {
        let read = |error| ArchiveError::new("read", &self.folder, error);
        let mut n_removed = 0;
        for entry in std::fs::read_dir(&self.folder).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| name.strip_suffix(".tar.gz"));
            if digest.is_some_and(|digest| named.contains(digest)) {
                continue;
            }
            std::fs::remove_file(entry.path())
                .map_err(|error| ArchiveError::new("remove", &entry.path(), error))?;
            n_removed += 1;
        }
        Ok(n_removed)
    }

    /// Writes a file and removes it again: whether the storage takes writes.
    pub(crate) fn probe(&self) -> Result<(), ArchiveError> {
        use std::io::Write as _;

        let mut file = tempfile::Builder::new()
            .prefix("probe-")
            .tempfile_in(&self.temp)
            .map_err(|error| ArchiveError::new("make a file in", &self.temp, error))?;
        file.write_all(b"probe")
            .map_err(|error| ArchiveError::new("write to", &self.temp, error))?;
        let folder = &self.folder;
        std::fs::read_dir(folder).map_err(|error| ArchiveError::new("read", folder, error))?;
        Ok(())
    }
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), ArchiveError> {
    File::open(folder)
        .and_then(|open| open.sync_all())
        .map_err(|error| ArchiveError::new("sync", folder, error))
}
