//! Where a run is, read from the disk: by the process that leads it, or by one that only looks.

use std::path::Path;
use std::str::FromStr as _;

use service::sqlite::{LookError, look};
use sqlx::{Row as _, SqlitePool};

use super::error::failed;
use super::{FILE, MIGRATIONS, StoreError};
use crate::flow::{State, Step};
use crate::http::types::{Status, StatusState};

/// A look at a run. It changes nothing, and the process that leads the run may live.
pub(crate) struct Reader(SqlitePool);

impl Reader {
    /// Opens what is in `folder`; nothing is made or migrated.
    pub(crate) async fn open(folder: &Path) -> Result<Self, LookError> {
        look(&folder.join(FILE), &MIGRATIONS).await.map(Self)
    }

    /// Whether something can be opened in `folder`.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// The run, its state, and since when; `None` when no run was begun.
    pub(crate) async fn run(&self) -> Result<Option<(String, State, String)>, StoreError> {
        run(&self.0).await
    }

    /// The status of a step.
    pub(crate) async fn status(&self, step: Step) -> Result<Status, StoreError> {
        status(&self.0, step).await
    }
}

pub(super) async fn run(pool: &SqlitePool) -> Result<Option<(String, State, String)>, StoreError> {
    sqlx::query("SELECT run, state, changed_at FROM machine")
        .fetch_optional(pool)
        .await
        .map_err(failed("read the state"))?
        .map(|row| Ok((row.get(0), read_state(row.get(1))?, row.get(2))))
        .transpose()
}

pub(super) async fn status(pool: &SqlitePool, step: Step) -> Result<Status, StoreError> {
    let row = sqlx::query("SELECT state, description, last_updated FROM status WHERE step = ?")
        .bind(step.as_str())
        .fetch_optional(pool)
        .await
        .map_err(failed("read a status"))?;
    let Some(row) = row else { return Ok(Status::pending()) };
    let state = StatusState::from_str(row.get(0)).map_err(|why| StoreError::Unreadable {
        what: format!("status of {}", step.as_str()),
        why,
    })?;
    Ok(Status { state, description: row.get(1), last_updated: row.get(2) })
}

pub(super) fn read_state(text: &str) -> Result<State, StoreError> {
    text.parse().map_err(|why| StoreError::Unreadable { what: "state".to_owned(), why })
}
