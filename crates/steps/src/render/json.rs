//! One document, or the events as lines and then the document.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;

use crate::event::{Event, EventKind, Progress};
use crate::outcome::{Failure, RunOutcome};
use crate::report::{Report, StepReport};
use crate::sink::Sink;

/// A document about a run for callers that have nothing to add:
/// `{"run", "outcome", "steps": […], "error"?: {"kind", "what", "why", "next"?, "effect"}}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDocument<'a> {
    run: &'a str,
    outcome: Option<RunOutcome>,
    steps: &'a [StepReport],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Failure>,
}

impl<'a> RunDocument<'a> {
    /// Returns the document of `report`.
    pub fn new(report: &'a Report) -> Self {
        let error = report.failure().map(|(_, failure)| failure);
        Self { run: report.run(), outcome: report.outcome(), steps: report.steps(), error }
    }
}

/// Writes `document`, indented, and a newline.
///
/// # Errors
///
/// When `out` fails or the document cannot be JSON.
pub fn json(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// How often progress is written, unless something ended with it.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// Writes each recorded event as one line of JSON, and at the end the caller's document as one
/// more, which is the only line without an `index`. Each line is flushed.
///
/// Between them it writes progress that has fields, as `{"index", "at", "kind": "progress", "step", …}`. `index` counts
/// the lines; without progress that is what it counts in the journal.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    failed: Option<io::Error>,
    index: Option<u64>,
    told: Option<(String, Instant)>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, failed: None, index: None, told: None }
    }

    /// Writes the last line.
    ///
    /// # Errors
    ///
    /// When `out` fails, or failed before.
    pub fn finish(&mut self, document: &impl Serialize) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.line(document),
        }
    }

    fn numbered(&mut self, mut event: Event) {
        if self.failed.is_none() {
            event.index = self.index.unwrap_or(event.index);
            self.index = Some(event.index + 1);
            self.failed = self.line(&event).err();
        }
    }

    fn is_due(&mut self, step: &str, progress: &Progress) -> bool {
        let is_milestone = matches!(progress, Progress::Detailed { is_milestone: true, .. });
        let now = Instant::now();
        let is_soon =
            self.told.as_ref().is_some_and(|(name, at)| name == step && now < *at + PROGRESS_EVERY);
        if is_soon && !is_milestone {
            return false;
        }
        self.told = Some((step.to_owned(), now));
        true
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn record(&mut self, event: &Event) {
        self.numbered(event.clone());
    }

    fn progress(&mut self, step: &str, progress: &Progress) {
        // There is none before the first event, whose number the others follow.
        let Some((fields, index)) = progress.fields().zip(self.index) else { return };
        if !self.is_due(step, progress) {
            return;
        }
        let mut all = Map::from_iter([
            ("kind".to_owned(), "progress".into()),
            ("step".to_owned(), step.into()),
        ]);
        all.extend(fields);
        self.numbered(Event { index, at: Timestamp::now(), kind: EventKind::Unknown(all) });
    }
}
