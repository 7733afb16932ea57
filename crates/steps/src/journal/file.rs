//! The file of a journal: made, locked, read, appended to and rewritten. Decides nothing about records.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::Serialize;

use super::fault::{self, Point};
use super::record::{self, Contents, Header, Record};
use super::{IntentState, JournalError, RunKey, State};

/// What the names of journals end in.
pub(super) const ENDING: &str = "journal";
/// No journal grows above this; a larger file was not written by this program.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// A journal larger than this is rewritten at open with only what still counts.
const COMPACT_ABOVE_BYTES: u64 = 1024 * 1024;
/// How often the file may be replaced by others between opening and locking it.
const OPEN_ATTEMPTS: usize = 64;

/// An open and locked journal file. The lock goes with the file descriptor, so it is freed however
/// the process ends.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: Locked,
    len: u64,
    broken: bool,
}

impl JournalFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens, makes or repairs the file of `key` and returns what it holds.
    pub(super) fn open(dir: &Path, key: &RunKey) -> Result<(Self, State), JournalError> {
        make_dir(dir)?;
        let path = key.path_in(dir);
        let file = lock(&path)?;
        let bytes = read_all(&file, &path)?;
        let contents = record::read(&bytes, &path)?;
        let mut journal = Self { path, file, len: contents.whole_bytes as u64, broken: false };
        if journal.len < bytes.len() as u64 {
            journal.cut()?;
        }
        match &contents.key {
            Some(found) if found == key.fields() => {}
            Some(found) => {
                let found = RunKey::describe(found);
                return Err(JournalError::OtherRun { path: journal.path, found });
            }
            None => {
                journal.append(&Header::new(key.fields()))?;
                sync_dir(dir)?;
            }
        }
        // When there is no room for a second file, the long one still serves.
        if COMPACT_ABOVE_BYTES < journal.len
            && let Ok(compacted) = journal.compacted(key, &contents.state)
        {
            journal = compacted;
            sync_dir(dir)?;
        }
        Ok((journal, contents.state))
    }

    /// Adds a line and returns when it is on the disk.
    pub(super) fn append(&mut self, record: &impl Serialize) -> Result<(), JournalError> {
        if self.broken {
            return Err(JournalError::Broken { path: self.path.clone() });
        }
        let line = self.encode(record)?;
        // What is written must be readable by the next open.
        self.allow("the file", self.len + line.len() as u64, FILE_LIMIT_BYTES)?;
        let fault = fault::next_write();
        if fault == Some(Point::Before) {
            fault::die();
        }
        if fault == Some(Point::In) {
            let _ = self.file.write_all_at(&line[..line.len() / 2], self.len);
            fault::die();
        }
        if let Err(source) = self.file.write_all_at(&line, self.len) {
            // Half a line in the middle would spoil the file for good, so it is taken off again.
            self.broken = self.cut().is_err();
            return Err(io_error("write", &self.path, source));
        }
        if let Err(source) = self.file.sync_data() {
            // What the disk holds after a failed fsync is not known, and a second fsync may lie.
            self.broken = true;
            return Err(io_error("sync", &self.path, source));
        }
        self.len += line.len() as u64;
        if fault == Some(Point::After) {
            fault::die();
        }
        Ok(())
    }

    fn encode(&self, record: &impl Serialize) -> Result<Vec<u8>, JournalError> {
        let bad = |found| JournalError::BadRecord { path: self.path.clone(), found };
        let line = record::encode(record).map_err(|it| bad(it.to_string()))?;
        self.allow("a record", line.len() as u64, record::RECORD_LIMIT_BYTES)?;
        record::check(&line).map_err(bad)?;
        Ok(line)
    }

    fn allow(&self, what: &'static str, bytes: u64, limit: u64) -> Result<(), JournalError> {
        if limit < bytes {
            return Err(JournalError::TooLarge { path: self.path.clone(), what, bytes, limit });
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<(), JournalError> {
        let cut = self.file.set_len(self.len).and_then(|()| self.file.sync_all());
        cut.map_err(|source| io_error("truncate", &self.path, source))
    }

    /// Replaces the file by one that holds the same state in few lines, and returns that.
    fn compacted(&self, key: &RunKey, state: &State) -> Result<Self, JournalError> {
        let path = self.path.with_extension(format!("{ENDING}.new"));
        // Whoever holds the lock of the journal is the only one to touch this name.
        let opened = options().truncate(true).open(&path);
        let file = opened.map_err(|it| io_error("create", &path, it))?;
        let Some(file) = Locked::try_new(file, &path)? else {
            return Err(JournalError::Locked { path, pid: None });
        };
        let mut new = Self { path, file, len: 0, broken: false };
        new.append(&Header::new(key.fields()))?;
        for record in records_of(state) {
            new.append(&record)?;
        }
        fs::rename(&new.path, &self.path).map_err(|it| io_error("rename", &new.path, it))?;
        new.path.clone_from(&self.path);
        Ok(new)
    }
}

/// A file that only this process may write to.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    /// Locks the file. None when another process has it.
    pub(super) fn try_new(file: File, path: &Path) -> Result<Option<Self>, JournalError> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io_error("lock", path, error.into())),
        }
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just forking holds a copy until it
        // execs, and the lock with it.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// The fewest records that make this state.
fn records_of(state: &State) -> Vec<Record> {
    let mut records = Vec::new();
    for (step, intent) in &state.intents {
        let (step, at, attempt) = (step.clone(), intent.at, intent.attempt);
        records.push(Record::Intent {
            step: step.clone(),
            at,
            attempt,
            facts: intent.facts.clone(),
        });
        match intent.state {
            IntentState::Open => {}
            IntentState::Confirmed => records.push(Record::Confirmed { step, at }),
            IntentState::Void => records.push(Record::Void { step, at }),
        }
    }
    if let Some(run) = &state.last_run {
        records.push(Record::Run { pid: run.pid, at: run.started_at });
        if let (Some(outcome), Some(at)) = (run.outcome, run.ended_at) {
            records.push(Record::Ended { at, outcome });
        }
    }
    records
}

/// Reads without locking. None when there is nothing.
pub(super) fn peek(path: &Path) -> Result<Option<Contents>, JournalError> {
    let opened = OpenOptions::new().read(true).custom_flags(flags()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(open_error(path, error)),
    };
    let contents = record::read(&read_all(&file, path)?, path)?;
    Ok(contents.key.is_some().then_some(contents))
}

/// Opens and locks the file that has this name now, making it where it is missing.
fn lock(path: &Path) -> Result<Locked, JournalError> {
    for _ in 0..OPEN_ATTEMPTS {
        let file = options().open(path).map_err(|it| open_error(path, it))?;
        let metadata = file.metadata().map_err(|it| io_error("inspect", path, it))?;
        if !metadata.is_file() {
            return Err(JournalError::NotAFile { path: path.into() });
        }
        let Some(file) = Locked::try_new(file, path)? else {
            return Err(JournalError::Locked { path: path.into(), pid: holder(path) });
        };
        if is_named(&file, path)? {
            if metadata.mode() & 0o077 != 0 {
                file.set_permissions(Permissions::from_mode(0o600))
                    .map_err(|it| io_error("change the mode of", path, it))?;
            }
            return Ok(file);
        }
    }
    let source = io::Error::other("it is replaced again and again");
    Err(io_error("lock", path, source))
}

/// Whether the name still means this file: between open and lock it may have been removed or replaced.
pub(super) fn is_named(file: &File, path: &Path) -> Result<bool, JournalError> {
    let mine = file.metadata().map_err(|it| io_error("inspect", path, it))?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((mine.dev(), mine.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(io_error("inspect", path, source)),
    }
}

/// The process that has the file, by its own last record. None in the moment before it writes that.
fn holder(path: &Path) -> Option<u32> {
    let run = peek(path).ok()??.state.last_run.filter(|it| it.outcome.is_none())?;
    let pid = Pid::from_raw(i32::try_from(run.pid).ok()?)?;
    // Without the right to signal it, it is alive too.
    matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM)).then_some(run.pid)
}

pub(super) fn read_all(file: &File, path: &Path) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let read = file.take(FILE_LIMIT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|it| io_error("read", path, it))?;
    if FILE_LIMIT_BYTES < bytes.len() as u64 {
        let bytes = file.metadata().map_or(bytes.len() as u64, |it| it.len());
        let limit = FILE_LIMIT_BYTES;
        return Err(JournalError::TooLarge { path: path.into(), what: "the file", bytes, limit });
    }
    Ok(bytes)
}

/// Makes the folder and those above it for the owner only, each on the disk when this returns.
fn make_dir(dir: &Path) -> Result<(), JournalError> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(Path::new(""));
    make_dir(parent)?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !dir.is_dir() => {
            Err(io_error("create the folder", dir, error))
        }
        _ => sync_dir(parent),
    }
}

fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir).and_then(|it| it.sync_all()).map_err(|it| io_error("sync", dir, it))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags());
    options
}

/// A link or a pipe under the name must neither be followed nor waited for.
pub(super) fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn open_error(path: &Path, error: io::Error) -> JournalError {
    match Errno::from_io_error(&error) {
        // A link, with the flags above, or a folder.
        Some(Errno::LOOP | Errno::ISDIR) => JournalError::NotAFile { path: path.into() },
        _ => io_error("open", path, error),
    }
}

pub(super) fn io_error(operation: &'static str, path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { operation, path: path.into(), source }
}
