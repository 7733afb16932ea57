//! Pods and secrets.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Fake, Pod, Verb, status};

/// A secret with one key.
pub(super) fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "namespace": "app" },
        "data": { key: STANDARD.encode(value) },
    })
}

pub(super) async fn list_pods(
    State(fake): State<Arc<Fake>>,
    Query(query): Query<std::collections::HashMap<String, String>>,
) -> Response {
    if let Err(refusal) = fake.check(Verb::ListPods, "pods") {
        return *refusal;
    }
    assert_eq!(query.get("labelSelector").map(String::as_str), Some("app=kotsadm"));
    let items: Vec<Value> = fake.switches().pods.iter().map(pod).collect();
    let list = json!({ "apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": items });
    Json(list).into_response()
}

fn pod(pod: &Pod) -> Value {
    json!({
        "metadata": {
            "name": pod.name,
            "namespace": "app",
            "labels": { "app": "kotsadm" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "StatefulSet", "name": pod.owner, "uid": "1",
            }],
        },
        "status": {
            "phase": "Running",
            "containerStatuses": [{
                "name": "kotsadm", "ready": pod.ready, "restartCount": 0,
                "image": "kotsadm", "imageID": "",
            }],
        },
    })
}

/// Deletes a pod: its owner makes another at once, of the next name.
pub(super) async fn delete_pod(
    State(fake): State<Arc<Fake>>,
    Path(name): Path<String>,
) -> Response {
    let mut gone = match fake.pod(&name) {
        Ok(pod) => pod,
        Err(missing) => return *missing,
    };
    let answer = Json(pod(&gone)).into_response();
    let (stem, number) = name.rsplit_once('-').expect("a numbered pod");
    gone.name = format!("{stem}-{}", number.parse::<u32>().expect("a number") + 1);
    fake.switches().pods = vec![gone];
    answer
}

pub(super) async fn get_secret(
    State(fake): State<Arc<Fake>>,
    Path(name): Path<String>,
) -> Response {
    if let Err(refusal) = fake.check(Verb::GetSecret, &format!("secrets \"{name}\"")) {
        return *refusal;
    }
    let found = fake.switches().secrets.get(&name).cloned();
    let Some(secret) = found else {
        let message = format!("secrets \"{name}\" not found");
        return status(StatusCode::NOT_FOUND, "NotFound", &message);
    };
    Json(secret).into_response()
}

pub(super) async fn create_secret(
    State(fake): State<Arc<Fake>>,
    Json(secret): Json<Value>,
) -> Response {
    if let Err(refusal) = fake.check(Verb::CreateSecret, "secrets") {
        return *refusal;
    }
    let name = secret["metadata"]["name"].as_str().expect("a name").to_owned();
    let mut switches = fake.switches();
    if switches.secrets.contains_key(&name) {
        let message = format!("secrets \"{name}\" already exists");
        return status(StatusCode::CONFLICT, "AlreadyExists", &message);
    }
    switches.secrets.insert(name, secret.clone());
    (StatusCode::CREATED, Json(secret)).into_response()
}
