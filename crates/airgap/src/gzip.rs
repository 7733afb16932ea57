//! Gunzip that tells a stream cut short from a damaged one, and stops at a bomb.
//!
//! Several members in a row are one stream, as for Go's `compress/gzip` and `gzip -d`. After the last member only zero
//! bytes may follow (`gzip -d` ignores them); anything else is refused. The checksum of every member is compared.

use std::io::{self, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use thiserror::Error;

use crate::limits::ArchiveLimits;

/// Compressed bytes read from the source at once.
const INPUT: usize = 128 * 1024;

/// Decompressed bytes between members that are noted.
const MEMBER_SPACING: u64 = 1 << 20;

const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xe0;

/// Why a gzip stream cannot be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GzipError {
    /// The source holds no bytes at all.
    #[error("empty: not a gzip stream")]
    Empty,
    /// The first bytes are not those of a gzip header.
    #[error("not a gzip stream: it starts with {0:#04x} {1:#04x}, gzip with 0x1f 0x8b")]
    NotGzip(u8, u8),
    /// A header that no version of gzip writes.
    #[error("gzip header at byte {at} is damaged: {what}")]
    Header {
        /// Compressed bytes before the fault.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The source ended inside a member.
    #[error("cut short: the gzip stream ends after {at} bytes, before its end")]
    CutShort {
        /// Compressed bytes there were.
        at: u64,
    },
    /// The compressed data is not deflate.
    #[error("damaged: invalid compressed data near byte {at}")]
    Corrupt {
        /// Compressed bytes before the fault.
        at: u64,
    },
    /// The data decompressed, but is not what was compressed.
    #[error("damaged: the gzip checksum at byte {at} does not match the data")]
    Checksum {
        /// Compressed bytes before the end of the member.
        at: u64,
    },
    /// Something that is not gzip follows the stream.
    #[error("bytes that are not gzip follow the stream at byte {at}")]
    Trailing {
        /// Compressed bytes before them.
        at: u64,
    },
    /// More data than allowed.
    #[error("decompresses to more than the allowed {limit} bytes")]
    TooLarge {
        /// The cap, in bytes.
        limit: u64,
    },
    /// A gzip bomb.
    #[error("decompresses to more than {limit} times its size, more than is allowed")]
    Ratio {
        /// The cap.
        limit: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    First,
    Body,
    Trailer,
    Between,
    Done,
    Failed(GzipError),
}

/// Where a member of a gzip stream begins. Reading can start there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Compressed bytes before it.
    pub at: u64,
    /// Decompressed bytes before it.
    pub offset: u64,
}

/// The decompressed bytes of a gzip stream.
///
/// Faults of the stream are `io::Error`s that hold a [`GzipError`]; any other error is the source's.
#[derive(Debug)]
pub struct Gunzip<R> {
    source: R,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    inflate: Decompress,
    crc: Crc,
    state: State,
    consumed: u64,
    produced: u64,
    members: Vec<Member>,
    limits: ArchiveLimits,
}

impl<R: Read> Gunzip<R> {
    /// Reads `source` from its start. Of `limits` only the total size and the ratio matter here.
    pub fn new(source: R, limits: &ArchiveLimits) -> Self {
        Self {
            source,
            input: vec![0; INPUT].into_boxed_slice(),
            start: 0,
            end: 0,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            state: State::First,
            consumed: 0,
            produced: 0,
            members: Vec::new(),
            limits: *limits,
        }
    }

    /// The members begun so far, without the first and without those less than 1 MiB after another.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    fn note_member(&mut self) {
        let last = self.members.last().map_or(0, |it| it.offset);
        if self.produced - last >= MEMBER_SPACING {
            // Its first byte was read already.
            self.members.push(Member { at: self.consumed - 1, offset: self.produced });
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

    fn header(&mut self, first: u8) -> Result<(), Fault> {
        let at = self.consumed - 1;
        if at > 0 && first != 0x1f {
            return Err(GzipError::Trailing { at }.into());
        }
        let second = self.byte()?;
        if (first, second) != (0x1f, 0x8b) {
            return Err(if at == 0 {
                GzipError::NotGzip(first, second)
            } else {
                GzipError::Trailing { at }
            }
            .into());
        }
        let mut sum = Crc::new();
        sum.update(&[first, second]);
        let damaged = |what| Fault::from(GzipError::Header { at, what });
        let mut fixed = [0; 8];
        for byte in &mut fixed {
            *byte = self.byte()?;
        }
        sum.update(&fixed);
        let [method, flags, ..] = fixed;
        if method != 8 {
            return Err(damaged("unknown compression method"));
        }
        if flags & FLAGS_RESERVED != 0 {
            return Err(damaged("reserved flags are set"));
        }
        if flags & FLAG_EXTRA != 0 {
            let len = [self.byte()?, self.byte()?];
            sum.update(&len);
            for _ in 0..u16::from_le_bytes(len) {
                sum.update(&[self.byte()?]);
            }
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            let mut more = flags & flag != 0;
            while more {
                let byte = self.byte()?;
                sum.update(&[byte]);
                more = byte != 0;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            let found = [self.byte()?, self.byte()?];
            if sum.sum().to_le_bytes()[..2] != found {
                return Err(damaged("its checksum does not match"));
            }
        }
        Ok(())
    }

    fn trailer(&mut self) -> Result<(), Fault> {
        let mut trailer = [0; 8];
        for byte in &mut trailer {
            *byte = self.byte()?;
        }
        let number =
            |at| trailer.iter().skip(at).take(4).rfold(0, |sum, it| sum << 8 | u64::from(*it));
        let (crc, len) = (number(0), number(4));
        // The length is stored modulo 2^32.
        if crc != u64::from(self.crc.sum()) || len != self.inflate.total_out() & 0xffff_ffff {
            return Err(GzipError::Checksum { at: self.consumed }.into());
        }
        self.inflate.reset(false);
        self.crc.reset();
        Ok(())
    }

    /// What follows a member: nothing, padding, or another member whose first byte this returns.
    fn between(&mut self) -> Result<Option<u8>, Fault> {
        if !self.fill()? {
            return Ok(None);
        }
        let at = self.consumed;
        let first = self.byte()?;
        if first != 0 {
            return Ok(Some(first));
        }
        while self.fill()? {
            if self.input[self.start..self.end].iter().any(|it| *it != 0) {
                return Err(GzipError::Trailing { at }.into());
            }
            self.consumed += (self.end - self.start) as u64;
            self.start = self.end;
        }
        Ok(None)
    }

    fn body(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        loop {
            if !self.fill()? {
                return Err(GzipError::CutShort { at: self.consumed }.into());
            }
            let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
            let input = &self.input[self.start..self.end];
            let status = self.inflate.decompress(input, out, FlushDecompress::None);
            // Both differences are at most the lengths of the two slices.
            let used = usize::try_from(self.inflate.total_in() - before_in).unwrap_or(0);
            let made = usize::try_from(self.inflate.total_out() - before_out).unwrap_or(0);
            self.start += used;
            self.consumed += used as u64;
            let Ok(status) = status else {
                let error = GzipError::Corrupt { at: self.consumed };
                // What came before the damage tells where it is.
                self.state = State::Failed(error);
                return if made > 0 { Ok(made) } else { Err(error.into()) };
            };
            self.crc.update(&out[..made]);
            self.count(made as u64)?;
            if status == Status::StreamEnd {
                self.state = State::Trailer;
                return Ok(made);
            }
            if made > 0 {
                return Ok(made);
            }
            if used == 0 {
                return Err(GzipError::Corrupt { at: self.consumed }.into());
            }
        }
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
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use insta::assert_snapshot;

    use super::*;
    use crate::limits::Limits;

    fn gz(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    }

    fn limits(total_size: u64, ratio: u64) -> ArchiveLimits {
        ArchiveLimits { total_size, ratio, ..Limits::default().app }
    }

    fn check_with(stream: &[u8], limits: &ArchiveLimits) -> String {
        let mut out = Vec::new();
        let mut gunzip = Gunzip::new(stream, limits);
        match gunzip.read_to_end(&mut out) {
            Ok(_) if out.len() > 60 => format!("{} bytes", out.len()),
            Ok(_) => format!("{:?}", String::from_utf8_lossy(&out)),
            Err(error) => {
                let again = gunzip.read(&mut [0; 8]).expect_err("a fault stays a fault");
                assert_eq!(error.to_string(), again.to_string());
                error.to_string()
            }
        }
    }

    fn check(stream: &[u8]) -> String {
        check_with(stream, &limits(1 << 30, 200))
    }

    #[test]
    fn members_in_a_row_are_one_stream() {
        assert_snapshot!(check(&[gz(b"one "), gz(b""), gz(b"two")].concat()), @r#""one two""#);
    }

    #[test]
    fn every_optional_header_field_is_understood() {
        let mut encoder = GzBuilder::new()
            .filename("a name")
            .comment("a comment")
            .extra(vec![1; 300])
            .mtime(7)
            .write(Vec::new(), Compression::fast());
        encoder.write_all(b"data").expect("a vector takes all");
        assert_snapshot!(check(&encoder.finish().expect("a vector takes all")), @r#""data""#);
    }

    #[test]
    fn only_zero_bytes_may_follow() {
        assert_snapshot!(check(&[gz(b"data"), vec![0; 3000]].concat()), @r#""data""#);
        assert_snapshot!(check(&[gz(b"data"), b"garbage".to_vec()].concat()), @"bytes that are not gzip follow the stream at byte 24");
        assert_snapshot!(check(&[gz(b"data"), vec![0, 0, 1]].concat()), @"bytes that are not gzip follow the stream at byte 24");
    }

    #[test]
    fn what_is_not_gzip_is_named() {
        assert_snapshot!(check(b""), @"empty: not a gzip stream");
        assert_snapshot!(check(b"PK\x03\x04"), @"not a gzip stream: it starts with 0x50 0x4b, gzip with 0x1f 0x8b");
        assert_snapshot!(check(b"\x1f\x8b\x07\0\0\0\0\0\0\0"), @"gzip header at byte 0 is damaged: unknown compression method");
    }

    #[test]
    fn a_cut_is_told_from_damage_at_every_byte() {
        let stream = gz(b"some text, some more text, and some text again");
        for at in 1..stream.len() {
            let error = check(&stream[..at]);
            assert_eq!(
                error,
                format!("cut short: the gzip stream ends after {at} bytes, before its end")
            );
        }
    }

    #[test]
    fn a_flipped_bit_in_the_data_or_its_checksum_is_found() {
        let data = b"0123456789abcdef".repeat(3);
        let (stream, sound) = (gz(&data), format!("{:?}", String::from_utf8_lossy(&data)));
        let mut found = 0;
        for bit in 10 * 8..stream.len() * 8 {
            let mut damaged = stream.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let result = check(&damaged);
            let named = result.starts_with("damaged:") || result.starts_with("cut short:");
            // The bits that fill the last byte of the data mean nothing.
            assert!(named || result == sound, "bit {bit}: {result}");
            found += usize::from(named);
        }
        assert!(found > (stream.len() - 10) * 8 - 8);
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bomb = gz(&vec![0; 80 << 20]);
        assert_snapshot!(check_with(&bomb, &limits(1 << 20, 2000)), @"decompresses to more than the allowed 1048576 bytes");
        assert_snapshot!(check_with(&bomb, &limits(1 << 30, 200)), @"decompresses to more than 200 times its size, more than is allowed");
        assert_snapshot!(check_with(&bomb, &limits(1 << 30, 2000)), @"83886080 bytes");
    }
}
