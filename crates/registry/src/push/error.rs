//! Why a push did not bring everything there.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::client::Fault;
use crate::name::Destination;

/// Why a source cannot be read.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a push did not bring everything there.
#[derive(Debug, Error)]
pub enum PushError {
    /// The registry does not let us in; nothing was sent.
    #[error("failed to get access to the registry")]
    Access(#[source] Fault),
    /// Some images are not there. The others are.
    #[error("{} of {total} images are not in the registry", failed.len())]
    Images {
        /// Each with its reason, in the order of the plan.
        failed: Vec<FailedImage>,
        /// How many there were.
        total: usize,
    },
    /// The source cannot be read. What was sent stays.
    #[error("failed to read the images")]
    Source(#[source] SourceError),
    /// Another push of the same is running.
    #[error("another push of the same images to the same registry is running: it holds {}", path.display())]
    Running {
        /// The file both would write.
        path: PathBuf,
    },
    /// The file for unfinished uploads cannot be used.
    #[error("failed to use {}, which remembers unfinished uploads", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// An image that is not there, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedImage {
    /// Where it should be.
    pub destination: Destination,
    /// Why it is not.
    pub reason: String,
    /// The fault behind it, if it was one of the registry.
    pub fault: Option<Fault>,
}

impl PushError {
    /// The faults of the registry behind it.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        let (one, many) = match self {
            Self::Access(fault) => (Some(fault), &[][..]),
            Self::Images { failed, .. } => (None, failed.as_slice()),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().filter_map(|it| it.fault.as_ref()))
    }

    /// Whether the same call may succeed without anything being changed first.
    pub fn passes(&self) -> bool {
        let mut faults = self.faults().peekable();
        faults.peek().is_some() && faults.all(Fault::passes)
    }

    /// Says what a person can do about it, in terms of the flags of `kots`.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Access(fault) => fault.hint(),
            Self::Images { .. } => self.faults().next().map_or(
                "run the same command again: what the registry has is not sent again",
                Fault::hint,
            ),
            Self::Source(_) => {
                "check that the bundle can be read and does not change, then run the same command again"
            }
            Self::Running { .. } => "wait for the other push to end",
            Self::Memory { .. } => {
                "check the permissions of the state folder and the room on its disk"
            }
        }
    }
}
