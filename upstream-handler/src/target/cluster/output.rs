//! What a deploy prints, by part, within bounds.

use wire::app::DownstreamLogs;

/// The most of one part, in bytes.
const PART_BYTES: usize = 1 << 20;

/// The parts of a deploy's output.
#[derive(Debug, Default)]
pub(super) struct Output(DownstreamLogs);

/// A part of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// What the dry run would do.
    DryRun,
    /// What was wrong with it.
    DryRunError,
    /// What was done.
    Apply,
    /// What was wrong with it.
    ApplyError,
    /// What Helm printed.
    Helm,
    /// What it said was wrong.
    HelmError,
}

impl Output {
    /// Adds a line.
    pub(super) fn line(&mut self, part: Part, text: &str) {
        let logs = &mut self.0;
        let to = match part {
            Part::DryRun => &mut logs.dryrun_stdout,
            Part::DryRunError => &mut logs.dryrun_stderr,
            Part::Apply => &mut logs.apply_stdout,
            Part::ApplyError => &mut logs.apply_stderr,
            Part::Helm => &mut logs.helm_stdout,
            Part::HelmError => &mut logs.helm_stderr,
        };
        if to.len() + text.len() < PART_BYTES {
            to.push_str(text.trim_end());
            to.push('\n');
        }
    }

    /// The parts.
    pub(super) fn into_logs(self) -> DownstreamLogs {
        self.0
    }
}
