//! Deploying: what the target says is what the version says.

use sample::license::Builder;
use serde_json::json;

use super::harness::{APP, Answer, Site, files};

#[tokio::test]
async fn a_target_that_refuses_is_told_with_its_reason() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    // Another application's folder from now on.
    let claim = site.target().join(".kotsadm/app");
    std::fs::write(&claim, "another-app").unwrap();
    site.set_values(sample::config_values(), true).await.ok();
    let version = site.wait_for(1, "failed").await;
    let reason = version["statusInfo"].as_str().unwrap();
    assert!(reason.contains("holds application `another-app`, not `sample-app`"), "{reason}");
    let logs =
        site.get(&format!("{APP}/cluster/this-cluster/sequence/1/downstreamoutput")).await.ok();
    assert_eq!(logs["logs"]["applyStderr"], *reason);
    // what was deployed stays deployed
    assert_eq!(std::fs::read_link(site.target().join("current")).unwrap().to_str(), Some("0"));

    std::fs::write(&claim, "sample-app").unwrap();
    let again = site.request(reqwest::Method::POST, &format!("{APP}/sequence/1/redeploy"));
    assert_eq!(Answer::of(again).await.status, 204);
    site.wait_for(1, "deployed").await;
    assert_eq!(std::fs::read_link(site.target().join("current")).unwrap().to_str(), Some("1"));
}

#[tokio::test]
async fn redeploying_repairs_what_was_changed_by_hand() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let place = site.target().join("current");
    let before = files(&place);
    std::fs::remove_dir_all(site.target().join("0")).unwrap();
    let again = site.request(reqwest::Method::POST, &format!("{APP}/sequence/0/redeploy"));
    assert_eq!(Answer::of(again).await.status, 204);
    site.wait_for(0, "deployed").await;
    assert_eq!(files(&place), before);
}

#[tokio::test]
async fn informers_say_what_is_in_place() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let status = site.get(&format!("{APP}/status")).await.ok();
    let status = &status["appstatus"];
    assert_eq!(status["state"], "ready", "{status}");
    assert_eq!(status["sequence"], 0);
    let resources = status["resourceStates"].as_array().unwrap();
    assert!(resources.iter().any(|it| it["kind"] == "deployment" && it["name"] == "sample-web"));
    assert!(resources.iter().all(|it| it["namespace"] == "shop"), "{resources:?}");
    assert_eq!(site.get(APP).await.ok()["appState"], "ready");
}

#[tokio::test]
async fn how_an_installation_went() {
    let site = Site::new();
    let nothing = site.get(&format!("{APP}/automated/status")).await.ok();
    assert_eq!(nothing, json!({ "message": "", "status": "", "updatedAt": null }));
    site.install(&Builder::new().yaml()).await;
    let status = site.get(&format!("{APP}/automated/status")).await.ok();
    assert_eq!(status["status"], "success");
    let message: serde_json::Value =
        serde_json::from_str(status["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["error"], "");
}

#[tokio::test]
async fn an_installation_that_fails_can_be_resumed() {
    let site = Site::new();
    let release = site.folder.path().join("mirror/sample-app/releases/1.1.0.tar.gz");
    let bytes = std::fs::read(&release).unwrap();
    std::fs::remove_file(&release).unwrap();
    let body = json!({ "licenseData": Builder::new().yaml() });
    let failed = site.post("/api/v1/license", &body).await;
    assert!(failed.error().starts_with("500 failed to install the application: "), "{failed:?}");
    let status = site.get(&format!("{APP}/automated/status")).await.ok();
    assert_eq!(status["status"], "failed");
    assert_eq!(site.get("/api/v1/apps").await.ok(), json!({ "apps": [] }));

    std::fs::write(&release, bytes).unwrap();
    let resumed = site.put("/api/v1/license/resume", &json!({ "slug": "sample-app" })).await.ok();
    assert_eq!(resumed["slug"], "sample-app");
    assert_eq!(resumed["isConfigurable"], true);
    // without values it waits for them
    assert_eq!(site.history().await, ["0 Online Install 1.1.0 pending_config"]);
    let early = site.post(&format!("{APP}/sequence/0/deploy"), &json!({})).await;
    assert_eq!(early.error(), "400 not deploying version 0 because it's pending_config");
}

#[tokio::test]
async fn what_was_changed_by_hand_is_seen() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let place = site.target().join("current");
    let manifest = place.join("sample-web-deployment.yaml");
    let whole = std::fs::read(&manifest).unwrap();

    std::fs::write(&manifest, "junk").unwrap();
    let status = site.get(&format!("{APP}/status")).await.ok();
    assert_ne!(status["appstatus"]["state"], "ready", "{status}");
    let again = site.request(reqwest::Method::POST, &format!("{APP}/sequence/0/redeploy"));
    assert_eq!(Answer::of(again).await.status, 204);
    site.wait_for(0, "deployed").await;
    assert_eq!(std::fs::read(&manifest).unwrap(), whole);
    assert_eq!(site.get(&format!("{APP}/status")).await.ok()["appstatus"]["state"], "ready");

    std::fs::remove_dir_all(site.target().join("0")).unwrap();
    let status = site.get(&format!("{APP}/status")).await.ok();
    assert_eq!(status["appstatus"]["state"], "missing", "{status}");
}
