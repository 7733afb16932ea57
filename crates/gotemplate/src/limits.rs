//! Bounds for templates that nobody vouches for.

use std::time::Duration;

/// What one render may use. Reaching a bound is an error of kind [`crate::ErrorKind::Limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the output, and of any single value, in bytes.
    pub output_bytes: usize,
    /// Number of nodes that may be executed.
    pub steps: u64,
    /// How deep templates may call templates. Go's own bound is 100,000.
    pub depth: usize,
    /// Time from the start of the render.
    pub wall_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes: 64 << 20,
            steps: 50_000_000,
            depth: 100_000,
            wall_time: Duration::from_secs(30),
        }
    }
}
