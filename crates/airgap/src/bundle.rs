//! An air-gap bundle: is it one, is it whole, and the bytes of the release inside it.
//!
//! The signature field of `airgap.yaml` is not looked at: nothing in KOTS says what it covers. Images are not looked at
//! either; [`crate::Index`] does that.

pub(crate) mod app;
mod documents;
mod error;

use std::{
    fs::File,
    io::{self, Read},
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::Path,
};

pub use app::AppReader;
pub use documents::Document;
pub use error::BundleError;
use kinds::airgap::Airgap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    AIRGAP_YAML, APP_ARCHIVE, CHUNK, Cancelled,
    digest::Digest,
    gzip::{Gunzip, read_some},
    limits::{ArchiveLimits, Limits},
    pipe,
    tar::{ArchiveError, EntryKind, TarReader},
};

/// How much of a bundle is decompressed to find out whose it is. Producers put `airgap.yaml` first.
const PEEK: u64 = 16 << 20;

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read so far. Never goes back.
    pub read: u64,
    /// Bytes of the file.
    pub total: u64,
}

/// Operations on bundle files.
#[derive(Debug, Clone, Copy)]
pub struct Bundle;

/// What a check found.
#[derive(Debug, Clone)]
pub struct BundleCheck {
    /// The text of `airgap.yaml`, to be sent as it is.
    pub airgap_yaml: String,
    /// What it says.
    pub airgap: Airgap,
    /// Bytes of `app.tar.gz`.
    pub app_size: u64,
    /// SHA-256 of `app.tar.gz`, in hex.
    pub app_sha256: String,
    /// Regular files in `app.tar.gz`.
    pub app_files: u64,
    /// The first few Config and Application documents in `app.tar.gz`, as the vendor wrote them.
    pub documents: Vec<Document>,
    /// Bytes of the bundle file.
    pub size: u64,
    /// SHA-256 of the bundle file, in hex.
    pub sha256: String,
    pub(crate) limits: ArchiveLimits,
    pub(crate) mark: Mark,
}

/// What shows that a file is still the one that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) modified: (i64, i64),
    /// Of the inode; no program can set it.
    pub(crate) changed: (i64, i64),
}

impl Bundle {
    /// Reads a bundle once from start to end: finds `airgap.yaml` and `app.tar.gz` (in either order), decodes the
    /// first, reads the second through to the end of *its* gzip stream and tar, and digests the whole file. Once both
    /// are seen nothing more is decompressed. Nothing is written; memory is constant.
    ///
    /// `on_progress` is called after every read of the file (at most 256 KiB); `Break` ends the check with
    /// [`BundleError::Cancelled`].
    ///
    /// # Errors
    ///
    /// Returns the first reason why the bundle cannot be deployed.
    pub fn check(
        path: &Path,
        limits: &Limits,
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<BundleCheck, BundleError> {
        let (file, mark) = open(path)?;
        let mut source = Watched::new(file, mark.size, on_progress);
        let found = find(&mut source, limits)?;
        source.drain()?;
        let (sha256, read) = source.finish();
        if read != mark.size || open(path)?.1 != mark {
            return Err(BundleError::Changed);
        }
        let airgap = Airgap::parse(&found.airgap_yaml).map_err(BundleError::AirgapYaml)?;
        Ok(BundleCheck {
            airgap_yaml: found.airgap_yaml,
            airgap,
            app_size: found.app.size,
            app_sha256: found.app.sha256,
            app_files: found.app.files,
            documents: found.app.documents,
            size: mark.size,
            sha256: sha256.hex(),
            limits: limits.bundle,
            mark,
        })
    }

    /// What a bundle says of itself, when that stands at its start: for refusing one of another application before
    /// gigabytes of it are read. `None` when it stands elsewhere or cannot be read; a check or an index tells why.
    pub fn peek(path: &Path, limits: &Limits) -> Option<Airgap> {
        let (file, _) = open(path).ok()?;
        let mut tar = TarReader::new(Gunzip::new(file, &limits.bundle), &limits.bundle);
        while let Some(entry) = tar.next_entry().ok()? {
            if entry.kind == EntryKind::File && entry.name == AIRGAP_YAML {
                let text = read_airgap_yaml(&mut tar, entry.size, limits.airgap_yaml).ok()?;
                return Airgap::parse(&text).ok();
            }
            if tar.position().saturating_add(entry.size) > PEEK {
                break;
            }
        }
        None
    }

    /// The bytes of `app.tar.gz` of a bundle that was checked, for sending. They are compared with what the check saw:
    /// the last of them are given out only if all were the same.
    ///
    /// # Errors
    ///
    /// Returns [`BundleError::Changed`] when the file is not the one that was checked, or why it cannot be read.
    pub fn open_app(path: &Path, check: &BundleCheck) -> Result<AppReader, BundleError> {
        let (file, mark) = open(path)?;
        if mark != check.mark {
            return Err(BundleError::Changed);
        }
        AppReader::open(file, check)
    }
}

struct Found {
    airgap_yaml: String,
    app: app::AppSummary,
}

/// Looks for both entries; whatever else is there is passed over.
fn find(source: &mut Watched<'_>, limits: &Limits) -> Result<Found, BundleError> {
    let mut tar = TarReader::new(Gunzip::new(source, &limits.bundle), &limits.bundle);
    let (mut airgap_yaml, mut app, mut others) = (None, None, Vec::new());
    while let Some(entry) = tar.next_entry().map_err(BundleError::from_archive)? {
        match (entry.kind, entry.name.as_str()) {
            (EntryKind::File, AIRGAP_YAML) => {
                airgap_yaml = Some(read_airgap_yaml(&mut tar, entry.size, limits.airgap_yaml)?);
            }
            (EntryKind::File, APP_ARCHIVE) => {
                app = Some(app::inspect(&mut tar.data(), &limits.app)?);
            }
            _ => {
                let missing = if airgap_yaml.is_none() { AIRGAP_YAML } else { APP_ARCHIVE };
                let told = match entry.kind {
                    EntryKind::Directory => format!("{}/", entry.name),
                    _ => error::told(missing, &entry.name),
                };
                if others.len() < 16 && !others.contains(&told) {
                    others.push(told);
                }
            }
        }
        if let (Some(_), Some(_)) = (&airgap_yaml, &app) {
            break;
        }
    }
    match (airgap_yaml, app) {
        (Some(airgap_yaml), Some(app)) => Ok(Found { airgap_yaml, app }),
        (None, _) => Err(BundleError::missing(AIRGAP_YAML, others.iter().map(String::as_str))),
        (_, None) => Err(BundleError::missing(APP_ARCHIVE, others.iter().map(String::as_str))),
    }
}

pub(crate) fn read_airgap_yaml<R: Read>(
    tar: &mut TarReader<R>,
    size: u64,
    limit: u64,
) -> Result<String, BundleError> {
    if size > limit {
        return Err(BundleError::AirgapYamlTooLarge { size, limit });
    }
    let mut bytes = Vec::new();
    tar.data().read_to_end(&mut bytes).map_err(|error| BundleError::from_archive(error.into()))?;
    String::from_utf8(bytes).map_err(|_| BundleError::AirgapYamlNotUtf8)
}

/// Opens a bundle; `stat` first, with the words of the original.
pub(crate) fn open(path: &Path) -> Result<(File, Mark), BundleError> {
    let meta = std::fs::metadata(path).map_err(BundleError::Stat)?;
    if meta.is_dir() {
        return Err(BundleError::Folder(path.to_owned()));
    }
    // Opening a named pipe would wait for a writer.
    if !meta.is_file() {
        return Err(BundleError::NotAFile(path.to_owned()));
    }
    let file = File::open(path).map_err(BundleError::Open)?;
    let meta = file.metadata().map_err(BundleError::Stat)?;
    if meta.len() == 0 {
        return Err(BundleError::Empty(path.to_owned()));
    }
    let mark = Mark {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    };
    Ok((file, mark))
}

/// SHA-256 of a whole file. It is read on this thread and digested on another.
pub(crate) fn digest_file(
    file: File,
    size: u64,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Digest, BundleError> {
    let mut source = Counted { file, read: 0, total: size, on_progress };
    let (ended, digest) = pipe::split(&mut source, |mut piped| {
        let (mut hash, mut buf) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            let n = read_some(&mut piped, &mut buf)?;
            if n == 0 {
                return Ok(Digest::finish(hash));
            }
            hash.update(&buf[..n]);
        }
    });
    ended.and(digest).map_err(|error| BundleError::from_archive(error.into()))
}

/// The bundle file, digested and counted as it is read.
pub(crate) struct Watched<'a> {
    source: Counted<'a>,
    hash: Sha256,
}

/// The bundle file, counted as it is read.
struct Counted<'a> {
    file: File,
    read: u64,
    total: u64,
    on_progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(
        file: File,
        total: u64,
        on_progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Self {
        Self { source: Counted { file, read: 0, total, on_progress }, hash: Sha256::new() }
    }

    /// SHA-256 and number of the bytes that were read.
    pub(crate) fn finish(self) -> (Digest, u64) {
        (Digest::finish(self.hash), self.source.read)
    }

    fn drain(&mut self) -> Result<(), BundleError> {
        let mut buf = vec![0; CHUNK];
        while read_some(self, &mut buf).map_err(|error| BundleError::from_archive(error.into()))?
            > 0
        {}
        Ok(())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.hash.update(&buf[..n]);
        Ok(n)
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buf)?;
        self.read += n as u64;
        // A file that grows meanwhile is noticed at the end; until then more than all is not shown.
        let progress = Progress { read: self.read.min(self.total), total: self.total };
        match (self.on_progress)(progress) {
            ControlFlow::Continue(()) => Ok(n),
            ControlFlow::Break(()) => Err(io::Error::other(Cancelled)),
        }
    }
}

impl BundleError {
    pub(crate) fn from_archive(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Cancelled => Self::Cancelled,
            other => Self::Archive(other),
        }
    }
}
