//! What a person or a program sees of a run.
//!
//! Text: the original's bullets on stdout, warnings, progress and errors on stderr. JSON: only JSON on stdout, the
//! bullets on stderr. A closed pipe ends the printing, never the run.

pub mod error;
mod lines;
pub(crate) mod progress;
pub mod report;

use std::io::{IsTerminal as _, Write};
use std::sync::Arc;

use steps::render::{JsonLines, json};
use steps::{Shared, Sink};
use wire::report::{DeployOutcome, DeployReport, DeployTarget};

use crate::deploy::args::{Output, ProgressStyle, RunArgs};
use error::Chain;
use lines::Lines;
use progress::{Progress, Style};

/// The printers of one run.
pub struct Printer {
    output: Output,
    lines: Shared<Lines>,
    events: Option<Shared<JsonLines<std::io::Stdout>>>,
}

impl std::fmt::Debug for Printer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Printer {
    /// Makes the printers that `args` ask for.
    pub fn new(args: &RunArgs) -> Self {
        let style = style(args.progress, args.output);
        let bullets: Box<dyn Write + Send> = match args.output {
            Output::Text => Box::new(std::io::stdout()),
            Output::Json | Output::Jsonl => Box::new(std::io::stderr()),
        };
        let lines = Lines::new(bullets, Box::new(std::io::stderr()), Progress::new(style));
        let events =
            (args.output == Output::Jsonl).then(|| Shared::new(JsonLines::new(std::io::stdout())));
        Self { output: args.output, lines: Shared::new(lines), events }
    }

    /// The sinks for a run's events.
    pub fn sinks(&self) -> (impl Sink + use<>, Option<impl Sink + use<>>) {
        (self.lines.clone(), self.events.clone())
    }

    /// Shows how far something is that is not a step.
    pub fn progress(&self) -> Arc<dyn Fn(u64, u64) + Send + Sync> {
        let lines = self.lines.clone();
        Arc::new(move |done, total| {
            let progress = steps::Progress::Bytes { done, total: Some(total) };
            lines.with(|it| it.progress("read bundle", &progress));
        })
    }

    /// Prints a bullet that belongs to no step.
    pub fn bullet(&self, text: &str) {
        self.lines.with(|it| it.bullet(text));
    }

    /// Prints the last bullet and how the run ended.
    pub fn conclude(&self, document: &DeployReport, success: &str) {
        match document.outcome {
            DeployOutcome::Ready => self.bullet(success),
            DeployOutcome::Unchanged => self.bullet(&format!(
                "{} already runs {} as sequence {}: nothing was changed",
                document.app,
                target(&document.target),
                document.sequence.unwrap_or_default()
            )),
            _ => {}
        }
        self.finish(document);
    }

    /// Prints how the run ended.
    pub fn finish(&self, document: &DeployReport) {
        self.lines.with(Lines::clear);
        if let Some(error) = &document.error {
            // A run that never began was ended by one error with its chain.
            let chain = if document.steps.is_empty() { Chain::Whole } else { Chain::First };
            let text = error::text(error, chain);
            self.lines.with(|it| it.error(&text));
        }
        let _ = match (self.output, &self.events) {
            (Output::Text, _) => Ok(()),
            (_, Some(events)) => events.with(|it| it.finish(document)),
            (_, None) => json(&mut std::io::stdout(), document),
        };
    }
}

/// The form of the progress beside this output.
pub(crate) fn style(progress: ProgressStyle, output: Output) -> Style {
    match progress {
        ProgressStyle::None => Style::None,
        // A document is read by a program, and so is likely what is beside it.
        ProgressStyle::Auto if output == Output::Text && std::io::stderr().is_terminal() => {
            Style::Line
        }
        ProgressStyle::Plain | ProgressStyle::Auto => Style::Plain,
    }
}

/// `1 image`, `2 images`.
pub(crate) fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn target(target: &DeployTarget) -> String {
    let place = format!("channel {}, sequence {}", target.channel_id, target.channel_sequence);
    match (target.version_label.as_str(), target.channel_id.as_str()) {
        ("", "") => "a release".to_owned(),
        ("", _) => format!("the release of {place}"),
        (label, "") => label.to_owned(),
        (label, _) => format!("{label} ({place})"),
    }
}
