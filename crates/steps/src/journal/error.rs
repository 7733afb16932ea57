//! What can be wrong with a journal, and what to do about it.

use std::path::PathBuf;

use crate::outcome::{Failure, JOURNAL};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process runs the same thing.
    #[error("journal `{}` is in use by {}", path.display(), holder(*pid))]
    Locked {
        /// The file.
        path: PathBuf,
        /// Process id of the holder, when it has written it yet.
        pid: Option<u32>,
    },
    /// A line that is not at the end of the file is damaged.
    #[error("journal `{}` is damaged at line {line}: {found}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What was found there.
        found: String,
    },
    /// A newer program wrote the file.
    #[error(
        "journal `{}` has format version {found}, this program reads versions up to {supported}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u64,
        /// The newest version this program reads.
        supported: u64,
    },
    /// A newer program wrote a record that must be understood.
    #[error("journal `{}` has at line {line} a record of unknown kind `{kind}`", path.display())]
    UnknownRecord {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The kind found.
        kind: String,
    },
    /// The file belongs to another run.
    #[error("journal `{}` belongs to another run: {found}", path.display())]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The key it was written for.
        found: String,
    },
    /// The file or a record is larger than a journal can be.
    #[error("{what} of journal `{}` has {bytes} bytes, at most {limit} are allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// "the file" or "a record".
        what: &'static str,
        /// Found.
        bytes: u64,
        /// Allowed.
        limit: u64,
    },
    /// The name is taken by something else.
    #[error("journal `{}` is not a regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// A record that could not be read back.
    #[error("a record for journal `{}` cannot be written: {found}", path.display())]
    BadRecord {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Facts without an intent to add them to.
    #[error("step `{step}` has no open intent to record facts for")]
    NoIntent {
        /// The step.
        step: String,
    },
    /// An earlier write failed, so what the disk holds is not known.
    #[error("journal `{}` cannot be used after a write to it failed", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// The disk or the file system failed.
    #[error("cannot {operation} `{}`", path.display())]
    Io {
        /// What was tried, such as `write`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl JournalError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Locked { pid: Some(pid), .. } => {
                format!("wait until process {pid} has ended, then run the command again")
            }
            Self::Locked { pid: None, .. } => {
                "wait until the other process has ended, then run the command again".to_owned()
            }
            Self::Corrupt { path, .. } | Self::OtherRun { path, .. } => format!(
                "look at what the last run did, then move `{0}` away (`mv {0} {0}.damaged`) and run the command again",
                path.display()
            ),
            Self::Version { .. } | Self::UnknownRecord { .. } => {
                "run the command with the newer version of this program that wrote it".to_owned()
            }
            Self::TooLarge { path, .. } => {
                format!(
                    "move `{0}` away (`mv {0} {0}.old`) and run the command again",
                    path.display()
                )
            }
            Self::NotAFile { path } => format!("move `{}` away", path.display()),
            Self::NoIntent { .. } | Self::BadRecord { .. } => {
                "report this as a bug of the program".to_owned()
            }
            Self::Broken { path } | Self::Io { path, .. } => {
                format!("check the disk and the permissions of `{}`", path.display())
            }
        }
    }
}

/// Nothing was tried without its record, so a failing journal leaves nothing unknown.
impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::from_error(JOURNAL, &error).next(error.hint())
    }
}
