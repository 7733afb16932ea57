//! A look at a database without changing it: nothing is made, migrated or written.

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Row as _, SqlitePool};
use thiserror::Error;

use super::{BUSY_WAIT, READ_WAIT};

/// Why a database could not be looked at.
#[derive(Debug, Error)]
pub enum LookError {
    /// There is no file.
    #[error("there is no database {path}")]
    Absent {
        /// The file.
        path: String,
    },
    /// The file could not be read, or is no database of this program.
    #[error("could not read the database {path}")]
    Read {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// Another version of this program wrote it.
    #[error(
        "the database {path} was written by another version of this program: its schema is {found}, this one's is {known}"
    )]
    Version {
        /// The file.
        path: String,
        /// The number of its last migration; 0 when there was none.
        found: i64,
        /// The number of this program's last migration.
        known: i64,
    },
}

/// Opens the database in the file `path` for reading. The process that writes it may live.
///
/// # Errors
///
/// There is no such file, it cannot be read, or its schema is not exactly this program's.
pub async fn look(path: &Path, migrations: &Migrator) -> Result<SqlitePool, LookError> {
    let shown = path.display().to_string();
    if !path.is_file() {
        return Err(LookError::Absent { path: shown });
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        // Without a log to be read as well, SQLite need not make the files that go with one.
        .immutable(!has_log(path))
        .busy_timeout(BUSY_WAIT);
    let read = |source| LookError::Read { path: shown.clone(), source };
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(READ_WAIT)
        .connect_with(options)
        .await
        .map_err(read)?;
    let rows = sqlx::query("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&pool)
        .await
        .map_err(read)?;
    let applied = rows.iter().map(|row| (row.get::<i64, _>(0), row.get::<&[u8], _>(1)));
    let ours = migrations.iter().map(|it| (it.version, it.checksum.as_ref()));
    if !applied.eq(ours) {
        let found = rows.last().map_or(0, |row| row.get(0));
        let known = migrations.iter().map(|it| it.version).max().unwrap_or_default();
        return Err(LookError::Version { path: shown, found, known });
    }
    Ok(pool)
}

/// Whether something stands in the write-ahead log beside the file.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(PathBuf::from(log)).is_ok_and(|it| 0 < it.len())
}

#[cfg(test)]
mod tests {
    use super::super::Pools;
    use super::super::tests::migrations;
    use super::*;

    /// The files of a folder and what is in them, but for the index that readers of a log share.
    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|it| it.expect("a file").path())
            .filter(|it| !it.to_string_lossy().ends_with("-shm"))
            .map(|it| (it.display().to_string(), std::fs::read(it).expect("its bytes")))
            .collect();
        files.sort();
        files
    }

    /// The number in the table, and whether the look left everything as it was.
    async fn check(path: &Path, migrations: &Migrator) -> Result<i64, LookError> {
        let folder = path.parent().expect("a folder");
        let before = files(folder);
        let looked = async {
            let pool = look(path, migrations).await?;
            let row = sqlx::query("SELECT max(id) FROM one").fetch_one(&pool).await;
            pool.close().await;
            Ok(row.expect("a row").get(0))
        };
        let looked = looked.await;
        assert_eq!(files(folder), before, "a look changed something");
        looked
    }

    #[tokio::test]
    async fn a_look_sees_what_is_committed_and_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("some.db");
        let ours = migrations("CREATE TABLE one (id INTEGER PRIMARY KEY) STRICT");
        let absent = check(&path, &ours).await.expect_err("there is nothing");
        assert!(matches!(absent, LookError::Absent { .. }), "{absent:?}");

        let pools = Pools::open(&path, &ours).await.expect("it is made");
        let insert = "INSERT INTO one (id) VALUES (7)";
        sqlx::query(insert).execute(&pools.writer).await.expect("written");
        assert_eq!(check(&path, &ours).await.expect("while it is written"), 7);
        // As a process that was killed leaves it.
        let killed = tempfile::tempdir().expect("a folder");
        for name in ["some.db", "some.db-wal"] {
            std::fs::copy(folder.path().join(name), killed.path().join(name)).expect("copied");
        }
        pools.close().await;
        assert_eq!(check(&path, &ours).await.expect("closed"), 7);
        assert_eq!(check(&killed.path().join("some.db"), &ours).await.expect("killed"), 7);

        let newer = migrations("CREATE TABLE one (id INTEGER PRIMARY KEY, more TEXT) STRICT");
        let other = check(&path, &newer).await.expect_err("another version");
        assert!(matches!(other, LookError::Version { found: 1, known: 1, .. }), "{other:?}");
        std::fs::write(&path, "no database, but a text that is long enough to be one").expect("x");
        let torn = check(&path, &ours).await.expect_err("no database");
        assert!(matches!(torn, LookError::Read { .. }), "{torn:?}");
    }
}
