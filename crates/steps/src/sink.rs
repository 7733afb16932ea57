//! Where events go as they happen.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::event::{Event, Progress};

/// Receives events in order, as they happen. Called while the run waits, so it must be quick; a
/// sink that fails keeps its error to itself and the run goes on. It must not use the run's
/// [`Reporter`](crate::Reporter), which waits for it.
pub trait Sink: Send {
    /// Takes a recorded event.
    fn record(&mut self, event: &Event);

    /// Takes a sign of progress of `step`. The default drops it.
    fn progress(&mut self, step: &str, progress: &Progress) {
        let _ = (step, progress);
    }
}

/// A sink that its maker can still reach while and after a run has it.
#[derive(Debug, Default)]
pub struct Shared<S>(Arc<Mutex<S>>);

impl<S> Shared<S> {
    /// Shares `sink`.
    pub fn new(sink: S) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    /// Calls `with` with the sink.
    pub fn with<T>(&self, with: impl FnOnce(&mut S) -> T) -> T {
        // A panic while the lock was held lost at most a line.
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Sink> Sink for Shared<S> {
    fn record(&mut self, event: &Event) {
        self.with(|it| it.record(event));
    }

    fn progress(&mut self, step: &str, progress: &Progress) {
        self.with(|it| it.progress(step, progress));
    }
}

/// Sends recorded events to another task; a closed channel is ignored.
impl Sink for UnboundedSender<Event> {
    fn record(&mut self, event: &Event) {
        let _ = self.send(event.clone());
    }
}
