//! How much is read at once, and how many bytes are sent in one part of an upload.
//!
//! A part costs a registry a request and a flush to its disk, so large ones are cheaper; but a fault costs the part, and
//! progress is told by the part. So a part is what gets through in about a second.
//!
//! A source is read in several places at once, for a registry takes one blob no faster than it can digest it. What is
//! read waits in buffers until a part is full, in every place; their number is fixed, so what an upload waits for must
//! be a share of them, with one left to be filled. Where a registry wants more in one part, one place is read at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Options;
use crate::client::Fault;

/// Places read at once at most.
const LANES: usize = 4;
/// The fewest bytes that are worth a request: a little less than the 4 MiB that are the most some registries take in
/// one part.
const SMALL: usize = (4 << 20) - (16 << 10);

/// What the uploads of a push learn from each other.
#[derive(Debug)]
pub(super) struct Pace {
    lanes: AtomicUsize,
    /// The most bytes an upload may wait for.
    room: AtomicUsize,
    /// The room where one place is read at a time.
    whole_room: usize,
    largest: usize,
    most: AtomicUsize,
    part: AtomicUsize,
}

impl Pace {
    pub(super) fn new(options: &Options) -> Self {
        let lanes = options.parallelism.min(LANES).min(options.chunks / 2).max(1);
        let room = |lanes| options.chunk.saturating_mul(room(options.chunks, lanes)).max(1);
        let most = options.part.min(room(lanes)).max(options.chunk);
        Self {
            lanes: lanes.into(),
            room: room(lanes).into(),
            whole_room: room(1),
            largest: options.part.max(options.chunk),
            most: most.into(),
            part: most.min(SMALL).into(),
        }
    }

    /// How many places of a source may be read at once.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.load(Ordering::Relaxed)
    }

    /// The most bytes that may be held back until there are more.
    pub(super) fn room(&self) -> u64 {
        self.room.load(Ordering::Relaxed) as u64
    }

    /// Has one place read at a time from now on, for the sake of larger parts. Whether that is new.
    pub(super) fn narrow(&self) -> bool {
        self.room.store(self.whole_room, Ordering::Relaxed);
        self.most.store(self.largest.min(self.whole_room), Ordering::Relaxed);
        self.lanes.swap(1, Ordering::Relaxed) > 1
    }

    /// Bytes of the next part.
    pub(super) fn part(&self) -> usize {
        self.part.load(Ordering::Relaxed)
    }

    /// Bytes for which it is worth to wait before they are sent.
    pub(super) fn least(&self) -> usize {
        self.part().min(SMALL)
    }

    /// A part got through.
    pub(super) fn took(&self, bytes: usize, time: Duration) {
        if bytes >= self.least() {
            let next = next(bytes, time, self.most.load(Ordering::Relaxed));
            self.part.store(next, Ordering::Relaxed);
        }
    }

    /// Whether a part may have been refused for being too large, and smaller ones are sent from now on.
    pub(super) fn refused(&self, bytes: usize, fault: &Fault) -> bool {
        let too_large = matches!(fault.status(), Some(413 | 416)) && bytes > SMALL;
        if too_large {
            self.most.store(SMALL, Ordering::Relaxed);
            self.part.store(SMALL, Ordering::Relaxed);
        }
        too_large
    }
}

/// Buffers of `all` that an upload may fill while it waits, when as many places are read at once.
fn room(all: usize, lanes: usize) -> usize {
    if lanes > 1 { (all / lanes).saturating_sub(1).max(1) } else { (all / 2).max(1) }
}

/// What gets through in a second at that rate, within bounds.
fn next(bytes: usize, time: Duration, most: usize) -> usize {
    let millis = time.as_millis().max(1);
    let rate = (bytes as u128).saturating_mul(1000) / millis;
    usize::try_from(rate).unwrap_or(usize::MAX).clamp(most.min(SMALL), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 16 << 20;

    #[test]
    fn a_part_is_what_gets_through_in_a_second() {
        let check = |bytes, millis| next(bytes, Duration::from_millis(millis), MOST);
        assert_eq!(check(SMALL, 1), MOST);
        assert_eq!(check(8 << 20, 1000), 8 << 20);
        assert_eq!(check(8 << 20, 10_000), SMALL);
        assert_eq!(next(100, Duration::ZERO, 64 << 10), 64 << 10);
    }

    #[test]
    fn what_all_uploads_wait_for_fits_beside_what_is_being_read() {
        for chunks in 1..70 {
            for parallelism in 1..10 {
                let options = Options { parallelism, chunks, ..Options::default() };
                let pace = Pace::new(&options);
                let held = usize::try_from(pace.room()).expect("it fits") / options.chunk;
                // Something is always sent once all buffers are full.
                assert!(pace.lanes() * held <= chunks.max(2) - pace.lanes().min(chunks - 1));
            }
        }
    }

    #[test]
    fn a_registry_that_wants_large_parts_is_served_one_blob_at_a_time() {
        let pace = Pace::new(&Options::default());
        assert_eq!((pace.lanes(), pace.room()), (4, 7 << 20));
        assert!(pace.narrow());
        assert!(!pace.narrow());
        assert_eq!((pace.lanes(), pace.room()), (1, 16 << 20));
    }

    #[test]
    fn what_is_too_large_once_is_not_tried_again() {
        let refused = Fault::Refused { status: 413, reason: String::new() };
        let pace = Pace::new(&Options { parallelism: 1, ..Options::default() });
        assert!(!pace.refused(SMALL, &refused));
        pace.took(SMALL, Duration::from_millis(1));
        assert_eq!((pace.part(), pace.least()), (MOST, SMALL));
        assert!(pace.refused(MOST, &refused));
        pace.took(SMALL, Duration::from_millis(1));
        assert_eq!(pace.part(), SMALL);
    }
}
