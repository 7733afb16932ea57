//! The bytes of parts of a bundle, for sending.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};

use crate::{
    CHUNK,
    bundle::{BundleError, Mark, open},
    digest::Digest,
    gzip::{Gunzip, Point, read_some},
    index::{Index, Section},
    limits::ArchiveLimits,
};

/// Sections of a bundle, one after the other in the order of the bundle.
///
/// The stream is entered at the last place before a section from which it can be read on; what lies between is
/// decompressed and dropped. Every section is compared with its digest ([`Sections::compared_elsewhere`] leaves that to
/// the receiver): its last bytes are only given out if all were right.
#[derive(Debug)]
pub struct Sections {
    path: PathBuf,
    mark: Mark,
    points: Arc<[Point]>,
    plain_size: u64,
    /// In reverse order.
    wanted: Vec<Section>,
    compares: bool,
    stream: Option<Stream>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Stream {
    gunzip: Gunzip<File>,
    offset: u64,
}

#[derive(Debug)]
struct Current {
    left: u64,
    hash: Option<Sha256>,
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
            points: Arc::clone(&index.points),
            plain_size: index.plain_size,
            wanted,
            compares: true,
            stream: None,
            current: None,
        })
    }

    /// Gives sections out as they are: for a receiver that compares them with their digests itself.
    pub fn compared_elsewhere(self) -> Self {
        Self { compares: false, ..self }
    }

    /// Splits sections of the bundle that `index` describes into at most `most` runs that can be read at once, each by
    /// [`Sections`] of its own. They follow one another in the order of the bundle and hold about the same bytes. There are
    /// fewer where the stream cannot be entered near enough to where a run would begin.
    pub fn runs(
        index: &Index,
        wanted: impl IntoIterator<Item = Section>,
        most: usize,
    ) -> Vec<Vec<Section>> {
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let total: u64 = wanted.iter().map(|it| it.size).sum();
        let share = total / (most.max(1) as u64) + 1;
        let mut runs: Vec<Vec<Section>> = Vec::new();
        let mut full = 0;
        for section in wanted {
            let begins = runs.is_empty()
                || (full >= share * runs.len() as u64 && {
                    let point =
                        last_before(&index.points, section.offset).map_or(0, |it| it.offset);
                    // What is decompressed for nothing must be little beside what the run gives.
                    (section.offset - point) * 2 <= share
                });
            if begins {
                runs.push(Vec::new());
            }
            if let Some(run) = runs.last_mut() {
                run.push(section);
            }
            full += section.size;
        }
        runs
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
        let hash = self.compares.then(Sha256::new);
        self.current = Some(Current { left, hash, digest });
        Ok(Some(section))
    }

    fn go_to(&mut self, offset: u64) -> Result<(), BundleError> {
        let point = last_before(&self.points, offset).cloned();
        let here = self.stream.as_ref().map(|it| it.offset).filter(|it| *it <= offset);
        match (here, point) {
            // Not worth the jump.
            (Some(here), Some(point)) if point.offset <= here + FAR => {}
            (Some(_), None) => {}
            (_, point) => self.start(point.as_ref())?,
        }
        let here = self.stream.as_ref().map_or(0, |it| it.offset);
        self.pass_over(offset - here)
    }

    fn start(&mut self, point: Option<&Point>) -> Result<(), BundleError> {
        self.stream = None;
        let (mut file, mark) = open(&self.path)?;
        if mark != self.mark {
            return Err(BundleError::Changed);
        }
        // Its ratio was checked when it was indexed, over the whole.
        let limits = ArchiveLimits {
            total_size: self.plain_size,
            ratio: u64::MAX,
            entries: u64::MAX,
            entry_size: u64::MAX,
        };
        let gunzip = match point {
            None => Gunzip::new(file, &limits),
            Some(point) => {
                let at = point.at.saturating_sub(point.steps_back());
                file.seek(SeekFrom::Start(at)).map_err(BundleError::Open)?;
                Gunzip::resume(file, point, &limits).map_err(broken)?
            }
        };
        self.stream = Some(Stream { gunzip, offset: point.map_or(0, |it| it.offset) });
        Ok(())
    }

    fn pass_over(&mut self, left: u64) -> Result<(), BundleError> {
        let Some(stream) = self.stream.as_mut().filter(|_| left > 0) else {
            return Ok(());
        };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        let (mut left, mut scrap) = (left, vec![0; most]);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(scrap.len());
            let passed = read_some(&mut stream.gunzip, &mut scrap[..most]).map_err(broken)?;
            if passed == 0 {
                return Err(BundleError::Changed);
            }
            stream.offset += passed as u64;
            left -= passed as u64;
        }
        Ok(())
    }
}

/// The last place from which what begins at `offset` can be read.
fn last_before(points: &[Point], offset: u64) -> Option<&Point> {
    points[..points.partition_point(|it| it.offset <= offset)].last()
}

/// Why there are no more bytes.
fn broken(error: io::Error) -> BundleError {
    BundleError::from_archive(error.into())
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
        let n = read_some(&mut stream.gunzip, &mut buf[..want])
            .map_err(|it| io::Error::new(io::ErrorKind::InvalidData, broken(it)))?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BundleError::Changed));
        }
        stream.offset += n as u64;
        current.left -= n as u64;
        if let Some(hash) = &mut current.hash {
            hash.update(&buf[..n]);
        }
        if current.left == 0
            && current.hash.take().is_some_and(|it| Digest::finish(it) != current.digest)
        {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BundleError::Changed));
        }
        Ok(n)
    }
}
