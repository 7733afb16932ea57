//! Writing archives that come out the same, byte for byte, from the same entries.
//!
//! No clock, user or mode gets in: time 0, owner 0, files 0644, folders 0755, no time or name in the gzip header. The
//! order is the caller's.

use std::{
    collections::HashSet,
    io::{self, Read, Write},
};

use flate2::{Compression, GzBuilder, write::GzEncoder};
use thiserror::Error;

use crate::{
    CHUNK,
    gzip::read_some,
    tar::{NameFault, clean, shown},
};

const BLOCK: usize = 512;
/// The largest size that the eleven octal digits of a header hold, plus one.
const OCTAL_END: u64 = 1 << 33;

/// Why an archive cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A name that the reader would refuse.
    #[error("cannot write entry `{name}`: {fault}")]
    Name {
        /// The name, escaped and shortened.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// The same name again.
    #[error("cannot write entry `{0}` twice")]
    Twice(String),
    /// The source of an entry ended early or late.
    #[error("entry `{name}` was announced with {announced} bytes, its source has {}", if *longer { "more" } else { "fewer" })]
    Size {
        /// The name.
        name: String,
        /// Bytes announced.
        announced: u64,
        /// Whether there were more than that.
        longer: bool,
    },
    /// Reading a source or writing the archive.
    #[error("failed to write the archive")]
    Io(#[from] io::Error),
}

/// Writes a gzip-compressed tar, entry by entry, in constant memory.
///
/// A bundle has `airgap.yaml` and `app.tar.gz` first: readers stop when they have both.
pub struct BundleWriter<W: Write> {
    /// Taken only while one member of the stream follows another.
    sink: Option<GzEncoder<W>>,
    names: HashSet<String>,
}

impl<W: Write> std::fmt::Debug for BundleWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BundleWriter").field("entries", &self.names.len()).finish_non_exhaustive()
    }
}

impl<W: Write> BundleWriter<W> {
    /// Starts an archive with gzip's usual compression, level 6.
    pub fn new(sink: W) -> Self {
        Self::with_level(sink, 6)
    }

    /// Starts an archive; `level` is gzip's, from 0 (store) to 9.
    pub fn with_level(sink: W, level: u32) -> Self {
        Self { sink: Some(member(sink, level)), names: HashSet::new() }
    }

    /// Goes on in a new member of the gzip stream, which a reader can enter without what is before it. For all others
    /// the members are one stream.
    ///
    /// # Errors
    ///
    /// Returns an error when writing fails.
    pub fn start_member(&mut self, level: u32) -> Result<(), WriteError> {
        if let Some(sink) = self.sink.take() {
            self.sink = Some(member(sink.finish()?, level));
        }
        Ok(())
    }

    fn sink(&mut self) -> io::Result<&mut GzEncoder<W>> {
        self.sink.as_mut().ok_or_else(broken)
    }

    /// Adds a folder. Only needed for a folder that matters by itself: KOTS looks for one named exactly `images`.
    ///
    /// # Errors
    ///
    /// Returns an error for a name the reader would refuse or that is there already, or when writing fails.
    pub fn folder(&mut self, name: &str) -> Result<(), WriteError> {
        let name = self.admit(name)?;
        self.header(&name, b'5', 0)
    }

    /// Adds a file from memory.
    ///
    /// # Errors
    ///
    /// Returns an error for a name the reader would refuse or that is there already, or when writing fails.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        self.file(name, bytes.len() as u64, &mut &*bytes)
    }

    /// Adds a file of `size` bytes from `source`, which must hold exactly that many.
    ///
    /// # Errors
    ///
    /// Returns an error for a name the reader would refuse or that is there already, when the source has more or fewer
    /// bytes (the archive is then unusable), or when reading or writing fails.
    pub fn file(&mut self, name: &str, size: u64, source: &mut dyn Read) -> Result<(), WriteError> {
        let name = self.admit(name)?;
        self.header(&name, b'0', size)?;
        let mut source = source;
        let mut buf = vec![0; CHUNK];
        let mut left = size;
        loop {
            let n = read_some(&mut source, &mut buf)?;
            if n as u64 > left || (n == 0 && left > 0) {
                return Err(WriteError::Size { name, announced: size, longer: n > 0 });
            }
            if n == 0 {
                break;
            }
            self.sink()?.write_all(&buf[..n])?;
            left -= n as u64;
        }
        self.pad(size)
    }

    /// Ends the archive and gives the sink back, not flushed.
    ///
    /// # Errors
    ///
    /// Returns an error when writing fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.sink()?.write_all(&[0; 2 * BLOCK])?;
        Ok(self.sink.ok_or_else(broken)?.finish()?)
    }

    fn admit(&mut self, name: &str) -> Result<String, WriteError> {
        let refused = |fault| WriteError::Name { name: shown(name.as_bytes()), fault };
        let (clean, _) = clean(name.as_bytes()).map_err(refused)?;
        if clean.is_empty() {
            return Err(refused(NameFault::Empty));
        }
        if !self.names.insert(clean.clone()) {
            return Err(WriteError::Twice(clean));
        }
        Ok(clean)
    }

    fn header(&mut self, name: &str, kind: u8, size: u64) -> Result<(), WriteError> {
        let mut records = Vec::new();
        if name.len() > 100 || !name.is_ascii() {
            records.extend(record("path", name));
        }
        if size >= OCTAL_END {
            records.extend(record("size", &size.to_string()));
        }
        if !records.is_empty() {
            self.sink()?.write_all(&block(b"PaxHeader", b'x', records.len() as u64))?;
            self.sink()?.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        let size = if size < OCTAL_END { size } else { 0 };
        self.sink()?.write_all(&block(name.as_bytes(), kind, size))?;
        Ok(())
    }

    fn pad(&mut self, size: u64) -> Result<(), WriteError> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.sink()?.write_all(&[0; BLOCK][over..])?;
        }
        Ok(())
    }
}

fn broken() -> io::Error {
    io::Error::other("writing it failed before")
}

fn member<W: Write>(sink: W, level: u32) -> GzEncoder<W> {
    // 255: "unknown operating system".
    GzBuilder::new().mtime(0).operating_system(255).write(sink, Compression::new(level.min(9)))
}

/// One ustar header. A name that does not fit is cut: a PAX record has it whole.
fn block(name: &[u8], kind: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let fits = name.len().min(100);
    block[..fits].copy_from_slice(&name[..fits]);
    let mode = if kind == b'5' { b"0000755\0" } else { b"0000644\0" };
    block[100..108].copy_from_slice(mode);
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].fill(b' ');
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = block.iter().map(|it| u64::from(*it)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A PAX record, whose length counts its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut len = rest.len() + 1;
    while len != rest.len() + len.to_string().len() {
        len = rest.len() + len.to_string().len();
    }
    format!("{len}{rest}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        assert_eq!(record("path", "a"), b"9 path=a\n");
        assert_eq!(record("path", ""), b"8 path=\n");
        let long = record("path", &"a".repeat(90));
        assert!(long.starts_with(b"99 path="), "{}", long.escape_ascii());
        let longer = record("path", &"a".repeat(91));
        assert!(longer.starts_with(b"101 path="), "{}", longer.escape_ascii());
    }

    #[test]
    fn what_the_reader_refuses_is_not_written() {
        let mut writer = BundleWriter::new(Vec::new());
        writer.bytes("a/b", b"1").expect("a good name");
        let mut check = |name: &str| writer.bytes(name, b"").expect_err("refused").to_string();
        assert_eq!(check("./a/b"), "cannot write entry `a/b` twice");
        assert_eq!(check("../a"), "cannot write entry `../a`: its name holds `..`");
        assert_eq!(check("/a"), "cannot write entry `/a`: its name is absolute");
        assert_eq!(check("."), "cannot write entry `.`: its name is empty");
    }

    #[test]
    fn a_source_of_another_length_is_an_error() {
        let mut writer = BundleWriter::new(Vec::new());
        let mut check = |name, size: u64| {
            writer.file(name, size, &mut &b"1234"[..]).expect_err("refused").to_string()
        };
        assert_eq!(check("a", 5), "entry `a` was announced with 5 bytes, its source has fewer");
        assert_eq!(check("b", 3), "entry `b` was announced with 3 bytes, its source has more");
    }
}
