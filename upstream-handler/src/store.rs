//! The database: what exists, and nothing that can be derived.
//!
//! One connection writes, a few read. Every write happens in a transaction begun with
//! `BEGIN IMMEDIATE`, synchronous to the disk, and takes its sequence numbers from inside it.
//! Files never follow from rows: an archive is in place before the row that names it exists.
//!
//! Deliberately absent: rules. What may happen is decided before a transaction is opened.

pub(crate) mod applied;
pub(crate) mod apps;
pub(crate) mod idempotency;
pub(crate) mod leases;
pub(crate) mod outputs;
pub(crate) mod preflights;
pub(crate) mod sessions;
pub(crate) mod tasks;
pub(crate) mod uploads;
pub(crate) mod versions;

use std::path::Path;

use service::sqlite::Pools;
use sqlx::SqlitePool;
use thiserror::Error;

/// An open write transaction; dropped without commit it changes nothing.
pub(crate) type Tx = sqlx::Transaction<'static, sqlx::Sqlite>;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why the database did not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database file could not be opened or brought to this program's schema.
    #[error(transparent)]
    Open(#[from] service::sqlite::OpenError),
    /// A statement failed.
    #[error("the database did not {what}")]
    Query {
        /// What it should have done.
        what: &'static str,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// Another holder has taken the lease of an application over.
    #[error("the change lost its lease on application {app_id} and was not made")]
    LeaseLost {
        /// The application.
        app_id: String,
    },
    /// A stored text is not what this program writes there.
    #[error("the database holds an unreadable {what}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
}

/// Turns a driver's error into one that says what was attempted.
pub(crate) fn failed(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Query { what, source }
}

/// Handles to the database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pools: Pools,
}

impl Store {
    /// Opens (and makes, and migrates) the database in `folder`.
    pub(crate) async fn open(folder: &Path) -> Result<Self, StoreError> {
        let pools = Pools::open(&folder.join("kotsadm.db"), &MIGRATIONS).await?;
        Ok(Self { pools })
    }

    /// Begins a write.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.pools.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("begin a write"))
    }

    /// Makes a write's changes durable.
    pub(crate) async fn commit(tx: Tx) -> Result<(), StoreError> {
        tx.commit().await.map_err(failed("commit a write"))
    }

    /// The pool reads go through.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.pools.reader
    }

    /// Reads and writes for real: a write transaction that changes a row and is thrown away.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT count(*) FROM app")
            .execute(&self.pools.reader)
            .await
            .map_err(failed("answer a read"))?;
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO session (id, issued_ms, expires_ms) VALUES ('probe', 0, 0)")
            .execute(&mut *tx)
            .await
            .map_err(failed("take a write"))?;
        tx.rollback().await.map_err(failed("take a write"))
    }

    /// Closes both pools.
    pub(crate) async fn close(&self) {
        self.pools.close().await;
    }
}

/// The time as the database keeps it.
pub(crate) fn now_text() -> String {
    let now = jiff::Timestamp::now();
    format!("{now:.6}")
}

/// The time in milliseconds; see there why it is not the machine's.
pub(crate) fn now_ms() -> i64 {
    service::clock::now_ms()
}
