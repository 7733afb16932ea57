//! Gunzip that tells a stream cut short from a damaged one, and stops at a bomb.
//!
//! Several members in a row are one stream, as for Go's `compress/gzip` and `gzip -d`. After the last member only zero
//! bytes may follow (`gzip -d` ignores them); anything else is refused. The checksum of every member is compared.

mod error;
mod frame;
mod points;

use std::io::{self, Read};

use flate2::Crc;
use zlib_rs::{Inflate, InflateFlush, Status};

use crate::limits::ArchiveLimits;
pub use error::GzipError;
use points::Points;
pub(crate) use points::{Inside, Point, WINDOW};

/// Compressed bytes read from the source at once.
const INPUT: usize = 128 * 1024;

/// Decompressed bytes between members that are noted.
const MEMBER_SPACING: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Body,
    Trailer,
    Between,
    Done,
    Failed(GzipError),
}

/// The decompressed bytes of a gzip stream.
///
/// Faults of the stream are `io::Error`s that hold a [`GzipError`]; any other error is the source's.
pub struct Gunzip<R> {
    source: R,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    /// The last byte that was used.
    last: u8,
    inflate: Inflate,
    /// Of the member so far; none for one that was entered inside.
    crc: Option<Crc>,
    state: State,
    consumed: u64,
    produced: u64,
    /// The members after the first, without those less than [`MEMBER_SPACING`] after another.
    members: Vec<Point>,
    /// Where the current member begins, in decompressed bytes.
    member: u64,
    points: Option<Points>,
    limits: ArchiveLimits,
}

impl<R: std::fmt::Debug> std::fmt::Debug for Gunzip<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gunzip")
            .field("source", &self.source)
            .field("state", &self.state)
            .field("consumed", &self.consumed)
            .field("produced", &self.produced)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Gunzip<R> {
    /// Reads `source` from its start. Of `limits` only the total size and the ratio matter here.
    pub fn new(source: R, limits: &ArchiveLimits) -> Self {
        Self {
            source,
            input: vec![0; INPUT].into_boxed_slice(),
            start: 0,
            end: 0,
            last: 0,
            inflate: Inflate::new(false, 15),
            crc: Some(Crc::new()),
            state: State::First,
            consumed: 0,
            produced: 0,
            members: Vec::new(),
            member: 0,
            points: None,
            limits: *limits,
        }
    }

    /// As [`Gunzip::new`], and notes places from which the stream can be read on.
    pub(crate) fn noting(source: R, limits: &ArchiveLimits) -> Self {
        Self { points: Some(Points::new()), ..Self::new(source, limits) }
    }

    /// Reads on from `point`, to which `source` was moved: one byte before it where that has unused bits. What is left
    /// of its member is not compared with the checksum.
    ///
    /// # Errors
    ///
    /// When that byte cannot be read, and when nothing can begin there.
    pub(crate) fn resume(mut source: R, point: &Point, limits: &ArchiveLimits) -> io::Result<Self> {
        let mut last = [0];
        if point.steps_back() > 0 {
            source.read_exact(&mut last)?;
        }
        let mut gunzip = Self::new(source, limits);
        (gunzip.consumed, gunzip.produced) = (point.at, point.offset);
        gunzip.member = point.offset;
        match &point.inside {
            None => gunzip.state = State::Between,
            Some(inside) => {
                let wrong = GzipError::Corrupt { at: point.at };
                let wrong = || io::Error::new(io::ErrorKind::InvalidData, wrong);
                gunzip.inflate = inside.decoder(last[0]).ok_or_else(wrong)?;
                gunzip.crc = None;
                gunzip.state = State::Body;
            }
        }
        Ok(gunzip)
    }

    /// Where the stream can be entered, as far as it was read, in its order: without its start, and without members
    /// less than 1 MiB after another.
    pub(crate) fn points(&mut self) -> Vec<Point> {
        let mut points = self.points.as_mut().map(Points::take).unwrap_or_default();
        points.append(&mut self.members);
        points.sort_by_key(|it| it.offset);
        points
    }

    fn note_member(&mut self) {
        self.member = self.produced;
        let last = self.members.last().map_or(0, |it| it.offset);
        if self.produced - last >= MEMBER_SPACING {
            // Its first byte was read already.
            let (at, offset) = (self.consumed - 1, self.produced);
            self.members.push(Point { at, offset, inside: None });
        }
    }

    /// Gives the source back; it may have been read further than the decompressed bytes tell.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// Whether there is input, reading more when all was used.
    fn fill(&mut self) -> Result<bool, Fault> {
        if self.start == self.end {
            self.end = read_some(&mut self.source, &mut self.input)?;
            self.start = 0;
        }
        Ok(self.start < self.end)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        if !self.fill()? {
            return Err(GzipError::CutShort { at: self.consumed }.into());
        }
        let byte = self.input[self.start];
        self.start += 1;
        self.consumed += 1;
        Ok(byte)
    }

    /// Decompresses as far as the input at hand goes.
    fn inflate(&mut self, out: &mut [u8], flush: InflateFlush) -> Result<usize, Fault> {
        if !self.fill()? {
            return Err(GzipError::CutShort { at: self.consumed }.into());
        }
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let input = &self.input[self.start..self.end];
        let status = self.inflate.decompress(input, out, flush);
        // Both differences are at most the lengths of the two slices.
        let used = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(0);
        let made = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(0);
        if let Some(last) = input[..used].last() {
            self.last = *last;
        }
        self.start += used;
        self.consumed += used as u64;
        let Ok(status) = status else {
            let error = GzipError::Corrupt { at: self.consumed };
            // What came before the damage tells where it is.
            self.state = State::Failed(error);
            return if made > 0 { Ok(made) } else { Err(error.into()) };
        };
        if let Some(crc) = &mut self.crc {
            crc.update(&out[..made]);
        }
        self.count(made as u64)?;
        if status == Status::StreamEnd {
            self.state = State::Trailer;
        } else if used == 0 && made == 0 {
            return Err(GzipError::Corrupt { at: self.consumed }.into());
        }
        Ok(made)
    }

    fn body(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        if out.len() > 2 * WINDOW
            && self.points.as_ref().is_some_and(|it| it.is_due(self.produced, self.member))
        {
            return self.body_with_point(out);
        }
        loop {
            let made = self.inflate(out, InflateFlush::NoFlush)?;
            if made > 0 || self.state != State::Body {
                return Ok(made);
            }
        }
    }

    /// As `body`, as far as the input at hand goes; notes a place from which the stream can be read on if a block begins
    /// there.
    fn body_with_point(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = self.inflate(out, InflateFlush::Block)?;
        while self.state == State::Body && self.start < self.end && filled < out.len() {
            let is_far = filled >= WINDOW;
            let place = (self.consumed, self.produced);
            let (last, rest) = (self.last, self.start..self.end);
            let flush = if is_far { InflateFlush::NoFlush } else { InflateFlush::Block };
            let made = match self.inflate(&mut out[filled..], flush) {
                Ok(made) => made,
                Err(Fault::Gzip(error)) if filled > 0 => {
                    self.state = State::Failed(error);
                    break;
                }
                Err(fault) => return Err(fault),
            };
            let (before, after) = out[..filled + made].split_at(filled);
            if let Some(points) = self.points.as_mut().filter(|_| is_far) {
                points.note(place, before, last, &self.input[rest], after);
            }
            filled += made;
            if is_far {
                break;
            }
        }
        Ok(filled)
    }

    fn count(&mut self, made: u64) -> Result<(), Fault> {
        self.produced = self.produced.saturating_add(made);
        if self.produced > self.limits.total_size {
            return Err(GzipError::TooLarge { limit: self.limits.total_size }.into());
        }
        if self.produced > ArchiveLimits::RATIO_FROM
            && self.produced > self.consumed.saturating_mul(self.limits.ratio)
        {
            return Err(GzipError::Ratio { limit: self.limits.ratio }.into());
        }
        Ok(())
    }

    fn step(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.state {
                State::First => {
                    if !self.fill()? {
                        return Err(GzipError::Empty.into());
                    }
                    let first = self.byte()?;
                    self.header(first)?;
                    self.state = State::Body;
                }
                State::Body => {
                    let made = self.body(out)?;
                    if made > 0 {
                        return Ok(made);
                    }
                }
                State::Trailer => {
                    self.trailer()?;
                    self.state = State::Between;
                }
                State::Between => match self.between()? {
                    Some(first) => {
                        self.note_member();
                        self.header(first)?;
                        self.state = State::Body;
                    }
                    None => self.state = State::Done,
                },
                State::Done => return Ok(0),
                State::Failed(error) => return Err(error.into()),
            }
        }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        match self.step(out) {
            Ok(made) => Ok(made),
            Err(Fault::Source(error)) => Err(error),
            Err(Fault::Gzip(error)) => {
                self.state = State::Failed(error);
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }
}

/// Either the stream is at fault or reading it is.
enum Fault {
    Gzip(GzipError),
    Source(io::Error),
}

impl From<GzipError> for Fault {
    fn from(error: GzipError) -> Self {
        Self::Gzip(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}

/// `read` that is not stopped by a signal.
pub(crate) fn read_some(source: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
