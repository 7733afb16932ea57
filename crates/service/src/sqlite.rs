//! A database in one file: one connection writes, a few read, and what is committed survives a power cut.

mod look;

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};
use thiserror::Error;

pub use look::{LookError, look};

/// How long a write waits for another one.
const WRITE_WAIT: Duration = Duration::from_mins(1);
/// How long a read waits for a connection.
const READ_WAIT: Duration = Duration::from_secs(30);
/// How long a statement waits for another process that holds the file.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// How many connections read.
const READERS: u32 = 3;

/// Why a database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
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
        source: MigrateError,
    },
}

/// The connections of a database.
#[derive(Debug, Clone)]
pub struct Pools {
    /// One connection, so that writes come one after the other.
    pub writer: SqlitePool,
    /// Connections that can only read.
    pub reader: SqlitePool,
}

impl Pools {
    /// Opens (and makes, and migrates) the database in the file `path`. Foreign keys are enforced.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or has the schema of another program.
    pub async fn open(path: &Path, migrations: &Migrator) -> Result<Self, OpenError> {
        let shown = path.display().to_string();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_WAIT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .after_release(|connection, _| {
                Box::pin(async move {
                    // In line behind the rollback of a write that was given up.
                    connection.ping().await?;
                    // SQLite ends a transaction by itself when a commit finds the disk full. The driver
                    // still takes it for open, so that nothing could be written on this connection again.
                    Ok(!connection.is_in_transaction())
                })
            })
            .acquire_timeout(WRITE_WAIT)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
            .map_err(|source| OpenError::Open { path: shown.clone(), source })?;
        migrations
            .run(&writer)
            .await
            .map_err(|source| OpenError::Migrate { path: shown, source })?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READ_WAIT)
            .test_before_acquire(false)
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        Ok(Self { writer, reader })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::migrate::{Migration, MigrationType};

    use super::*;

    pub(super) fn migrations(statement: &'static str) -> Migrator {
        let sql = sqlx::SqlStr::from_static(statement);
        let kind = MigrationType::Simple;
        let migration = Migration::new(1, Cow::Borrowed("init"), kind, sql, false);
        Migrator { migrations: Cow::Owned(vec![migration]), ..Migrator::DEFAULT }
    }

    #[tokio::test]
    async fn a_database_is_made_once_and_another_programs_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.db");
        let ours = migrations("CREATE TABLE one (id INTEGER PRIMARY KEY) STRICT");
        let pools = Pools::open(&path, &ours).await.expect("it is made");
        sqlx::query("INSERT INTO one (id) VALUES (7)")
            .execute(&pools.writer)
            .await
            .expect("written");
        let refused = sqlx::query("DELETE FROM one").execute(&pools.reader).await;
        assert!(refused.is_err(), "a reader wrote");
        pools.close().await;
        let pools = Pools::open(&path, &ours).await.expect("it is opened");
        let (id,): (i64,) =
            sqlx::query_as("SELECT id FROM one").fetch_one(&pools.reader).await.expect("read");
        assert_eq!(id, 7);
        pools.close().await;

        let pools = Pools::open(&path, &ours).await.expect("it is opened");
        let mut tx = pools.writer.begin_with("BEGIN IMMEDIATE").await.expect("begun");
        // As a full disk ends it.
        sqlx::query("ROLLBACK").execute(&mut *tx).await.expect("ended behind the driver's back");
        tx.commit().await.expect_err("there is nothing to commit");
        let mut tx = pools.writer.begin_with("BEGIN IMMEDIATE").await.expect("writes go on");
        sqlx::query("INSERT INTO one (id) VALUES (8)").execute(&mut *tx).await.expect("written");
        tx.commit().await.expect("committed");
        pools.close().await;

        let other = migrations("CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT");
        let error = Pools::open(&path, &other).await.expect_err("another schema");
        assert!(matches!(error, OpenError::Migrate { .. }), "{error:?}");
        let error =
            Pools::open(&folder.path().join("no/such.db"), &ours).await.expect_err("no folder");
        assert!(matches!(error, OpenError::Open { .. }), "{error:?}");
    }
}
