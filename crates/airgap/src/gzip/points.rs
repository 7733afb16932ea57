//! Places inside a gzip stream from which it can be read on, so that what lies before them need not be decompressed.
//!
//! A member begins anew. Inside a member a deflate block will do, with the 32 KiB before it, to which it may refer back.
//! A block begins at any bit, and the decoder does not say at which: of the four places it can be brought to, the one is
//! taken from which the stream reads on as it did. A block with fixed codes and nothing in it has ten bits, so some of
//! them before it bring a decoder to any even bit; at an odd one nothing is noted, the next block is as good.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush};

/// Bytes to which deflate refers back.
pub(crate) const WINDOW: usize = 32 * 1024;
/// Decompressed bytes from one place inside a member to the next, at first.
const SPACING: u64 = 4 << 20;
/// Places inside members that are kept: with the windows 2 MiB. When there are more, every other one is dropped.
const MOST: usize = 64;
/// Decompressed bytes that must be the same for a place to be believed.
const PROOF: usize = 1024;
/// The most that are compared.
const PROOF_MAX: usize = 16 * 1024;

/// A place in a gzip stream from which it can be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// Compressed bytes before the first that is not used.
    pub(crate) at: u64,
    /// Decompressed bytes before it.
    pub(crate) offset: u64,
    /// What a decoder must know; nothing where a member begins.
    pub(crate) inside: Option<Inside>,
}

/// What a decoder must know to go on inside a member.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Inside {
    /// Bits of the last used byte that are not used: 0, 2, 4 or 6, the upper ones.
    pub(crate) unused: u8,
    /// The decompressed bytes before it, [`WINDOW`] of them.
    pub(crate) window: Box<[u8]>,
}

impl Point {
    /// Compressed bytes before [`Point::at`] at which reading must begin.
    pub(crate) fn steps_back(&self) -> u64 {
        u64::from(self.inside.as_ref().is_some_and(|it| it.unused > 0))
    }
}

impl fmt::Debug for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inside").field("unused", &self.unused).finish_non_exhaustive()
    }
}

impl Inside {
    /// The decoder of what follows, where `last` is the last byte of which something is used.
    pub(crate) fn decoder(&self, last: u8) -> Option<Inflate> {
        let mut inflate = Inflate::new(false, 15);
        inflate.set_dictionary(&self.window).ok()?;
        let prefix = prefix(self.unused, last)?;
        inflate.decompress(&prefix, &mut [0], InflateFlush::NoFlush).ok()?;
        let read_over = inflate.total_in() == prefix.len() as u64 && inflate.total_out() == 0;
        read_over.then_some(inflate)
    }
}

/// Blocks without content up to where `unused` bits of `last` are left, and these bits.
fn prefix(unused: u8, last: u8) -> Option<Vec<u8>> {
    let blocks = match unused {
        0 => return Some(Vec::new()),
        6 => 1,
        4 => 2,
        2 => 3,
        _ => return None,
    };
    // Ten bits, the lowest first: not the last block, fixed codes (01), end of block (0000000).
    let empty: u32 = (0..blocks).map(|it| 0b10 << (10 * it)).sum();
    let bits = 10 * blocks;
    let own = u8::MAX << (8 - unused);
    let mut bytes = empty.to_le_bytes()[..=bits / 8].to_vec();
    *bytes.last_mut()? |= last & own;
    Some(bytes)
}

/// The places inside members that were found so far.
#[derive(Debug)]
pub(super) struct Points {
    found: Vec<Point>,
    spacing: u64,
}

impl Points {
    pub(super) fn new() -> Self {
        Self { found: Vec::new(), spacing: SPACING }
    }

    /// Whether a place after `offset` is wanted, where a member began at `member`.
    pub(super) fn is_due(&self, offset: u64, member: u64) -> bool {
        let last = self.found.last().map_or(0, |it| it.offset).max(member);
        offset - last >= self.spacing
    }

    /// Notes the place between `before` and `after`, two runs of decompressed bytes, if one is found: `last` is the last
    /// compressed byte of which `before` was made, `rest` what follows it.
    pub(super) fn note(
        &mut self,
        (at, offset): (u64, u64),
        before: &[u8],
        last: u8,
        rest: &[u8],
        after: &[u8],
    ) {
        let Some(window) = before.last_chunk::<WINDOW>() else { return };
        if after.len() < PROOF {
            return;
        }
        let after = &after[..after.len().min(PROOF_MAX)];
        let mut inside = Inside { unused: 0, window: Box::new(*window) };
        for unused in [0, 2, 4, 6] {
            inside.unused = unused;
            if leads_to(&inside, last, rest, after) {
                self.found.push(Point { at, offset, inside: Some(inside) });
                break;
            }
        }
        if self.found.len() > MOST {
            let mut keep = [false, true].into_iter().cycle();
            self.found.retain(|_| keep.next().unwrap_or(true));
            self.spacing *= 2;
        }
    }

    pub(super) fn take(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.found)
    }
}

/// Whether reading on from a place gives `after`.
fn leads_to(inside: &Inside, last: u8, rest: &[u8], after: &[u8]) -> bool {
    let Some(mut inflate) = inside.decoder(last) else { return false };
    let mut found = vec![0; after.len()];
    let read = inflate.decompress(rest, &mut found, InflateFlush::NoFlush);
    read.is_ok() && found == after
}
