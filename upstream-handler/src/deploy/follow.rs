//! Keeps what is stored of the applications' states up to date, as far as the target notices changes.

use std::time::Duration;

use crate::context::Shared;
use crate::deploy::{Prepared, unpack};
use crate::http::reply::chain;
use crate::store::apps::AppRow;
use crate::store::outputs::{Observed, put_observed};
use crate::store::versions::DEPLOYING;
use crate::store::{Store, StoreError, now_text};
use crate::target::{Look, informer};

/// Changes come in crowds: how long they are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Follows until the server stops.
pub(crate) async fn run(shared: Shared) {
    if !shared.target.follows() {
        return;
    }
    if let Err(error) = resume(&shared).await {
        tracing::warn!("what is deployed is not followed: {}", chain(&error).join(": "));
    }
    loop {
        if let Err(error) = look_at_all(&shared).await {
            tracing::warn!("states are not stored: {}", chain(&error).join(": "));
        }
        tokio::select! {
            () = shared.target.changed() => {}
            () = shared.stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(GATHER) => {}
            () = shared.stop.cancelled() => return,
        }
    }
}

/// Begins to follow what was deployed before this start. What is being deployed is followed by that.
async fn resume(shared: &Shared) -> Result<(), StoreError> {
    for app in shared.store.apps().await? {
        let Some(observed) = shared.store.observed(&app.id).await? else { continue };
        let row = shared.store.version(&app.id, observed.sequence).await?;
        let Some(row) = row.filter(|it| it.status != DEPLOYING) else { continue };
        let resumed = match unpack(shared, &row, Vec::new()).await {
            Ok(Prepared { deployment, work: _work }) => {
                shared.target.resume(deployment).await.map_err(|error| chain(&error))
            }
            Err(causes) => Err(causes),
        };
        if let Err(causes) = resumed {
            tracing::warn!(app = app.slug, "it is not followed: {}", causes.join(": "));
        }
    }
    Ok(())
}

async fn look_at_all(shared: &Shared) -> Result<(), StoreError> {
    for app in shared.store.apps().await? {
        let Some(before) = shared.store.observed(&app.id).await? else { continue };
        let mut now = before.clone();
        look(shared, &app, &mut now).await?;
        if now.resources != before.resources {
            let mut tx = shared.store.begin().await?;
            // A deploy that ended meanwhile has stored what is newer.
            let is_current = shared
                .store
                .observed(&app.id)
                .await?
                .is_some_and(|it| it.updated_at == before.updated_at);
            if is_current {
                put_observed(&mut tx, &app.id, now.sequence, &now.state, &now.resources).await?;
                Store::commit(tx).await?;
            }
        }
    }
    Ok(())
}

/// Replaces what was seen by what is there now, when the target still holds that version.
///
/// # Errors
///
/// The database failed. A target that cannot be read is told in the resources: they are `degraded`, with
/// the reason.
pub(crate) async fn look(
    shared: &Shared,
    app: &AppRow,
    observed: &mut Observed,
) -> Result<(), StoreError> {
    let sequence = observed.sequence;
    let Some(row) = shared.store.version(&app.id, sequence).await? else { return Ok(()) };
    let look = Look {
        app_slug: app.slug.clone(),
        namespace: app.namespace.clone(),
        sequence,
        status_informers: row.facts().status_informers,
    };
    match shared.target.look(look).await {
        Ok(Some(resources)) => {
            observed.state = informer::worst(&resources);
            observed.resources = resources;
            observed.updated_at = now_text();
        }
        // Another version is in place: what was seen of this one stands.
        Ok(None) => {}
        Err(error) => {
            "degraded".clone_into(&mut observed.state);
            let reason = chain(&error).join(": ");
            for resource in &mut observed.resources {
                "degraded".clone_into(&mut resource.state);
                resource.reason = Some(reason.clone());
            }
        }
    }
    Ok(())
}
