//! Timing, memory and bytes read of whole processes, as the kernel accounts for them.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a running process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What one process used.
#[derive(Debug, Clone, Default)]
pub(crate) struct Usage {
    /// From start to end.
    pub(crate) wall: Duration,
    /// The most memory it had resident, in KiB.
    pub(crate) peak_kib: u64,
    /// Bytes it read through system calls.
    pub(crate) read_bytes: u64,
    /// The most bytes that lay in each of the folders that were looked at.
    pub(crate) folder_bytes: Vec<u64>,
}

/// Runs `command` to its end; fails when it does. The `folders` are looked at while it runs.
pub(crate) fn run(command: &mut Command, folders: &[&Path]) -> Result<Usage> {
    let started = Instant::now();
    let mut child = command.spawn().context("could not start the measured program")?;
    let mut usage = Usage { folder_bytes: vec![0; folders.len()], ..Usage::default() };
    let status = loop {
        look(&child, folders, &mut usage);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // A look every few milliseconds, not a wait for something to happen.
        std::thread::park_timeout(LOOK);
    };
    usage.wall = started.elapsed();
    if !status.success() {
        bail!("{} ended with {status}", command.get_program().display());
    }
    Ok(usage)
}

fn look(child: &Child, folders: &[&Path], usage: &mut Usage) {
    let pid = child.id();
    usage.peak_kib = usage.peak_kib.max(status_kib(pid, "VmHWM:").unwrap_or(0));
    usage.read_bytes =
        usage.read_bytes.max(field(&format!("/proc/{pid}/io"), "rchar:").unwrap_or(0));
    for (peak, folder) in usage.folder_bytes.iter_mut().zip(folders) {
        *peak = folder_bytes(folder).max(*peak);
    }
}

/// A field of `/proc/PID/status`, in KiB: `VmHWM:` is the peak, `VmRSS:` what is resident now.
pub(crate) fn status_kib(pid: u32, name: &str) -> Option<u64> {
    field(&format!("/proc/{pid}/status"), name)
}

fn field(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes of all files below `folder`.
pub(crate) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Minimum, median and maximum of some runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    /// Of at least one figure.
    pub(crate) fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { min: at(0), median: at(figures.len() / 2), max: at(figures.len().saturating_sub(1)) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} / {:.1} / {:.1}", self.min, self.median, self.max)
    }
}

/// Milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
