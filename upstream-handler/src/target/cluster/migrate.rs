//! The first server-side apply over objects that were applied by `kubectl apply` (which is what the
//! original does): what that owned becomes ours, so that our apply neither conflicts with it nor
//! leaves behind what the new manifest no longer has. Mirrors client-go's `csaupgrade`.

use serde_json::{Map, Value, json};

/// Our name as a field manager.
pub(super) const MANAGER: &str = "kotsadm";
/// Who client-side apply writes as: today, and before Kubernetes 1.18.
const CLIENT_SIDE: &[&str] = &["kubectl-client-side-apply", "kubectl", "before-first-apply"];
/// What client-side apply leaves on an object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether client-side apply writes under this name.
pub(super) fn is_client_side(manager: &str) -> bool {
    CLIENT_SIDE.contains(&manager)
}

/// Returns the `metadata.managedFields` that hands client-side apply's fields to us; `None` when there
/// is nothing to hand over.
pub(super) fn taken_over(object: &Value) -> Option<Value> {
    let metadata = &object["metadata"];
    metadata["annotations"].get(LAST_APPLIED)?;
    let entries = metadata["managedFields"].as_array()?;
    let is_subresource = |it: &Value| it["subresource"].as_str().is_some_and(|it| !it.is_empty());
    let is_theirs = |it: &Value| {
        it["operation"] == "Update"
            && !is_subresource(it)
            && it["manager"].as_str().is_some_and(is_client_side)
    };
    let is_ours =
        |it: &Value| it["operation"] == "Apply" && !is_subresource(it) && it["manager"] == MANAGER;
    if !entries.iter().any(is_theirs) {
        return None;
    }
    let mut fields = Map::new();
    for entry in entries.iter().filter(|it| is_theirs(it) || is_ours(it)) {
        if let Value::Object(owned) = &entry["fieldsV1"] {
            merge(&mut fields, owned);
        }
    }
    let newest = entries.iter().rfind(|it| is_theirs(it))?;
    let mut kept: Vec<Value> =
        entries.iter().filter(|it| !is_theirs(it) && !is_ours(it)).cloned().collect();
    kept.push(json!({
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": newest["apiVersion"],
        "time": newest["time"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }));
    Some(Value::Array(kept))
}

/// Adds the fields of `more`. Field sets are maps of maps; a leaf is an empty map.
fn merge(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, below) in more {
        match (fields.get_mut(name), below) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => merge(mine, theirs),
            (Some(_), _) => {}
            (None, _) => {
                fields.insert(name.clone(), below.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": "t",
               "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn check(annotated: bool, entries: &[Value]) -> Option<Vec<String>> {
        let annotations = if annotated { json!({ LAST_APPLIED: "{}" }) } else { json!({}) };
        let object = json!({"metadata": {"annotations": annotations, "managedFields": entries}});
        let taken = taken_over(&object)?;
        let shown =
            |it: &Value| format!("{} {} {}", it["manager"], it["operation"], it["fieldsV1"]);
        Some(taken.as_array().expect("a list").iter().map(shown).collect())
    }

    #[test]
    fn fields_of_client_side_apply_become_ours() {
        let theirs = entry(
            "kubectl-client-side-apply",
            "Update",
            &json!({"f:data": {"f:a": {}, "f:b": {}}}),
        );
        let other = entry("operator", "Update", &json!({"f:data": {"f:z": {}}}));
        let ours = entry("kotsadm", "Apply", &json!({"f:data": {"f:c": {}}}));
        assert_eq!(
            check(true, &[theirs.clone(), other.clone(), ours]).expect("a change"),
            [
                r#""operator" "Update" {"f:data":{"f:z":{}}}"#,
                r#""kotsadm" "Apply" {"f:data":{"f:a":{},"f:b":{},"f:c":{}}}"#,
            ]
        );
        assert_eq!(check(false, &[theirs]), None);
        assert_eq!(check(true, &[other]), None);
    }

    #[test]
    fn a_status_is_left_to_its_owner() {
        let mut status = entry("kubectl", "Update", &json!({"f:status": {}}));
        status["subresource"] = json!("status");
        assert_eq!(check(true, &[status]), None);
    }
}
