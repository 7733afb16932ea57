//! Carries queued versions to the target.
//!
//! A version is `deploying` from the moment it is queued, in the transaction that queues it, until
//! the target has it (`deployed`) or has refused it (`failed`). The queue is the table: a server that
//! was stopped in between finds it again and carries on. `deployed` is only ever written after the
//! target has said so.

pub(crate) mod gate;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use wire::app::DownstreamLogs;

use crate::context::{Context, Shared};
use crate::faults;
use crate::http::reply::chain;
use crate::store::versions::{DEPLOYED, FAILED, VersionRow, end_deploy};
use crate::store::{Store, StoreError, outputs};
use crate::target::{Carried, Deployment, observe};

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

/// Carries one version out and stores how that ended.
async fn deploy(shared: &Shared, row: VersionRow) {
    let (app_id, sequence) = (row.app_id.clone(), row.sequence);
    tracing::info!(app = app_id, sequence, "deploying");
    let result = carry(shared, &row).await;
    let (status, info, logs, carried) = match result {
        Ok(carried) => {
            let logs =
                DownstreamLogs { apply_stdout: carried.said.clone(), ..DownstreamLogs::default() };
            (DEPLOYED, String::new(), logs, Some(carried))
        }
        Err(causes) => {
            let said = causes.join(": ");
            tracing::error!(app = app_id, sequence, "deploying failed: {said}");
            let logs = DownstreamLogs { apply_stderr: said.clone(), ..DownstreamLogs::default() };
            (FAILED, said, logs, None)
        }
    };
    faults::point("deploy-before-commit");
    let mut wait = PAUSE;
    while let Err(error) = store_end(shared, &row, status, &info, &logs, carried.as_ref()).await {
        // The target has it; that must not be forgotten because the disk is full for a while.
        tracing::error!("the end of a deploy cannot be stored: {}", chain(&error).join(": "));
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(Duration::from_mins(1)),
            () = shared.stop.cancelled() => return,
        }
    }
    faults::point("deploy-after-commit");
}

/// Brings the version's tree to the target. The error is the causes, outermost first.
async fn carry(shared: &Shared, row: &VersionRow) -> Result<Carried, Vec<String>> {
    let app = shared
        .store
        .app_by_id(&row.app_id)
        .await
        .map_err(|error| chain(&error))?
        .ok_or_else(|| vec!["the application was removed".to_owned()])?;
    let (shared, row) = (Arc::clone(shared), row.clone());
    let informers = row.facts().status_informers;
    tokio::task::spawn_blocking(move || {
        let work = shared.archives.work_folder().map_err(|error| chain(&error))?;
        let tree = work.path().join("tree");
        crate::versions::unpack_tree(&shared.archives, &row.tree_sha256, &tree)
            .map_err(|error| chain(&error))?;
        faults::point("deploy-before-target");
        shared
            .target
            .deploy(&Deployment {
                app_slug: &app.slug,
                namespace: &app.namespace,
                sequence: row.sequence,
                digest: &row.tree_sha256,
                tree: &tree,
                status_informers: &informers,
            })
            .map_err(|error| chain(&error))
    })
    .await
    .unwrap_or_else(|_| Err(vec!["deploying ended in a bug of this server".to_owned()]))
}

async fn store_end(
    shared: &Context,
    row: &VersionRow,
    status: &str,
    info: &str,
    logs: &DownstreamLogs,
    carried: Option<&Carried>,
) -> Result<(), StoreError> {
    let mut tx = shared.store.begin().await?;
    end_deploy(&mut tx, &row.app_id, row.sequence, status, info).await?;
    outputs::put_output(&mut tx, &row.app_id, row.sequence, logs).await?;
    if let Some(carried) = carried {
        let state = observe::worst(&carried.resources);
        outputs::put_observed(&mut tx, &row.app_id, row.sequence, &state, &carried.resources)
            .await?;
    }
    Store::commit(tx).await
}
