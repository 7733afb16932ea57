//! An observer that keeps what it hears and watches that progress never goes back.

use std::sync::{Arc, Mutex, PoisonError};

use registry::push::{Event, Observer, Progress};

#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) heard: Mutex<Heard>,
}

#[derive(Default, Debug)]
pub(crate) struct Heard {
    pub(crate) lines: Vec<String>,
    pub(crate) last: Option<Progress>,
    pub(crate) waits: usize,
    pub(crate) lost: usize,
}

impl Watch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn with<T>(&self, with: impl FnOnce(&Heard) -> T) -> T {
        with(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Watch {
    fn tell(&self, event: &Event<'_>, progress: &dyn Fn() -> Progress) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken under the lock, or an older view could come after a newer one.
        let next = progress();
        if let Some(last) = &heard.last {
            assert!(last.done <= next.done && next.done <= next.total, "{last:?} {next:?}");
            for (before, after) in last.images.iter().zip(&next.images) {
                assert!(before.done <= after.done && after.done <= after.total);
            }
        }
        heard.last = Some(next);
        match event {
            Event::Waiting { .. } => heard.waits += 1,
            Event::Lost { .. } => heard.lost += 1,
            Event::Progress => return,
            _ => {}
        }
        let line = format!("{event:?}");
        heard.lines.push(line);
    }
}
