//! Carries queued versions to the target.
//!
//! A version is `deploying` from the moment it is queued, in the transaction that queues it, until
//! the target has it (`deployed`) or has refused it (`failed`). The queue is the table: a server that
//! was stopped in between finds it again and carries on. `deployed` is only ever written after the
//! target has said so.

pub(crate) mod follow;
pub(crate) mod gate;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::context::{Context, Shared};
use crate::faults;
use crate::http::reply::chain;
use crate::store::versions::{DEPLOYED, FAILED, VersionRow, end_deploy};
use crate::store::{Store, StoreError, applied, outputs};
use crate::target::{Deployment, End, Report, informer};

/// Pause before the queue is read again after the database failed.
const PAUSE: Duration = Duration::from_secs(2);

/// Works the queue off until the server stops: one version at a time per application.
pub(crate) async fn run_queue(shared: Shared) {
    let mut busy: HashSet<String> = HashSet::new();
    let mut running: JoinSet<String> = JoinSet::new();
    loop {
        let queue = match shared.store.deploy_queue().await {
            Ok(queue) => queue,
            Err(error) => {
                tracing::error!("the deploy queue cannot be read: {}", chain(&error).join(": "));
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => continue,
                    () = shared.stop.cancelled() => return,
                }
            }
        };
        for row in queue {
            if busy.insert(row.app_id.clone()) {
                let shared = Arc::clone(&shared);
                running.spawn(async move {
                    let app_id = row.app_id.clone();
                    deploy(&shared, row).await;
                    app_id
                });
            }
        }
        tokio::select! {
            () = shared.deploy_bell.notified() => {}
            Some(ended) = running.join_next() => {
                if let Ok(app_id) = ended {
                    busy.remove(&app_id);
                } else {
                    // A bug in one deploy: all are looked at again, not at once.
                    tokio::time::sleep(PAUSE).await;
                    busy.clear();
                }
            }
            () = shared.stop.cancelled() => break,
        }
    }
    while running.join_next().await.is_some() {}
}

/// How a deploy ended, for the database.
struct Ended {
    status: &'static str,
    info: String,
    report: Report,
}

/// Carries one version out and stores how that ended.
async fn deploy(shared: &Shared, row: VersionRow) {
    let (app_id, sequence) = (row.app_id.clone(), row.sequence);
    tracing::info!(app = app_id, sequence, "deploying");
    let Some(ended) = carry(shared, &row).await else {
        tracing::info!(app = app_id, sequence, "deploying goes on at the next start");
        return;
    };
    if ended.status == FAILED {
        tracing::error!(app = app_id, sequence, "deploying failed: {}", ended.info);
    }
    faults::point("deploy-before-commit");
    let mut wait = PAUSE;
    while let Err(error) = store_end(shared, &row, &ended).await {
        // The target has it; that must not be forgotten because the disk is full for a while.
        tracing::error!("the end of a deploy cannot be stored: {}", chain(&error).join(": "));
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_mins(1)),
            () = shared.stop.cancelled() => return,
        }
    }
    faults::point("deploy-after-commit");
}

/// Brings the version's tree to the target. `None` when the server stopped meanwhile.
async fn carry(shared: &Shared, row: &VersionRow) -> Option<Ended> {
    let prepared = match prepare(shared, row).await {
        Ok(prepared) => prepared,
        Err(causes) => return Some(failed(Report::default(), vec![causes.join(": ")])),
    };
    faults::point("deploy-before-target");
    // The folder of the trees stays until the target is done with it.
    let Prepared { deployment, work: _work } = prepared;
    match shared.target.deploy(deployment, &shared.stop).await {
        (_, End::Stopped) => None,
        (report, End::Carried) => Some(Ended { status: DEPLOYED, info: String::new(), report }),
        (report, End::Failed(errors)) => {
            let told = errors.iter().map(|error| chain(error).join(": ")).collect();
            Some(failed(report, told))
        }
    }
}

/// The end of a deploy that failed: the first error is its reason, all of them are in its output.
fn failed(mut report: Report, errors: Vec<String>) -> Ended {
    let logs = &mut report.logs;
    let is_told = [&logs.dryrun_stderr, &logs.apply_stderr, &logs.helm_stderr]
        .iter()
        .any(|it| !it.trim().is_empty());
    if !is_told {
        logs.apply_stderr = errors.join("\n");
    }
    let n_more = errors.len().saturating_sub(1);
    let mut info = errors.into_iter().next().unwrap_or_default();
    if n_more > 0 {
        info = format!("{info} (and {n_more} more)");
    }
    Ended { status: FAILED, info, report }
}

/// A version that is ready for the target.
pub(crate) struct Prepared {
    /// What the target is told.
    pub deployment: Deployment,
    /// The folder of the trees; they go with it.
    pub work: TempDir,
}

/// Unpacks the trees and notes that the version's may be in place from now on. The error is the causes,
/// outermost first.
async fn prepare(shared: &Shared, row: &VersionRow) -> Result<Prepared, Vec<String>> {
    let before = shared.store.applied(&row.app_id).await.map_err(|error| chain(&error))?;
    let note = async {
        let mut tx = shared.store.begin().await?;
        applied::begin_apply(&mut tx, &row.app_id, &row.tree_sha256).await?;
        Store::commit(tx).await
    };
    note.await.map_err(|error| chain(&error))?;
    unpack(shared, row, before).await
}

/// Unpacks the tree of a version and those that may be in place before it.
pub(crate) async fn unpack(
    shared: &Shared,
    row: &VersionRow,
    before: Vec<String>,
) -> Result<Prepared, Vec<String>> {
    let app = shared
        .store
        .app_by_id(&row.app_id)
        .await
        .map_err(|error| chain(&error))?
        .ok_or_else(|| vec!["the application was removed".to_owned()])?;
    let (shared, row) = (Arc::clone(shared), row.clone());
    let unpacked = tokio::task::spawn_blocking(move || {
        let work = shared.archives.work_folder().map_err(|error| chain(&error))?;
        let unpack = |name: String, sha256: &str| -> Result<PathBuf, Vec<String>> {
            let folder = work.path().join(name);
            crate::versions::unpack_tree(&shared.archives, sha256, &folder)
                .map_err(|error| chain(&error))?;
            Ok(folder)
        };
        let tree = unpack("tree".to_owned(), &row.tree_sha256)?;
        let mut trees = Vec::new();
        for (place, sha256) in before.iter().enumerate() {
            // What is there of this very tree stays.
            if *sha256 != row.tree_sha256 {
                trees.push(unpack(format!("before-{place}"), sha256)?);
            }
        }
        let deployment = Deployment {
            app_slug: app.slug,
            namespace: app.namespace,
            sequence: row.sequence,
            digest: row.tree_sha256.clone(),
            tree,
            before: trees,
            status_informers: row.facts().status_informers,
        };
        Ok(Prepared { deployment, work })
    });
    let bug = || Err(vec!["deploying ended in a bug of this server".to_owned()]);
    unpacked.await.unwrap_or_else(|_| bug())
}

async fn store_end(shared: &Context, row: &VersionRow, ended: &Ended) -> Result<(), StoreError> {
    let mut tx = shared.store.begin().await?;
    end_deploy(&mut tx, &row.app_id, row.sequence, ended.status, &ended.info).await?;
    outputs::put_output(&mut tx, &row.app_id, row.sequence, &ended.report.logs).await?;
    if ended.status == DEPLOYED {
        applied::end_apply(&mut tx, &row.app_id, &row.tree_sha256).await?;
    }
    if let Some(resources) = &ended.report.resources {
        let state = informer::worst(resources);
        outputs::put_observed(&mut tx, &row.app_id, row.sequence, &state, resources).await?;
    }
    Store::commit(tx).await
}
