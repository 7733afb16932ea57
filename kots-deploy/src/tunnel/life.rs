//! Signs of life of a tunnel: bytes counted where they really move, and the rule that tells a dead
//! tunnel from a quiet one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Patience;

/// A masked ping without payload: two bytes of head, four of mask.
const PING_BYTES: u64 = 6;

/// When to ping and look for signs of life.
pub(super) struct Watch {
    pub(super) ticks: Interval,
    pub(super) life: Life,
    pub(super) flush_due: bool,
}

impl Watch {
    pub(super) fn new(patience: Patience) -> Self {
        let start = Instant::now();
        let mut ticks = tokio::time::interval_at(start + patience.ping, patience.ping);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, life: Life::new(patience.silence, start), flush_due: false }
    }
}

/// Decides when a tunnel is dead.
///
/// Any byte in either direction counts as a sign of life, our own pings do not: the kernel takes
/// them for minutes after the other side vanished. A missing pong alone is no proof of death: a
/// kubelet whose pod does not read does not read pings either.
pub(super) struct Life {
    silence: Duration,
    pub(super) pings: u64,
    last_moved: u64,
    last_sign: Instant,
}

impl Life {
    fn new(silence: Duration, start: Instant) -> Self {
        Self { silence, pings: 0, last_moved: 0, last_sign: start }
    }

    /// Returns how long the tunnel has been silent, when that is too long. `moved` counts all bytes
    /// of both directions so far.
    pub(super) fn silent(&mut self, moved: u64, now: Instant) -> Option<Duration> {
        // Pings that are still queued make this smaller than it was; that is no sign of life.
        let moved = moved.saturating_sub(self.pings * PING_BYTES);
        if moved > self.last_moved {
            self.last_moved = moved;
            self.last_sign = now;
            return None;
        }
        let silent = now.saturating_duration_since(self.last_sign);
        (silent >= self.silence).then_some(silent)
    }
}

/// Counts the bytes that the connection really took and gave.
pub(super) struct Counted<S> {
    pub(super) io: S,
    pub(super) read: u64,
    pub(super) written: u64,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(Pin::new(&mut self.io).poll_read(cx, buf));
        self.read += (buf.filled().len() - before) as u64;
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        if let Ok(count) = result {
            self.written += count as u64;
        }
        Poll::Ready(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays bytes moved in each tick of 20 s against a silence of 60 s; a tick sends one ping.
    /// Returns the tick that found the tunnel dead.
    fn check(moved: &[u64]) -> Option<usize> {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mut life = Life::new(60 * second, start);
        let mut total = 0;
        for (tick, bytes) in moved.iter().enumerate() {
            total += bytes;
            let now = start + 20 * second * u32::try_from(tick + 1).expect("few ticks");
            if life.silent(total, now).is_some() {
                return Some(tick);
            }
            life.pings += 1;
        }
        None
    }

    #[test]
    fn only_bytes_other_than_our_pings_are_signs_of_life() {
        let sent = PING_BYTES;
        let answered = PING_BYTES + 2;
        let all_answered = [100, answered, answered, answered, answered, answered, answered];
        assert_eq!(check(&all_answered), None);
        assert_eq!(check(&[100, sent, sent, sent, sent, sent]), Some(3));
        // Nothing is taken any more, not even pings: these stay in the queue.
        assert_eq!(check(&[100, 0, 0, 0, 0, 0]), Some(3));
        assert_eq!(check(&[100, sent, sent, answered, sent, sent, sent]), Some(6));
    }
}
