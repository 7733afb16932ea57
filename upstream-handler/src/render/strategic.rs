//! Strategic merge patches, as far as Kubernetes' own kinds need them. Pure.
//!
//! Maps are merged key by key, `null` removes a key. A list of maps that Kubernetes keys (containers by
//! name, ports by number, …) is merged entry by entry; the patch's entries come first, in its order, as
//! kustomize has it. Any other list is replaced, and so is every list of a kind that is not Kubernetes' own.

use serde_json::{Map, Value};

/// The directive of a patch: `delete`, `replace` or `merge`.
const DIRECTIVE: &str = "$patch";

/// Merges `patch` into `object`; `is_built_in` says whether lists may be merged by key.
pub(crate) fn merge(object: &mut Value, patch: &Value, is_built_in: bool) {
    merge_value(object, patch, "", is_built_in);
}

fn merge_value(into: &mut Value, patch: &Value, field: &str, is_built_in: bool) {
    match (&mut *into, patch) {
        (Value::Object(into), Value::Object(patch)) => merge_map(into, patch, is_built_in),
        (Value::Array(into), Value::Array(patch)) if is_built_in && is_set(field) => {
            let added = patch.iter().filter(|it| !into.contains(it)).cloned();
            let mut merged: Vec<_> = added.collect();
            merged.append(into);
            *into = merged;
        }
        (Value::Array(into), Value::Array(patch)) if is_built_in => match key_of(field, patch) {
            Some(keys) => merge_list(into, patch, keys),
            None => patch.clone_into(into),
        },
        _ => *into = without_nulls(patch),
    }
}

fn merge_map(into: &mut Map<String, Value>, patch: &Map<String, Value>, is_built_in: bool) {
    if patch.get(DIRECTIVE).and_then(Value::as_str) == Some("replace") {
        into.clear();
    }
    for (key, value) in patch.iter().filter(|(key, _)| *key != DIRECTIVE) {
        let is_deleted =
            value.is_null() || value.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
        if is_deleted {
            into.shift_remove(key);
        } else if let Some(old) = into.get_mut(key) {
            merge_value(old, value, key, is_built_in);
        } else {
            into.insert(key.clone(), without_nulls(value));
        }
    }
}

fn merge_list(into: &mut Vec<Value>, patch: &[Value], keys: &[&str]) {
    let mut merged = Vec::with_capacity(into.len() + patch.len());
    for entry in patch {
        let same = into.iter().position(|old| keys.iter().all(|key| same(old, entry, key)));
        let old = same.map(|at| into.remove(at));
        match (entry.get(DIRECTIVE).and_then(Value::as_str), old) {
            (Some("delete"), _) => {}
            (_, Some(mut old)) => {
                merge_value(&mut old, entry, "", true);
                merged.push(old);
            }
            (_, None) => merged.push(without_nulls(entry)),
        }
    }
    merged.append(into);
    *into = merged;
}

fn same(old: &Value, new: &Value, key: &str) -> bool {
    let of = |it: &Value| match (it.get(key), key) {
        (None, "protocol") => Value::from("TCP"),
        (value, _) => value.cloned().unwrap_or_default(),
    };
    of(old) == of(new)
}

/// The keys that tell entries of a list apart; `None` for a list that is replaced.
fn key_of(field: &str, patch: &[Value]) -> Option<&'static [&'static str]> {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "volumes"
        | "env"
        | "imagePullSecrets"
        | "secrets"
        | "webhooks" => Some(&["name"]),
        "volumeMounts" => Some(&["mountPath"]),
        "volumeDevices" => Some(&["devicePath"]),
        "hostAliases" => Some(&["ip"]),
        "conditions" => Some(&["type"]),
        "topologySpreadConstraints" => Some(&["topologyKey", "whenUnsatisfiable"]),
        "ownerReferences" => Some(&["uid"]),
        "ports" if patch.iter().any(|it| it.get("containerPort").is_some()) => {
            Some(&["containerPort", "protocol"])
        }
        "ports" if patch.iter().any(|it| it.get("port").is_some()) => Some(&["port", "protocol"]),
        _ => None,
    }
}

/// Whether a list of texts is a set.
fn is_set(field: &str) -> bool {
    field == "finalizers"
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| !value.is_null() && *key != DIRECTIVE);
            Value::Object(kept.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(object: Value, patch: &Value, is_built_in: bool) -> Value {
        let mut merged = object;
        merge(&mut merged, patch, is_built_in);
        merged
    }

    #[test]
    fn lists_are_merged_by_key_or_replaced() {
        let object = json!({"spec": {"containers": [
            {"name": "a", "image": "ia", "args": ["x"], "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}], "ports": [{"containerPort": 80}]},
            {"name": "b"}, {"name": "c"},
        ]}});
        let patch = json!({"spec": {"replicas": null, "containers": [
            {"name": "b", "args": ["q"]}, {"name": "x"},
            {"name": "a", "args": ["y"], "env": [{"name": "C"}, {"name": "B", "value": null, "valueFrom": {}}], "ports": [{"containerPort": 80, "name": "h"}]},
        ]}});
        assert_eq!(
            check(object.clone(), &patch, true),
            json!({"spec": {"containers": [
                {"name": "b", "args": ["q"]}, {"name": "x"},
                {"name": "a", "image": "ia", "args": ["y"], "env": [{"name": "C"}, {"name": "B", "valueFrom": {}}, {"name": "A", "value": "1"}], "ports": [{"containerPort": 80, "name": "h"}]},
                {"name": "c"},
            ]}})
        );
        let ours = json!({"spec": {"containers": [{"name": "z"}]}});
        assert_eq!(check(object, &ours, false), ours);
    }

    #[test]
    fn directives_and_nulls_remove() {
        assert_eq!(
            check(
                json!({"a": {"b": 1}, "c": 2}),
                &json!({"a": {"$patch": "replace", "x": 1}, "c": null}),
                true
            ),
            json!({"a": {"x": 1}})
        );
        assert_eq!(
            check(
                json!({"volumes": [{"name": "v"}, {"name": "w"}], "a": {}}),
                &json!({"volumes": [{"name": "v", "$patch": "delete"}], "a": {"$patch": "delete"}}),
                true
            ),
            json!({"volumes": [{"name": "w"}]})
        );
        assert_eq!(
            check(json!({"finalizers": ["x"]}), &json!({"finalizers": ["y", "x"]}), true),
            json!({"finalizers": ["y", "x"]})
        );
    }
}
