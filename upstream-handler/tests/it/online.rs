//! An upgrade from the vendor: the end state `kots deploy` is to leave.

use sample::license::Builder;
use serde_json::json;

use super::harness::{APP, Site, files, update_path};

#[tokio::test]
async fn the_state_a_deploy_leaves() {
    let license = Builder::new().yaml();
    let site = Site::new();
    site.install(&license).await;
    assert_eq!(site.history().await, ["0 Online Install 1.0.0 deployed"]);

    // 1. the licence has changed at the vendor
    let changed = Builder::new().sequence(99).yaml();
    sample::mirror::write_sample(&site.folder.path().join("mirror"), &changed).unwrap();
    let synced = site.put(&format!("{APP}/license"), &json!({ "licenseData": "" })).await.ok();
    assert_eq!(synced["synced"], true);
    assert_eq!(synced["license"]["licenseSequence"], 99);
    let again = site.put(&format!("{APP}/license"), &json!({ "licenseData": "" })).await.ok();
    assert_eq!(again["synced"], false);

    // 2. the release, and once more
    let made = site.post(&update_path(), &json!({})).await.ok();
    assert_eq!(made, json!({ "success": true, "sequence": 2, "created": true }));
    let again = site.post(&update_path(), &json!({})).await.ok();
    assert_eq!(again, json!({ "success": true, "sequence": 2, "created": false }));

    // 3. the values, deployed
    let reply = site.set_values(sample::config_values(), true).await.ok();
    assert_eq!(reply, json!({ "success": true, "sequence": 3 }));
    site.wait_for(3, "deployed").await;

    assert_eq!(
        site.history().await,
        [
            "0 Online Install 1.0.0 deployed",
            "1 License Change 1.0.0 pending",
            "2 Upstream Update 1.1.0 pending",
            "3 Config Change 1.1.0 deployed",
        ]
    );
    let app = site.get(APP).await.ok();
    assert_eq!(app["currentSequence"], 3);
    assert_eq!(app["downstream"]["currentVersion"]["sequence"], 3);
    assert_eq!(app["downstream"]["pendingVersions"], json!([]));
    assert_eq!(app["downstream"]["pastVersions"].as_array().unwrap().len(), 3);
    assert_eq!(app["isAirgap"], false);
    assert_eq!(app["channelId"], sample::STABLE_ID);

    let status = site.get(&format!("{APP}/status")).await.ok();
    assert_eq!(status["appstatus"]["sequence"], 3);

    let link = std::fs::read_link(site.target().join("current")).unwrap();
    assert_eq!(link.to_str(), Some("3"));
    assert!(!files(&site.target().join("current")).is_empty());
    let logs =
        site.get(&format!("{APP}/cluster/this-cluster/sequence/3/downstreamoutput")).await.ok();
    assert!(logs["logs"]["applyStdout"].as_str().unwrap().contains("in place"), "{logs}");
    let task = site.get(&format!("{APP}/task/updatedownload")).await.ok();
    assert_eq!(task, json!({ "currentMessage": "", "status": "" }));
}

#[tokio::test]
async fn a_deployed_version_stays_deployed_over_a_restart() {
    let mut site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let auth = site.auth();
    let boot = site.get("/healthz").await.ok()["bootId"].clone();
    site.server.as_ref().unwrap().terminate();
    assert!(site.server.as_mut().unwrap().wait_end().success());
    site.start();
    assert_eq!(site.auth(), auth);
    assert_ne!(site.get("/healthz").await.ok()["bootId"], boot);
    assert_eq!(site.history().await, ["0 Online Install 1.0.0 deployed"]);
}

#[tokio::test]
async fn what_the_vendor_does_not_have() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = |channel: &str, sequence: &str| {
        format!("{APP}/upstream/update?channelId={channel}&channelSequence={sequence}")
    };
    let missing = site.post(&path(sample::STABLE_ID, "77"), &json!({})).await;
    assert_eq!(missing.status, 500);
    assert!(missing.error().starts_with("500 failed to download upstream update: "));
    let foreign = site.post(&path("nochannel", "2"), &json!({})).await;
    assert_eq!(foreign.error(), "500 Requested channel (nochannel) not found in license.");
    let number = site.post(&path(sample::STABLE_ID, "two"), &json!({})).await;
    assert_eq!(number.error(), "400 failed to parse channelSequence");
    let unknown = site.post("/api/v1/app/other/upstream/update?", &json!({})).await;
    assert_eq!(unknown.error(), "500 failed to get app for slug other");

    // nothing was made, and the reason outlives the original's minute
    assert_eq!(site.history().await.len(), 1);
    let task = site.get(&format!("{APP}/task/updatedownload")).await.ok();
    assert_eq!(task["status"], "failed");
    assert_eq!(task["lastError"], "Requested channel (nochannel) not found in license.");
}

#[tokio::test]
async fn looking_for_updates_makes_none() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let check = site.post(&format!("{APP}/updatecheck"), &json!({})).await.ok();
    assert_eq!(check["availableUpdates"], 1);
    assert_eq!(check["currentRelease"], json!({ "sequence": 0, "version": "1.0.0" }));
    let updates = site.get(&format!("{APP}/updates")).await.ok();
    assert_eq!(updates["updates"][0]["versionLabel"], "1.1.0");
    assert_eq!(updates["updates"][0]["updateCursor"], "2");
    assert_eq!(site.history().await.len(), 1);
}

#[tokio::test]
async fn a_past_version_may_be_deployed_only_when_the_vendor_allows_it() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    site.post(&update_path(), &json!({})).await.ok();
    site.set_values(sample::config_values(), true).await.ok();
    site.wait_for(2, "deployed").await;
    let past = site.post(&format!("{APP}/sequence/0/deploy"), &json!({})).await;
    let allowed = site.get(APP).await.ok()["allowRollback"] == true;
    if allowed {
        past.ok();
        site.wait_for(0, "deployed").await;
        assert_eq!(std::fs::read_link(site.target().join("current")).unwrap().to_str(), Some("0"));
    } else {
        assert_eq!(past.error(), "500 Rollback is not supported.");
    }
    // deploying what is deployed changes nothing
    site.post(&format!("{APP}/sequence/2/deploy"), &json!({})).await.ok();
    let gone = site.post(&format!("{APP}/sequence/9/deploy"), &json!({})).await;
    assert_eq!(gone.error(), "404 version for sequence 9 not found");
}

/// A required release between the installed one and the wanted one comes first.
#[tokio::test]
async fn required_releases_come_first() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = site.folder.path().join("mirror/sample-app/channels/stable.yaml");
    let mut channel: serde_json::Value =
        kinds::yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    channel["releases"][1]["isRequired"] = true.into();
    let mut third = channel["releases"][1].clone();
    third["channelSequence"] = 3.into();
    third["releaseSequence"] = 6.into();
    third["versionLabel"] = "1.2.0".into();
    channel["releases"].as_array_mut().unwrap().push(third);
    std::fs::write(&path, kinds::yaml::to_string(&channel).unwrap()).unwrap();

    let to = |sequence: i64| format!("{APP}/upstream/update?channelSequence={sequence}");
    assert_eq!(
        site.post(&to(3), &json!({})).await.error(),
        "500 This version cannot be deployed because version 1.1.0 is required and must be \
         deployed first."
    );
    let updates = site.get(&format!("{APP}/updates")).await.ok();
    assert_eq!(updates["updates"][0]["versionLabel"], "1.2.0");
    assert_eq!(updates["updates"][0]["isDeployable"], false);
    assert_eq!(updates["updates"][1]["isDeployable"], true);
    site.post(&to(2), &json!({})).await.ok();
    site.post(&to(3), &json!({})).await.ok();
    // It may be fetched now; deploying it waits for the one before.
    let early = site.post(&format!("{APP}/sequence/2/deploy"), &json!({})).await;
    assert_eq!(
        early.error(),
        "500 This version cannot be deployed because version 1.1.0 is required and must be \
         deployed first."
    );
    site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await.ok();
    site.wait_for(1, "deployed").await;
    site.post(&format!("{APP}/sequence/2/deploy"), &json!({})).await.ok();
    site.wait_for(2, "deployed").await;
}

#[tokio::test]
async fn pages_of_versions() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    for _ in 0..3 {
        site.set_values(sample::config_values(), false).await.ok();
    }
    let page = async |query: &str| {
        let reply = site.get(&format!("{APP}/versions?{query}")).await.ok();
        let sequences: Vec<i64> = reply["versionHistory"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["sequence"].as_i64().unwrap())
            .collect();
        let count = |name: &str| reply[name].as_i64().unwrap();
        format!(
            "{sequences:?} of {}, {} skipped, {} remain",
            count("totalCount"),
            count("numOfSkippedVersions"),
            count("numOfRemainingVersions")
        )
    };
    assert_eq!(page("").await, "[3, 2, 1, 0] of 4, 0 skipped, 0 remain");
    assert_eq!(page("pageSize=2").await, "[3, 2] of 4, 0 skipped, 2 remain");
    assert_eq!(page("pageSize=2&currentPage=1").await, "[1, 0] of 4, 0 skipped, 0 remain");
    assert_eq!(page("pageSize=2&currentPage=9").await, "[] of 4, 0 skipped, 0 remain");
    assert_eq!(page("pinLatest=true").await, "[3] of 4, 0 skipped, 3 remain");
    assert_eq!(page("pageSize=-1&currentPage=-1").await, "[3, 2, 1, 0] of 4, 0 skipped, 0 remain");
}
