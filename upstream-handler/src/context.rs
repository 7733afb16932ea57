//! What every request works with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kinds::cipher::Cipher;
use kinds::license::RootKeys;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::archives::Archives;
use crate::config::kept::KeptConfigs;
use crate::faults;
use crate::images::RegistryAccess;
use crate::preflight::PreflightRuns;
use crate::release::Surroundings;
use crate::secrets::Secrets;
use crate::store::leases::{Fence, HEARTBEAT};
use crate::store::{Store, StoreError};
use crate::target::Target;
use crate::uploads::Uploads;

/// How long a change waits for the one that is running.
const WAIT_FOR_LEASE: Duration = Duration::from_mins(2);

/// The one value all requests share.
pub(crate) type Shared = Arc<Context>;

/// What every request works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub store: Store,
    pub archives: Archives,
    pub secrets: Secrets,
    pub cipher: Cipher,
    pub root_keys: RootKeys,
    pub target: Arc<dyn Target>,
    /// Where applications are deployed to.
    pub namespace: String,
    /// What templates may know of the place the server runs in.
    pub surroundings: Surroundings,
    /// How image registries are spoken to.
    pub registry_access: RegistryAccess,
    /// Wins over the licence's endpoint.
    pub release_endpoint: Option<String>,
    /// Largest upload in bytes.
    pub max_upload_bytes: u64,
    /// Bundles that come in chunks.
    pub uploads: Uploads,
    /// Where pushes of their images remember what is unfinished.
    pub pushes: PathBuf,
    /// Largest sum of all of them, in bytes.
    pub upload_quota_bytes: u64,
    /// New at every start.
    pub boot_id: String,
    /// Configs that were shown.
    pub kept_configs: KeptConfigs,
    /// Work that outlives its request.
    pub work: TaskTracker,
    /// Runs of preflights.
    pub preflights: PreflightRuns,
    /// Rung when a version was queued for the target.
    pub deploy_bell: Notify,
    /// Cancelled when the server stops.
    pub stop: CancellationToken,
    /// Wrong passwords in a row, and when the last one came.
    pub wrong_passwords: Mutex<(u32, i64)>,
    /// One lock per application and per idempotency key.
    pub locks: Locks,
}

/// Locks by name, made on demand and forgotten when nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    /// Takes the lock `name`, waiting at most `limit`.
    pub(crate) async fn take(
        &self,
        name: String,
        limit: Duration,
    ) -> Option<tokio::sync::OwnedMutexGuard<()>> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(name).or_default())
        };
        tokio::time::timeout(limit, lock.lock_owned()).await.ok()
    }
}

/// Why an application's lease could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseError {
    /// Somebody is changing the application and did not end in time.
    #[error("another change of this application is running: {purpose}")]
    Busy {
        /// What it is.
        purpose: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to change one application, until it is given back.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Proof for transactions.
    pub fence: Fence,
    store: Store,
    heartbeat: tokio::task::JoinHandle<()>,
    _lock: tokio::sync::OwnedMutexGuard<()>,
}

impl Lease {
    /// Takes the lease of `app_id` for `purpose`, which `task` belongs to.
    pub(crate) async fn take(
        shared: &Shared,
        app_id: &str,
        purpose: &str,
        task: String,
    ) -> Result<Self, LeaseError> {
        let deadline = tokio::time::Instant::now() + WAIT_FOR_LEASE;
        let busy = |purpose: &str| LeaseError::Busy { purpose: purpose.to_owned() };
        let lock = shared
            .locks
            .take(format!("app {app_id}"), WAIT_FOR_LEASE)
            .await
            .ok_or_else(|| busy("it has not ended for two minutes"))?;
        let fence = loop {
            match shared.store.take_lease(app_id, purpose, &shared.boot_id).await? {
                Ok(fence) => break fence,
                Err(holder) if tokio::time::Instant::now() >= deadline => {
                    return Err(busy(&holder.purpose));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        };
        faults::point("lease-taken");
        let heartbeat = tokio::spawn({
            let (store, fence) = (shared.store.clone(), fence.clone());
            async move {
                loop {
                    tokio::time::sleep(HEARTBEAT).await;
                    if let Err(error) = store.heartbeat(&fence, &task).await {
                        tracing::warn!(app = fence.app_id, "no heartbeat: {error}");
                    }
                }
            }
        });
        Ok(Self { fence, store: shared.store.clone(), heartbeat, _lock: lock })
    }

    /// Gives the lease back.
    pub(crate) async fn release(self) {
        faults::point("lease-before-release");
        if let Err(error) = self.store.release_lease(&self.fence).await {
            // The next change of this process takes it over.
            tracing::warn!(app = self.fence.app_id, "lease not given back: {error}");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}
