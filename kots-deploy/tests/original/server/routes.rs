//! The table of routes, and what goes wrong around them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, Collected, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::body::{Reply, bare, ok, refuse};
use super::fault::Action;
use super::listen::Works;
use super::state::{App, Recorded, State};
use super::{Shared, config, update, views};

/// The connection breaks here.
#[derive(Debug, thiserror::Error)]
#[error("the connection breaks")]
pub(super) struct Broken;

type Body = BoxBody<Bytes, Broken>;

/// Answers one request, or breaks its connection.
pub(super) async fn handle(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    works: Works,
) -> Result<Response<Body>, Broken> {
    let (head, incoming) = request.into_parts();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let text = |it: &hyper::header::HeaderValue| it.to_str().unwrap_or_default().to_owned();
    let recorded = Recorded {
        method: head.method.to_string(),
        target: target.clone(),
        headers: head.headers.iter().map(|(name, it)| (name.to_string(), text(it))).collect(),
        body: Vec::new(),
        status: None,
    };
    let (index, action, early) = shared.with(|state| {
        let action = state.rule_for(&recorded.method, &target);
        let early = refused_early(state, &recorded);
        state.requests.push(recorded.clone());
        (state.requests.len() - 1, action, early)
    });
    let answered = |status| {
        shared.with(|state| {
            if let Some(it) = state.requests.get_mut(index) {
                it.status = Some(status);
            }
        });
    };
    match &action {
        Some(Action::CutBefore) => return Err(Broken),
        Some(Action::Answer { status, content_type, body, early: true }) => {
            answered(*status);
            return Ok(respond(Reply {
                status: *status,
                content_type,
                body: Bytes::copy_from_slice(body.as_bytes()),
            }));
        }
        _ => {}
    }
    // Go answers before it has read the body, and closes.
    if let Some(reply) = early {
        answered(reply.status);
        return Ok(respond(reply));
    }
    let Ok(body) = incoming.collect().await.map(Collected::to_bytes) else { return Err(Broken) };
    shared.with(|state| {
        if let Some(it) = state.requests.get_mut(index) {
            it.body = body.to_vec();
        }
    });
    if let Some(Action::Answer { status, content_type, body, .. }) = action {
        answered(status);
        return Ok(respond(Reply { status, content_type, body: body.into() }));
    }
    let request = Recorded { body: body.to_vec(), ..recorded };
    let (done, wait) = oneshot::channel();
    let work = work(request, action.clone(), Arc::clone(&shared), done);
    works.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    if matches!(action, Some(Action::CutAndHold)) {
        return Err(Broken);
    }
    let reply = wait.await.map_err(|_| Broken)?;
    match action {
        Some(Action::CutAfter) => Err(Broken),
        Some(Action::CutWithin) => Ok(respond_half(&reply)),
        Some(Action::DoneBut(status)) => {
            answered(status);
            Ok(respond(bare(status)))
        }
        _ => {
            answered(reply.status);
            Ok(respond(reply))
        }
    }
}

/// Does the work of a request, which goes on when its client is gone.
async fn work(
    request: Recorded,
    action: Option<Action>,
    shared: Arc<Shared>,
    done: oneshot::Sender<Reply>,
) {
    let is_update = request.method == "POST" && request.target.contains("/upstream/update");
    if is_update && authorised(&shared, &request) {
        shared.with(|it| it.task = ("Fetching release...".to_owned(), "running".to_owned()));
    }
    if matches!(action, Some(Action::Hold | Action::CutAndHold)) {
        held(&shared).await;
    }
    let reply = shared.with(|state| {
        if is_update {
            state.task = (String::new(), String::new());
        }
        let reply = route(state, &request);
        state.finished += 1;
        reply
    });
    if matches!(action, Some(Action::HoldAnswer)) {
        held(&shared).await;
    }
    let _ = done.send(reply);
}

fn authorised(shared: &Shared, request: &Recorded) -> bool {
    shared.with(|it| refused_early(it, request).is_none())
}

async fn held(shared: &Shared) {
    let released = shared.gate.notified();
    tokio::pin!(released);
    // Registered before anybody is told: the release cannot be missed.
    released.as_mut().enable();
    shared.with(|it| it.held += 1);
    released.await;
}

/// What is answered from the head alone: the session (`pkg/handlers/session.go`), and a bundle for an online install.
fn refused_early(state: &mut State, request: &Recorded) -> Option<Reply> {
    if !request.target.starts_with("/api/v1/") {
        return None;
    }
    let cookie = request.header("cookie").and_then(|it| it.strip_prefix("signed-token="));
    let Some(token) = request.header("authorization").or(cookie) else {
        return Some(refuse(401, "missing authorization token"));
    };
    if token != state.auth {
        return Some(refuse(401, "failed to parse authorization header"));
    }
    let is_upload = request.target.contains("/upstream/update")
        && request.header("content-type").is_some_and(|it| it.starts_with("multipart/"));
    let slug = slug_of(&request.target);
    match state.apps.get(&slug) {
        Some(app) if is_upload => update::refuse_bundle(app),
        _ => None,
    }
}

fn slug_of(target: &str) -> String {
    let rest = target.strip_prefix("/api/v1/app/").unwrap_or_default();
    percent(rest.split(['/', '?']).next().unwrap_or_default(), false)
}

fn percent(text: &str, plus: bool) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(it) = rest.next() {
        bytes.push(match it {
            b'%' => {
                let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                u8::from_str_radix(&String::from_utf8_lossy(&pair), 16).unwrap_or(b'?')
            }
            b'+' if plus => b' ',
            it => it,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn route(state: &mut State, request: &Recorded) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let query: BTreeMap<String, String> = query
        .split('&')
        .filter_map(|it| it.split_once('='))
        .map(|(name, value)| (percent(name, true), percent(value, true)))
        .collect();
    if path == "/healthz" {
        return ok(&json!({
            "version": "v1.129.3", "gitSha": "test",
            "status": { "database": { "connected": true }, "storage": { "available": true } },
        }));
    }
    let Some(rest) = path.strip_prefix("/api/v1/") else { return bare(404) };
    if rest == "apps" && request.method == "GET" {
        let apps: Vec<Value> = state.apps.values().map(views::app).collect();
        state.apps.values_mut().for_each(super::state::App::looked);
        return ok(&json!({ "apps": apps }));
    }
    let Some(rest) = rest.strip_prefix("app/") else { return bare(404) };
    let slug = slug_of(path);
    let verb: Vec<&str> = rest.split('/').skip(1).collect();
    change(state, request, &slug, &verb, &query)
        .unwrap_or_else(|| read(state, &slug, &verb, request))
}

fn change(
    state: &mut State,
    request: &Recorded,
    slug: &str,
    verb: &[&str],
    query: &BTreeMap<String, String>,
) -> Option<Reply> {
    let content_type = request.header("content-type").unwrap_or_default();
    Some(match (request.method.as_str(), verb) {
        ("PUT", ["license"]) => update::sync_license(state, slug, &request.body),
        ("POST", ["upstream", "update"]) if content_type.starts_with("application/json") => {
            update::update_online(state, slug, query)
        }
        ("POST", ["upstream", "update"]) if content_type.starts_with("multipart/form-data") => {
            update::update_airgap(state, slug, query, content_type, &request.body)
        }
        ("POST", ["upstream", "update"]) => bare(400),
        ("POST", ["config", "values"]) => config::set_values(state, slug, &request.body),
        ("POST", ["sequence", sequence, "deploy"]) => deploy(state, slug, sequence),
        ("POST", ["sequence", sequence, "redeploy"]) => {
            let app = state.apps.get_mut(slug);
            let known = |app: &&mut App| {
                app.versions.iter().any(|it| it.sequence.to_string() == **sequence)
            };
            match app.filter(known).zip(sequence.parse().ok()) {
                Some((app, sequence)) => {
                    app.deploy(sequence);
                    bare(204)
                }
                None => bare(500),
            }
        }
        _ => return None,
    })
}

fn deploy(state: &mut State, slug: &str, sequence: &str) -> Reply {
    let Ok(sequence) = sequence.parse() else {
        return refuse(400, "failed to parse sequence number");
    };
    let Some(app) = state.apps.get_mut(slug) else {
        return refuse(500, &format!("failed to get app for slug {slug}"));
    };
    let current = app.current;
    match app.version(sequence).map(|it| it.status.clone()).as_deref() {
        None => return refuse(500, "failed to queue version for deployment"),
        Some(status @ ("pending_download" | "pending_config")) => {
            return refuse(400, &format!("not deploying version {sequence} because it's {status}"));
        }
        Some("deployed") if current == Some(sequence) => {}
        Some(_) => app.deploy(sequence),
    }
    ok(&json!({ "success": true, "status": "" }))
}

fn read(state: &mut State, slug: &str, verb: &[&str], request: &Recorded) -> Reply {
    if request.method != "GET" {
        return bare(404);
    }
    let task = state.task.clone();
    // An unknown slug is no 404.
    let Some(app) = state.apps.get_mut(slug) else { return bare(500) };
    match verb {
        [] => {
            let view = views::app(app);
            app.looked();
            ok(&view)
        }
        ["status"] => {
            let view = views::status(app);
            app.looked_at_status();
            ok(&view)
        }
        ["versions"] => {
            let list: Vec<Value> =
                app.versions.iter().rev().map(|it| views::version(app, it)).collect();
            app.looked();
            ok(&json!({
                "totalCount": list.len(), "versionHistory": list, "numOfSkippedVersions": 0,
                "numOfRemainingVersions": 0,
            }))
        }
        ["task", "updatedownload"] => ok(&json!({ "currentMessage": task.0, "status": task.1 })),
        ["updates"] => ok(&json!({ "success": true, "updates": null })),
        ["license"] => ok(&json!({ "success": true, "license": views::license(app) })),
        ["config", sequence] => {
            let found = app.versions.iter().find(|it| it.sequence.to_string() == **sequence);
            match found {
                Some(version) if version.status == "pending_download" => refuse(
                    400,
                    &format!(
                        "not returning config for version {sequence} because it's pending_download"
                    ),
                ),
                Some(version) => ok(&views::config(app, version)),
                None => refuse(500, "failed to get app version archive"),
            }
        }
        ["cluster", "2cluster", "sequence", sequence, "downstreamoutput"] => {
            match app.versions.iter().find(|it| it.sequence.to_string() == **sequence) {
                Some(version) => ok(&views::output(version)),
                None => bare(500),
            }
        }
        _ => bare(404),
    }
}

fn head(reply: &Reply) -> hyper::http::response::Builder {
    let head = Response::builder()
        .status(reply.status)
        .header("X-Content-Type-Options", "nosniff")
        .header("X-Frame-Options", "DENY");
    if reply.content_type.is_empty() {
        head
    } else {
        head.header("Content-Type", reply.content_type)
    }
}

fn respond(reply: Reply) -> Response<Body> {
    let head = head(&reply);
    head.body(Full::new(reply.body).map_err(|it| match it {}).boxed()).expect("a valid answer")
}

/// The head and half of the body.
fn respond_half(reply: &Reply) -> Response<Body> {
    let head = head(reply).header("Content-Length", reply.body.len().max(1));
    let half = reply.body.slice(..reply.body.len() / 2);
    let frames = stream::iter([Ok(Frame::data(half)), Err(Broken)]);
    head.body(BodyExt::boxed(StreamBody::new(frames))).expect("a valid answer")
}
