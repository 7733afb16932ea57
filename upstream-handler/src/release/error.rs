//! Why a version cannot be built, naming file and kind.

use std::io;
use std::path::{Path, PathBuf};

use kinds::config::{RepeatError, ResolveError};
use kinds::context::RenderError;
use kinds::gvk::KindError;
use thiserror::Error;

use crate::render::programs::ProgramError;

/// Why a version cannot be built or read.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// The disk failed.
    #[error("could not {operation} `{}`", path.display())]
    Disk {
        /// What was tried.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A tree has something a release cannot have.
    #[error("`{path}` is {found}, a release has only files and folders")]
    NotAFile {
        /// Path in the release.
        path: String,
        /// What was found.
        found: &'static str,
    },
    /// A tree lacks a file that every version has.
    #[error("the version has no `{path}`")]
    Missing {
        /// Path in the tree.
        path: String,
    },
    /// A file is too large to be rendered.
    #[error("`{path}` is {size} bytes long, at most {allowed} can be rendered")]
    TooLarge {
        /// Path in the release.
        path: String,
        /// Its length.
        size: u64,
        /// The limit.
        allowed: u64,
    },
    /// There is more than the program is willing to look at.
    #[error("the release has more than {allowed} files")]
    TooManyFiles {
        /// The limit.
        allowed: usize,
    },
    /// A YAML file is not text.
    #[error("`{path}` is not UTF-8 text")]
    NotText {
        /// Path in the release.
        path: String,
    },
    /// A document of a KOTS kind cannot be read.
    #[error("`{path}`: the {kind} cannot be read")]
    Kind {
        /// Path in the release.
        path: String,
        /// Its kind.
        kind: String,
        /// What is wrong with it.
        #[source]
        source: KindError,
    },
    /// A rendered document of a KOTS kind is not YAML.
    #[error("`{path}`: the {kind} is not YAML once it is rendered: {what}")]
    Broken {
        /// Path in the release.
        path: String,
        /// Its kind, as far as it can be told.
        kind: String,
        /// What is wrong with it.
        what: String,
    },
    /// A kind that may occur once occurs twice.
    #[error("`{first}` and `{second}` both hold a {kind}, a release may have one")]
    Twice {
        /// The kind.
        kind: &'static str,
        /// Path of the first.
        first: String,
        /// Path of the second.
        second: String,
    },
    /// A template failed.
    #[error("could not render `{path}`")]
    Template {
        /// Path in the release.
        path: String,
        /// Function and line.
        #[source]
        source: RenderError,
    },
    /// The config screen cannot be resolved.
    #[error("could not resolve the config of `{path}`")]
    Config {
        /// Path in the release.
        path: String,
        /// The item and its fault.
        #[source]
        source: ResolveError,
    },
    /// A list entry or object that a config item repeats is not there.
    #[error("could not repeat a part of `{path}`")]
    Repeat {
        /// Path in the release.
        path: String,
        /// The item and the path it names.
        #[source]
        source: RepeatError,
    },
    /// A chart does not render.
    #[error("`{path}`: the chart of the Helm release `{release}` does not render")]
    ChartRender {
        /// Path of its kind in the release.
        path: String,
        /// Name of the Helm release.
        release: String,
        /// What Helm said.
        #[source]
        source: ProgramError,
    },
    /// An operator's patch does not fit.
    #[error("could not put `{path}` over the manifests")]
    Kustomize {
        /// Folder of the downstream.
        path: String,
        /// What kustomize said.
        #[source]
        source: ProgramError,
    },
    /// An object has the identity of another.
    #[error("`{path}`: {object} is there already: {what}")]
    Collision {
        /// Path in the release.
        path: String,
        /// Kind and name.
        object: String,
        /// What the other one is.
        what: String,
    },
    /// More than one thing is wrong.
    #[error("{} things of the release do not render: {}", errors.len(), listed(errors))]
    Several {
        /// What, in order of paths.
        errors: Vec<ReleaseError>,
    },
    /// A chart's own data are wrong.
    #[error("`{path}`: {what}")]
    Chart {
        /// Path in the release.
        path: String,
        /// What was found and what is allowed.
        what: String,
    },
}

/// Errors with their causes, one after the other.
fn listed(errors: &[ReleaseError]) -> String {
    errors.iter().map(ReleaseError::told).collect::<Vec<_>>().join("; ")
}

impl ReleaseError {
    /// Whether the disk, and not the release, is at fault.
    pub fn is_io(&self) -> bool {
        matches!(self, Self::Disk { .. })
    }

    /// The error with its causes, in one line.
    pub fn told(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    /// What is wrong, one by one.
    pub fn each(&self) -> Vec<&Self> {
        match self {
            Self::Several { errors } => errors.iter().collect(),
            one => vec![one],
        }
    }

    /// One error of several; `None` of none.
    pub(crate) fn of(mut errors: Vec<Self>) -> Option<Self> {
        match errors.len() {
            0 | 1 => errors.pop(),
            _ => Some(Self::Several { errors }),
        }
    }

    /// Makes an I/O error into one that names operation and path.
    pub(crate) fn disk(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Disk { operation, path, source }
    }
}
