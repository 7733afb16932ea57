//! The database: where the run is, what its steps said, and everything that happened.
//!
//! One connection writes, a few read. A change of state and the status that goes with it are one
//! transaction, so that nobody sees one without the other. What everybody asks for all the time is kept
//! in memory (`live`), as it was committed.
//!
//! Deliberately absent: which changes are allowed (`flow` says that).

mod documents;
mod error;
mod events;
mod live;
mod reader;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use service::sqlite::Pools;
use sqlx::{Row as _, Sqlite, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::flow::{State, Step};
use crate::http::types::{Status, StatusState};

pub(crate) use error::StoreError;
use error::failed;
pub(crate) use events::{Event, Kind};
use live::Live;
pub(crate) use reader::Reader;
use reader::read_state;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The database in a data directory.
const FILE: &str = "installer.db";
/// Documents that outlive the run they were made in: what templates made up, and the answers of the version that is
/// deployed where no cluster keeps them.
const KEPT: [&str; 2] = ["generated", "deployed-answers"];
/// Documents that a run has again when it is gone through once more.
const KEPT_AGAIN: &str = "answers";

/// How a run that is in the store is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakeUp {
    /// From where it is.
    GoOn,
    /// From its beginning, with the answers it had.
    Again,
    /// From its beginning, with nothing of it.
    Anew,
}

/// Handles to the database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pools: Pools,
    live: Arc<Live>,
    /// One write at a time, until it is seen in memory too: events come to readers in their order.
    gate: Arc<Mutex<()>>,
}

/// A write that is not committed yet, and the events it brings.
struct Write {
    tx: Transaction<'static, Sqlite>,
    events: Vec<Event>,
    _gate: OwnedMutexGuard<()>,
}

/// What a new status says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) step: Step,
    pub(crate) state: StatusState,
    pub(crate) description: &'a str,
}

/// How long a session lasts after its last use, in milliseconds.
pub(crate) const SESSION_MS: i64 = 8 * 60 * 60 * 1000;

impl Store {
    /// Opens (and makes, and migrates) the database in `folder`.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        let pools = Pools::open(&folder.join(FILE), &MIGRATIONS).await?;
        let newest: i64 = sqlx::query("SELECT coalesce(max(id), 0) FROM event")
            .fetch_one(&pools.writer)
            .await
            .map_err(failed("count events"))?
            .get(0);
        let sessions = sqlx::query("SELECT id, expires_ms FROM session")
            .fetch_all(&pools.writer)
            .await
            .map_err(failed("read the sessions"))?;
        // One that lasts longer than any is given: the clock was put back since.
        let longest = service::clock::now_ms() + SESSION_MS;
        let sessions = sessions.iter().map(|row| (row.get(0), row.get(1)));
        let sessions = sessions.map(|(id, end): (String, i64)| (id, end.min(longest))).collect();
        sqlx::query("UPDATE session SET expires_ms = ?1 WHERE expires_ms > ?1")
            .bind(longest)
            .execute(&pools.writer)
            .await
            .map_err(failed("bound the sessions"))?;
        let live = Arc::new(Live::new(newest, sessions));
        Ok(Self { pools, live, gate: Arc::default() })
    }

    /// Takes up `run`, or begins it: what another run left is forgotten, unless that is at work.
    pub(crate) async fn take_up(&self, run: &str, how: TakeUp) -> Result<State, StoreError> {
        let mut kept = KEPT[0];
        let mut write = self.begin().await?;
        let found = sqlx::query("SELECT run, state FROM machine")
            .fetch_optional(&mut *write.tx)
            .await
            .map_err(failed("read the state"))?;
        if let Some(row) = found {
            let (other, state): (String, State) = (row.get(0), read_state(row.get(1))?);
            let at_work = matches!(
                state,
                State::ApplicationConfiguring
                    | State::InstallationConfiguring
                    | State::InfrastructureInstalling
                    | State::AirgapProcessing
                    | State::AppPreflightsRunning
                    | State::AppInstalling
                    | State::AppUpgrading
            );
            if other == run && how == TakeUp::GoOn {
                return Ok(state);
            }
            if other == run && how == TakeUp::Again {
                kept = KEPT_AGAIN;
            }
            if at_work {
                return Err(StoreError::OtherRun { run: other, state });
            }
        }
        for (statement, what) in [
            ("DELETE FROM machine", "forget the state"),
            ("DELETE FROM status", "forget the statuses"),
            ("DELETE FROM event", "forget the events"),
            // A page of the run before would go on where that was.
            ("DELETE FROM session", "end the sessions"),
        ] {
            sqlx::query(statement).execute(&mut *write.tx).await.map_err(failed(what))?;
        }
        sqlx::query("DELETE FROM document WHERE name NOT IN (?, ?, ?)")
            .bind(KEPT[0])
            .bind(KEPT[1])
            .bind(kept)
            .execute(&mut *write.tx)
            .await
            .map_err(failed("forget the documents"))?;
        sqlx::query("INSERT INTO machine (id, run, state, changed_at) VALUES (1, ?, ?, ?)")
            .bind(run)
            .bind(State::New.as_str())
            .bind(now_text())
            .execute(&mut *write.tx)
            .await
            .map_err(failed("begin the run"))?;
        self.commit(write).await?;
        self.live.end_sessions();
        Ok(State::New)
    }

    /// The state, and since when; `None` when no run was begun.
    pub(crate) async fn run(&self) -> Result<Option<(String, State, String)>, StoreError> {
        reader::run(&self.pools.reader).await
    }

    /// The state.
    pub(crate) async fn state(&self) -> Result<State, StoreError> {
        Ok(self.run().await?.map_or(State::New, |(_, state, _)| state))
    }

    /// Changes the state, with the status that goes with it.
    pub(crate) async fn enter(&self, to: State, said: Option<Said<'_>>) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.put_state(to, said.map_or("", |it| it.step.as_str())).await?;
        if let Some(said) = said {
            write.put_status(said).await?;
        }
        self.commit(write).await
    }

    /// Goes back to the answers: how later steps ended no longer counts.
    pub(crate) async fn go_back(&self, to: State) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.put_state(to, "").await?;
        let ended = sqlx::query("SELECT step FROM status WHERE state <> ?")
            .bind(StatusState::Pending.as_str())
            .fetch_all(&mut *write.tx)
            .await
            .map_err(failed("read the statuses"))?;
        let has_ended =
            |step: &Step| ended.iter().any(|row| row.get::<&str, _>(0) == step.as_str());
        for step in Step::ALL.into_iter().filter(has_ended) {
            write.put_status(Said { step, state: StatusState::Pending, description: "" }).await?;
        }
        self.commit(write).await
    }

    /// Says something new of a step.
    pub(crate) async fn say(&self, said: Said<'_>) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        write.put_status(said).await?;
        self.commit(write).await
    }

    /// The status of a step.
    pub(crate) async fn status(&self, step: Step) -> Result<Status, StoreError> {
        reader::status(&self.pools.reader, step).await
    }

    /// Closes both pools.
    pub(crate) async fn close(&self) {
        self.pools.close().await;
    }

    async fn begin(&self) -> Result<Write, StoreError> {
        let gate = Arc::clone(&self.gate).lock_owned().await;
        let tx = self
            .pools
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("begin a write"))?;
        Ok(Write { tx, events: Vec::new(), _gate: gate })
    }

    /// Commits, and then lets readers see it. A task of its own: a caller that goes away meanwhile must
    /// not leave a write that is on the disk and not in memory.
    async fn commit(&self, write: Write) -> Result<(), StoreError> {
        let live = Arc::clone(&self.live);
        let task = tokio::spawn(async move {
            let Write { tx, events, _gate } = write;
            tx.commit().await.map_err(failed("commit a write"))?;
            live.committed(events);
            Ok(())
        });
        task.await.map_err(|_| StoreError::Stopped)?
    }
}

impl Write {
    /// Changes the state; `step` is the one that did it, if any.
    async fn put_state(&mut self, to: State, step: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE machine SET state = ?, changed_at = ?")
            .bind(to.as_str())
            .bind(now_text())
            .execute(&mut *self.tx)
            .await
            .map_err(failed("change the state"))?;
        self.record(Kind::State, step, json!({ "state": to.as_str() })).await
    }

    async fn put_status(&mut self, said: Said<'_>) -> Result<(), StoreError> {
        let now = now_text();
        sqlx::query(
            "INSERT INTO status (step, state, description, last_updated) VALUES (?, ?, ?, ?)
             ON CONFLICT (step) DO UPDATE SET state = excluded.state,
                 description = excluded.description, last_updated = excluded.last_updated",
        )
        .bind(said.step.as_str())
        .bind(said.state.as_str())
        .bind(said.description)
        .bind(&now)
        .execute(&mut *self.tx)
        .await
        .map_err(failed("keep a status"))?;
        let body = json!({
            "state": said.state.as_str(),
            "description": said.description,
            "lastUpdated": now,
        });
        self.record(Kind::Status, said.step.as_str(), body).await
    }

    async fn record(&mut self, kind: Kind, step: &str, body: Value) -> Result<(), StoreError> {
        let at = now_text();
        let done = sqlx::query("INSERT INTO event (at, kind, step, body) VALUES (?, ?, ?, ?)")
            .bind(&at)
            .bind(kind.as_str())
            .bind(step)
            .bind(body.to_string())
            .execute(&mut *self.tx)
            .await
            .map_err(failed("record an event"))?;
        let id = done.last_insert_rowid();
        self.events.push(Event::new(id, at, kind.as_str(), step, body));
        Ok(())
    }
}

/// The time as the database and the wire have it.
pub(crate) fn now_text() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}
