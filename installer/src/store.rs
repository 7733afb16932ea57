//! The database: where the run is, what its steps said, and everything that happened.
//!
//! One connection writes, a few read. A change of state and the status that goes with it are one
//! transaction, so that nobody sees one without the other.
//!
//! Deliberately absent: which changes are allowed (`flow` says that).

mod events;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, Sqlite, SqlitePool, Transaction};
use thiserror::Error;
use tokio::sync::watch;

use crate::flow::{State, Step};
use crate::http::types::{Status, StatusState};

pub(crate) use events::{Event, Kind};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Documents that outlive the run they were made in.
const KEPT: &str = "generated";

/// Why the database did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    /// The file could not be opened.
    #[error("could not open the database {path}")]
    Open {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// The file has a schema this program does not know.
    #[error("the schema of the database {path} is not this program's")]
    Migrate {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A statement failed.
    #[error("the database did not {what}")]
    Query {
        /// What it should have done.
        what: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// A stored text is not what this program writes there.
    #[error("the database holds an unreadable {what}: {why}")]
    Unreadable {
        /// What it should be.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another run is at work in this folder.
    #[error("the data directory holds another run ({run}) that is in the middle of {state}")]
    OtherRun {
        /// What it is about.
        run: String,
        /// Where it is.
        state: State,
    },
}

/// Turns a driver's error into one that says what was attempted.
fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Query { what, source }
}

type Tx = Transaction<'static, Sqlite>;

/// Handles to the database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writer: SqlitePool,
    reader: SqlitePool,
    /// The id of the newest event, for whoever waits for one.
    newest: watch::Sender<i64>,
}

/// What a new status says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) step: Step,
    pub(crate) state: StatusState,
    pub(crate) description: &'a str,
}

impl Store {
    /// Opens (and makes, and migrates) the database in `folder`.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("installer.db");
        let shown = path.display().to_string();
        let open = |source| StoreError::Open { path: shown.clone(), source };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_mins(1))
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
            .map_err(open)?;
        MIGRATIONS
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migrate { path: shown.clone(), source })?;
        let reader = SqlitePoolOptions::new()
            .max_connections(3)
            .acquire_timeout(Duration::from_secs(30))
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        let newest: i64 = sqlx::query("SELECT coalesce(max(id), 0) FROM event")
            .fetch_one(&writer)
            .await
            .map_err(failed("count events"))?
            .get(0);
        Ok(Self { writer, reader, newest: watch::Sender::new(newest) })
    }

    /// Takes up `run`, or begins it: what another run left is forgotten, unless that is at work.
    pub(crate) async fn take_up(&self, run: &str, restart: bool) -> Result<State, StoreError> {
        let mut tx = self.begin().await?;
        let found = sqlx::query("SELECT run, state FROM machine")
            .fetch_optional(&mut *tx)
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
            if other == run && !restart {
                return Ok(state);
            }
            if at_work {
                return Err(StoreError::OtherRun { run: other, state });
            }
        }
        for (statement, what) in [
            ("DELETE FROM machine", "forget the state"),
            ("DELETE FROM status", "forget the statuses"),
            ("DELETE FROM event", "forget the events"),
        ] {
            sqlx::query(statement).execute(&mut *tx).await.map_err(failed(what))?;
        }
        sqlx::query("DELETE FROM document WHERE name <> ?")
            .bind(KEPT)
            .execute(&mut *tx)
            .await
            .map_err(failed("forget the documents"))?;
        sqlx::query("INSERT INTO machine (id, run, state, changed_at) VALUES (1, ?, ?, ?)")
            .bind(run)
            .bind(State::New.as_str())
            .bind(now_text())
            .execute(&mut *tx)
            .await
            .map_err(failed("begin the run"))?;
        tx.commit().await.map_err(failed("begin the run"))?;
        Ok(State::New)
    }

    /// The state, and since when; `None` when no run was begun.
    pub(crate) async fn run(&self) -> Result<Option<(String, State, String)>, StoreError> {
        sqlx::query("SELECT run, state, changed_at FROM machine")
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read the state"))?
            .map(|row| Ok((row.get(0), read_state(row.get(1))?, row.get(2))))
            .transpose()
    }

    /// The state.
    pub(crate) async fn state(&self) -> Result<State, StoreError> {
        Ok(self.run().await?.map_or(State::New, |(_, state, _)| state))
    }

    /// Changes the state, with the status that goes with it.
    pub(crate) async fn enter(&self, to: State, said: Option<Said<'_>>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE machine SET state = ?, changed_at = ?")
            .bind(to.as_str())
            .bind(now_text())
            .execute(&mut *tx)
            .await
            .map_err(failed("change the state"))?;
        let step = said.map_or("", |it| it.step.as_str());
        let mut newest =
            record(&mut tx, Kind::State, step, &json!({ "state": to.as_str() })).await?;
        if let Some(said) = said {
            newest = put_status(&mut tx, said).await?;
        }
        self.commit(tx, newest).await
    }

    /// Says something new of a step.
    pub(crate) async fn say(&self, said: Said<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let newest = put_status(&mut tx, said).await?;
        self.commit(tx, newest).await
    }

    /// The status of a step.
    pub(crate) async fn status(&self, step: Step) -> Result<Status, StoreError> {
        let row = sqlx::query("SELECT state, description, last_updated FROM status WHERE step = ?")
            .bind(step.as_str())
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a status"))?;
        let Some(row) = row else { return Ok(Status::pending()) };
        let state = StatusState::from_str(row.get(0)).map_err(|why| StoreError::Unreadable {
            what: format!("status of {}", step.as_str()),
            why,
        })?;
        Ok(Status { state, description: row.get(1), last_updated: row.get(2) })
    }

    /// Keeps a document; an earlier one of the name is replaced.
    pub(crate) async fn put<T: Serialize + Sync>(
        &self,
        name: &str,
        document: &T,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_string(document).map_err(|error| StoreError::Unreadable {
            what: name.to_owned(),
            why: error.to_string(),
        })?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO document (name, body) VALUES (?, ?)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        )
        .bind(name)
        .bind(body)
        .execute(&mut *tx)
        .await
        .map_err(failed("keep a document"))?;
        tx.commit().await.map_err(failed("keep a document"))
    }

    /// A document; `None` when there is none.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let row = sqlx::query("SELECT body FROM document WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.reader)
            .await
            .map_err(failed("read a document"))?;
        row.map(|row| {
            serde_json::from_str(row.get::<&str, _>(0)).map_err(|error| StoreError::Unreadable {
                what: name.to_owned(),
                why: error.to_string(),
            })
        })
        .transpose()
    }

    /// Forgets a document.
    pub(crate) async fn drop_document(&self, name: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM document WHERE name = ?")
            .bind(name)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed("forget a document"))
    }

    /// Opens a session, and forgets those that have ended.
    pub(crate) async fn open_session(
        &self,
        id: &str,
        now_ms: i64,
        expires_ms: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM session WHERE expires_ms <= ?")
            .bind(now_ms)
            .execute(&mut *tx)
            .await
            .map_err(failed("forget old sessions"))?;
        sqlx::query("INSERT INTO session (id, expires_ms) VALUES (?, ?)")
            .bind(id)
            .bind(expires_ms)
            .execute(&mut *tx)
            .await
            .map_err(failed("open a session"))?;
        tx.commit().await.map_err(failed("open a session"))
    }

    /// When a session ends, in milliseconds.
    pub(crate) async fn session_end(&self, id: &str) -> Result<Option<i64>, StoreError> {
        sqlx::query("SELECT expires_ms FROM session WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.reader)
            .await
            .map(|row| row.map(|row| row.get(0)))
            .map_err(failed("read a session"))
    }

    /// Lets a session go on until `expires_ms`.
    pub(crate) async fn renew_session(&self, id: &str, expires_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE session SET expires_ms = ? WHERE id = ?")
            .bind(expires_ms)
            .bind(id)
            .execute(&self.writer)
            .await
            .map(drop)
            .map_err(failed("renew a session"))
    }

    /// Closes both pools.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Tx, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("begin a write"))
    }

    async fn commit(&self, tx: Tx, newest: i64) -> Result<(), StoreError> {
        tx.commit().await.map_err(failed("commit a write"))?;
        self.newest.send_replace(newest);
        Ok(())
    }
}

async fn put_status(tx: &mut Tx, said: Said<'_>) -> Result<i64, StoreError> {
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
    .execute(&mut **tx)
    .await
    .map_err(failed("keep a status"))?;
    let body = json!({
        "state": said.state.as_str(),
        "description": said.description,
        "lastUpdated": now,
    });
    record(tx, Kind::Status, said.step.as_str(), &body).await
}

async fn record(
    tx: &mut Tx,
    kind: Kind,
    step: &str,
    body: &serde_json::Value,
) -> Result<i64, StoreError> {
    sqlx::query("INSERT INTO event (at, kind, step, body) VALUES (?, ?, ?, ?)")
        .bind(now_text())
        .bind(kind.as_str())
        .bind(step)
        .bind(body.to_string())
        .execute(&mut **tx)
        .await
        .map(|done| done.last_insert_rowid())
        .map_err(failed("record an event"))
}

fn read_state(text: &str) -> Result<State, StoreError> {
    text.parse().map_err(|why| StoreError::Unreadable { what: "state".to_owned(), why })
}

/// The time as the database and the wire have it.
pub(crate) fn now_text() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}
