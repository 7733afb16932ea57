//! Named points in the order of writes where a test kills the process.
//!
//! With the feature `faults`, `KOTSADM_FAULT=<point>[:n]` sends SIGKILL to this very process the
//! n-th time (default the first) it passes the point. Without the feature a point is nothing.

/// Every point, in the order an update passes them.
pub const POINTS: &[&str] = &[
    "request-begun",
    "lease-taken",
    "upload-part-written",
    "upload-complete",
    "chunk-written",
    "chunk-synced",
    "chunk-noted",
    "upload-accepted",
    "archive-temp-written",
    "archive-temp-synced",
    "archive-renamed",
    "archive-folder-synced",
    "version-before-commit",
    "version-after-commit",
    "license-before-commit",
    "license-after-commit",
    "lease-before-release",
    "upload-before-forget",
    "upload-forgotten",
    "reply-before-send",
    "deploy-before-target",
    "target-temp-written",
    "target-renamed",
    "target-link-swapped",
    "deploy-before-commit",
    "deploy-after-commit",
];

/// Points that only a deploy to a cluster passes.
pub const CLUSTER_POINTS: &[&str] =
    &["target-object-removed", "target-object-applied", "target-phase-done", "target-chart-done"];

/// Points of a run of preflights, which no update passes without them.
pub const PREFLIGHT_POINTS: &[&str] = &["preflight-before-commit", "preflight-after-commit"];

/// Passes the point `name`.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_name: &'static str) {}

/// Passes the point `name`: kills this process when a test asked for it.
#[cfg(feature = "faults")]
pub fn point(name: &'static str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let text = crate::env::read(crate::env::KOTSADM_FAULT)?;
        match text.split_once(':') {
            Some((point, n)) => Some((point.to_owned(), n.parse().unwrap_or(1))),
            None => Some((text, 1)),
        }
    });
    static PASSED: AtomicU32 = AtomicU32::new(0);

    let lists = [POINTS, CLUSTER_POINTS, PREFLIGHT_POINTS];
    debug_assert!(lists.concat().contains(&name), "{name} is not in the lists of points");
    if let Some((wanted, n)) = &*WANTED
        && wanted == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *n
    {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // SIGKILL is not delivered before this thread leaves the kernel; nothing may run after it.
        loop {
            std::thread::park();
        }
    }
}
