//! Preflights: results, and having them run (`h/preflight.go`).

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use kinds::license::verify;
use serde_json::json;
use upstream::PreflightReport;
use wire::preflight::{PreflightResult, PreflightResultReply, PreflightResults};

use super::reply::{Failure, Reply};
use super::{apps, preflight_command, session};
use crate::context::Shared;
use crate::preflight::results::has_failing_strict;
use crate::store::Store;
use crate::store::apps::AppRow;
use crate::store::preflights::{put_foreign_results, queue_preflight};
use crate::store::versions::{DEPLOYED, FAILED, PENDING, PENDING_PREFLIGHT, VersionRow};
use crate::vendor;

/// The longest results that are taken, in bytes.
const MAX_RESULTS_BYTES: usize = 4 << 20;

/// The result of version 0.
pub(crate) async fn first(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    result(&shared, &slug, 0).await
}

/// The result of a version.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    result(&shared, &slug, apps::sequence(&sequence)?).await
}

async fn result(shared: &Shared, slug: &str, sequence: i64) -> Result<Reply, Failure> {
    let (app, row) = version(shared, slug, sequence).await?;
    let facts = row.facts();
    Ok(Reply::ok(&PreflightResultReply {
        preflight_progress: row.preflight_progress.clone(),
        preflight_result: PreflightResult {
            result: row.preflight_result.clone().unwrap_or_default(),
            created_at: row.preflight_result_at.clone(),
            app_slug: app.slug,
            cluster_slug: apps::CLUSTER.to_owned(),
            skipped: row.preflight_skipped || !facts.has_preflight,
            has_failing_strict_preflights: has_failing_strict(
                facts.has_strict_preflight,
                row.preflight_results().as_ref(),
            ),
        },
    }))
}

/// `POST …/preflight/run`: runs the checks, again where they were run.
pub(crate) async fn run(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    queue(&shared, &slug, apps::sequence(&sequence)?, false).await
}

/// `POST …/preflight/ignore-rbac`: the same, whatever permissions are missing.
pub(crate) async fn ignore_rbac(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
) -> Result<Reply, Failure> {
    queue(&shared, &slug, apps::sequence(&sequence)?, true).await
}

async fn queue(
    shared: &Shared,
    slug: &str,
    sequence: i64,
    ignores_permissions: bool,
) -> Result<Reply, Failure> {
    let (app, row) = version(shared, slug, sequence).await?;
    // As in the original, a version without checks, or one whose config is not finished, is left as
    // it is. A version on its way to the target is past its checks.
    let may_run = [PENDING, PENDING_PREFLIGHT, DEPLOYED, FAILED].contains(&row.status.as_str());
    if row.facts().has_preflight && may_run {
        let mut tx = shared.store.begin().await?;
        queue_preflight(&mut tx, &app.id, sequence, ignores_permissions).await?;
        Store::commit(tx).await?;
        shared.preflights.cancel(&app.id, sequence);
        shared.preflights.bell.notify_one();
    }
    Ok(Reply::ok(&json!({})))
}

/// `POST …/preflight/report`: tells the vendor that the checks of the first version were passed over. Air-gapped, nothing
/// leaves.
pub(crate) async fn report(
    State(shared): State<Shared>,
    Path(slug): Path<String>,
) -> Result<Reply, Failure> {
    const WHAT: &str = "failed to send preflights data to replicated app";
    let app = apps::installed(&shared, &slug).await?;
    if app.is_airgap {
        return Ok(Reply::ok(&json!({})));
    }
    let license = verify(&app.license, &shared.root_keys)
        .map_err(|error| Failure::because("failed to get license for app", &error))?
        .license;
    let client =
        vendor::client(&shared, &license, &app).map_err(|error| Failure::because(WHAT, &error))?;
    let report = PreflightReport {
        app_id: &app.id,
        cluster_id: apps::CLUSTER,
        sequence: 0,
        is_skipped: true,
        status: "",
        app_status: "",
    };
    client.report_preflights(&report).await.map_err(|error| Failure::because(WHAT, &error))?;
    Ok(Reply::ok(&json!({})))
}

/// `POST /api/v1/preflight/app/{slug}/sequence/{n}`: results that a command found. The original takes
/// them from anybody; here the command's address carries a token, or there is a session.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Path((slug, sequence)): Path<(String, String)>,
    request: Request,
) -> Result<Reply, Failure> {
    let sequence = apps::sequence(&sequence)?;
    let query = request.uri().query().unwrap_or_default();
    if !preflight_command::is_allowed(&shared, query, &slug, sequence) {
        session::check(&shared, request.headers()).await?;
    }
    let found = read(request.into_body()).await?;
    let (app, row) = version(&shared, &slug, sequence).await?;
    if !row.facts().has_preflight {
        return Err(Failure::bad_request(format!("version {sequence} has no preflight checks")));
    }
    let mut tx = shared.store.begin().await?;
    put_foreign_results(&mut tx, &app.id, sequence, &found).await?;
    Store::commit(tx).await?;
    shared.preflights.cancel(&app.id, sequence);
    shared.preflights.ended.notify_waiters();
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

async fn read(body: Body) -> Result<PreflightResults, Failure> {
    let collected = Limited::new(body, MAX_RESULTS_BYTES).collect().await.map_err(|_| {
        Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the results did not arrive within {MAX_RESULTS_BYTES} bytes"),
        )
    })?;
    let found: PreflightResults =
        serde_json::from_slice(&collected.to_bytes()).map_err(|error| {
            Failure::at(StatusCode::BAD_REQUEST, "failed to decode results", &error)
        })?;
    if found.results.is_empty() && found.errors.is_empty() {
        return Err(Failure::bad_request("the results say nothing: nothing was checked"));
    }
    Ok(found)
}

pub(super) async fn version(
    shared: &Shared,
    slug: &str,
    sequence: i64,
) -> Result<(AppRow, VersionRow), Failure> {
    let app = apps::installed(shared, slug).await?;
    let row = shared.store.version(&app.id, sequence).await?.ok_or_else(|| {
        Failure::new(StatusCode::NOT_FOUND, format!("version for sequence {sequence} not found"))
    })?;
    Ok((app, row))
}
