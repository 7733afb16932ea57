//! The bytes of parts of a bundle, for sending.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    thread::JoinHandle,
};

use sha2::{Digest as _, Sha256};

use crate::{
    bundle::{BundleError, Mark, open},
    digest::Digest,
    gzip::{Gunzip, Member, read_some},
    index::{Index, Section},
    limits::ArchiveLimits,
    pipe::{Piped, pipe},
};

/// Sections of a bundle, one after the other in the order of the bundle, decompressed ahead on a thread of its own.
///
/// What lies between them is decompressed and dropped, except that a gzip stream of several members (as
/// [`crate::BundleWriter`] makes for large entries) is entered at the last member before a section. Every section is
/// compared with its digest: its last bytes are only given out if all were right.
#[derive(Debug)]
pub struct Sections {
    path: PathBuf,
    mark: Mark,
    members: Vec<Member>,
    plain_size: u64,
    /// In reverse order.
    wanted: Vec<Section>,
    stream: Option<Stream>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Stream {
    piped: Piped,
    offset: u64,
    thread: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
struct Current {
    left: u64,
    hash: Sha256,
    digest: Digest,
}

impl Sections {
    /// Prepares to read sections of the bundle that `index` describes; the order does not matter, and one given twice
    /// is read once. Sections that overlap cost a pass more.
    ///
    /// # Errors
    ///
    /// Returns [`BundleError::Changed`] when the file is not the one that was indexed, or why it cannot be opened.
    pub fn open(
        path: &Path,
        index: &Index,
        wanted: impl IntoIterator<Item = Section>,
    ) -> Result<Self, BundleError> {
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        wanted.dedup();
        let (_, mark) = open(path)?;
        if mark != index.mark {
            return Err(BundleError::Changed);
        }
        Ok(Self {
            path: path.to_owned(),
            mark,
            members: index.members.clone(),
            plain_size: index.plain_size,
            wanted,
            stream: None,
            current: None,
        })
    }

    /// Moves to the next section, passing over what is left of the current one. `None` after the last.
    ///
    /// # Errors
    ///
    /// Returns why the bundle cannot be read.
    pub fn next_section(&mut self) -> Result<Option<Section>, BundleError> {
        if let Some(current) = self.current.take() {
            self.pass_over(current.left)?;
        }
        let Some(section) = self.wanted.pop() else {
            return Ok(None);
        };
        self.go_to(section.offset)?;
        let Section { size: left, digest, .. } = section;
        self.current = Some(Current { left, hash: Sha256::new(), digest });
        Ok(Some(section))
    }

    fn go_to(&mut self, offset: u64) -> Result<(), BundleError> {
        let member = self.members.iter().rev().find(|it| it.offset <= offset);
        let here = self.stream.as_ref().map(|it| it.offset).filter(|it| *it <= offset);
        match (here, member) {
            // Not worth the jump: what is in between is about what was decompressed ahead.
            (Some(here), Some(member)) if member.offset <= here + FAR => {}
            (Some(_), None) => {}
            (_, member) => self.start(member.copied())?,
        }
        let here = self.stream.as_ref().map_or(0, |it| it.offset);
        self.pass_over(offset - here)
    }

    fn start(&mut self, member: Option<Member>) -> Result<(), BundleError> {
        self.stream = None;
        let (mut file, mark) = open(&self.path)?;
        if mark != self.mark {
            return Err(BundleError::Changed);
        }
        let member = member.unwrap_or(Member { at: 0, offset: 0 });
        file.seek(SeekFrom::Start(member.at)).map_err(BundleError::Open)?;
        // Its ratio was checked when it was indexed, over the whole.
        let limits = ArchiveLimits {
            total_size: self.plain_size,
            ratio: u64::MAX,
            entries: u64::MAX,
            entry_size: u64::MAX,
        };
        let (feed, piped) = pipe();
        let thread = std::thread::Builder::new()
            .name("gunzip".to_owned())
            .spawn(move || feed.all(&mut Gunzip::<File>::new(file, &limits)))
            .map_err(BundleError::Open)?;
        self.stream = Some(Stream { piped, offset: member.offset, thread });
        Ok(())
    }

    fn pass_over(&mut self, mut left: u64) -> Result<(), BundleError> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        while left > 0 {
            let passed = stream.piped.pass_over(left);
            if passed == 0 {
                return Err(self.broken());
            }
            stream.offset += passed;
            left -= passed;
        }
        Ok(())
    }

    /// Why there are no more bytes.
    fn broken(&mut self) -> BundleError {
        let ended = self.stream.take().map(|it| {
            drop(it.piped);
            it.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        match ended {
            Some(Err(error)) => BundleError::from_archive(error.into()),
            _ => BundleError::Changed,
        }
    }
}

/// Decompressed bytes that are rather passed over than jumped.
const FAR: u64 = 4 << 20;

impl Read for Sections {
    /// The bytes of the current section.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(current) = &mut self.current else {
            return Ok(0);
        };
        let want = buf.len().min(usize::try_from(current.left).unwrap_or(usize::MAX));
        let Some(stream) = self.stream.as_mut().filter(|_| want > 0) else {
            return Ok(0);
        };
        let n = read_some(&mut stream.piped, &mut buf[..want])?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, self.broken()));
        }
        stream.offset += n as u64;
        current.left -= n as u64;
        current.hash.update(&buf[..n]);
        if current.left == 0 && Digest::finish(std::mem::take(&mut current.hash)) != current.digest
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BundleError::Changed));
        }
        Ok(n)
    }
}
