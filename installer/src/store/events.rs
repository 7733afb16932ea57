//! What happened, in order: states, statuses, log lines and the steps inside `kots deploy`.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Value, json};
use sqlx::Row as _;

use super::{Store, StoreError, failed};
use crate::flow::Step;

/// The most bytes of a step's log that the polled shapes carry.
const LOG_BYTES: usize = 100 * 1024;
/// The longest line that is kept, in bytes.
const LINE_BYTES: usize = 16 * 1024;
/// How many events are kept.
const KEPT_EVENTS: i64 = 50_000;

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The state of the machine changed.
    State,
    /// The status of a step changed.
    Status,
    /// A line of a log.
    Log,
    /// A recorded event of `kots deploy`, as it came.
    Deploy,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Status => "status",
            Self::Log => "log",
            Self::Deploy => "deploy",
        }
    }
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) step: String,
    pub(crate) body: Value,
    written: OnceLock<Bytes>,
}

impl Event {
    pub(super) fn new(id: i64, at: String, kind: &str, step: &str, body: Value) -> Self {
        let (kind, step) = (kind.to_owned(), step.to_owned());
        Self { id, at, kind, step, body, written: OnceLock::new() }
    }

    /// The document that clients are given.
    pub(crate) fn document(&self) -> Value {
        json!({
            "id": self.id,
            "at": self.at,
            "kind": self.kind,
            "step": self.step,
            "body": self.body,
        })
    }

    /// Its form on the wire, made once for all who follow.
    pub(crate) fn written(&self, write: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.written.get_or_init(|| write(self)).clone()
    }
}

impl Store {
    /// Adds lines to a step's log.
    pub(crate) async fn log(&self, step: Step, lines: &[String]) -> Result<(), StoreError> {
        let entries: Vec<_> =
            lines.iter().map(|line| (Kind::Log, json!({ "line": shortened(line) }))).collect();
        self.record_all(step, &entries).await
    }

    /// Adds events of one step, in one write.
    pub(crate) async fn record_all(
        &self,
        step: Step,
        entries: &[(Kind, Value)],
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut write = self.begin().await?;
        for (kind, body) in entries {
            write.record(*kind, step.as_str(), body.clone()).await?;
        }
        let newest = write.events.last().map_or(0, |it| it.id);
        sqlx::query("DELETE FROM event WHERE id <= ?")
            .bind(newest - KEPT_EVENTS)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("forget old events"))?;
        self.commit(write).await
    }

    /// The newest lines of a step's log as one text, whole lines only.
    pub(crate) async fn log_text(&self, step: Step) -> Result<String, StoreError> {
        let rows = sqlx::query(
            "SELECT body FROM event WHERE step = ? AND kind = 'log' ORDER BY id DESC LIMIT 4000",
        )
        .bind(step.as_str())
        .fetch_all(&self.pools.reader)
        .await
        .map_err(failed("read a log"))?;
        let mut lines = Vec::new();
        let mut size = 0;
        for row in rows {
            let line = line_of(row.get(0));
            size += line.len() + 1;
            if LOG_BYTES < size {
                lines.push("... (earlier lines are left out)".to_owned());
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        Ok(lines.join("\n"))
    }

    /// Events after a cursor, oldest first; of one step and kind when they are named.
    pub(crate) async fn events_after(
        &self,
        after: i64,
        only: Option<(Step, Kind)>,
        limit: usize,
    ) -> Result<Vec<Arc<Event>>, StoreError> {
        if let Some(events) = self.live.events_after(after, only, limit) {
            return Ok(events);
        }
        let (step, kind) = only.map_or(("", ""), |(step, kind)| (step.as_str(), kind.as_str()));
        let rows = sqlx::query(
            "SELECT id, at, kind, step, body FROM event
             WHERE id > ? AND (? = '' OR (step = ? AND kind = ?)) ORDER BY id LIMIT ?",
        )
        .bind(after)
        .bind(step)
        .bind(step)
        .bind(kind)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pools.reader)
        .await
        .map_err(failed("read events"))?;
        let event = |row: &sqlx::sqlite::SqliteRow| {
            let body = serde_json::from_str(row.get::<&str, _>(4)).unwrap_or_default();
            Arc::new(Event::new(row.get(0), row.get(1), row.get(2), row.get(3), body))
        };
        Ok(rows.iter().map(event).collect())
    }

    /// A number that changes with everything that readers could see.
    pub(crate) fn revision(&self) -> u64 {
        self.live.revision()
    }

    /// Lets readers know of a change that is not in the database.
    pub(crate) fn touch(&self) {
        self.live.touch();
    }

    /// Is told the id of each new event.
    pub(crate) fn watch_events(&self) -> tokio::sync::watch::Receiver<i64> {
        self.live.watch_events()
    }
}

/// The text of a log event's body.
pub(crate) fn line_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["line"].as_str().unwrap_or_default().to_owned()
}

/// A line cut between two characters, never inside one.
fn shortened(line: &str) -> String {
    if line.len() <= LINE_BYTES {
        return line.to_owned();
    }
    let mut end = LINE_BYTES;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes more)", &line[..end], line.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = format!("a{}", "é".repeat(LINE_BYTES));
        let cut = shortened(&line);
        assert!(cut.starts_with("aé"));
        assert!(cut.ends_with("é… (16386 bytes more)"));
        assert_eq!(shortened("short"), "short");
    }

    #[tokio::test]
    async fn a_log_is_read_by_cursor_and_bounded_by_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        let lines: Vec<String> = (0..9000).map(|n| format!("line {n} é")).collect();
        for some in lines.chunks(1000) {
            store.log(Step::App, some).await.expect("logged");
        }
        let text = store.log_text(Step::App).await.expect("text");
        assert!(text.len() <= LOG_BYTES + 64);
        assert!(text.ends_with("line 8999 é"));
        assert!(
            text.starts_with("... (earlier lines are left out)") || text.starts_with("line 5000")
        );
        let only = Some((Step::App, Kind::Log));
        let events = store.events_after(8998, only, 100).await.expect("events");
        let ids: Vec<_> = events.iter().map(|it| it.id).collect();
        assert_eq!(ids, [8999, 9000]);
        assert_eq!(events[0].body["line"], "line 8998 é");
    }
}
