//! The bytes of parts of a bundle, for sending.

use std::{
    collections::BTreeSet,
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
            points: Arc::clone(index.points.get()),
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
    /// [`Sections`] of its own. They follow one another in the order of the bundle and hold about the same bytes: each
    /// begins where the stream can be entered with the least that is decompressed for nothing. There are fewer where that
    /// is too much.
    pub fn runs(
        index: &Index,
        wanted: impl IntoIterator<Item = Section>,
        most: usize,
    ) -> Vec<Vec<Section>> {
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let total: u64 = wanted.iter().map(|it| it.size).sum();
        let most = most.max(1) as u64;
        let share = total / most + 1;
        let (points, mut before) = (index.points.get(), 0);
        let starts: Vec<Start> = wanted
            .iter()
            .map(|it| {
                let point = last_before(points, it.offset).map_or(0, |point| point.offset);
                let start = Start { before, lost: it.offset - point };
                before += it.size;
                start
            })
            .collect();
        let begins: BTreeSet<usize> =
            (1..most).filter_map(|run| best(&starts, share * run, share)).collect();
        let mut runs: Vec<Vec<Section>> = Vec::new();
        for (at, section) in wanted.into_iter().enumerate() {
            match runs.last_mut().filter(|_| !begins.contains(&at)) {
                Some(run) => run.push(section),
                None => runs.push(vec![section]),
            }
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

/// A section with which a run may begin.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// Wanted bytes before it.
    before: u64,
    /// Bytes that are decompressed for nothing to get there.
    lost: u64,
}

/// The section with which the run begins that has `ideal` wanted bytes before it, of runs of `share` bytes: near there the
/// one for which least is lost, else the first after it. None when too much is lost beside what the run gives.
fn best(starts: &[Start], ideal: u64, share: u64) -> Option<usize> {
    let fits = |it: &Start| it.before > 0 && it.lost * 2 <= share;
    let all = || starts.iter().enumerate().filter(|(_, it)| fits(it));
    let near = all().filter(|(_, it)| it.before.abs_diff(ideal) <= share / 5);
    near.min_by_key(|(_, it)| (it.lost, it.before.abs_diff(ideal)))
        .or_else(|| all().find(|(_, it)| it.before >= ideal))
        .map(|it| it.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_begins_where_least_is_lost() {
        let starts = |all: &[(u64, u64)]| -> Vec<Start> {
            all.iter().map(|&(before, lost)| Start { before, lost }).collect()
        };
        // Near the middle of 200 the second of them is just behind a place to enter.
        let some = starts(&[(0, 0), (85, 20), (95, 2), (101, 9), (130, 0)]);
        assert_eq!(best(&some, 100, 100), Some(2));
        // None is near: the first after it, unless getting there costs half of what the run gives.
        let large = starts(&[(0, 0), (60, 0), (150, 50), (160, 7)]);
        assert_eq!(best(&large, 100, 100), Some(2));
        assert_eq!(best(&starts(&[(0, 0), (60, 0), (150, 51)]), 100, 100), None);
        assert_eq!(best(&starts(&[(0, 0)]), 100, 100), None);
    }
}
