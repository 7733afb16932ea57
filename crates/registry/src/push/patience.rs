//! How long a push waits for faults to pass. Pure but for a mark of when something last came through.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Fault;

/// The first pause; each next one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause that is not asked for.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a registry that never answered is waited for: its name is rather wrong than it is away for long.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Decides whether and how long to wait.
#[derive(Debug)]
pub(crate) struct Patience {
    deadline: Option<Instant>,
    stall: Duration,
    last: Mutex<Last>,
}

/// When something last came through.
#[derive(Debug)]
struct Last {
    at: Instant,
    /// Nothing has, and `at` is the beginning.
    never: bool,
}

impl Patience {
    pub(crate) fn new(deadline: Option<Instant>, stall: Duration, now: Instant) -> Self {
        Self { deadline, stall, last: Mutex::new(Last { at: now, never: true }) }
    }

    /// An exchange succeeded: the registry is there.
    pub(crate) fn came_through(&self) {
        let last = Last { at: Instant::now(), never: false };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// How long to wait after the `attempt`-th fault in a row; none when it will not pass or time is up.
    pub(crate) fn pause(&self, fault: &Fault, attempt: u32, now: Instant) -> Option<Duration> {
        if !fault.passes() {
            return None;
        }
        let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        let pause = fault.retry_after().unwrap_or_default().max(doubled.min(LONGEST));
        let late = self.deadline.is_some_and(|it| it <= now + pause);
        (self.stalled(now).is_none() && !late).then_some(pause)
    }

    /// Which time is up, when there is no pause any more.
    pub(crate) fn why_over(&self, now: Instant) -> String {
        match self.stalled(now) {
            Some((true, limit)) => format!("it was not reached for {} s", limit.as_secs()),
            Some((false, limit)) => format!("nothing came through for {} s", limit.as_secs()),
            None => "the time limit of the run would be over before the next try".to_owned(),
        }
    }

    /// Whether nothing came through for too long: whether nothing ever did, and what is too long.
    fn stalled(&self, now: Instant) -> Option<(bool, Duration)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = if last.never { self.stall.min(ARRIVAL) } else { self.stall };
        (last.at + limit < now).then_some((last.never, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        let patience = Patience::new(Some(now + seconds(100)), seconds(50), now);
        let broken = Fault::Transport { what: "x".to_owned() };
        let busy = |retry_after| Fault::Busy { status: 429, reason: String::new(), retry_after };
        let check = |fault: &Fault, attempt, after| {
            format!("{:?}", patience.pause(fault, attempt, now + seconds(after)))
        };
        let lines = [
            check(&broken, 1, 0),
            check(&broken, 2, 0),
            check(&broken, 99, 0),
            check(&busy(Some(seconds(30))), 1, 0),
            check(&busy(Some(seconds(120))), 1, 0),
            check(&broken, 1, 29),
            check(&broken, 1, 31),
            check(&Fault::Denied { status: 403, reason: String::new() }, 1, 0),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        Some(100ms)
        Some(200ms)
        Some(10s)
        Some(30s)
        None
        Some(100ms)
        None
        None
        ");
        insta::assert_snapshot!(patience.why_over(now), @"the time limit of the run would be over before the next try");
        insta::assert_snapshot!(patience.why_over(now + seconds(31)), @"it was not reached for 30 s");
        // Once it was there, it may be away for longer.
        patience.came_through();
        assert!(patience.pause(&broken, 1, Instant::now() + seconds(49)).is_some());
        assert!(patience.pause(&broken, 1, Instant::now() + seconds(51)).is_none());
    }
}
