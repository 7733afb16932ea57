//! Death at a chosen journal write, for tests that kill the process there. Without the feature
//! `faults` nothing of this is in the program.

/// Where in a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// Before its first byte.
    Before,
    /// After half of its bytes.
    In,
    /// After it is on the disk.
    After,
}

/// Counts the writes of this process and tells where this one should die, if it should.
#[cfg(feature = "faults")]
pub(super) fn next_write() -> Option<Point> {
    use std::sync::atomic::{AtomicU64, Ordering};

    static WRITES: AtomicU64 = AtomicU64::new(0);
    let this = 1 + WRITES.fetch_add(1, Ordering::Relaxed);
    let wanted = std::env::var_os("STEPS_FAULT")?.into_string().ok()?;
    let (name, number) = wanted.split_once(':')?;
    let point = match name {
        "kill-before-journal-write" => Point::Before,
        "kill-in-journal-write" => Point::In,
        "kill-after-journal-write" => Point::After,
        _ => return None,
    };
    (number.parse() == Ok(this)).then_some(point)
}

#[cfg(not(feature = "faults"))]
pub(super) fn next_write() -> Option<Point> {
    None
}

/// Kills this process as `kill -9` does.
#[cfg(feature = "faults")]
pub(super) fn die() {
    use rustix::process::{Signal, getpid, kill_process};

    // SIGKILL to oneself does not return.
    let _ = kill_process(getpid(), Signal::KILL);
}

#[cfg(not(feature = "faults"))]
pub(super) fn die() {}
