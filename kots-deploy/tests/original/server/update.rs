//! Licence sync and updates (`pkg/kotsadmlicense`, `pkg/kotsadmupstream`, `pkg/airgap`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::body::{Reply, ok, parts, refuse, text};
use super::state::{App, Cursor, State, Version, deployed};
use super::views;

/// `PUT …/license`. Whatever is wrong, the reason is not on the wire.
pub(super) fn sync_license(state: &mut State, slug: &str, body: &[u8]) -> Reply {
    let failed = |error| refuse(500, error);
    let Some(data) = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|it| it["licenseData"].as_str().map(str::to_owned))
    else {
        return failed("failed to decode request");
    };
    let upstream = (state.upstream_license, state.upstream_fault.is_some());
    let Some(app) = state.apps.get_mut(slug) else {
        return failed("failed to get app from slug");
    };
    let (id, sequence) = if data.is_empty() {
        if upstream.1 {
            return failed("failed to sync license");
        }
        (app.license_id.clone(), upstream.0)
    } else {
        let Ok(license) = kinds::yaml::to_value(&data) else {
            return failed("failed to sync license");
        };
        let spec = &license["spec"];
        (
            spec["licenseID"].as_str().unwrap_or_default().to_owned(),
            spec["licenseSequence"].as_i64().unwrap_or_default(),
        )
    };
    if id != app.license_id {
        return failed("failed to sync license");
    }
    let synced = sequence != app.license_sequence;
    if synced {
        app.license_sequence = sequence;
        if let Some(base) = app.newest_downloaded().cloned() {
            app.add(Version { source: "License Change".to_owned(), ..renewed(base) });
        }
    }
    ok(&json!({ "success": true, "synced": synced, "license": views::license(app) }))
}

fn renewed(base: Version) -> Version {
    Version {
        status: "pending".to_owned(),
        applied: 0,
        looks_left: 0,
        apply_stderr: String::new(),
        ..base
    }
}

/// `POST …/upstream/update` with JSON.
pub(super) fn update_online(
    state: &mut State,
    slug: &str,
    query: &BTreeMap<String, String>,
) -> Reply {
    if !state.apps.contains_key(slug) {
        return refuse(500, &format!("failed to get app for slug {slug}"));
    }
    let field = |name| query.get(name).cloned().unwrap_or_default();
    let place = Cursor { channel: field("channelId"), cursor: field("channelSequence") };
    let label = state.releases.get(&place).cloned();
    let fault = state.upstream_fault.clone();
    let app = state.apps.get_mut(slug).expect("it was there");
    let base = app.newest_downloaded().cloned();
    let Some(label) = label.filter(|_| fault.is_none()) else {
        let message = fault.unwrap_or_else(|| "failed to download upstream: 404".to_owned());
        app.add(Version {
            status: "pending_download".to_owned(),
            download_message: message.clone(),
            ..deployed(0, "", place, "Upstream Update")
        });
        state.task = (message, "failed".to_owned());
        return refuse(500, "failed to download upstream update");
    };
    let is_same = base.as_ref().is_some_and(|it| it.place == place);
    if !is_same || app.is_v3 {
        let values = base.map(|it| it.values).unwrap_or_default();
        let version = deployed(0, &label, place, "Upstream Update");
        let preflight_skipped = field("skipPreflights") == "true";
        app.add(Version { values, preflight_skipped, ..renewed(version) });
    }
    ok(&json!({ "success": true }))
}

/// What is checked before the first byte of a bundle is read.
pub(super) fn refuse_bundle(app: &App) -> Option<Reply> {
    (!app.is_airgap).then(|| text(400, "Cannot update an online install using an airgap bundle"))
}

/// `POST …/upstream/update` with a multipart. Reasons are plain text, or missing.
pub(super) fn update_airgap(
    state: &mut State,
    slug: &str,
    query: &BTreeMap<String, String>,
    content_type: &str,
    body: &[u8],
) -> Reply {
    let Some(app) = state.apps.get_mut(slug) else {
        return refuse(500, &format!("failed to get app for slug {slug}"));
    };
    let Some(parts) = parts(content_type, body) else { return super::body::bare(500) };
    let (Some(meta), Some(_)) = (parts.get("airgap.yaml"), parts.get("app.tar.gz")) else {
        return super::body::bare(500);
    };
    let Ok(meta) = kinds::yaml::to_value(&String::from_utf8_lossy(meta)) else {
        return super::body::bare(500);
    };
    let field = |name: &str| meta["spec"][name].as_str().unwrap_or_default().to_owned();
    let place = Cursor { channel: field("channelID"), cursor: field("updateCursor") };
    if !app.channels.contains(&place.channel) {
        let name = field("channelName");
        return text(500, &format!("Requested channel ({name}) not found in license."));
    }
    let label = field("versionLabel");
    let base = app.newest_downloaded().cloned();
    if base.as_ref().is_some_and(|it| it.place == place) && !app.is_v3 {
        return text(
            500,
            &format!(
                "Version {label} ({}) cannot be installed again because it is already the current version",
                place.cursor
            ),
        );
    }
    let values = base.map(|it| it.values).unwrap_or_default();
    let preflight_skipped = query.get("skipPreflights").is_some_and(|it| it == "true");
    let version = deployed(0, &label, place, "Airgap Update");
    app.add(Version { values, preflight_skipped, parts, ..renewed(version) });
    ok(&json!({}))
}
