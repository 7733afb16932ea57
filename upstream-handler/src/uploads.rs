//! Bundles that come in chunks: files of their full size, written where each chunk belongs.
//!
//! ```text
//! STATE/uploads/<key>.bundle   the key is a digest of application, identifier and sizes
//! ```
//!
//! A chunk is written, synced, and only then noted in the database; what is noted survives any stop. Its digest is noted
//! too, and compared once more before the bundle is used.
//!
//! Deliberately absent: names and paths from clients; uploads that belong to no application.

mod shape;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
pub(crate) use shape::{MAX_CHUNK_BYTES, Shape};
use thiserror::Error;

use crate::archives::ArchiveError;
use crate::faults;
use crate::store::uploads::UploadRow;

/// What is left free on the disk, in bytes: the database must be able to go on.
const RESERVE_BYTES: u64 = 64 << 20;

/// Why a chunk or a bundle cannot be kept or used.
#[derive(Debug, Error)]
pub(crate) enum UploadError {
    /// The disk is full, or will be.
    #[error("the bundle needs {needed} bytes on the disk, {free} are free")]
    Full {
        /// What is still to come.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] ArchiveError),
    /// A chunk on the disk is not the one that came.
    #[error("chunk {number} of the bundle changed on the disk")]
    Chunk {
        /// Which.
        number: u64,
    },
}

/// The folder of uploads.
#[derive(Debug, Clone)]
pub(crate) struct Uploads {
    folder: PathBuf,
}

/// The key of an upload. Another cut or size is another upload.
pub(crate) fn key(app_id: &str, identifier: &str, shape: &Shape) -> String {
    let mut digest = Sha256::new();
    for part in [app_id, identifier] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    for number in [shape.total_size(), shape.chunk_size(), shape.total_chunks()] {
        digest.update(number.to_le_bytes());
    }
    hex::encode(digest.finalize())
}

impl Uploads {
    /// Makes the folder below `state`.
    pub(crate) fn open(state: &Path) -> Result<Self, ArchiveError> {
        let folder = state.join("uploads");
        fs::create_dir_all(&folder).map_err(|error| ArchiveError::new("make", &folder, error))?;
        Ok(Self { folder })
    }

    /// Where the file of an upload is.
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.bundle"))
    }

    /// Puts a chunk where it belongs, durably. Blocking.
    pub(crate) fn write(
        &self,
        key: &str,
        shape: &Shape,
        start: u64,
        chunk: &Path,
    ) -> Result<(), UploadError> {
        let path = self.path(key);
        let wrong = |what| {
            let path = path.clone();
            move |error| UploadError::File(ArchiveError::new(what, &path, error))
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(wrong("open"))?;
        let meta = file.metadata().map_err(wrong("look at"))?;
        if meta.len() != shape.total_size() {
            file.set_len(shape.total_size()).map_err(wrong("make room in"))?;
        }
        let mut source = File::open(chunk).map_err(wrong("read a chunk for"))?;
        let needed = source.metadata().map_err(wrong("read a chunk for"))?.len();
        let free = free_bytes(&self.folder).map_err(wrong("look for room for"))?;
        if free < needed + RESERVE_BYTES {
            return Err(UploadError::Full { needed, free });
        }
        file.seek(SeekFrom::Start(start)).map_err(wrong("write to"))?;
        io::copy(&mut source, &mut file).map_err(wrong("write to"))?;
        faults::point("chunk-written");
        file.sync_data().map_err(wrong("sync"))?;
        crate::archives::sync_folder(&self.folder)?;
        faults::point("chunk-synced");
        Ok(())
    }

    /// Compares every chunk on the disk with the digest that was noted when it came. Blocking.
    pub(crate) fn verify(
        &self,
        key: &str,
        shape: &Shape,
        chunks: &[(u64, String)],
    ) -> Result<(), UploadError> {
        let path = self.path(key);
        let wrong = |error| UploadError::File(ArchiveError::new("read", &path, error));
        let mut file = File::open(&path).map_err(wrong)?;
        for (number, sha256) in chunks {
            let changed = UploadError::Chunk { number: *number };
            let Ok(range) = shape.chunk(*number) else { return Err(changed) };
            file.seek(SeekFrom::Start(range.start)).map_err(wrong)?;
            let found = digest_of(&mut (&file).take(range.end - range.start)).map_err(wrong)?;
            if found != (range.end - range.start, sha256.clone()) {
                return Err(changed);
            }
        }
        Ok(())
    }

    /// Removes the file of an upload, if there is one.
    pub(crate) fn remove(&self, key: &str) -> Result<(), ArchiveError> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ArchiveError::new("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes files that no upload has, and returns the uploads that have no file. Only while nothing is received.
    pub(crate) fn sweep(&self, uploads: &[UploadRow]) -> Result<Vec<String>, ArchiveError> {
        let known: HashSet<PathBuf> = uploads.iter().map(|it| self.path(&it.key)).collect();
        let read = |error| ArchiveError::new("read", &self.folder, error);
        for entry in fs::read_dir(&self.folder).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if !known.contains(&path) {
                fs::remove_file(&path)
                    .map_err(|error| ArchiveError::new("remove", &path, error))?;
            }
        }
        let is_gone = |it: &&UploadRow| !self.path(&it.key).is_file();
        Ok(uploads.iter().filter(is_gone).map(|it| it.key.clone()).collect())
    }
}

/// How many bytes there are, and their digest in hex.
fn digest_of(source: &mut impl io::Read) -> io::Result<(u64, String)> {
    let (mut digest, mut size_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok((size_bytes, hex::encode(digest.finalize()))),
            Ok(n) => {
                digest.update(&buffer[..n]);
                size_bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
