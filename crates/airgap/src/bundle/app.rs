//! The release inside a bundle: checked on a thread of its own, then read again for sending.

use std::{
    fs::File,
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use sha2::{Digest, Sha256};

use super::documents::{Document, Documents};
use super::{BundleCheck, BundleError};
use crate::{
    APP_ARCHIVE, CHUNK,
    gzip::{Gunzip, read_some},
    limits::ArchiveLimits,
    tar::{ArchiveError, EntryKind, TarReader},
};

/// Chunks on their way from one thread to the other.
const CHUNKS: usize = 4;

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
    let (full, chunks) = sync_channel::<Vec<u8>>(CHUNKS);
    let (give_back, empty) = sync_channel::<Vec<u8>>(CHUNKS);
    thread::scope(|scope| {
        let inner = scope.spawn(move || summarise(Chunks::new(chunks, give_back), limits));
        let fed = feed(data, &full, &empty);
        // Tells the other thread that this was all.
        drop(full);
        let summary = inner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A bundle that cannot be read is why its release seems cut.
        fed.map_err(|error| BundleError::from_archive(error.into()))?;
        summary.map_err(BundleError::App)
    })
}

/// Moves all data; ends early when the other side has seen enough.
fn feed(
    mut data: &mut dyn Read,
    full: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let mut chunk = empty.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let mut filled = 0;
        while filled < CHUNK {
            match read_some(&mut data, &mut chunk[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        chunk.truncate(filled);
        if filled == 0 || full.send(chunk).is_err() {
            return Ok(());
        }
    }
}

fn summarise(chunks: Chunks, limits: &ArchiveLimits) -> Result<AppSummary, ArchiveError> {
    let mut tar = TarReader::new(Gunzip::new(chunks, limits), limits);
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
    let chunks = tar.into_inner().into_inner();
    let (size, sha256) = (chunks.size, hex::encode(chunks.hash.finalize()));
    Ok(AppSummary { size, sha256, files, documents: documents.finish() })
}

/// The data of `app.tar.gz` as it arrives, digested.
struct Chunks {
    arriving: Receiver<Vec<u8>>,
    give_back: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    start: usize,
    hash: Sha256,
    size: u64,
}

impl Chunks {
    fn new(arriving: Receiver<Vec<u8>>, give_back: SyncSender<Vec<u8>>) -> Self {
        Self { arriving, give_back, chunk: Vec::new(), start: 0, hash: Sha256::new(), size: 0 }
    }
}

impl Read for Chunks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.start == self.chunk.len() {
            let Ok(next) = self.arriving.recv() else {
                return Ok(0);
            };
            self.hash.update(&next);
            self.size += next.len() as u64;
            // When the other side is gone or has enough, the buffer is dropped.
            let _ = self.give_back.try_send(std::mem::replace(&mut self.chunk, next));
            self.start = 0;
        }
        let n = (&self.chunk[self.start..]).read(buf)?;
        self.start += n;
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
