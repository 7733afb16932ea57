//! Reviews: what the caller may do. A rule that refuses a request with 403 is what says no.

use serde_json::{Value, json};

use crate::State;
use crate::kinds::Kind;

/// The group of the reviews.
pub(crate) const GROUP: &str = "authorization.k8s.io";
/// Verbs, and the methods that they are.
const VERBS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("list", "GET"),
    ("watch", "GET"),
    ("create", "POST"),
    ("update", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("deletecollection", "DELETE"),
];

/// The answer to a review; `None` when there is no such kind of review.
pub(crate) fn answer(state: &State, kinds: &[Kind], plural: &str, body: &Value) -> Option<Value> {
    let (kind, status) = match plural {
        "selfsubjectaccessreviews" => {
            let denial = denial(state, kinds, &body["spec"]["resourceAttributes"]);
            let reason = denial.clone().unwrap_or_default();
            let status = json!({ "allowed": denial.is_none(), "reason": reason });
            ("SelfSubjectAccessReview", status)
        }
        "selfsubjectrulesreviews" => {
            let namespace = &body["spec"]["namespace"];
            let rules: Vec<Value> =
                kinds.iter().map(|it| rule(state, kinds, it, namespace)).collect();
            let status =
                json!({ "resourceRules": rules, "nonResourceRules": [], "incomplete": false });
            ("SelfSubjectRulesReview", status)
        }
        _ => return None,
    };
    Some(json!({
        "kind": kind, "apiVersion": format!("{GROUP}/v1"), "metadata": {},
        "spec": body["spec"], "status": status,
    }))
}

/// What may be done with a kind.
fn rule(state: &State, kinds: &[Kind], kind: &Kind, namespace: &Value) -> Value {
    let namespace = if kind.is_namespaced { namespace.clone() } else { Value::Null };
    let may = |verb: &str| {
        let asked = json!({
            "verb": verb, "group": kind.group, "resource": kind.plural, "namespace": namespace,
        });
        denial(state, kinds, &asked).is_none()
    };
    let verbs: Vec<&str> = VERBS.iter().map(|it| it.0).filter(|it| may(it)).collect();
    json!({ "verbs": verbs, "apiGroups": [kind.group], "resources": [kind.plural] })
}

/// Why something may not be done: the rules are asked about the request that it would be.
fn denial(state: &State, kinds: &[Kind], asked: &Value) -> Option<String> {
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let (group, resource) = (text("group"), text("resource"));
    let known = kinds.iter().find(|it| it.group == group && it.plural == resource);
    let version = known.map_or("v1", |it| it.version.as_str());
    let mut path = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    let namespace = text("namespace");
    if !namespace.is_empty() {
        path = format!("{path}/namespaces/{namespace}");
    }
    for part in [resource, text("name"), text("subresource")].iter().filter(|it| !it.is_empty()) {
        path = format!("{path}/{part}");
    }
    let method = VERBS.iter().find(|it| it.0 == text("verb")).map_or("GET", |it| it.1);
    state.refusal(method, &path, "").filter(|it| it.0 == 403).map(|it| it.2)
}
