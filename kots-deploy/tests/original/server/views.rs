//! JSON bodies of the reading routes (`pkg/api/handlers/types/types.go` and its neighbours), spelt out.

use serde_json::{Value, json};

use super::state::{App, Item, Readiness, Version};

const BEFORE: &str = "2026-11-20T10:00:00Z";

pub(super) fn app(app: &App) -> Value {
    let versions = |keep: &dyn Fn(&Version) -> bool| -> Value {
        let list: Vec<Value> =
            app.versions.iter().rev().filter(|it| keep(it)).map(|it| version(app, it)).collect();
        // A nil slice of Go is null.
        if list.is_empty() { Value::Null } else { Value::Array(list) }
    };
    let current = app.current;
    json!({
        "id": "2app", "slug": app.slug, "name": "Sample", "isAirgap": app.is_airgap,
        "currentSequence": app.versions.last().map_or(-1, |it| it.sequence),
        "upstreamUri": format!("replicated://{}", app.slug), "iconUri": "",
        "createdAt": BEFORE, "updatedAt": null, "lastUpdateCheckAt": "",
        "hasPreflight": false, "isConfigurable": app.config.is_some(),
        "updateCheckerSpec": "@default", "autoDeploy": "disabled", "namespace": "default",
        "appState": app.status.1, "isGitOpsSupported": false, "isIdentityServiceSupported": false,
        "isAppIdentityServiceSupported": false, "isGeoaxisSupported": false, "isSemverRequired": false,
        "isSupportBundleUploadSupported": false, "isEmbeddedClusterMultiNodeEnabled": false,
        "allowRollback": false, "allowSnapshots": false, "targetKotsVersion": "", "licenseType": "dev",
        "downstream": {
            "name": "this-cluster",
            "links": null,
            "currentVersion": app.versions.iter().find(|it| Some(it.sequence) == current).map(|it| version(app, it)),
            "pendingVersions": versions(&|it| Some(it.sequence) > current),
            "pastVersions": versions(&|it| Some(it.sequence) < current),
            "gitops": { "enabled": false, "provider": "", "uri": "", "hostname": "", "httpPort": "", "sshPort": "",
                "path": "", "branch": "", "format": "", "action": "", "deployKey": "", "isConnected": false },
            "cluster": { "id": "2cluster", "slug": "this-cluster" },
        },
    })
}

pub(super) fn version(app: &App, it: &Version) -> Value {
    let mut download = json!({});
    if !it.download_message.is_empty() {
        download = json!({ "message": it.download_message, "status": "failed" });
    }
    let deployed_at = (it.applied > 0 || it.status == "deployed")
        .then(|| format!("2026-11-20T10:{:02}:{:02}Z", it.applied / 60, it.applied % 60));
    json!({
        "versionLabel": it.label, "semver": it.label, "updateCursor": it.place.cursor,
        "channelId": it.place.channel, "isRequired": false, "status": it.status, "createdOn": BEFORE,
        "parentSequence": it.sequence, "sequence": it.sequence,
        "deployedAt": deployed_at, "source": it.source,
        "preflightSkipped": it.preflight_skipped, "isDeployable": it.status != "pending_download",
        "nonDeployableCause": if it.status == "pending_download" { "Version is pending download." } else { "" },
        // A preflight result may stay empty for ever on a healthy version.
        "preflightResult": "", "hasFailingStrictPreflights": false,
        "hasConfig": app.config.is_some(), "needsKotsUpgrade": false, "downloadStatus": download,
        "diffSummary": "{\"filesChanged\":1}",
    })
}

pub(super) fn status(app: &App) -> Value {
    let resources: Vec<Value> = match &app.readiness {
        Readiness::Never(list) if app.status.1 == "unavailable" => list
            .iter()
            .map(|line| {
                let mut words = line.split(' ');
                let mut next = || words.next().unwrap_or_default();
                json!({ "kind": next(), "name": next(), "namespace": "default", "state": next() })
            })
            .collect(),
        _ => vec![json!({
            "kind": "deployment", "name": "web", "namespace": "default", "state": app.status.1
        })],
    };
    json!({ "appstatus": {
        "appId": "2app", "resourceStates": resources, "updatedAt": BEFORE,
        "state": app.status.1, "sequence": app.status.0,
    } })
}

pub(super) fn config(app: &App, version: &Version) -> Value {
    let item = |it: &Item| {
        json!({
            "name": it.name, "type": it.kind, "title": it.name, "default": it.default,
            "value": version.values.get(it.name).cloned().unwrap_or_default(),
            "required": it.required, "when": "",
        })
    };
    let items: Vec<Value> = app.config.iter().flatten().map(item).collect();
    json!({
        "success": true, "downstreamVersion": null,
        "configGroups": [{ "name": "settings", "title": "Settings", "items": items }],
    })
}

pub(super) fn license(app: &App) -> Value {
    json!({
        "id": app.license_id, "assignee": "Ann", "expiresAt": "0001-01-01T00:00:00Z",
        "channelName": "Stable", "licenseSequence": app.license_sequence, "licenseType": "dev",
        "entitlements": [{ "title": "Seats", "value": 5, "label": "seats", "valueType": "Integer" }],
        "isAirgapSupported": true, "isGitOpsSupported": false, "isIdentityServiceSupported": false,
        "isGeoaxisSupported": false, "isSemverRequired": false, "isSnapshotSupported": false,
        "isDisasterRecoverySupported": false, "isSupportBundleUploadSupported": false,
        "isEmbeddedClusterMultiNodeEnabled": false, "lastSyncedAt": "",
    })
}

pub(super) fn output(version: &Version) -> Value {
    json!({ "logs": {
        "dryrunStdout": "", "dryrunStderr": "", "applyStdout": "", "applyStderr": version.apply_stderr,
        "helmStdout": "", "helmStderr": "", "renderError": "",
    } })
}
