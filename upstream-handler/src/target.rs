//! Where versions are deployed to: a directory or a cluster.
//!
//! A target is told what to carry out and says whether it is carried out: it keeps no state about
//! versions and decides nothing about them.

pub(crate) mod cluster;
pub(crate) mod directory;
pub(crate) mod informer;
pub(crate) mod manifests;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kinds::context::AskCluster;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use wire::app::{DownstreamLogs, ResourceState};

pub use cluster::{ClusterError, ClusterOptions, Conflict};

/// A version that is to be deployed.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The application's slug.
    pub app_slug: String,
    /// The application's namespace.
    pub namespace: String,
    /// The version's number.
    pub sequence: i64,
    /// Digest of the tree: equal digests are equal trees.
    pub digest: String,
    /// The tree that was built ([`crate::release`]).
    pub tree: PathBuf,
    /// Trees of what may be in place: that of the version that was carried out last, and of every
    /// attempt since.
    pub before: Vec<PathBuf>,
    /// Rendered status informers, `[ns/]kind/name`.
    pub status_informers: Vec<String>,
}

/// A version whose resources are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The application's slug.
    pub app_slug: String,
    /// The application's namespace.
    pub namespace: String,
    /// The version's number.
    pub sequence: i64,
    /// Rendered status informers, `[ns/]kind/name`.
    pub status_informers: Vec<String>,
}

/// What a deploy printed and left, whether or not it was carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// For a person: what was done, by part.
    pub logs: DownstreamLogs,
    /// What the status informers see now; `None` when they were not asked.
    pub resources: Option<Vec<ResourceState>>,
}

/// How a deploy ended.
#[derive(Debug)]
pub enum End {
    /// Everything is in place.
    Carried,
    /// Something is not; every cause, the first one first.
    Failed(Vec<TargetError>),
    /// The server is stopping: nothing is known, and the same deploy is taken up at its next start.
    Stopped,
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
    /// A file of the target or of the version could not be read or written.
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
    /// A manifest is larger than any should be.
    #[error("the manifest {path} has {size} bytes; allowed are {allowed}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its length.
        size: u64,
        /// The longest there may be.
        allowed: u64,
    },
    /// The cluster, an object or Helm refused.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A panic.
    #[error("deploying ended in a bug of this server")]
    Bug,
}

/// Carries deployments out.
///
/// Both methods may be called again with the same arguments at any time: after a crash nobody knows
/// how far the last call came.
#[async_trait]
pub trait Target: Debug + Send + Sync {
    /// Brings `deployment` into place. `stop` ends it early, as [`End::Stopped`].
    async fn deploy(&self, deployment: Deployment, stop: &CancellationToken) -> (Report, End);

    /// Looks at what is there now of a version that was deployed. `None` when the target holds another.
    ///
    /// # Errors
    ///
    /// [`TargetError`] when what is there cannot be read.
    async fn look(&self, look: Look) -> Result<Option<Vec<ResourceState>>, TargetError>;

    /// Whether it follows what it deployed, and notices changes.
    fn follows(&self) -> bool {
        false
    }

    /// Begins to follow a version that was deployed before the server started.
    ///
    /// # Errors
    ///
    /// [`TargetError`] when the version's tree cannot be read.
    async fn resume(&self, _: Deployment) -> Result<(), TargetError> {
        Ok(())
    }

    /// Returns when [`Target::look`] may say something else than before; never for a target that does
    /// not notice.
    async fn changed(&self) {
        std::future::pending::<()>().await;
    }

    /// The cluster that templates may ask; none where nothing runs.
    fn for_templates(&self) -> Option<Arc<dyn AskCluster>> {
        None
    }
}

impl Look {
    /// The look at a version that is being deployed.
    pub(crate) fn of(deployment: &Deployment) -> Self {
        Self {
            app_slug: deployment.app_slug.clone(),
            namespace: deployment.namespace.clone(),
            sequence: deployment.sequence,
            status_informers: deployment.status_informers.clone(),
        }
    }
}
