//! The data of an entry, as a reader.

use std::io::{self, Read};

use super::{ArchiveError, TarReader};

/// The data of one entry. Faults of the archive are `io::Error`s that hold an [`ArchiveError`].
#[derive(Debug)]
pub struct EntryData<'a, R> {
    pub(super) reader: &'a mut TarReader<R>,
}

impl<R> EntryData<'_, R> {
    /// Bytes of the whole entry.
    pub fn size(&self) -> u64 {
        self.reader.current.as_ref().map_or(0, |it| it.size)
    }
}

impl<R: Read> Read for EntryData<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reader.read_data(buf).map_err(ArchiveError::into_io)
    }
}
