//! Owners of fields (`metadata.managedFields`), and server-side apply. Lists are owned as a whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// A field: the names on the way to it.
pub(crate) type Path = Vec<String>;
/// Fields that belong together.
pub(crate) type Fields = BTreeSet<Path>;

/// A field that another owns and that should change: the owner, the version of the API, the field.
pub(crate) type Conflict = (String, String, String);

/// Who changes an object, and how.
#[derive(Debug, Clone)]
pub(crate) struct Manager {
    pub name: String,
    pub operation: &'static str,
    pub api_version: String,
    pub subresource: String,
}

/// The fields of a manifest that somebody owns: not those that name it.
pub(crate) fn owned(manifest: &Value) -> Fields {
    let mut fields = Fields::new();
    leaves(manifest, &mut Vec::new(), &mut fields);
    fields.retain(|path| {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match names[..] {
            ["apiVersion" | "kind" | "metadata"] => false,
            ["metadata", name, ..] => {
                matches!(name, "annotations" | "labels" | "finalizers" | "ownerReferences")
            }
            _ => true,
        }
    });
    fields
}

fn leaves(value: &Value, path: &mut Path, found: &mut Fields) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, below) in map {
                path.push(name.clone());
                leaves(below, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

fn get<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

fn set(value: &mut Value, path: &[String], new: Value) {
    let Some((name, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    let map = value.as_object_mut().expect("it was made a map");
    set(map.entry(name.clone()).or_insert(Value::Null), rest, new);
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((last, way)) = path.split_last() else { return };
    let parent = way.iter().try_fold(value, |value, name| value.get_mut(name));
    if let Some(map) = parent.and_then(Value::as_object_mut) {
        map.remove(last);
    }
}

fn to_v1(fields: &Fields) -> Value {
    let mut root = Value::Object(Map::new());
    for path in fields {
        let path: Path = path.iter().map(|it| format!("f:{it}")).collect();
        set(&mut root, &path, json!({}));
    }
    root
}

fn from_v1(value: &Value) -> Fields {
    let mut fields = Fields::new();
    leaves(value, &mut Vec::new(), &mut fields);
    fields
        .into_iter()
        .filter(|path| !path.is_empty())
        .map(|path| path.iter().map(|it| it.strip_prefix("f:").unwrap_or(it).to_owned()).collect())
        .collect()
}

fn entries(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default()
}

fn is_of(entry: &Value, manager: &Manager) -> bool {
    entry["manager"] == manager.name.as_str()
        && entry["operation"] == manager.operation
        && entry["subresource"].as_str().unwrap_or_default() == manager.subresource
}

/// Notes that `manager` owns `fields` now, and nobody else those in `taken`.
pub(crate) fn own(object: &mut Value, manager: &Manager, fields: &Fields, taken: &Fields) {
    let mut kept: Vec<Value> = Vec::new();
    for mut entry in entries(object) {
        if is_of(&entry, manager) {
            continue;
        }
        let mut theirs = from_v1(&entry["fieldsV1"]);
        theirs.retain(|it| !taken.contains(it));
        if !theirs.is_empty() {
            entry["fieldsV1"] = to_v1(&theirs);
            kept.push(entry);
        }
    }
    if !fields.is_empty() {
        let mut entry = json!({
            "manager": manager.name, "operation": manager.operation,
            "apiVersion": manager.api_version, "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": to_v1(fields),
        });
        if !manager.subresource.is_empty() {
            entry["subresource"] = json!(manager.subresource);
        }
        kept.push(entry);
    }
    object["metadata"]["managedFields"] = Value::Array(kept);
}

/// What `manager` owns of an object.
pub(crate) fn of(object: &Value, manager: &Manager) -> Fields {
    entries(object)
        .iter()
        .filter(|it| is_of(it, manager))
        .flat_map(|it| from_v1(&it["fieldsV1"]))
        .collect()
}

/// Which fields two versions of an object differ in.
pub(crate) fn changed(before: &Value, after: &Value) -> Fields {
    let (old, new) = (owned(before), owned(after));
    old.union(&new).filter(|path| get(before, path) != get(after, path)).cloned().collect()
}

/// Applies a manifest to what is there.
///
/// # Errors
///
/// The fields that others own and that would change, unless `force` takes them.
pub(crate) fn apply(
    live: &Value,
    manifest: &Value,
    manager: &Manager,
    force: bool,
) -> Result<Value, Vec<Conflict>> {
    let wanted = owned(manifest);
    let mut conflicts: BTreeMap<Path, Conflict> = BTreeMap::new();
    let mut others = Fields::new();
    for entry in entries(live).iter().filter(|it| !is_of(it, manager)) {
        for path in from_v1(&entry["fieldsV1"]) {
            if wanted.contains(&path) && get(live, &path) != get(manifest, &path) {
                let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
                let shown = format!(".{}", path.join("."));
                conflicts.insert(path.clone(), (text("manager"), text("apiVersion"), shown));
            }
            others.insert(path);
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(conflicts.into_values().collect());
    }
    let mut after = live.clone();
    for gone in of(live, manager).difference(&wanted).filter(|it| !others.contains(*it)) {
        remove(&mut after, gone);
    }
    for path in &wanted {
        set(&mut after, path, get(manifest, path).cloned().unwrap_or(Value::Null));
    }
    own(&mut after, manager, &wanted, &conflicts.into_keys().collect());
    Ok(after)
}

/// A merge patch (RFC 7386).
pub(crate) fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let map = into.as_object_mut().expect("it was made a map");
    for (name, value) in patch {
        if value.is_null() {
            map.remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
