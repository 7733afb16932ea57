//! Lines for people.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Event, EventKind, Level, Progress};
use crate::outcome::{Failure, Outcome};
use crate::sink::Sink;

type Lines = dyn FnMut(&Event) -> Vec<String> + Send;

/// Writes the lines that a function makes of each recorded event, such as [`plain_lines`],
/// [`bullets`] or the caller's own.
pub struct Text<W> {
    out: W,
    lines: Box<Lines>,
    failed: Option<io::Error>,
}

impl<W> fmt::Debug for Text<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<W: Write> Text<W> {
    /// Writes to `out` what `lines` makes of each event, each line flushed.
    pub fn new(out: W, lines: impl FnMut(&Event) -> Vec<String> + Send + 'static) -> Self {
        Self { out, lines: Box::new(lines), failed: None }
    }

    /// Returns the first error of the writer, once.
    ///
    /// # Errors
    ///
    /// That error.
    pub fn finish(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl<W: Write + Send> Sink for Text<W> {
    fn record(&mut self, event: &Event) {
        let lines = (self.lines)(event);
        if self.failed.is_none() {
            self.failed = lines.iter().try_for_each(|it| write_line(&mut self.out, it)).err();
        }
    }
}

/// Writes how far a step is, as whole lines, at most one per `every` and step change.
#[derive(Debug)]
pub struct ProgressLines<W> {
    out: W,
    every: Duration,
    last: Option<(String, Instant)>,
    failed: bool,
}

impl<W: Write> ProgressLines<W> {
    /// Writes to `out`.
    pub fn new(out: W, every: Duration) -> Self {
        Self { out, every, last: None, failed: false }
    }
}

impl<W: Write + Send> Sink for ProgressLines<W> {
    fn record(&mut self, event: &Event) {
        if let EventKind::StepEnded { .. } = event.kind {
            self.last = None;
        }
    }

    fn progress(&mut self, step: &str, progress: &Progress) {
        let now = Instant::now();
        let recent = |(name, at): &(String, Instant)| name == step && now < *at + self.every;
        if self.failed || self.last.as_ref().is_some_and(recent) {
            return;
        }
        self.failed = write_line(&mut self.out, &progress_line(step, progress)).is_err();
        self.last = Some((step.to_owned(), now));
    }
}

fn write_line(out: &mut impl Write, line: &str) -> io::Result<()> {
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}

/// Every event but the declaration as lines: `license: skipped: already up to date`.
pub fn plain_lines(event: &Event) -> Vec<String> {
    match &event.kind {
        EventKind::Message { step, level, text } => {
            let step = step.as_ref().map_or_else(String::new, |it| format!("{it}: "));
            let level = if *level == Level::Warning { "warning: " } else { "" };
            vec![format!("{step}{level}{text}")]
        }
        EventKind::StepEnded { step, outcome: Outcome::Failed { failure } } => {
            let mut lines = failure_lines(failure);
            lines[0] = format!("{step}: failed: {}", failure.what);
            lines
        }
        EventKind::StepEnded { step, outcome } => {
            let reason = outcome.reason().map_or_else(String::new, |it| format!(": {it}"));
            vec![format!("{step}: {}{reason}", outcome.word())]
        }
        EventKind::RunDeclared { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepActing { .. }
        | EventKind::RunEnded { .. }
        | EventKind::Unknown(_) => Vec::new(),
    }
}

/// Only the messages, as the bullets of the original kots: `  • Syncing license...`.
pub fn bullets(event: &Event) -> Vec<String> {
    match &event.kind {
        EventKind::Message { text, .. } => vec![format!("  • {text}")],
        _ => Vec::new(),
    }
}

/// What, why and what next, in the shape of every error of the programs. The first line is *what*
/// and is always there.
pub fn failure_lines(failure: &Failure) -> Vec<String> {
    let mut lines = vec![format!("error: {}", failure.what)];
    lines.extend(failure.why.iter().map(|it| format!("  caused by: {it}")));
    if let Some(next) = &failure.next {
        lines.extend([String::new(), format!("hint: {next}")]);
    }
    lines
}

/// How far a step is, in one line: `update: 12.5 MiB of 40.0 MiB`.
pub fn progress_line(step: &str, progress: &Progress) -> String {
    match progress {
        Progress::Bytes { done, total: Some(total) } => {
            format!("{step}: {} of {}", size(*done), size(*total))
        }
        Progress::Bytes { done, total: None } => format!("{step}: {}", size(*done)),
        Progress::Text(text) | Progress::Detailed { text, .. } => format!("{step}: {text}"),
    }
}

/// A number of bytes with one decimal, rounded down, so that nothing looks finished before it is.
pub fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((name, unit)) = UNITS.iter().find(|(_, unit)| *unit <= bytes) else {
        return format!("{bytes} B");
    };
    let tenths = u128::from(bytes) * 10 / u128::from(*unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_never_look_finished_too_early() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (12 << 20, "12.0 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn progress_is_one_line_for_a_while_and_per_step() {
        let mut out = Vec::new();
        let mut lines = ProgressLines::new(&mut out, Duration::from_hours(1));
        lines.progress("update", &Progress::Bytes { done: 5 << 20, total: Some(10 << 20) });
        lines.progress("update", &Progress::Bytes { done: 6 << 20, total: Some(10 << 20) });
        lines.progress("watch", &Progress::Text("2 of 3 ready".to_owned()));
        lines.progress("images", &Progress::Bytes { done: 7, total: None });
        insta::assert_snapshot!(String::from_utf8(out).expect("text"), @r"
        update: 5.0 MiB of 10.0 MiB
        watch: 2 of 3 ready
        images: 7 B
        ");
    }
}
