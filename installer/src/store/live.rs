//! What is asked for all the time, in memory: the newest events, the sessions, and a number that tells
//! whether anything is new. All of it is also on the disk, or was derived from what is.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Event, Kind};
use crate::flow::Step;

/// The most events in memory.
const EVENTS: usize = 4096;
/// The most bytes their bodies may have.
const EVENT_BYTES: usize = 2 << 20;

/// What is kept in memory.
#[derive(Debug)]
pub(super) struct Live {
    revision: AtomicU64,
    /// The id of the newest event, for whoever waits for one.
    newest: watch::Sender<i64>,
    recent: Mutex<Recent>,
    /// When sessions end, in milliseconds, by their ids.
    sessions: Mutex<HashMap<String, i64>>,
}

/// The newest events, oldest first.
#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<(Arc<Event>, usize)>,
    n_bytes: usize,
    /// Every event with a higher id is here.
    floor: i64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    pub(super) fn new(newest: i64, sessions: HashMap<String, i64>) -> Self {
        Self {
            revision: AtomicU64::new(0),
            newest: watch::Sender::new(newest),
            recent: Mutex::new(Recent { floor: newest, ..Recent::default() }),
            sessions: Mutex::new(sessions),
        }
    }

    /// Takes up what was committed.
    pub(super) fn committed(&self, events: Vec<Event>) {
        let newest = events.last().map(|it| it.id);
        if newest.is_some() {
            lock(&self.recent).extend(events);
        }
        self.touch();
        if let Some(newest) = newest {
            self.newest.send_replace(newest);
        }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    pub(super) fn touch(&self) {
        self.revision.fetch_add(1, Ordering::Release);
    }

    pub(super) fn watch_events(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// Events after a cursor, oldest first; `None` when some of them are on the disk only.
    pub(super) fn events_after(
        &self,
        after: i64,
        only: Option<(Step, Kind)>,
        limit: usize,
    ) -> Option<Vec<Arc<Event>>> {
        let recent = lock(&self.recent);
        if after < recent.floor {
            return None;
        }
        let start = recent.events.partition_point(|(it, _)| it.id <= after);
        let is_wanted = |event: &Event| {
            only.is_none_or(|(step, kind)| {
                event.step == step.as_str() && event.kind == kind.as_str()
            })
        };
        let events = recent.events.range(start..).map(|(it, _)| it);
        Some(events.filter(|it| is_wanted(it)).take(limit).cloned().collect())
    }

    pub(super) fn open_session(&self, id: &str, now_ms: i64, expires_ms: i64) {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, end| now_ms < *end);
        sessions.insert(id.to_owned(), expires_ms);
    }

    pub(super) fn end_sessions(&self) {
        lock(&self.sessions).clear();
    }

    pub(super) fn session_end(&self, id: &str) -> Option<i64> {
        lock(&self.sessions).get(id).copied()
    }

    pub(super) fn renew_session(&self, id: &str, expires_ms: i64) {
        if let Some(end) = lock(&self.sessions).get_mut(id) {
            *end = expires_ms;
        }
    }
}

impl Recent {
    fn extend(&mut self, events: Vec<Event>) {
        for event in events {
            let size = event.body.to_string().len();
            self.n_bytes += size;
            self.events.push_back((Arc::new(event), size));
        }
        while EVENTS < self.events.len() || EVENT_BYTES < self.n_bytes {
            let Some((event, size)) = self.events.pop_front() else { break };
            self.n_bytes -= size;
            self.floor = event.id;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: i64, step: Step, kind: Kind, size: usize) -> Event {
        let body = json!({ "line": "x".repeat(size) });
        Event::new(id, String::new(), kind.as_str(), step.as_str(), body)
    }

    fn ids(events: Option<Vec<Arc<Event>>>) -> Vec<i64> {
        events.map_or(vec![-1], |it| it.iter().map(|it| it.id).collect())
    }

    #[test]
    fn the_newest_events_are_answered_from_memory_and_older_ones_are_not() {
        let live = Live::new(10, HashMap::new());
        assert_eq!(ids(live.events_after(9, None, 10)), [-1]);
        assert!(ids(live.events_after(10, None, 10)).is_empty());
        live.committed(vec![
            event(11, Step::App, Kind::Log, 1),
            event(12, Step::Infra, Kind::Log, 1),
            event(13, Step::App, Kind::Status, 1),
            event(14, Step::App, Kind::Log, 1),
        ]);
        assert_eq!(ids(live.events_after(11, None, 2)), [12, 13]);
        assert_eq!(ids(live.events_after(10, Some((Step::App, Kind::Log)), 10)), [11, 14]);
        assert_eq!(*live.watch_events().borrow(), 14);
        live.committed(vec![event(15, Step::App, Kind::Log, EVENT_BYTES - 100)]);
        assert_eq!(ids(live.events_after(14, None, 10)), [15]);
        live.committed(vec![event(16, Step::App, Kind::Log, 200)]);
        assert_eq!(ids(live.events_after(14, None, 10)), [-1], "the big one had to go");
        assert_eq!(ids(live.events_after(15, None, 10)), [16]);
    }

    #[test]
    fn everything_that_is_committed_is_news() {
        let live = Live::new(0, HashMap::new());
        let before = live.revision();
        live.committed(Vec::new());
        assert_ne!(live.revision(), before);
    }

    #[test]
    fn sessions_are_opened_renewed_and_forgotten() {
        let live = Live::new(0, HashMap::from([("old".to_owned(), 5)]));
        live.open_session("new", 5, 20);
        assert_eq!((live.session_end("old"), live.session_end("new")), (None, Some(20)));
        live.renew_session("new", 30);
        live.renew_session("none", 30);
        assert_eq!((live.session_end("new"), live.session_end("none")), (Some(30), None));
    }
}
