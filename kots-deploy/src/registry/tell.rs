//! What a push tells, for people and for a browser.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use registry::push::{Event, Kind, Observer, Plan, Progress, report};
use steps::Reporter;
use steps::render::size;
use tokio::time::Instant;

use super::count;
use crate::cli::duration::show;

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(200);

/// Tells a run's reporter. The lines are the original's; embedded-cluster looks for them.
#[derive(Debug)]
pub struct Bullets {
    plan: Plan,
    reporter: Reporter,
    images: AtomicUsize,
    artifacts: AtomicUsize,
    last: Mutex<Option<Instant>>,
}

impl Bullets {
    /// Of a push of `plan`.
    pub fn new(plan: Plan, reporter: Reporter) -> Self {
        Self {
            plan,
            reporter,
            images: AtomicUsize::new(0),
            artifacts: AtomicUsize::new(0),
            last: Mutex::default(),
        }
    }

    /// Counts an image, and says which of how many it is.
    fn next(&self, image: usize) -> String {
        let application = self.plan.images()[image].kind == Kind::Application;
        let counter = if application { &self.images } else { &self.artifacts };
        let at = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let of = count(&self.plan, application);
        let what = if application { "application images" } else { "embedded cluster artifacts" };
        format!("Pushing {what} ({at}/{of})")
    }

    fn due(&self) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let due = last.is_none_or(|it| it + EVERY <= now);
        if due {
            *last = Some(now);
        }
        due
    }
}

impl Observer for Bullets {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let destination = |image: usize| self.plan.images()[image].destination.to_string();
        match event {
            Event::Started { image } => {
                self.reporter.note(self.next(*image));
                self.reporter.note(format!("Pushing image {}", destination(*image)));
            }
            Event::Present { image } => drop(self.next(*image)),
            Event::Pushed { .. } => {}
            Event::Failed { image, reason } => {
                self.reporter.warn(format!("{} is not pushed: {reason}", destination(*image)));
            }
            Event::Waiting { .. } | Event::Lost { .. } => self.reporter.warn(words(event)),
            Event::Progress => {
                if self.due() {
                    let line = line(&progress());
                    self.reporter.progress(&steps::Progress::Text(line));
                }
            }
        }
    }
}

/// A fault in one line.
fn words(event: &Event<'_>) -> String {
    match event {
        Event::Waiting { what, fault, attempt, pause } => {
            let seconds = pause.as_secs_f64();
            format!("failed to {what} ({attempt}): {fault}; trying again in {seconds:.1} s")
        }
        Event::Lost { what, reason } => {
            format!("the registry lost the upload of {what} ({reason}); it is sent again")
        }
        other => format!("{other:?}"),
    }
}

/// `1.2 GiB of 3.4 GiB, 56.0 MiB/s, 40s left; 3 of 20 images; waiting for …`
fn line(progress: &Progress) -> String {
    use registry::push::ImageState;
    let there = progress.images.iter().filter(|it| it.state == ImageState::Uploaded).count();
    let left = progress.left.map_or_else(String::new, |it| format!(", {} left", show(it)));
    // The images on their way, the one that is nearest to its end first.
    let waiting = &progress.waiting_for;
    format!(
        "{} of {}, {}/s{left}; {there} of {} images; waiting for {waiting}",
        size(progress.done),
        size(progress.total),
        size(progress.rate),
        progress.images.len(),
    )
}

/// Writes lines for a browser: one document of JSON each, the last of them when the push has ended.
#[derive(Debug)]
pub struct Browser<W> {
    plan: Plan,
    out: Mutex<(W, Option<Instant>)>,
    bullets: Bullets,
}

impl<W: std::io::Write + Send> Browser<W> {
    /// Of a push of `plan`, into `out`. Faults go to the reporter.
    pub fn new(plan: Plan, out: W, reporter: Reporter) -> Self {
        let bullets = Bullets::new(plan.clone(), reporter);
        Self { plan, out: Mutex::new((out, None)), bullets }
    }

    fn write(&self, message: &str, progress: &Progress, always: bool) {
        let now = Instant::now();
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if !always && out.1.is_some_and(|it| now < it + EVERY) {
            return;
        }
        out.1 = Some(now);
        let line = report(&self.plan, progress, message, (now, Timestamp::now()));
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // A reader that is gone misses nothing.
            let _ = out.0.write_all(&text);
            let _ = out.0.flush();
        }
    }
}

impl<W: std::io::Write + Send> Observer for Browser<W> {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let (message, always) = match event {
            Event::Started { image } => {
                (format!("Pushing image {}", self.plan.images()[*image].destination), true)
            }
            Event::Waiting { .. } | Event::Lost { .. } => {
                self.bullets.tell(event, progress);
                (words(event), true)
            }
            Event::Progress => (line(&progress()), false),
            Event::Present { .. } | Event::Pushed { .. } | Event::Failed { .. } => {
                (line(&progress()), true)
            }
        };
        self.write(&message, &progress(), always);
    }
}

#[cfg(test)]
mod tests {
    use registry::push::{ImageProgress, ImageState};

    use super::*;

    #[test]
    fn a_line_of_progress() {
        let image = |state| ImageProgress { state, done: 0, total: 0, started: None, ended: None };
        let progress = Progress {
            done: 1 << 30,
            total: 3 << 30,
            rate: 50 << 20,
            left: Some(Duration::from_secs(41)),
            waiting_for: "the manifest of localhost:5000/a:1".to_owned(),
            images: vec![image(ImageState::Uploaded), image(ImageState::Queued)],
        };
        insta::assert_snapshot!(line(&progress), @"1.0 GiB of 3.0 GiB, 50.0 MiB/s, 41s left; 1 of 2 images; waiting for the manifest of localhost:5000/a:1");
    }
}
