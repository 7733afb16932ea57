//! How a file is cut into chunks. Pure.
//!
//! resumable.js either makes the last chunk the one that is larger (up to twice the size, its default) or the one that
//! is smaller (`forceChunkSize`).

use std::ops::Range;

use thiserror::Error;

/// The largest chunk, in bytes.
pub(crate) const MAX_CHUNK_BYTES: u64 = 512 << 20;
/// The most chunks.
const MAX_CHUNKS: u64 = 1_000_000;

/// Numbers that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ShapeError {
    /// The number of chunks is not what the sizes make.
    #[error(
        "{total_size} bytes in chunks of {chunk_size} are {fewer} or {more} chunks, not {total_chunks}"
    )]
    Count { total_size: u64, chunk_size: u64, fewer: u64, more: u64, total_chunks: u64 },
    /// No chunks, or too many.
    #[error("an upload has 1 to {MAX_CHUNKS} chunks, not {0}")]
    Chunks(u64),
    /// Chunks of no bytes, or of too many.
    #[error("a chunk has 1 to {MAX_CHUNK_BYTES} bytes, not {0}")]
    ChunkSize(u64),
    /// No such chunk.
    #[error("chunk {number} of {total_chunks} does not exist")]
    Number { number: u64, total_chunks: u64 },
}

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    total_size: u64,
    chunk_size: u64,
    total_chunks: u64,
}

impl Shape {
    pub(crate) fn new(
        total_size: u64,
        chunk_size: u64,
        total_chunks: u64,
    ) -> Result<Self, ShapeError> {
        if !(1..=MAX_CHUNKS).contains(&total_chunks) {
            return Err(ShapeError::Chunks(total_chunks));
        }
        if !(1..=MAX_CHUNK_BYTES).contains(&chunk_size) {
            return Err(ShapeError::ChunkSize(chunk_size));
        }
        let fewer = (total_size / chunk_size).max(1);
        let more = total_size.div_ceil(chunk_size).max(1);
        if ![fewer, more].contains(&total_chunks) {
            let count = ShapeError::Count { total_size, chunk_size, fewer, more, total_chunks };
            return Err(count);
        }
        Ok(Self { total_size, chunk_size, total_chunks })
    }

    pub(crate) fn total_size(&self) -> u64 {
        self.total_size
    }

    pub(crate) fn chunk_size(&self) -> u64 {
        self.chunk_size
    }

    pub(crate) fn total_chunks(&self) -> u64 {
        self.total_chunks
    }

    /// The bytes of a chunk; the first has the number 1.
    pub(crate) fn chunk(&self, number: u64) -> Result<Range<u64>, ShapeError> {
        let Self { total_size, chunk_size, total_chunks } = *self;
        if !(1..=total_chunks).contains(&number) {
            return Err(ShapeError::Number { number, total_chunks });
        }
        // No product overflows: the last chunk begins within the file.
        let start = (number - 1) * chunk_size;
        let end = if number == total_chunks { total_size } else { start + chunk_size };
        Ok(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(total: u64, chunk: u64, count: u64) -> String {
        match Shape::new(total, chunk, count) {
            Ok(shape) => format!("{:?}", shape.chunk(count).expect("it exists")),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_last_chunk_takes_the_rest_or_is_the_rest() {
        assert_eq!(check(10, 4, 2), "4..10");
        assert_eq!(check(10, 4, 3), "8..10");
        assert_eq!(check(8, 4, 2), "4..8");
        assert_eq!(check(3, 4, 1), "0..3");
        assert_eq!(check(0, 4, 1), "0..0");
        insta::assert_snapshot!(check(10, 4, 4), @"10 bytes in chunks of 4 are 2 or 3 chunks, not 4");
        insta::assert_snapshot!(check(10, 0, 4), @"a chunk has 1 to 536870912 bytes, not 0");
        insta::assert_snapshot!(check(10, 4, 0), @"an upload has 1 to 1000000 chunks, not 0");
        let error = Shape::new(10, 4, 2).and_then(|it| it.chunk(3)).expect_err("there are two");
        insta::assert_snapshot!(error, @"chunk 3 of 2 does not exist");
    }

    proptest! {
        #[test]
        fn chunks_are_the_file_and_no_byte_is_in_two(
            total in any::<u64>(), chunk in 1..=MAX_CHUNK_BYTES, more in any::<bool>()
        ) {
            let total = total % (chunk * 1000);
            let count = if more { total.div_ceil(chunk) } else { total / chunk }.max(1);
            let shape = Shape::new(total, chunk, count).expect("it fits");
            let mut end = 0;
            for number in 1..=count {
                let range = shape.chunk(number).expect("it exists");
                prop_assert_eq!(range.start, end);
                prop_assert!(range.end - range.start < 2 * chunk);
                end = range.end;
            }
            prop_assert_eq!(end, total);
        }

        #[test]
        fn no_numbers_panic(total in any::<u64>(), chunk in any::<u64>(), count in any::<u64>(), number in any::<u64>()) {
            if let Ok(shape) = Shape::new(total, chunk, count) {
                let _ = shape.chunk(number);
            }
        }
    }
}
