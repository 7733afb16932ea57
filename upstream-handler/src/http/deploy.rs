//! `POST …/sequence/{n}/deploy` and `…/redeploy` (`h/deploy.go:35`, `h/redeploy.go:14`).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kinds::release::NotDeployable;
use wire::deploy::{DeployReply, DeployRequest};

use super::once::{self, Once, Whole};
use super::reply::{Failure, Reply};
use super::versions::Shown;
use super::{apps, body};
use crate::context::{Lease, Shared};
use crate::faults;
use crate::preflight::results::failures;
use crate::preflight::{self, Waited};
use crate::store::Store;
use crate::store::apps::AppRow;
use crate::store::leases::check_fence;
use crate::store::tasks::update_download;
use crate::store::versions::{DEPLOYED, DEPLOYING, PENDING_CONFIG, Page, queue_deploy};

/// Whether a version that is deployed already is deployed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// `POST …/deploy`.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
    request: Request,
) -> Response {
    let reply = Reply::ok(&DeployReply { success: true, ..DeployReply::default() });
    let ended = run(&shared, slug, &sequence, request, Again::No, reply).await;
    ended.unwrap_or_else(IntoResponse::into_response)
}

/// `POST …/redeploy`: 204, and the cause where the original says nothing.
pub(crate) async fn again(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
    request: Request,
) -> Response {
    let reply = Reply::empty(StatusCode::NO_CONTENT);
    let ended = run(&shared, slug, &sequence, request, Again::Yes, reply).await;
    ended.unwrap_or_else(IntoResponse::into_response)
}

async fn run(
    shared: &Shared,
    slug: String,
    sequence: &str,
    request: Request,
    again: Again,
    reply: Reply,
) -> Result<Response, Failure> {
    let Whole { slot, digest, bytes } = once::read(shared, request).await?;
    if again == Again::No {
        let _: DeployRequest =
            body::json(&bytes, StatusCode::BAD_REQUEST, "failed to decode request body")?;
    }
    let sequence = apps::sequence(sequence)?;
    let text = format!("failed to get app for slug {slug}");
    let app = apps::find(shared, &slug).await?.ok_or_else(|| Failure::unknown_app(&text, &slug))?;
    let act = |once: Arc<Once>| {
        let shared = Arc::clone(shared);
        async move { queue_checked(&shared, &app, sequence, again, &once, reply).await }
    };
    Ok(slot.run(shared, digest, act).await)
}

/// Queues a version that strict checks keep back, once they have passed.
pub(crate) async fn after_checks(
    shared: &Shared,
    app: &AppRow,
    sequence: i64,
    once: &Once,
    reply: Reply,
) -> Result<Reply, Failure> {
    queue_checked(shared, app, sequence, Again::No, once, reply).await
}

/// Queues a version, waiting for strict checks that are being run as the original does
/// (`pkg/version/version.go:195`). Nothing is locked while it waits.
async fn queue_checked(
    shared: &Shared,
    app: &AppRow,
    sequence: i64,
    again: Again,
    once: &Once,
    reply: Reply,
) -> Result<Reply, Failure> {
    loop {
        let task = update_download(&app.id);
        let lease = Lease::take(shared, &app.id, "deploy", task).await?;
        let result = queue(shared, &lease, app, sequence, again, once, reply.clone()).await;
        lease.release().await;
        if let Queued::Done(reply) = result? {
            return Ok(reply);
        }
        match preflight::wait(shared, &app.id, sequence).await? {
            Waited::Ended => {}
            Waited::TooLong => {
                return Err(Failure::refused(format!(
                    "the preflight checks of version {sequence} have not ended within {} minutes",
                    preflight::PATIENCE.as_secs() / 60
                )));
            }
            Waited::Stopped => {
                return Err(Failure::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the server stops; preflight checks go on when it is started again",
                )
                .retry_after(5));
            }
        }
    }
}

/// What became of a request to deploy.
enum Queued {
    /// It is answered.
    Done(Reply),
    /// Strict checks are being run.
    Waits,
}

async fn queue(
    shared: &Shared,
    lease: &Lease,
    app: &AppRow,
    sequence: i64,
    again: Again,
    once: &Once,
    reply: Reply,
) -> Result<Queued, Failure> {
    let gone = || Failure::refused("failed to queue version for deployment");
    let app = shared.store.app_by_id(&app.id).await?.ok_or_else(gone)?;
    let rows = shared.store.versions(&app.id, Page { size: None, number: 0 }).await?;
    let row = rows.iter().find(|row| row.sequence == sequence).ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("version for sequence {sequence} not found"))
    })?;
    if row.status == PENDING_CONFIG {
        return Err(Failure::bad_request(format!(
            "not deploying version {sequence} because it's {}",
            row.status
        )));
    }
    let is_current = app.current_sequence == Some(sequence);
    let is_on_its_way = row.status == DEPLOYING;
    if is_current && (is_on_its_way || (again == Again::No && row.status == DEPLOYED)) {
        return Ok(Queued::Done(reply));
    }
    match Shown::of(shared, &app, &rows).gate.check(row) {
        Ok(()) => {}
        Err(NotDeployable::StrictPreflight) if row.preflight_is_queued => return Ok(Queued::Waits),
        Err(cause) => {
            let mut failure = Failure::refused(refusal(&cause)).cause(cause.to_string());
            if cause == NotDeployable::StrictPreflight {
                for reason in row.preflight_results().iter().flat_map(failures) {
                    failure = failure.cause(reason);
                }
            }
            return Err(failure.with("status", &""));
        }
    }
    let mut tx = shared.store.begin().await?;
    check_fence(&mut tx, &lease.fence).await?;
    queue_deploy(&mut tx, &app.id, sequence).await?;
    once.record(&mut tx, reply.status, &reply.body).await?;
    faults::point("version-before-commit");
    Store::commit(tx).await?;
    faults::point("version-after-commit");
    shared.deploy_bell.notify_one();
    Ok(Queued::Done(reply))
}

/// The original's words when a version may not be deployed.
pub(crate) fn refusal(cause: &NotDeployable) -> String {
    match cause {
        NotDeployable::StrictPreflight => {
            "Unable to deploy as preflight check's strict analyzer has failed".to_owned()
        }
        other => other.to_string(),
    }
}
