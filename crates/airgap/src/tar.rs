//! A tar reader that accepts an allow-list and names what it refuses.
//!
//! Two readers that disagree about one archive are how files are smuggled past a check. So everything on which tar
//! programs disagree (sizes given twice, names given twice, extension headers left over, data after the end) is refused
//! instead of being settled by a rule of our own. Accepted are ustar, GNU long names, and the PAX records that real
//! programs write, macOS included.

mod data;
mod error;
mod header;
mod name;
mod names;
mod pax;

use std::io::Read;

pub use data::EntryData;
pub use error::{ArchiveError, HeaderFault, NameFault, PaxFault};
use header::{BLOCK, Header, Kind};
pub(crate) use name::{clean, shown};
use names::Names;
use pax::Pax;

use crate::{CHUNK, gzip::read_some, limits::ArchiveLimits};

/// Bytes of one PAX header or GNU long name. Go's reader allows 1 MiB; macOS attributes need a few KiB.
const EXTENSION_MAX: u64 = 256 * 1024;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder. It carries no data.
    Directory,
    /// A hard or symbolic link; only where [`TarReader::with_links`] allows it.
    Link,
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: relative, `/` between parts, without `.`, `..`, empty parts or a slash at the end (`images/` is
    /// `images`, `./airgap.yaml` is `airgap.yaml`).
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of data; 0 for a folder or link.
    pub size: u64,
    /// Where a link leads to inside the archive, in the spelling of a name; `None` also where it leads out of it.
    pub link: Option<String>,
}

/// Streams the entries of a tar. Memory is bounded by the caps, not by the archive.
#[derive(Debug)]
pub struct TarReader<R> {
    source: R,
    limits: ArchiveLimits,
    names: Names,
    entries: u64,
    links: bool,
    /// Bytes read: for error texts, and for where data begins.
    at: u64,
    current: Option<Current>,
    done: bool,
}

#[derive(Debug)]
struct Current {
    name: String,
    size: u64,
    left: u64,
    padding: u64,
}

/// Extension headers that belong to the next entry.
#[derive(Debug, Default)]
struct Pending {
    pax: Option<Pax>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }
}

impl<R: Read> TarReader<R> {
    /// Reads `source` from its start.
    pub fn new(source: R, limits: &ArchiveLimits) -> Self {
        Self {
            source,
            limits: *limits,
            names: Names::new(limits.entries),
            entries: 0,
            links: false,
            at: 0,
            current: None,
            done: false,
        }
    }

    /// Reports links instead of refusing them. Images that programs save hold links between their own files; nothing is
    /// ever made of them.
    pub fn with_links(mut self) -> Self {
        self.links = true;
        self
    }

    /// Bytes of the tar read so far; right after [`TarReader::next_entry`], where the entry's data begins.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Gives the source back. Nothing was read beyond the blocks seen so far.
    pub fn into_inner(self) -> R {
        self.source
    }

    /// The source, for its counters.
    pub fn get_ref(&self) -> &R {
        &self.source
    }

    /// Moves to the next entry, reading over what is left of the current one. `None` is the end of the archive; it is
    /// only returned when the source was read to *its* end and held nothing more.
    ///
    /// # Errors
    ///
    /// Returns the reason when the archive is damaged, cut, too big, or not of the allowed shape. Do not go on after
    /// an error.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveError> {
        let mut pending = Pending::default();
        loop {
            self.skip_current()?;
            if self.done {
                return Ok(None);
            }
            let Some(header) = self.header()? else {
                if !pending.is_empty() {
                    return Err(self.fault(HeaderFault::ExtensionAlone));
                }
                self.done = true;
                return Ok(None);
            };
            match header.kind {
                Kind::Pax if pending.pax.is_none() => {
                    let bytes = self.extension(&header)?;
                    let fault = |fault| ArchiveError::Pax { at: self.at, fault };
                    let pax = Pax::parse(&bytes).map_err(fault)?;
                    if pax.link.is_some() && !self.links {
                        return Err(fault(PaxFault::Refused("linkpath".to_owned())));
                    }
                    pending.pax = Some(pax);
                }
                Kind::LongName if pending.long_name.is_none() => {
                    pending.long_name = Some(self.extension(&header)?);
                }
                Kind::LongLink if !self.links => {
                    return Err(ArchiveError::Kind {
                        name: name::shown(&header.name),
                        kind: "symbolic link",
                    });
                }
                Kind::LongLink if pending.long_link.is_none() => {
                    pending.long_link = Some(self.extension(&header)?);
                }
                Kind::Pax | Kind::LongName | Kind::LongLink => {
                    return Err(self.fault(HeaderFault::ExtensionTwice));
                }
                Kind::PaxGlobal => {
                    self.count()?;
                    let bytes = self.extension(&header)?;
                    let fault = |fault| ArchiveError::Pax { at: self.at, fault };
                    Pax::parse(&bytes).and_then(|it| it.check_global()).map_err(fault)?;
                }
                Kind::File | Kind::Directory | Kind::Link(_) | Kind::Refused(_) => {
                    self.count()?;
                    if let Some(entry) = self.entry(&header, std::mem::take(&mut pending))? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }

    /// The data of the current entry: nothing for a folder or when it was read already.
    pub fn data(&mut self) -> EntryData<'_, R> {
        EntryData { reader: self }
    }

    /// The entry that header and extensions describe, or `None` when it is to be passed over.
    fn entry(&mut self, header: &Header, ext: Pending) -> Result<Option<Entry>, ArchiveError> {
        let pax = ext.pax.unwrap_or_default();
        let raw = match (pax.path, ext.long_name) {
            (Some(_), Some(_)) => return Err(self.fault(HeaderFault::TwoNames)),
            (Some(path), None) => path,
            (None, Some(long)) => {
                long_name(long).ok_or_else(|| self.fault(HeaderFault::LongName))?
            }
            (None, None) => header.name.clone(),
        };
        let shown = || name::shown(&raw);
        let (name, slash) =
            name::clean(&raw).map_err(|fault| ArchiveError::Name { name: shown(), fault })?;
        let kind = match header.kind {
            Kind::Refused(kind) => return Err(ArchiveError::Kind { name: shown(), kind }),
            Kind::Link(kind) if !self.links => {
                return Err(ArchiveError::Kind { name: shown(), kind });
            }
            Kind::Link(_) => EntryKind::Link,
            // Old tar programs had no type for folders, only the slash; which of two names has it is for each reader
            // to say.
            Kind::File if header.old_file && slash != header.name.ends_with(b"/") => {
                return Err(ArchiveError::Name { name: shown(), fault: NameFault::FileWithSlash });
            }
            Kind::File if slash && header.old_file => EntryKind::Directory,
            Kind::File if slash => {
                return Err(ArchiveError::Name { name: shown(), fault: NameFault::FileWithSlash });
            }
            Kind::Directory => EntryKind::Directory,
            _ => EntryKind::File,
        };
        let size = match pax.size {
            // A size that the header could not hold is a zero there, or whatever fitted.
            Some(size) if header.size == 0 || header.size == size || size >> 33 != 0 => size,
            Some(size) => {
                let header = header.size;
                return Err(ArchiveError::TwoSizes { name: shown(), header, pax: size });
            }
            None => header.size,
        };
        if kind != EntryKind::File && size != 0 {
            return Err(ArchiveError::FolderWithData { name: shown(), size });
        }
        let link = match (kind, pax.link, ext.long_link) {
            (EntryKind::Link, Some(_), Some(_)) => return Err(self.fault(HeaderFault::TwoNames)),
            (EntryKind::Link, Some(link), None) => Some(link),
            (EntryKind::Link, None, Some(link)) => {
                Some(long_name(link).ok_or_else(|| self.fault(HeaderFault::LongName))?)
            }
            (EntryKind::Link, None, None) => Some(header.link.clone()),
            (_, None, None) => None,
            _ => return Err(self.fault(HeaderFault::LinkName)),
        };
        let symbolic = header.kind == Kind::Link("symbolic link");
        let link = link.and_then(|it| name::target(&name, &it, symbolic));
        let limit = self.limits.entry_size;
        if size > limit {
            return Err(ArchiveError::TooLarge { name: shown(), size, limit });
        }
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        self.current = Some(Current { name: name.clone(), size, left: size, padding });
        if name.is_empty() {
            // `./` is the archive's own root.
            return match kind {
                EntryKind::Directory => Ok(None),
                EntryKind::File | EntryKind::Link => {
                    Err(ArchiveError::Name { name: shown(), fault: NameFault::Empty })
                }
            };
        }
        // Where macOS keeps the attributes of a file on a file system that has none.
        if kind == EntryKind::File && name.rsplit('/').next().is_some_and(|it| it.starts_with("._"))
        {
            return Ok(None);
        }
        self.names.add(&name, kind)?;
        Ok(Some(Entry { name, kind, size, link }))
    }

    fn count(&mut self) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArchiveError::TooMany { limit: self.limits.entries });
        }
        Ok(())
    }

    fn fault(&self, fault: HeaderFault) -> ArchiveError {
        ArchiveError::Header { at: self.at, fault }
    }

    /// The data of an extension header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>, ArchiveError> {
        if header.size > EXTENSION_MAX {
            return Err(self.fault(HeaderFault::ExtensionTooLarge));
        }
        let padded = header.size.next_multiple_of(BLOCK as u64);
        let mut bytes = vec![0; usize::try_from(padded).unwrap_or(usize::MAX)];
        if self.read_full(&mut bytes)? != bytes.len() {
            return Err(ArchiveError::Cut { name: None, at: self.at });
        }
        let rest = bytes.split_off(usize::try_from(header.size).unwrap_or(usize::MAX));
        // GNU tar reads a name up to the next zero byte, Python records up to the end of the block.
        if rest.iter().any(|it| *it != 0) {
            return Err(self.fault(HeaderFault::ExtensionEnd));
        }
        Ok(bytes)
    }

    /// The next header block, or `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let mut block = [0; BLOCK];
        match self.read_full(&mut block)? {
            // Go's reader takes an archive without an end marker, so such archives exist.
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(ArchiveError::Cut { name: None, at: self.at }),
        }
        if block != [0; BLOCK] {
            let at = self.at - BLOCK as u64;
            return Header::parse(&block)
                .map(Some)
                .map_err(|fault| ArchiveError::Header { at, fault });
        }
        self.check_rest_is_zero()?;
        Ok(None)
    }

    /// After the first block of zeros only zeros may follow, up to the end of the source.
    fn check_rest_is_zero(&mut self) -> Result<(), ArchiveError> {
        let mut buf = vec![0; 16 * 1024];
        loop {
            let n = read_some(&mut self.source, &mut buf)?;
            if n == 0 {
                return Ok(());
            }
            if buf[..n].iter().any(|it| *it != 0) {
                return Err(ArchiveError::DataAfterEnd { at: self.at });
            }
            self.at += n as u64;
        }
    }

    fn skip_current(&mut self) -> Result<(), ArchiveError> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let mut left = current.left + current.padding;
        let mut buf = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        while left > 0 {
            let want = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let n = read_some(&mut self.source, &mut buf[..want])?;
            if n == 0 {
                return Err(ArchiveError::Cut { name: Some(current.name), at: self.at });
            }
            self.at += n as u64;
            left -= n as u64;
        }
        Ok(())
    }

    fn read_full(&mut self, buf: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while filled < buf.len() {
            match read_some(&mut self.source, &mut buf[filled..])? {
                0 => break,
                n => filled += n,
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn read_data(&mut self, buf: &mut [u8]) -> Result<usize, ArchiveError> {
        let Some(current) = &mut self.current else {
            return Ok(0);
        };
        let want = buf.len().min(usize::try_from(current.left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let n = read_some(&mut self.source, &mut buf[..want])?;
        if n == 0 {
            return Err(ArchiveError::Cut { name: Some(current.name.clone()), at: self.at });
        }
        self.at += n as u64;
        current.left -= n as u64;
        Ok(n)
    }
}

/// The name in a GNU long name entry: without the zero that ends it, of which there is one.
fn long_name(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    (!bytes.contains(&0)).then_some(bytes)
}

#[cfg(test)]
mod tests;
