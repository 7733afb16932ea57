//! The release inside a bundle: checked on a thread of its own, then read again for sending.

use std::{
    fs::File,
    io::{self, Read},
};

use sha2::{Digest, Sha256};

use super::documents::{Document, Documents};
use super::{BundleCheck, BundleError};
use crate::{
    APP_ARCHIVE,
    gzip::Gunzip,
    limits::ArchiveLimits,
    pipe::{self, Piped},
    tar::{ArchiveError, EntryKind, TarReader},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AppSummary {
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) files: u64,
    pub(crate) documents: Vec<Document>,
}

/// Reads `app.tar.gz` through. The bundle is decompressed here while another thread digests the bytes and decompresses
/// them a second time: the two cost about the same.
pub(crate) fn inspect(
    data: &mut dyn Read,
    limits: &ArchiveLimits,
) -> Result<AppSummary, BundleError> {
    let mut data = data;
    let (ended, summary) = pipe::split(&mut data, |piped| summarise(Digested::new(piped), limits));
    // A bundle that cannot be read is why its release seems cut.
    ended.map_err(|error| BundleError::from_archive(error.into()))?;
    summary.map_err(BundleError::App)
}

fn summarise(data: Digested, limits: &ArchiveLimits) -> Result<AppSummary, ArchiveError> {
    let mut tar = TarReader::new(Gunzip::new(data, limits), limits);
    let mut files = 0;
    let mut documents = Documents::default();
    while let Some(entry) = tar.next_entry()? {
        if entry.kind == EntryKind::File {
            files += 1;
            documents.look_into(&entry, &mut tar.data())?;
        }
    }
    if files == 0 {
        return Err(ArchiveError::NoFiles);
    }
    // The end of the tar was only reported at the end of its source.
    let data = tar.into_inner().into_inner();
    let (size, sha256) = (data.size, hex::encode(data.hash.finalize()));
    Ok(AppSummary { size, sha256, files, documents: documents.finish() })
}

/// The data of `app.tar.gz` as it arrives, digested.
struct Digested {
    data: Piped,
    hash: Sha256,
    size: u64,
}

impl Digested {
    fn new(data: Piped) -> Self {
        Self { data, hash: Sha256::new(), size: 0 }
    }
}

impl Read for Digested {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.data.read(buf)?;
        self.hash.update(&buf[..n]);
        self.size += n as u64;
        Ok(n)
    }
}

/// The bytes of `app.tar.gz`, compared with the check that preceded.
#[derive(Debug)]
pub struct AppReader {
    tar: TarReader<Gunzip<File>>,
    hash: Sha256,
    size: u64,
    left: u64,
    sha256: String,
}

impl AppReader {
    pub(crate) fn open(file: File, check: &BundleCheck) -> Result<Self, BundleError> {
        let mut tar = TarReader::new(Gunzip::new(file, &check.limits), &check.limits);
        while let Some(entry) = tar.next_entry().map_err(BundleError::from_archive)? {
            if entry.kind == EntryKind::File && entry.name == APP_ARCHIVE {
                if entry.size != check.app_size {
                    return Err(BundleError::Changed);
                }
                let (size, sha256) = (entry.size, check.app_sha256.clone());
                return Ok(Self { tar, hash: Sha256::new(), size, left: size, sha256 });
            }
        }
        Err(BundleError::Changed)
    }

    /// Bytes of the whole entry: the `Content-Length` of its part.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the whole entry by the check, in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Read for AppReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buf.is_empty() {
            return Ok(0);
        }
        let n = self.tar.data().read(buf)?;
        self.hash.update(&buf[..n]);
        self.left -= n as u64;
        if self.left == 0 && hex::encode(self.hash.finalize_reset()) != self.sha256 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BundleError::Changed));
        }
        Ok(n)
    }
}
