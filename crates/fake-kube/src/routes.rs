//! Requests.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Query, Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};

use crate::State;
use crate::fields::{self, Manager};
use crate::kinds::{self, Kind};
use crate::objects::Key;
use crate::protobuf;
use crate::reviews;

/// The largest body that is read, in bytes.
const BODY_BYTES: usize = 16 << 20;

pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(serve).with_state(state)
}

/// What a path names.
struct Place {
    kind: Kind,
    namespace: String,
    name: String,
    subresource: String,
}

impl Place {
    fn key(&self) -> Key {
        (
            self.kind.group.clone(),
            self.kind.plural.clone(),
            self.namespace.clone(),
            self.name.clone(),
        )
    }

    fn shown(&self) -> String {
        let place = if self.namespace.is_empty() {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        };
        format!("{} {place}", self.kind.name)
    }
}

type Asked = HashMap<String, String>;

async fn serve(
    Shared(state): Shared<Arc<State>>,
    Query(query): Query<Asked>,
    request: Request,
) -> Response {
    let method = request.method().as_str().to_owned();
    let path = request.uri().path().to_owned();
    let asked = request.uri().query().unwrap_or_default();
    if let Some((code, reason, message)) = state.refusal(&method, &path, asked) {
        return status(code, reason, &message, &Value::Null);
    }
    let content = request
        .headers()
        .get("content-type")
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let Ok(bytes) = to_bytes(request.into_body(), BODY_BYTES).await else {
        return status(400, "BadRequest", "the body cannot be read", &Value::Null);
    };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let kinds = state.objects().kinds();
    match parts[..] {
        ["version"] => {
            return reply(
                200,
                &json!({"major": "1", "minor": "37", "gitVersion": "v1.37.0", "platform": "linux/amd64"}),
            );
        }
        ["api"] => return reply(200, &json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["api", version] => return listed(kinds::resources(&kinds, "", version)),
        ["apis"] => return reply(200, &kinds::groups(&kinds)),
        ["openapi", "v3"] => return reply(200, &kinds::schemas(&kinds)),
        ["openapi", "v3", ref rest @ ..] => return listed(kinds::schema(&kinds, &rest.join("/"))),
        ["apis", group, version] => return listed(kinds::resources(&kinds, group, version)),
        _ => {}
    }
    let body = protobuf::read(&bytes)
        .or_else(|| serde_json::from_slice(&bytes).ok())
        .unwrap_or(Value::Null);
    if let ["apis", reviews::GROUP, "v1", plural] = parts[..]
        && method == "POST"
        && let Some(answer) = reviews::answer(&state, &kinds, plural, &body)
    {
        return reply(201, &answer);
    }
    let Some(place) = place(&kinds, &parts) else {
        return status(
            404,
            "NotFound",
            "the server could not find the requested resource",
            &Value::Null,
        );
    };
    if query.contains_key("sendInitialEvents") {
        // As a server without that feature: clients then list first.
        let message = "sendInitialEvents is forbidden: the feature is off";
        return status(422, "Invalid", message, &Value::Null);
    }
    match (method.as_str(), place.name.is_empty()) {
        ("GET", true) if query.get("watch").is_some_and(|it| it == "true" || it == "1") => {
            watch(&state, &place, &query)
        }
        ("GET", true) => list(&state, &place, &query),
        ("GET", false) => get(&state, &place),
        ("POST", true) => create(&state, &place, &query, body),
        ("PUT" | "PATCH", false) => change(&state, &place, &query, &content, &body),
        ("DELETE", false) => delete(&state, &place, &body),
        _ => status(405, "MethodNotAllowed", "the server does not allow this method", &Value::Null),
    }
}

fn place(kinds: &[Kind], parts: &[&str]) -> Option<Place> {
    let (group, version, rest) = match parts {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let find = |plural: &str| {
        kinds.iter().find(|it| it.group == group && it.version == version && it.plural == plural)
    };
    let (namespace, plural, rest) = match rest {
        ["namespaces", namespace, plural, rest @ ..] if find(plural).is_some() => {
            (*namespace, *plural, rest)
        }
        [plural, rest @ ..] => ("", *plural, rest),
        [] => return None,
    };
    let (name, subresource) = match rest {
        [] => ("", ""),
        [name] => (*name, ""),
        [name, subresource] => (*name, *subresource),
        _ => return None,
    };
    Some(Place {
        kind: find(plural)?.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
    })
}

fn get(state: &State, place: &Place) -> Response {
    let objects = state.objects();
    if place.subresource == "log" {
        let key = (place.namespace.clone(), place.name.clone());
        return match objects.logs.get(&key) {
            Some(text) => text.clone().into_response(),
            None => status(400, "BadRequest", "there is no log", &Value::Null),
        };
    }
    match objects.get(&place.key()) {
        Some(object) => reply(200, &object),
        None => not_found(place),
    }
}

fn list(state: &State, place: &Place, query: &Asked) -> Response {
    let objects = state.objects();
    let mut items = objects.list(&place.kind, &place.namespace);
    items.retain(|it| is_selected(it, query));
    reply(
        200,
        &json!({
            "kind": format!("{}List", place.kind.name),
            "apiVersion": place.kind.api_version(),
            "metadata": { "resourceVersion": objects.version.to_string() },
            "items": items,
        }),
    )
}

fn is_selected(object: &Value, query: &Asked) -> bool {
    let pairs = |name: &str| {
        let text = query.get(name).cloned().unwrap_or_default();
        text.split(',')
            .filter_map(|it| it.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.trim_start_matches('=').to_owned()))
            .collect::<Vec<_>>()
    };
    pairs("labelSelector")
        .iter()
        .all(|(key, value)| object["metadata"]["labels"][key] == value.as_str())
        && pairs("fieldSelector").iter().all(|(key, value)| {
            key != "metadata.name" || object["metadata"]["name"] == value.as_str()
        })
}

fn watch(state: &Arc<State>, place: &Place, query: &Asked) -> Response {
    let since = query.get("resourceVersion").and_then(|it| it.parse().ok()).unwrap_or(0_u64);
    let (group, plural) = (place.kind.group.clone(), place.kind.plural.clone());
    let (namespace, query) = (place.namespace.clone(), query.clone());
    if since < state.objects().oldest {
        let message = format!("too old resource version: {since}");
        let object = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": "Expired", "code": 410,
        });
        return reply(200, &json!({ "type": "ERROR", "object": object }));
    }
    let begin = (Arc::clone(state), state.versions(), state.cuts(), Some(since));
    let lines = stream::unfold(begin, move |(state, mut versions, mut cuts, since)| {
        let (group, plural, namespace, query) =
            (group.clone(), plural.clone(), namespace.clone(), query.clone());
        async move {
            let Some(mut since) = since else {
                let cut = std::io::Error::other("the watch was cut");
                return Some((Err(cut), (state, versions, cuts, None)));
            };
            loop {
                versions.mark_unchanged();
                let mut text = String::new();
                {
                    let objects = state.objects();
                    for event in objects.events.iter().filter(|it| it.version > since) {
                        let is_here = event.key.0 == group
                            && event.key.1 == plural
                            && (namespace.is_empty() || event.key.2 == namespace);
                        if is_here && is_selected(&event.object, &query) {
                            let line = json!({"type": event.what, "object": event.object});
                            let _ = writeln!(text, "{line}");
                        }
                    }
                    since = objects.version;
                }
                if !text.is_empty() {
                    return Some((Ok(Bytes::from(text)), (state, versions, cuts, Some(since))));
                }
                tokio::select! {
                    changed = versions.changed() => changed.ok()?,
                    cut = cuts.changed() => {
                        cut.ok()?;
                        let half = Bytes::from_static(b"{\"type\":\"MODIFIED\",\"obj");
                        return Some((Ok(half), (state, versions, cuts, None)));
                    }
                }
            }
        }
    });
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from_stream(lines))
        .expect("a response")
}

fn create(state: &State, place: &Place, query: &Asked, mut object: Value) -> Response {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let place = Place {
        name,
        kind: place.kind.clone(),
        namespace: place.namespace.clone(),
        subresource: String::new(),
    };
    let mut objects = state.objects();
    if objects.get(&place.key()).is_some() {
        let message = format!("{} \"{}\" already exists", place.kind.plural, place.name);
        return status(409, "AlreadyExists", &message, &Value::Null);
    }
    if place.kind.is_namespaced && !objects.has_namespace(&place.namespace) {
        return no_namespace(&place);
    }
    fill(&mut object, &place);
    let manager = manager(query, &place, "Update");
    let owned = fields::owned(&object);
    fields::own(&mut object, &manager, &owned, &owned);
    if is_dry(query) {
        return reply(201, &object);
    }
    let object = objects.put(place.key(), object);
    state.changed(format!("create {}", place.shown()), objects.version);
    reply(201, &object)
}

fn change(state: &State, place: &Place, query: &Asked, content: &str, body: &Value) -> Response {
    let mut objects = state.objects();
    let live = objects.get(&place.key());
    let is_apply = content.starts_with("application/apply-patch");
    if live.is_none() && !is_apply {
        return not_found(place);
    }
    if place.kind.is_namespaced && !objects.has_namespace(&place.namespace) {
        return no_namespace(place);
    }
    let expected = body["metadata"]["resourceVersion"].as_str();
    if let (Some(expected), Some(live)) = (expected, &live)
        && live["metadata"]["resourceVersion"] != expected
    {
        let message =
            "the object has been modified; please apply your changes to the latest version";
        return status(409, "Conflict", message, &Value::Null);
    }
    let mut empty = json!({});
    fill(&mut empty, place);
    let before = live.clone().unwrap_or(empty);
    let after = if is_apply {
        let force = query.get("force").is_some_and(|it| it == "true");
        match fields::apply(&before, body, &manager(query, place, "Apply"), force) {
            Ok(after) => after,
            Err(conflicts) => return conflict(&conflicts),
        }
    } else {
        let mut after = body.clone();
        if content.contains("patch") {
            after = before.clone();
            fields::merge(&mut after, body);
        }
        fill(&mut after, place);
        if body["metadata"]["managedFields"].is_null() {
            after["metadata"]["managedFields"] = before["metadata"]["managedFields"].clone();
            let manager = manager(query, place, "Update");
            let changed = fields::changed(&before, &after);
            let all = fields::of(&after, &manager).union(&changed).cloned().collect();
            fields::own(&mut after, &manager, &all, &changed);
        }
        after
    };
    let plain = |it: &Value| {
        let mut it = it.clone();
        // A time is no change.
        for entry in it["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
            entry["time"] = Value::Null;
        }
        it
    };
    if is_dry(query) || (live.is_some() && plain(&before) == plain(&after)) {
        return reply(200, &after);
    }
    let object = objects.put(place.key(), after);
    let is_leaving = !object["metadata"]["deletionTimestamp"].is_null()
        && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    if is_leaving {
        objects.remove(&place.key());
    }
    let what = if is_apply { "apply" } else { "change" };
    state.changed(format!("{what} {}", place.shown()), objects.version);
    reply(if live.is_some() { 200 } else { 201 }, &object)
}

fn delete(state: &State, place: &Place, options: &Value) -> Response {
    let mut objects = state.objects();
    let Some(live) = objects.get(&place.key()) else { return not_found(place) };
    let wanted = &options["preconditions"]["uid"];
    if !wanted.is_null() && live["metadata"]["uid"] != *wanted {
        return status(409, "Conflict", "the UID in the precondition does not match", &Value::Null);
    }
    objects.remove(&place.key());
    state.changed(format!("delete {}", place.shown()), objects.version);
    reply(200, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}}))
}

/// What the server writes itself.
fn fill(object: &mut Value, place: &Place) {
    object["apiVersion"] = json!(place.kind.api_version());
    object["kind"] = json!(place.kind.name);
    object["metadata"]["name"] = json!(place.name);
    if !place.namespace.is_empty() {
        object["metadata"]["namespace"] = json!(place.namespace);
    }
}

fn manager(query: &Asked, place: &Place, operation: &'static str) -> Manager {
    Manager {
        name: query.get("fieldManager").cloned().unwrap_or_else(|| "unknown".to_owned()),
        operation,
        api_version: place.kind.api_version(),
        subresource: place.subresource.clone(),
    }
}

fn is_dry(query: &Asked) -> bool {
    query.get("dryRun").is_some_and(|it| it == "All")
}

fn conflict(conflicts: &[fields::Conflict]) -> Response {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(owner, api, field)| {
            json!({
                "reason": "FieldManagerConflict", "field": field,
                "message": format!("conflict with \"{owner}\" using {api}"),
            })
        })
        .collect();
    let n = causes.len();
    let message = format!("Apply failed with {n} conflict{}", if n == 1 { "" } else { "s" });
    status(409, "Conflict", &message, &json!({ "causes": causes }))
}

fn not_found(place: &Place) -> Response {
    let message = format!("{} \"{}\" not found", place.kind.plural, place.name);
    status(404, "NotFound", &message, &Value::Null)
}

fn no_namespace(place: &Place) -> Response {
    let message = format!("namespaces \"{}\" not found", place.namespace);
    status(404, "NotFound", &message, &Value::Null)
}

fn listed(found: Option<Value>) -> Response {
    match found {
        Some(found) => reply(200, &found),
        None => status(
            404,
            "NotFound",
            "the server could not find the requested resource",
            &Value::Null,
        ),
    }
}

fn status(code: u16, reason: &str, message: &str, details: &Value) -> Response {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    if !details.is_null() {
        body["details"] = details.clone();
    }
    reply(code, &body)
}

fn reply(code: u16, body: &Value) -> Response {
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, axum::Json(body)).into_response()
}
