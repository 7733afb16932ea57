//! Starts and stops a server.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinds::cipher::{Cipher, CipherError};
use kinds::license::{KeyError, RootKeys};
use secrecy::SecretString;
use service::connections::{self, Limits};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::archives::{ArchiveError, Archives};
use crate::config::kept::KeptConfigs;
use crate::context::{Context, Locks, Shared};
pub use crate::images::RegistryAccess;
use crate::preflight::PreflightRuns;
use crate::preflight::program::Program;
use crate::release::Surroundings;
use crate::secrets::{SecretError, Secrets};
use crate::store::{Store, StoreError};
use crate::target::cluster::Cluster;
use crate::target::directory::Directory;
use crate::target::{ClusterOptions, Target, TargetError};
use crate::uploads::Uploads;
use crate::{deploy, env, http, preflight, update};

/// Largest upload when nothing else is said, in bytes.
const MAX_UPLOAD_BYTES: u64 = 64 << 30;
const LIMITS: Limits = Limits {
    connections: 512,
    drain: Duration::from_secs(8),
    read_buffer: 400 << 10,
    half_close: true,
};
/// How long stopping waits for what is running.
const GRACE: Duration = Duration::from_secs(10);

/// Where versions are deployed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// `dir:PATH`.
    Directory(PathBuf),
    /// `cluster`.
    Cluster,
}

impl std::str::FromStr for TargetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("dir", path)) if !path.is_empty() => Ok(Self::Directory(path.into())),
            None if text == "cluster" => Ok(Self::Cluster),
            _ => Err(format!("`{text}` is not a target: expected `dir:PATH` or `cluster`")),
        }
    }
}

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that holds everything the server remembers. One server at a time.
    pub state: PathBuf,
    /// Where versions are deployed to.
    pub target: TargetSpec,
    /// How a cluster is used, when that is the target.
    pub cluster: ClusterOptions,
    /// Holds the whole `Kots …` value; without it one is made in the state folder.
    pub auth_string_file: Option<PathBuf>,
    /// The vendor's endpoint; without it the environment's or the licence's.
    pub release_endpoint: Option<String>,
    /// PEM files of root keys that are trusted besides the production key.
    pub license_root_keys: Vec<PathBuf>,
    /// Namespace applications are deployed to.
    pub namespace: String,
    /// How image registries are spoken to.
    pub registry_access: RegistryAccess,
}

/// Why a server did not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The state folder cannot be made or opened.
    #[error("could not open the state folder {path}")]
    State {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Another process works on the state folder.
    #[error("the state folder {path} is in use by another kotsadm")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A root key file cannot be read.
    #[error("could not read the license root key {path}")]
    RootKeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A root key file holds no key.
    #[error("{path} is not a license root key")]
    RootKey {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: KeyError,
    },
    /// The database does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive storage does not open.
    #[error(transparent)]
    Archives(#[from] ArchiveError),
    /// A secret cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The encryption key is not one.
    #[error(
        "the encryption key ({} or the state folder's) cannot be used",
        env::API_ENCRYPTION_KEY
    )]
    Cipher(#[source] CipherError),
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// A server that runs until it is told to stop.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The whole `Authorization` value that it accepts.
    pub auth_string: SecretString,
    shared: Shared,
    accept: JoinHandle<()>,
    worker: JoinHandle<()>,
    follower: JoinHandle<()>,
    checker: JoinHandle<()>,
    _lock: File,
}

impl Running {
    /// Stops taking requests, waits a bounded time for those that run, and closes the database.
    pub async fn shutdown(self) {
        let Self { shared, accept, worker, follower, checker, .. } = self;
        shared.stop.cancel();
        shared.work.close();
        let rest = async {
            let _ = accept.await;
            let _ = worker.await;
            let _ = follower.await;
            let _ = checker.await;
            shared.work.wait().await;
        };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("stopped before everything had ended; it is taken up at the next start");
        }
        let _ = tokio::time::timeout(Duration::from_secs(2), shared.store.close()).await;
    }
}

/// Starts a server; it answers as soon as this returns.
///
/// # Errors
///
/// [`ServeError`] names what could not be opened.
pub async fn serve(options: ServeOptions) -> Result<Running, ServeError> {
    let state = options.state.clone();
    let lock = lock_state(&state)?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|source| ServeError::Listen { address: options.listen, source })?;
    let addr = listener
        .local_addr()
        .map_err(|source| ServeError::Listen { address: options.listen, source })?;

    let secrets = Secrets::load(&state, options.auth_string_file.as_deref())?;
    let cipher =
        Cipher::from_key_text(secrecy::ExposeSecret::expose_secret(&secrets.encryption_key))
            .map_err(ServeError::Cipher)?;
    let root_keys = root_keys(&options.license_root_keys)?;
    let archives = Archives::open(&state)?;
    let kubeconfig = options.cluster.kubeconfig.clone();
    let target: Arc<dyn Target> = match &options.target {
        TargetSpec::Directory(path) => Arc::new(Directory::open(path)?),
        TargetSpec::Cluster => {
            Arc::new(Cluster::open(options.cluster).await.map_err(TargetError::from)?)
        }
    };
    let store = Store::open(&state).await?;
    let boot_id = uuid::Uuid::new_v4().to_string();
    // The lock on the folder proves that whoever held anything is gone.
    store.bury_holders().await?;
    store.bring_back(crate::store::now_ms()).await?;
    store.end_orphaned_tasks(&boot_id).await?;
    let named: HashSet<String> = store.named_archives().await?.into_iter().collect();
    let n_swept = archives.sweep(&named)?;
    if n_swept > 0 {
        tracing::info!("removed {n_swept} archives that no version names");
    }

    let uploads = Uploads::open(&state)?;
    let now_ms = crate::store::now_ms();
    let (left, kept): (Vec<_>, Vec<_>) =
        store.uploads().await?.into_iter().partition(|it| it.is_left_alone(now_ms));
    store.forget_uploads(&left.into_iter().map(|it| it.key).collect::<Vec<_>>()).await?;
    let gone = uploads.sweep(&kept)?;
    store.forget_uploads(&gone).await?;
    let max_upload_bytes = env::read(env::KOTSADM_MAX_UPLOAD_BYTES)
        .and_then(|text| text.parse().ok())
        .unwrap_or(MAX_UPLOAD_BYTES);

    let auth_string = secrets.auth_string.clone();
    let shared = Arc::new(Context {
        store,
        archives,
        secrets,
        cipher,
        root_keys,
        surroundings: Surroundings {
            cluster: target.for_templates(),
            ..Surroundings::of_environment()
        },
        target,
        namespace: options.namespace,
        registry_access: options.registry_access,
        release_endpoint: options
            .release_endpoint
            .or_else(|| env::read(env::REPLICATED_APP_ENDPOINT))
            .or_else(|| env::read(env::REPLICATED_API_ENDPOINT)),
        max_upload_bytes,
        uploads,
        pushes: state.join("pushes"),
        upload_quota_bytes: env::read(env::KOTSADM_UPLOAD_QUOTA_BYTES)
            .and_then(|text| text.parse().ok())
            .unwrap_or(max_upload_bytes.saturating_mul(4)),
        boot_id,
        kept_configs: KeptConfigs::default(),
        work: TaskTracker::new(),
        preflights: PreflightRuns::new(Program::of_environment(kubeconfig)),
        deploy_bell: Notify::new(),
        stop: CancellationToken::new(),
        wrong_passwords: Mutex::default(),
        locks: Locks::default(),
    });
    update::upload::resume(&shared).await?;
    let worker = tokio::spawn(deploy::run_queue(Arc::clone(&shared)));
    let follower = tokio::spawn(deploy::follow::run(Arc::clone(&shared)));
    let checker = tokio::spawn(preflight::run_queue(Arc::clone(&shared)));
    let router = http::router(Arc::clone(&shared));
    let accept =
        tokio::spawn(connections::accept(listener, None, router, LIMITS, shared.stop.clone()));
    Ok(Running { addr, auth_string, shared, accept, worker, follower, checker, _lock: lock })
}

/// Makes the state folder and takes it for this process alone; the kernel gives it back.
fn lock_state(state: &Path) -> Result<File, ServeError> {
    let open = |source| ServeError::State { path: state.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(open)?;
    let file = File::create(state.join("lock")).map_err(open)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| ServeError::InUse { path: state.to_owned() })?;
    Ok(file)
}

fn root_keys(files: &[PathBuf]) -> Result<RootKeys, ServeError> {
    let mut keys = RootKeys::production();
    for path in files {
        let pem = fs::read_to_string(path)
            .map_err(|source| ServeError::RootKeyFile { path: path.clone(), source })?;
        keys.add_pem(&pem).map_err(|source| ServeError::RootKey { path: path.clone(), source })?;
    }
    Ok(keys)
}
