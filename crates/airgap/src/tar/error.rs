//! Why an archive is refused.

use std::io;

use thiserror::Error;

use crate::{Cancelled, gzip::GzipError};

/// Why an archive cannot be read, or is not accepted.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// The gzip stream around the tar.
    #[error(transparent)]
    Gzip(GzipError),
    /// Reading the bytes failed.
    #[error("failed to read the archive")]
    Read(#[source] io::Error),
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A sound stream whose tar has no end.
    #[error("cut short: the tar ends after {at} bytes, inside {}", inside(name.as_deref()))]
    Cut {
        /// The entry it ends in; `None` inside a header.
        name: Option<String>,
        /// Bytes there were.
        at: u64,
    },
    /// A header block that is not one.
    #[error("not a sound tar archive: at byte {at}, {fault}")]
    Header {
        /// Bytes before the header.
        at: u64,
        /// What is wrong with it.
        fault: HeaderFault,
    },
    /// A PAX header that cannot be read in one way only.
    #[error("refused PAX header before byte {at}: {fault}")]
    Pax {
        /// Bytes up to the end of the header.
        at: u64,
        /// What is wrong with it.
        fault: PaxFault,
    },
    /// A name that could reach outside, or hides what it is.
    #[error("refused entry `{name}`: {fault}")]
    Name {
        /// The name, escaped and shortened.
        name: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// Something other than a file or a folder.
    #[error("refused entry `{name}`: it is a {kind}, only regular files and folders are allowed")]
    Kind {
        /// The name, escaped and shortened.
        name: String,
        /// What it is.
        kind: &'static str,
    },
    /// Two sizes for one entry.
    #[error("refused entry `{name}`: its header says {header} bytes, its PAX record {pax}")]
    TwoSizes {
        /// The name, escaped and shortened.
        name: String,
        /// Bytes by the header.
        header: u64,
        /// Bytes by the PAX record.
        pax: u64,
    },
    /// A folder that claims data.
    #[error("refused entry `{name}`: it is a folder or link, but has {size} bytes of data")]
    FolderWithData {
        /// The name, escaped and shortened.
        name: String,
        /// Bytes it claims.
        size: u64,
    },
    /// A file over the cap.
    #[error("refused entry `{name}`: it has {size} bytes, the limit is {limit}")]
    TooLarge {
        /// The name, escaped and shortened.
        name: String,
        /// Bytes it claims.
        size: u64,
        /// The cap.
        limit: u64,
    },
    /// The same name again, or a file where a folder is.
    #[error("refused entry `{name}`: {}", if *folder { "it is a file and a folder" } else { "it is there twice" })]
    Duplicate {
        /// The name.
        name: String,
        /// Once a file and once a folder.
        folder: bool,
    },
    /// Too many entries or folders.
    #[error("more than the allowed {limit} entries")]
    TooMany {
        /// The cap.
        limit: u64,
    },
    /// A release without a single regular file.
    #[error("it holds no files")]
    NoFiles,
    /// Something follows the end marker.
    #[error("data follows the end of the tar at byte {at}")]
    DataAfterEnd {
        /// Bytes up to the end marker.
        at: u64,
    },
}

fn inside(name: Option<&str>) -> String {
    name.map_or_else(|| "a header".to_owned(), |it| format!("`{it}`"))
}

impl ArchiveError {
    /// Wraps the error for an interface that only knows `io::Error`; [`ArchiveError::from`] undoes it.
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Read(error) => error,
            Self::Cancelled => io::Error::other(Cancelled),
            Self::Gzip(error) => io::Error::new(io::ErrorKind::InvalidData, error),
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }

    /// Whether the archive ends too early, as opposed to being damaged or refused.
    pub fn is_cut_short(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Gzip(GzipError::CutShort { .. } | GzipError::Empty))
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        let error = match error.downcast::<GzipError>() {
            Ok(error) => return Self::Gzip(error),
            Err(error) => error,
        };
        match error.downcast::<Cancelled>() {
            Ok(Cancelled) => Self::Cancelled,
            Err(error) => Self::Read(error),
        }
    }
}

/// What is wrong with a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Damage, or no tar at all.
    #[error("the header's checksum does not match")]
    Checksum,
    /// Neither POSIX, nor GNU, nor the format before both.
    #[error("the header is of an unknown format")]
    Format,
    /// Size or checksum is not a number.
    #[error("a number in the header is not one")]
    Number,
    /// Not a part of the name, but read as one by some programs.
    #[error("a header that is not POSIX has something where POSIX has a part of the name")]
    Prefix,
    /// A size below zero.
    #[error("a size is negative")]
    Negative,
    /// A size beyond 2^63.
    #[error("a size is beyond what a file can have")]
    Overflow,
    /// An extension header at the end of the archive.
    #[error("an extension header has no entry")]
    ExtensionAlone,
    /// Two PAX headers or two long names for one entry.
    #[error("two extension headers of one kind describe one entry")]
    ExtensionTwice,
    /// An extension of unreasonable size.
    #[error("an extension header is larger than 256 KiB")]
    ExtensionTooLarge,
    /// Bytes after the end of an extension, which some programs take for a part of it.
    #[error("an extension header goes on behind its end")]
    ExtensionEnd,
    /// A PAX path and a GNU long name.
    #[error("an entry has a PAX path and a GNU long name")]
    TwoNames,
    /// Where a link leads to, for something that is no link.
    #[error("an entry that is no link has a link's target")]
    LinkName,
    /// A long name with a zero inside.
    #[error("a GNU long name holds a zero byte")]
    LongName,
}

/// What is wrong with a PAX header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PaxFault {
    /// Not `LENGTH KEY=VALUE\n`.
    #[error("a record is malformed")]
    Malformed,
    /// The same key twice.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// A size that is no number of bytes.
    #[error("`size` is {0:?}, allowed are digits up to 9223372036854775807")]
    Size(String),
    /// Not allowed at all.
    #[error("`{0}` is not allowed")]
    Refused(String),
    /// A path or size for every entry that follows.
    #[error("`{0}` is not allowed in a global header")]
    Global(&'static str),
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameFault {
    /// Not text.
    #[error("its name is not UTF-8")]
    NotUtf8,
    /// Control characters, or characters that turn the direction of the text.
    #[error("its name holds control characters")]
    Control,
    /// Begins with `/`.
    #[error("its name is absolute")]
    Absolute,
    /// Has a part `..`.
    #[error("its name holds `..`")]
    Parent,
    /// Nothing is left of it.
    #[error("its name is empty")]
    Empty,
    /// No file system takes it.
    #[error("its name is longer than 4096 bytes, or a part of it than 255")]
    TooLong,
    /// Too deep.
    #[error("its name has more than 64 parts")]
    TooDeep,
    /// A regular file whose name ends as a folder's does.
    #[error("it is a regular file, but its name ends with a slash")]
    FileWithSlash,
}
