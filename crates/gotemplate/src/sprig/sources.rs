//! Where time and randomness come from.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::value::GoTime;

/// A clock and a source of randomness.
#[derive(Clone)]
pub struct Sources {
    now: Arc<dyn Fn() -> GoTime + Send + Sync>,
    random: Option<Arc<Mutex<StdRng>>>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("seeded", &self.random.is_some()).finish_non_exhaustive()
    }
}

impl Sources {
    /// Returns the system's clock and randomness.
    pub fn system() -> Self {
        Self { now: Arc::new(|| GoTime::from_timestamp(jiff::Timestamp::now())), random: None }
    }

    /// Returns a clock that stands still and a randomness that a seed determines: renders repeat. Made
    /// for tests; never for secrets.
    pub fn fixed(now: GoTime, seed: u64) -> Self {
        Self {
            now: Arc::new(move || now.clone()),
            random: Some(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))),
        }
    }

    pub(super) fn now(&self) -> GoTime {
        (self.now)()
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        match &self.random {
            Some(rng) => rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes),
            None => rand::rng().fill_bytes(bytes),
        }
    }

    /// Returns a number from 0 up to, but not including, `n`.
    pub(super) fn below(&self, n: u64) -> u64 {
        // Rejection keeps the numbers evenly spread.
        let zone = u64::MAX - u64::MAX % n.max(1);
        loop {
            let mut bytes = [0; 8];
            self.fill(&mut bytes);
            let number = u64::from_le_bytes(bytes);
            if number < zone {
                return number % n.max(1);
            }
        }
    }
}
