//! How many bytes are sent in one part of an upload.
//!
//! A part costs a registry a request and a flush to its disk, so large ones are cheaper; but a fault costs the part, and
//! progress is told by the part. So a part is what gets through in about a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::client::Fault;

/// The fewest bytes that are worth a request: a little less than the 4 MiB that are the most some registries take in
/// one part.
const SMALL: usize = (4 << 20) - (16 << 10);

/// What the uploads of a push learn from each other.
#[derive(Debug)]
pub(super) struct Pace {
    most: AtomicUsize,
    part: AtomicUsize,
}

impl Pace {
    /// Parts of `most` bytes at most.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.into(), part: most.min(SMALL).into() }
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
    fn what_is_too_large_once_is_not_tried_again() {
        let refused = Fault::Refused { status: 413, reason: String::new() };
        let pace = Pace::new(MOST);
        assert!(!pace.refused(SMALL, &refused));
        pace.took(SMALL, Duration::from_millis(1));
        assert_eq!((pace.part(), pace.least()), (MOST, SMALL));
        assert!(pace.refused(MOST, &refused));
        pace.took(SMALL, Duration::from_millis(1));
        assert_eq!(pace.part(), SMALL);
    }
}
