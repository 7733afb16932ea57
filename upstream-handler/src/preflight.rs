//! Runs the preflights of versions, stores what they found, and deploys a first version they let pass.
//!
//! A version's checks are queued in the transaction that makes it wait for them. The queue is the
//! table: a server that was stopped in between finds it again and runs the checks once more. Results
//! are only ever written by a run that ended; one that could not check anything says so and is
//! never a success.

pub(crate) mod charts;
pub(crate) mod program;
pub(crate) mod results;
pub(crate) mod spec;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::preflight::{PreflightProgress, PreflightResults};

use crate::context::Shared;
use crate::faults;
use crate::http::reply::chain;
use crate::http::versions::Shown;
use crate::store::preflights::{Queued, end_preflight};
use crate::store::versions::{PENDING, PENDING_PREFLIGHT, Page, queue_first_deploy};
use crate::store::{Store, StoreError, now_text};
use program::{Program, RunError};
use results::{State, not_run, parse, state};

/// Pause before the queue is read again after the database failed.
const PAUSE: Duration = Duration::from_secs(2);
/// How long a deploy waits for strict checks (`pkg/version/version.go:195`).
pub(crate) const PATIENCE: Duration = Duration::from_mins(15);
/// The file with the checks, in the folder of a run.
const SPEC: &str = "preflight.yaml";
/// How often a wait looks at the database although nobody rang.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The runs of this process, and the program that does them.
#[derive(Debug)]
pub(crate) struct PreflightRuns {
    program: Program,
    /// Rung when a run was queued.
    pub(crate) bell: Notify,
    /// Rung when a run ended.
    pub(crate) ended: Notify,
    running: Mutex<HashMap<(String, i64), CancellationToken>>,
}

impl PreflightRuns {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, bell: Notify::new(), ended: Notify::new(), running: Mutex::default() }
    }

    /// Stops the run of a version, if there is one: what it finds is no longer asked for.
    pub(crate) fn cancel(&self, app_id: &str, sequence: i64) {
        if let Some(token) = self.lock().get(&(app_id.to_owned(), sequence)) {
            token.cancel();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, i64), CancellationToken>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How waiting for a version's checks ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// They ended.
    Ended,
    /// They did not end in time.
    TooLong,
    /// The server stops.
    Stopped,
}

/// Waits until no run of a version's checks is queued.
pub(crate) async fn wait(
    shared: &Shared,
    app_id: &str,
    sequence: i64,
) -> Result<Waited, StoreError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let rung = shared.preflights.ended.notified();
        let row = shared.store.version(app_id, sequence).await?;
        if row.is_none_or(|row| !row.preflight_is_queued) {
            return Ok(Waited::Ended);
        }
        tokio::select! {
            () = rung => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = tokio::time::sleep_until(deadline) => return Ok(Waited::TooLong),
            () = shared.stop.cancelled() => return Ok(Waited::Stopped),
        }
    }
}

/// Works the queue off until the server stops: one run at a time for each application.
pub(crate) async fn run_queue(shared: Shared) {
    let mut busy: Vec<String> = Vec::new();
    let mut running: JoinSet<String> = JoinSet::new();
    loop {
        let queue = match shared.store.preflight_queue().await {
            Ok(queue) => queue,
            Err(error) => {
                tracing::error!("the preflights cannot be read: {}", chain(&error).join(": "));
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => continue,
                    () = shared.stop.cancelled() => break,
                }
            }
        };
        for queued in queue {
            if busy.contains(&queued.app_id) {
                continue;
            }
            busy.push(queued.app_id.clone());
            let shared = Arc::clone(&shared);
            running.spawn(async move {
                let app_id = queued.app_id.clone();
                check(&shared, queued).await;
                app_id
            });
        }
        tokio::select! {
            () = shared.preflights.bell.notified() => {}
            Some(ended) = running.join_next() => match ended {
                Ok(app_id) => busy.retain(|it| *it != app_id),
                Err(error) => {
                    // A bug in one run: all are looked at again, not at once.
                    tracing::error!("a preflight run ended in a bug: {error}");
                    tokio::time::sleep(PAUSE).await;
                    busy.clear();
                }
            },
            () = shared.stop.cancelled() => break,
        }
    }
    while running.join_next().await.is_some() {}
}

/// Runs the checks of one version and stores what they found.
async fn check(shared: &Shared, queued: Queued) {
    let (app_id, sequence) = (queued.app_id.clone(), queued.sequence);
    tracing::info!(app = app_id, sequence, "running preflights");
    let token = shared.stop.child_token();
    let key = (app_id.clone(), sequence);
    shared.preflights.lock().insert(key.clone(), token.clone());
    let found = execute(shared, &queued, &token).await;
    shared.preflights.lock().remove(&key);
    // A run that was stopped stays queued: it is run again, at the latest after the next start.
    let Some(found) = found else { return };
    for failure in results::failures(&found) {
        tracing::warn!(app = app_id, sequence, "{failure}");
    }
    faults::point("preflight-before-commit");
    let mut wait = PAUSE;
    loop {
        match store_end(shared, &queued, &found).await {
            Ok(()) => break,
            Err(error) => {
                tracing::error!("preflights cannot be stored: {}", chain(&error).join(": "));
                tokio::select! {
                    () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_mins(1)),
                    () = shared.stop.cancelled() => return,
                }
            }
        }
    }
    faults::point("preflight-after-commit");
    shared.preflights.ended.notify_waiters();
}

/// What the checks found; `None` when the run was stopped before it ended.
async fn execute(
    shared: &Shared,
    queued: &Queued,
    cancel: &CancellationToken,
) -> Option<PreflightResults> {
    let prepared = {
        let (shared, tree) = (Arc::clone(shared), queued.tree_sha256.clone());
        tokio::task::spawn_blocking(move || prepare(&shared, &tree)).await
    };
    let (folder, n_checks) = match prepared {
        Ok(Ok(Some(prepared))) => prepared,
        // Nothing to check is not a failure.
        Ok(Ok(None)) => return Some(PreflightResults::default()),
        Ok(Err(reason)) => return Some(not_run(reason)),
        Err(_) => return Some(not_run("a bug of this server")),
    };
    let progress = PreflightProgress {
        total_count: i64::try_from(n_checks).unwrap_or(i64::MAX),
        current_name: "preflight".to_owned(),
        current_status: "running".to_owned(),
        updated_at: now_text(),
        ..PreflightProgress::default()
    };
    let progress = serde_json::to_string(&progress).unwrap_or_default();
    if let Err(error) = shared.store.preflight_progress(queued, &progress).await {
        tracing::warn!("the progress of preflights is not stored: {error}");
    }
    let program = &shared.preflights.program;
    let spec = folder.path().join(SPEC);
    match program.run(&spec, queued.ignores_permissions, cancel).await {
        Ok(printed) => Some(parse(&printed, n_checks).unwrap_or_else(not_run)),
        Err(RunError::Cancelled) => None,
        Err(error) => Some(not_run(error.to_string())),
    }
}

/// The version's checks as one document; `None` when there are none.
pub(crate) fn checks_of(
    shared: &Shared,
    tree_sha256: &str,
) -> Result<Option<serde_json::Value>, String> {
    let told = |error: &(dyn std::error::Error + 'static)| chain(error).join(": ");
    let work = shared.archives.work_folder().map_err(|error| told(&error))?;
    let tree = work.path().join("tree");
    crate::versions::unpack_tree(&shared.archives, tree_sha256, &tree)
        .map_err(|error| told(&error))?;
    spec::read(&tree).map_err(|error| told(&error))
}

/// Writes the version's checks into a folder of their own, which goes with the guard; `None` when there are none.
fn prepare(
    shared: &Shared,
    tree_sha256: &str,
) -> Result<Option<(tempfile::TempDir, usize)>, String> {
    let Some(spec) = checks_of(shared, tree_sha256)? else { return Ok(None) };
    let text = kinds::preflight::for_program(&spec).map_err(|error| error.to_string())?;
    let folder = shared.archives.work_folder().map_err(|error| chain(&error).join(": "))?;
    std::fs::write(folder.path().join(SPEC), text).map_err(|error| error.to_string())?;
    Ok(Some((folder, kinds::preflight::results::asked(&spec).len())))
}

/// Stores results, and queues a first version for the target that passed everything
/// (`maybeDeployFirstVersion` in `pkg/preflight/preflight.go`), or whose checks could not be run and are
/// not strict: they hold no later version back either.
async fn store_end(
    shared: &Shared,
    queued: &Queued,
    found: &PreflightResults,
) -> Result<(), StoreError> {
    let is_first = queued.sequence == 0
        && matches!(state(found), State::Pass | State::NotRun)
        && may_be_first(shared, &queued.app_id, found).await?;
    let mut tx = shared.store.begin().await?;
    if !end_preflight(&mut tx, queued, found).await? {
        // It was asked for anew meanwhile.
        return Ok(());
    }
    let is_deploying = is_first && queue_first_deploy(&mut tx, &queued.app_id).await?;
    Store::commit(tx).await?;
    if is_deploying {
        shared.deploy_bell.notify_one();
    }
    Ok(())
}

/// Whether the first version may be deployed once these results are its own.
async fn may_be_first(
    shared: &Shared,
    app_id: &str,
    found: &PreflightResults,
) -> Result<bool, StoreError> {
    let Some(app) = shared.store.app_by_id(app_id).await? else { return Ok(false) };
    let mut rows = shared.store.versions(app_id, Page { size: None, number: 0 }).await?;
    let Some(first) = rows.iter_mut().find(|row| row.sequence == 0) else { return Ok(false) };
    if first.status != PENDING_PREFLIGHT {
        return Ok(false);
    }
    PENDING.clone_into(&mut first.status);
    first.preflight_result = serde_json::to_string(found).ok();
    let first = first.clone();
    Ok(Shown::of(shared, &app, &rows).gate.check(&first).is_ok())
}
