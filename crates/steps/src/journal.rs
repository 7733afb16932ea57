//! The journal: what a run was about to do and what it knows it did, on the disk before and after.
//!
//! One file per [`RunKey`], a line per record with a checksum, only ever appended to; one that has
//! grown long is replaced at open by a short one of the same meaning. Every write is on the disk
//! (`fsync`) when the call returns, so that an intent is there before its effect.
//! A line cut short at the end of the file was never acted upon and is cut off at open; damage
//! anywhere else is an error that names the line, because guessing could repeat an effect.
//!
//! Absent on purpose: secrets (the file is plain text, although only its owner may read it), and
//! the truth about the other side, which `check` looks up anew in every run.

mod error;
mod fault;
mod file;
mod folder;
mod key;
mod prune;
mod record;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::outcome::RunOutcome;
use crate::step::Facts;

use self::file::JournalFile;
use self::record::Record;

pub use self::error::JournalError;
pub use self::folder::{Listed, list};
pub use self::key::RunKey;
pub use self::prune::{Pruned, Retention, prune};

/// The last thing a step was about to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What the step wanted remembered: the facts of its `check` and those it recorded since.
    pub facts: Facts,
    /// When the intent was written.
    pub at: Timestamp,
    /// 1 for the first intent of the step under this key, then 2, 3, …
    pub attempt: u64,
    /// What became of it.
    pub state: IntentState,
}

impl Intent {
    /// Whether the effect is known to have happened.
    pub fn confirmed(&self) -> bool {
        self.state == IntentState::Confirmed
    }

    /// Whether nobody knows if the effect happened.
    pub fn open(&self) -> bool {
        self.state == IntentState::Open
    }
}

/// What became of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentState {
    /// Nobody knows: the run died, was cut off, or failed without saying.
    Open,
    /// The effect happened.
    Confirmed,
    /// The effect did not happen, for certain.
    Void,
}

/// The journal of one run key, locked against other processes while this value lives.
pub struct Journal {
    file: Option<JournalFile>,
    state: State,
    previous_run: Option<LastRun>,
    clock: Arc<dyn Clock>,
}

/// What the records of a journal say, taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The last intent of each step, by name.
    pub intents: BTreeMap<String, Intent>,
    /// The last run under this key.
    pub last_run: Option<LastRun>,
}

/// The last run under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// Process id that ran it.
    pub pid: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended; none when it did not, or has not yet.
    pub outcome: Option<RunOutcome>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal of `key` in the folder `dir`, making both where they are missing (folder
    /// 0700, file 0600), and locks it until it is dropped or the process ends.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`] when another process has it; the others say what is wrong with the
    /// file or the disk.
    pub fn open(dir: &Path, key: &RunKey, clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let (file, state) = JournalFile::open(dir, key)?;
        let previous_run = state.last_run.clone();
        let mut journal = Self { file: Some(file), state, previous_run, clock };
        let pid = std::process::id();
        journal.write(Record::Run { pid, at: journal.clock.now() })?;
        Ok(journal)
    }

    /// Returns a journal that is forgotten when it is dropped.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self { file: None, state: State::default(), previous_run: None, clock }
    }

    /// Reads the journal of `key` in `dir` without locking or changing it, also while a run has it.
    /// None when there is no such file or nothing in it yet.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`], but never [`JournalError::Locked`].
    pub fn peek(dir: &Path, key: &RunKey) -> Result<Option<State>, JournalError> {
        Ok(file::peek(&key.path_in(dir))?.map(|it| it.state))
    }

    /// The file; none when the journal is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(JournalFile::path)
    }

    /// The last intent of `step`, from this run or an earlier one.
    pub fn intent(&self, step: &str) -> Option<&Intent> {
        self.state.intents.get(step)
    }

    /// The run under this key before this one; when its outcome is none, it died.
    pub fn previous_run(&self) -> Option<&LastRun> {
        self.previous_run.as_ref()
    }

    /// What all records say, taken together.
    pub fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn begin_intent(&mut self, step: &str, facts: Facts) -> Result<(), JournalError> {
        let attempt = 1 + self.intent(step).map_or(0, |it| it.attempt);
        self.write(Record::Intent { step: step.to_owned(), at: self.clock.now(), attempt, facts })
    }

    pub(crate) fn add_facts(&mut self, step: &str, facts: Facts) -> Result<(), JournalError> {
        self.write(Record::Facts { step: step.to_owned(), at: self.clock.now(), facts })
    }

    pub(crate) fn confirm(&mut self, step: &str) -> Result<(), JournalError> {
        self.write(Record::Confirmed { step: step.to_owned(), at: self.clock.now() })
    }

    pub(crate) fn void(&mut self, step: &str) -> Result<(), JournalError> {
        self.write(Record::Void { step: step.to_owned(), at: self.clock.now() })
    }

    pub(crate) fn end_run(&mut self, outcome: RunOutcome) -> Result<(), JournalError> {
        self.write(Record::Ended { at: self.clock.now(), outcome })
    }

    fn write(&mut self, record: Record) -> Result<(), JournalError> {
        if let Some(file) = &mut self.file {
            file.append(&record)?;
        }
        self.state.apply(record);
        Ok(())
    }
}

impl State {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Run { pid, at } => {
                self.last_run =
                    Some(LastRun { pid, started_at: at, outcome: None, ended_at: None });
            }
            Record::Intent { step, at, attempt, facts } => {
                let state = IntentState::Open;
                self.intents.insert(step, Intent { facts, at, attempt, state });
            }
            Record::Facts { step, facts, .. } => {
                if let Some(intent) = self.intents.get_mut(&step) {
                    intent.facts.extend(facts);
                }
            }
            Record::Confirmed { step, .. } => self.settle(&step, IntentState::Confirmed),
            Record::Void { step, .. } => self.settle(&step, IntentState::Void),
            Record::Ended { at, outcome } => {
                if let Some(run) = &mut self.last_run {
                    run.outcome = Some(outcome);
                    run.ended_at = Some(at);
                }
            }
        }
    }

    fn settle(&mut self, step: &str, state: IntentState) {
        if let Some(intent) = self.intents.get_mut(step) {
            intent.state = state;
        }
    }

    /// Whether no intent is open, so that nothing is left to find out.
    pub fn settled(&self) -> bool {
        !self.intents.values().any(Intent::open)
    }
}
