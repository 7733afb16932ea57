//! Labels and annotations that every object gets, and its pods' template where the kind has one
//! (kustomize's `commonAnnotations`, the original's label transformer). Pure.

use serde_json::{Map, Value};

use super::object::ObjectId;

/// Adds `entries` to the field (`labels`, `annotations`) of the object and of its templates.
pub(crate) fn stamp(object: &mut Value, field: &str, entries: &[(&str, &str)]) {
    let id = ObjectId::of(object);
    let templates: &[&[&str]] = match (id.group(), &*id.kind) {
        (_, "Deployment" | "ReplicaSet" | "DaemonSet")
        | ("apps", "StatefulSet")
        | ("batch", "Job") => &[&["spec", "template"]],
        (_, "ReplicationController") if id.version() == "v1" => &[&["spec", "template"]],
        ("batch", "CronJob") => {
            &[&["spec", "jobTemplate"], &["spec", "jobTemplate", "spec", "template"]]
        }
        _ => &[],
    };
    add(object, &["metadata", field], entries);
    for template in templates {
        let path: Vec<_> = template.iter().copied().chain(["metadata", field]).collect();
        add(object, &path, entries);
    }
}

fn add(object: &mut Value, path: &[&str], entries: &[(&str, &str)]) {
    let mut place = object;
    for key in path {
        let Some(map) = map_of(place) else { return };
        place = map.entry(*key).or_insert(Value::Null);
    }
    let Some(map) = map_of(place) else { return };
    for (key, value) in entries {
        map.insert((*key).to_owned(), Value::from(*value));
    }
}

/// The map that stands there, made where there is nothing; `None` where something else stands.
fn map_of(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(object: Value) -> Value {
        let mut object = object;
        stamp(&mut object, "labels", &[("a", "b")]);
        object
    }

    #[test]
    fn templates_of_known_kinds_are_stamped_too() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": null}, "spec": {"template": {"spec": {}}}});
        assert_eq!(
            check(deployment),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {}, "metadata": {"labels": {"a": "b"}}}}})
        );
        let cron = check(json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {}}));
        assert_eq!(
            cron["spec"]["jobTemplate"],
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})
        );
        let other = check(
            json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}, "spec": {"template": {}}}),
        );
        assert_eq!(other["spec"], json!({"template": {}}));
    }
}
