//! `config/values` (`pkg/handlers/config.go:807`).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore as _;
use serde_json::{Value, json};

use super::body::{Reply, ok, refuse, reply};
use super::state::{App, Item, State, Version};

pub(super) fn set_values(state: &mut State, slug: &str, body: &[u8]) -> Reply {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return refuse(400, "failed to decode request body");
    };
    let Some(document) = request["configValues"].as_str().and_then(|it| STANDARD.decode(it).ok())
    else {
        return refuse(400, "failed to decode request body");
    };
    let document: Value = match kinds::yaml::to_value(&String::from_utf8_lossy(&document)) {
        Ok(document) => document,
        Err(_) => return refuse(400, "failed to decode config values"),
    };
    let (version, kind) = (&document["apiVersion"], &document["kind"]);
    if kind != "ConfigValues" || version != "kots.io/v1beta1" {
        let gvk = format!(
            "{}, Kind={}",
            version.as_str().unwrap_or_default(),
            kind.as_str().unwrap_or_default()
        );
        return refuse(500, &format!("{gvk:?} is not a valid ConfigValues GVK"));
    }
    let Some(app) = state.apps.get_mut(slug) else {
        return refuse(500, "failed to get app from app slug");
    };
    let base = match request["sequence"].as_i64() {
        Some(-1) => app.newest_downloaded(),
        it => app.versions.iter().find(|version| version.sequence == it.unwrap_or(0)),
    };
    let Some(base) = base.cloned() else {
        return refuse(500, "failed to get latest app version");
    };
    let Some(items) = app.config.clone() else {
        return refuse(500, &format!("app {slug} does not have a config"));
    };
    let given = given_values(&document);
    if let Some(refusal) = check(&items, &given) {
        return refusal;
    }
    let skip_preflights = request["skipPreflights"] == true;
    let version = next_version(app, &base, &items, &given, skip_preflights);
    if request["deploy"] == true {
        if app.refuse_deploy {
            return reply(
                500,
                &json!({ "success": false, "error": "failed to deploy", "requiredItems": null }),
            );
        }
        app.deploy(version);
    }
    ok(&json!({ "success": true }))
}

/// Value and default of each item the document gives.
type Given = BTreeMap<String, (String, String)>;

fn given_values(document: &Value) -> Given {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let values = document["spec"]["values"].as_object().cloned().unwrap_or_default();
    let value = |it: &Value| {
        let value = text(&it["value"]);
        if value.is_empty() { text(&it["valuePlaintext"]) } else { value }
    };
    values.iter().map(|(name, it)| (name.clone(), (value(it), text(&it["default"])))).collect()
}

/// Items that are not given have neither value nor default here.
fn check(items: &[Item], given: &Given) -> Option<Reply> {
    let empty = (String::new(), String::new());
    let value = |item: &Item| given.get(item.name).unwrap_or(&empty);
    let broken: Vec<Value> = items
        .iter()
        .filter_map(|item| {
            let (rule, message) = item.rule?;
            let text = &value(item).0;
            (!text.is_empty() && !rule(text)).then(|| {
                json!({
                    "name": item.name, "type": item.kind,
                    "validation_errors": [{ "message": message }],
                })
            })
        })
        .collect();
    if !broken.is_empty() {
        return Some(reply(
            400,
            &json!({
                "success": false, "error": "failed to validate config values",
                "validationErrors": [{ "name": "settings", "title": "Settings", "item_errors": broken }],
            }),
        ));
    }
    let missing: Vec<&str> = items
        .iter()
        .filter(|item| item.required && value(item).0.is_empty() && value(item).1.is_empty())
        .map(|item| item.name)
        .collect();
    (!missing.is_empty()).then(|| {
        let error = format!("The following fields are required: {}", missing.join(", "));
        reply(400, &json!({ "success": false, "error": error, "requiredItems": missing }))
    })
}

fn next_version(
    app: &mut App,
    base: &Version,
    items: &[Item],
    given: &Given,
    skip_preflights: bool,
) -> i64 {
    let passwords: BTreeSet<&str> =
        items.iter().filter(|it| it.kind == "password").map(|it| it.name).collect();
    let mut values = base.values.clone();
    for (name, (value, _)) in given {
        let stored = if passwords.contains(name.as_str()) { encrypt(value) } else { value.clone() };
        values.insert(name.clone(), stored);
    }
    app.add(Version {
        source: "Config Change".to_owned(),
        status: "pending".to_owned(),
        values,
        preflight_skipped: skip_preflights,
        applied: 0,
        looks_left: 0,
        apply_stderr: String::new(),
        parts: BTreeMap::new(),
        ..base.clone()
    })
}

/// What a password looks like from outside: other bytes each time.
pub(crate) fn encrypt(text: &str) -> String {
    let mut bytes = vec![0; 12 + text.len() + 16];
    rand::rng().fill_bytes(&mut bytes);
    STANDARD.encode(bytes)
}
