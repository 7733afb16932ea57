//! A clock that nobody puts back.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970: by the machine's clock when this is first asked in a process, from then on by the time
/// that passed. How long sessions and locks last must not follow somebody who sets the clock. What is kept on a disk
/// can still lie ahead after a restart; whoever reads it bounds it.
pub fn now_ms() -> i64 {
    static START: OnceLock<(i64, Instant)> = OnceLock::new();
    let (wall, start) = START.get_or_init(|| {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (i64::try_from(wall.as_millis()).unwrap_or(i64::MAX), Instant::now())
    });
    wall.saturating_add(i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX))
}
