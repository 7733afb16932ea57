//! Where versions are deployed to.
//!
//! The directory target is the one there is; a cluster is the next. A target is told what to carry
//! out and says whether it is carried out: it keeps no state about versions and decides nothing.

pub(crate) mod directory;
pub(crate) mod observe;

use std::fmt::Debug;
use std::path::Path;

use thiserror::Error;
use wire::app::ResourceState;

/// A version that is to be deployed.
#[derive(Debug)]
pub struct Deployment<'a> {
    /// The application's slug.
    pub app_slug: &'a str,
    /// The application's namespace.
    pub namespace: &'a str,
    /// The version's number.
    pub sequence: i64,
    /// Digest of the tree: equal digests are equal trees.
    pub digest: &'a str,
    /// The tree that was built ([`crate::release`]).
    pub tree: &'a Path,
    /// Rendered status informers, `[ns/]kind/name`.
    pub status_informers: &'a [String],
}

/// What carrying a deployment out said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// For a person: what was done.
    pub said: String,
    /// What the status informers see now.
    pub resources: Vec<ResourceState>,
}

/// Why a deployment was not carried out.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The target belongs to another application.
    #[error("the target {target} holds application `{found}`, not `{wanted}`")]
    OtherApp {
        /// The target.
        target: String,
        /// The application that is there.
        found: String,
        /// The application that should go there.
        wanted: String,
    },
    /// A file of the target could not be written.
    #[error("could not {what} {path}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A manifest of the version cannot be read.
    #[error("could not read the manifest {path}")]
    Manifest {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: kinds::yaml::Error,
    },
}

/// Carries deployments out.
///
/// Both methods block and may be called again with the same arguments at any time: after a crash
/// nobody knows how far the last call came.
pub trait Target: Debug + Send + Sync {
    /// Brings `deployment` into place, wholly or not at all.
    ///
    /// # Errors
    ///
    /// [`TargetError`]; what was deployed before stays deployed.
    fn deploy(&self, deployment: &Deployment<'_>) -> Result<Carried, TargetError>;

    /// Looks at what is there now of a version that was deployed. `None` when the target holds another.
    ///
    /// # Errors
    ///
    /// [`TargetError`] when what is there cannot be read.
    fn look(
        &self,
        sequence: i64,
        namespace: &str,
        status_informers: &[String],
    ) -> Result<Option<Vec<ResourceState>>, TargetError>;

    /// Names the target, for messages.
    fn describe(&self) -> String;
}
