//! Slows down those who guess passwords.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong passwords from one address before it has to wait.
const FREE: u32 = 5;
/// The first wait; each further wrong password doubles it.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(1);
/// The most addresses that are remembered.
const ADDRESSES: usize = 10_000;

/// Counts wrong passwords by address.
#[derive(Debug, Default)]
pub(crate) struct Limiter(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Limiter {
    /// How long an address has to wait before its next attempt; `None` when it need not.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (n_wrong, since) = counts.get(&address)?;
        let over = n_wrong.checked_sub(FREE)?;
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(over)).min(LONGEST);
        (*since + wait).checked_duration_since(now).filter(|it| !it.is_zero())
    }

    /// Notes how an attempt ended.
    pub(crate) fn note(&self, address: IpAddr, right: bool, now: Instant) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if right {
            counts.remove(&address);
            return;
        }
        if ADDRESSES <= counts.len() {
            counts.retain(|_, (_, since)| now.duration_since(*since) < LONGEST);
        }
        if counts.len() < ADDRESSES || counts.contains_key(&address) {
            let count = counts.entry(address).or_insert((0, now));
            *count = (count.0.saturating_add(1), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_gets_slower_and_a_right_password_forgets() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let address: IpAddr = [10, 0, 0, 1].into();
        let mut waits = Vec::new();
        for _ in 0..13 {
            limiter.note(address, false, start);
            waits.push(limiter.wait(address, start).map_or(0, |it| it.as_secs()));
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(limiter.wait([10, 0, 0, 2].into(), start), None);
        assert_eq!(limiter.wait(address, start + LONGEST), None);
        limiter.note(address, true, start);
        assert_eq!(limiter.wait(address, start), None);
    }
}
