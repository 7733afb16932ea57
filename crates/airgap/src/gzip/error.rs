//! Why a gzip stream is refused.

use thiserror::Error;

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
