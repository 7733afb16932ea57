//! The lines of a run.

use std::io::Write;

use steps::{Event, EventKind, Level, Outcome, Sink};

use super::progress::Progress;
use crate::deploy::plan::ONLINE_IMAGES;

/// Prints messages as bullets and warnings as warnings.
pub(super) struct Lines {
    bullets: Box<dyn Write + Send>,
    others: Box<dyn Write + Send>,
    progress: Progress,
    titles: Vec<(String, String)>,
}

impl Lines {
    pub(super) fn new(
        bullets: Box<dyn Write + Send>,
        others: Box<dyn Write + Send>,
        progress: Progress,
    ) -> Self {
        Self { bullets, others, progress, titles: Vec::new() }
    }

    /// Takes the progress line away.
    pub(super) fn clear(&mut self) {
        self.progress.clear(&mut self.others);
    }

    pub(super) fn bullet(&mut self, text: &str) {
        self.clear();
        let _ = self.bullets.write_all(format!("  • {text}\n").as_bytes());
        let _ = self.bullets.flush();
    }

    pub(super) fn error(&mut self, text: &str) {
        let _ = self.others.write_all(text.as_bytes());
        let _ = self.others.flush();
    }

    fn warning(&mut self, text: &str) {
        self.clear();
        self.error(&format!("warning: {text}\n"));
    }

    fn title(&self, step: &str) -> String {
        let title = self.titles.iter().find(|(name, _)| name == step);
        title.map_or_else(|| step.to_owned(), |(_, title)| title.clone())
    }
}

impl Sink for Lines {
    fn record(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunDeclared { steps, .. } => {
                self.titles = steps.iter().map(|it| (it.name.clone(), it.title.clone())).collect();
            }
            EventKind::Message { level: Level::Info, text, .. } => self.bullet(text),
            EventKind::Message { level: Level::Warning, text, .. } => self.warning(text),
            EventKind::StepEnded { step, outcome: Outcome::Skipped { reason } }
                if tells_something(reason) =>
            {
                self.bullet(&format!("{}: skipped, {reason}", self.title(step)));
            }
            EventKind::StepEnded { outcome: Outcome::Warned { reason }, .. } => {
                self.warning(reason);
            }
            _ => {}
        }
    }

    fn progress(&mut self, step: &str, progress: &steps::Progress) {
        self.progress.show(&mut self.others, step, progress);
    }
}

/// Whether a skipped step is worth a line. Steps behind a failed one would bury the error, and an online release has
/// no images to push; both are in the document.
fn tells_something(reason: &str) -> bool {
    !reason.starts_with("not run because") && reason != ONLINE_IMAGES
}
