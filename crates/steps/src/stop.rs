//! When a run ends early.

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// When a run must end even though it is not finished: never, at a deadline, or when the caller says.
#[derive(Default)]
pub struct Stop {
    cancelled: Option<Pin<Box<dyn Future<Output = String> + Send>>>,
    deadline: Option<(Instant, Duration)>,
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The caller's words, such as "SIGTERM".
    Cancelled(String),
    /// The limit that passed.
    Deadline(Duration),
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Stop {
    /// A run that only ends by itself.
    pub fn never() -> Self {
        Self::default()
    }

    /// Also ends `limit` from now. A limit too long for the clock is none.
    pub fn after(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit).map(|at| (at, limit));
        self
    }

    /// Also ends when `cancelled` does, which gives what did it, such as "SIGTERM" or "the operator".
    pub fn on(mut self, cancelled: impl Future<Output = String> + Send + 'static) -> Self {
        self.cancelled = Some(Box::pin(cancelled));
        self
    }

    /// When the run must be over, if it has a deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.map(|(at, _)| at)
    }

    /// Returns why the run must stop now, without waiting.
    pub(crate) async fn due(&mut self) -> Option<Cause> {
        tokio::select! {
            biased;
            cause = self.wait() => Some(cause),
            () = future::ready(()) => None,
        }
    }

    /// Waits until the run must stop. Safe to drop and call again until it has returned.
    pub(crate) async fn wait(&mut self) -> Cause {
        let deadline = self.deadline;
        let cancelled = async {
            match &mut self.cancelled {
                Some(it) => it.await,
                None => future::pending().await,
            }
        };
        let passed = async {
            match deadline {
                Some((at, limit)) => {
                    sleep_until(at).await;
                    limit
                }
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            by = cancelled => Cause::Cancelled(by),
            limit = passed => Cause::Deadline(limit),
        }
    }
}
