//! One document, or the events as lines and then the document.

use std::io::{self, Write};

use serde::Serialize;

use crate::event::Event;
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

/// Writes each recorded event as one line of JSON, and at the end the caller's document as one
/// more, which is the only line without an `index`. Each line is flushed.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    failed: Option<io::Error>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, failed: None }
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

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn record(&mut self, event: &Event) {
        if self.failed.is_none() {
            self.failed = self.line(event).err();
        }
    }
}
