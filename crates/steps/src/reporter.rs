//! The handle by which steps tell what is going on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::event::{Event, EventKind, Level, Progress};
use crate::report::Report;
use crate::sink::Sink;

/// A message longer than this many bytes is cut, so that a quoted answer cannot fill a disk.
const TEXT_LIMIT_BYTES: usize = 256 * 1024;

/// Tells the run's sinks what is going on. Cheap to clone and to send to other tasks.
#[derive(Clone)]
pub struct Reporter {
    step: Option<Arc<str>>,
    shared: Arc<Mutex<State>>,
}

struct State {
    clock: Arc<dyn Clock>,
    report: Report,
    sinks: Vec<Box<dyn Sink>>,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("step", &self.step).finish_non_exhaustive()
    }
}

impl Reporter {
    pub(crate) fn new(clock: Arc<dyn Clock>, sinks: Vec<Box<dyn Sink>>) -> Self {
        let state = State { clock, report: Report::default(), sinks };
        Self { step: None, shared: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn for_step(&self, step: &str) -> Self {
        Self { step: Some(step.into()), shared: Arc::clone(&self.shared) }
    }

    /// Records a line for people.
    pub fn note(&self, text: impl Into<String>) {
        self.message(Level::Info, text.into());
    }

    /// Records a line for people about something they should know.
    pub fn warn(&self, text: impl Into<String>) {
        self.message(Level::Warning, text.into());
    }

    /// Shows how far the step is. Not recorded.
    pub fn progress(&self, progress: &Progress) {
        let step = self.step.as_deref().unwrap_or_default();
        self.with(|state| state.sinks.iter_mut().for_each(|it| it.progress(step, progress)));
    }

    /// Shows how many bytes the step has moved. Not recorded.
    pub fn bytes(&self, done: u64, total: Option<u64>) {
        self.progress(&Progress::Bytes { done, total });
    }

    fn message(&self, level: Level, mut text: String) {
        if TEXT_LIMIT_BYTES < text.len() {
            text.truncate(text.floor_char_boundary(TEXT_LIMIT_BYTES));
            text.push('…');
        }
        let step = self.step.as_deref().map(str::to_owned);
        self.record(EventKind::Message { step, level, text });
    }

    pub(crate) fn record(&self, kind: EventKind) {
        self.with(|state| {
            // A task that outlives its run must not write after the last event.
            if state.report.outcome().is_some() {
                return;
            }
            let index = state.report.next_index();
            let event = Event { index, at: state.clock.now(), kind };
            state.report.apply(&event);
            state.sinks.iter_mut().for_each(|it| it.record(&event));
        });
    }

    pub(crate) fn report(&self) -> Report {
        self.with(|state| state.report.clone())
    }

    fn with<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
