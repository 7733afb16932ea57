//! How far a step is, on stderr.

use std::io::Write;
use std::time::{Duration, Instant};

use steps::render::progress_line;

/// How often a line that changes is written.
const LINE_EVERY: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The form of the progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// One line that changes. No escape sequence is used, so nothing can be left behind.
    Line,
    /// Lines.
    Plain,
    /// Nothing.
    None,
}

/// Prints progress.
#[derive(Debug)]
pub(crate) struct Progress {
    style: Style,
    last: Option<(String, Instant)>,
    width: usize,
}

impl Progress {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, last: None, width: 0 }
    }

    pub(crate) fn show(&mut self, out: &mut dyn Write, step: &str, progress: &steps::Progress) {
        let every = match self.style {
            Style::Line => LINE_EVERY,
            Style::Plain => PLAIN_EVERY,
            Style::None => return,
        };
        match &self.last {
            Some((name, at)) if name == step && at.elapsed() < every => return,
            // What is over within the first interval needs no line.
            Some((name, _)) if self.style == Style::Line || name == step => {}
            _ if self.style == Style::Plain => {
                self.last = Some((step.to_owned(), Instant::now()));
                return;
            }
            _ => {}
        }
        self.last = Some((step.to_owned(), Instant::now()));
        let line = progress_line(step, progress);
        if self.style == Style::Plain {
            let _ = out.write_all(format!("{line}\n").as_bytes());
        } else {
            let width = line.chars().count();
            let rest = " ".repeat(self.width.saturating_sub(width));
            self.width = width;
            let _ = out.write_all(format!("\r{line}{rest}").as_bytes());
        }
        let _ = out.flush();
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self, out: &mut dyn Write) {
        if self.width > 0 {
            let blanks = " ".repeat(std::mem::take(&mut self.width));
            let _ = out.write_all(format!("\r{blanks}\r").as_bytes());
            let _ = out.flush();
        }
        if self.style == Style::Line {
            self.last = None;
        }
    }
}
