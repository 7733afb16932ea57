//! Status informers: states as the original tells them, and the first cause of what is not ready.

use serde_json::{Value, json};

use super::cluster_site::{ClusterSite, application, manifest};
use super::harness::APP;

fn web(annotations: &[(&str, &str)]) -> String {
    let spec = json!({"spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}},
    }});
    let mut spec = spec;
    spec["spec"]["template"]["spec"] =
        json!({"containers": [{"name": "app", "image": "nowhere.example/web:1"}]});
    manifest("apps/v1", "Deployment", "web", annotations, &spec)
}

async fn deployed() -> ClusterSite {
    deployed_on(ClusterSite::fake().await).await
}

async fn deployed_on(mut site: ClusterSite) -> ClusterSite {
    let app = application("  statusInformers: [deployment/web, service/web]\n");
    let service =
        json!({"spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}});
    let files = [
        ("app.yaml", app),
        ("a.yaml", web(&[])),
        ("b.yaml", manifest("v1", "Service", "web", &[], &service)),
    ];
    site.deploy(&files).await.ok();
    site
}

async fn replicas(site: &ClusterSite, ready: i64) {
    let status = json!({"observedGeneration": 1, "replicas": 2, "readyReplicas": ready, "unavailableReplicas": 2 - ready});
    site.put_status("apps/v1", "Deployment", &site.namespace, "web", status).await;
}

/// Waits until the deployment is in `state` for a reason that holds `part`; either may come first.
async fn told(site: &ClusterSite, state: &str, part: &str) -> String {
    let status = site
        .wait_for_state(|it| {
            let it = &it["resourceStates"][0];
            it["state"] == state && it["reason"].as_str().is_some_and(|it| it.contains(part))
        })
        .await;
    shown(&status)[0].clone()
}

fn shown(status: &Value) -> Vec<String> {
    status["resourceStates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let reason = it["reason"].as_str().map(|it| format!(": {it}")).unwrap_or_default();
            format!(
                "{}/{} {}{reason}",
                it["kind"].as_str().unwrap(),
                it["name"].as_str().unwrap(),
                it["state"].as_str().unwrap()
            )
        })
        .collect()
}

#[tokio::test]
async fn states_follow_the_cluster() {
    follow(ClusterSite::fake().await).await;
}

/// States follow what controllers write, where there are none to write it.
pub(crate) async fn follow(site: ClusterSite) -> ClusterSite {
    let site = deployed_on(site).await;
    let status = site.status().await;
    assert_eq!(status["sequence"], 0);
    assert_eq!(status["state"], "unavailable");
    assert_eq!(
        shown(&status),
        [
            "deployment/web updating: its last change has not been taken up yet",
            "service/web unavailable: not all of its endpoints are ready",
        ]
    );
    let slice = json!({
        "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 80}],
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}],
    });
    site.create("discovery.k8s.io/v1", "EndpointSlice", &site.namespace, slice, "test").await;
    replicas(&site, 1).await;
    let status = site.wait_for_state(|it| it["state"] == "degraded").await;
    assert_eq!(
        shown(&status),
        ["deployment/web degraded: 1 of 2 replicas are ready", "service/web ready"]
    );
    replicas(&site, 2).await;
    site.wait_for_state(|it| it["state"] == "ready").await;
    // What lists show follows by itself.
    let start = std::time::Instant::now();
    while site.site.get(APP).await.ok()["appState"] != "ready" {
        assert!(start.elapsed().as_secs() < 30, "the application's state is not stored");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    site
}

/// Waits for the reason why an image is not pulled, where there are nodes.
pub(crate) async fn without_image(site: ClusterSite) -> ClusterSite {
    let site = deployed_on(site).await;
    let is_told = |it: &Value| {
        let reason = it["resourceStates"][0]["reason"].as_str().unwrap_or_default();
        reason.contains("ErrImagePull") || reason.contains("ImagePullBackOff")
    };
    site.wait_for_state(is_told).await;
    site
}

#[tokio::test]
async fn what_cannot_be_read_is_not_ready_and_comes_back() {
    let site = deployed().await;
    replicas(&site, 2).await;
    site.wait_for_state(|it| it["resourceStates"][0]["state"] == "ready").await;
    site.fake_kube().refuse(|method, path, _| {
        (method == "GET" && path.contains("/deployments"))
            .then(|| (403, "Forbidden", "deployments are forbidden".to_owned()))
    });
    // A status is asked for again and again; what is followed is read anew after a restart at the latest.
    let mut site = site;
    site.site.kill();
    site.site.start();
    let status = site.wait_for_state(|it| it["state"] == "degraded").await;
    assert_eq!(
        shown(&status)[0],
        "deployment/web degraded: could not read deployments in namespace shop: deployments are forbidden"
    );
    site.fake_kube().obey();
    site.wait_for_state(|it| it["resourceStates"][0]["state"] == "ready").await;
}

#[tokio::test]
async fn a_crash_is_told_with_its_last_lines() {
    let site = deployed().await;
    let pod = json!({
        "metadata": {"name": "web-1", "labels": {"app": "web"}},
        "status": {"containerStatuses": [{
            "name": "app", "image": "web:1", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }]},
    });
    site.create("v1", "Pod", "shop", pod, "test").await;
    site.fake_kube().put_log("shop", "web-1", "starting\nno database at db:5432\n");
    replicas(&site, 0).await;
    assert_eq!(
        told(&site, "unavailable", "Crash").await,
        "deployment/web unavailable: container app of pod web-1: CrashLoopBackOff: it ended with code 1, 3 \
         restarts; its last lines: starting | no database at db:5432"
    );
}

#[tokio::test]
async fn a_quota_is_told() {
    let site = deployed().await;
    let status = json!({"observedGeneration": 1, "conditions": [{
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-1\" is forbidden: exceeded quota: small, requested: pods=1",
    }]});
    site.put_status("apps/v1", "Deployment", "shop", "web", status).await;
    let status = site.wait_for_state(|it| it["resourceStates"][0]["state"] == "unavailable").await;
    assert_eq!(
        shown(&status)[0],
        "deployment/web unavailable: it makes no pods: FailedCreate: pods \"web-1\" is forbidden: exceeded \
         quota: small, requested: pods=1"
    );
}

#[tokio::test]
async fn a_pod_without_a_node_and_an_image_that_is_not_there_are_told() {
    let site = deployed().await;
    let pod = |name: &str, status: Value| json!({"metadata": {"name": name, "labels": {"app": "web"}}, "status": status});
    let unscheduled = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient memory",
    }]});
    site.create("v1", "Pod", "shop", pod("web-1", unscheduled), "test").await;
    replicas(&site, 0).await;
    assert_eq!(
        told(&site, "unavailable", "Unschedulable").await,
        "deployment/web unavailable: pod web-1: Unschedulable: 0/3 nodes are available: 3 Insufficient memory"
    );
    let unpulled = json!({"containerStatuses": [{
        "name": "app", "image": "web:1", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"web:1\""}},
    }]});
    site.put_status("v1", "Pod", "shop", "web-1", unpulled).await;
    assert_eq!(
        told(&site, "unavailable", "ImagePullBackOff").await,
        "deployment/web unavailable: container app of pod web-1: ImagePullBackOff: Back-off pulling image \"web:1\""
    );
}

/// The deployment's state, again and again until it is `wanted`; it must be one of `allowed` all the while.
async fn becomes(site: &ClusterSite, wanted: &str, allowed: &[&str]) {
    site.wait_for_state(|it| {
        let state = it["resourceStates"][0]["state"].as_str().unwrap();
        assert!(state == wanted || allowed.contains(&state), "{it}");
        state == wanted
    })
    .await;
}

#[tokio::test]
async fn a_watch_that_breaks_off_misses_nothing() {
    let site = deployed().await;
    replicas(&site, 2).await;
    becomes(&site, "ready", &["updating"]).await;
    for _ in 0..3 {
        site.fake_kube().cut_watches();
        replicas(&site, 1).await;
        becomes(&site, "degraded", &["ready"]).await;
        site.fake_kube().cut_watches();
        replicas(&site, 2).await;
        becomes(&site, "ready", &["degraded"]).await;
    }
}

#[tokio::test]
async fn a_watch_from_a_version_that_is_forgotten_reads_everything_anew() {
    let site = deployed().await;
    replicas(&site, 2).await;
    becomes(&site, "ready", &["updating"]).await;
    // Nothing can be watched for a while; what is read meanwhile is what is there.
    site.fake_kube().refuse(|_, path, query| {
        (path.contains("/deployments") && query.contains("watch="))
            .then(|| (503, "ServiceUnavailable", "the server is busy".to_owned()))
    });
    site.fake_kube().cut_watches();
    replicas(&site, 1).await;
    becomes(&site, "degraded", &["ready"]).await;
    replicas(&site, 2).await;
    becomes(&site, "ready", &["degraded"]).await;
    replicas(&site, 0).await;
    becomes(&site, "unavailable", &["ready"]).await;
    // The changes since the last watch are forgotten when it is possible again: 410, and all is read.
    replicas(&site, 1).await;
    site.fake_kube().forget_versions();
    site.fake_kube().obey();
    becomes(&site, "degraded", &["unavailable"]).await;
    replicas(&site, 2).await;
    becomes(&site, "ready", &["degraded"]).await;
}

#[tokio::test]
async fn hooks_go_when_they_ended_and_a_failed_one_is_told() {
    let site = deployed().await;
    let hook = |name: &str| {
        json!({"metadata": {"name": name, "annotations": {
            "kots.io/hook-delete-policy": "hook-succeeded, hook-failed",
        }}, "spec": {}})
    };
    site.create("batch/v1", "Job", "shop", hook("good"), "test").await;
    site.create("batch/v1", "Job", "shop", hook("bad"), "test").await;
    site.put_status("batch/v1", "Job", "shop", "good", json!({"succeeded": 1})).await;
    let failed = json!({"failed": 1, "conditions": [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it was tried 6 times"},
    ]});
    site.put_status("batch/v1", "Job", "shop", "bad", failed).await;
    let start = std::time::Instant::now();
    while site.get("batch/v1", "Job", "shop", "bad").await.is_some()
        || site.get("batch/v1", "Job", "shop", "good").await.is_some()
    {
        assert!(start.elapsed().as_secs() < 30, "a hook stays");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        shown(&site.status().await)[0],
        "deployment/web updating: its last change has not been taken up yet; hook job bad failed: \
         BackoffLimitExceeded: it was tried 6 times"
    );
}

#[tokio::test]
async fn a_job_that_failed_is_not_waited_for_any_longer() {
    let mut site = ClusterSite::fake().await;
    let job = manifest(
        "batch/v1",
        "Job",
        "migrate",
        &[("wait-for-properties", ".status.succeeded=1")],
        &json!({"spec": {}}),
    );
    let sequence = site.begin(&[("a.yaml", job)]).await;
    while site.fake_kube().object("jobs", "shop", "migrate").is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let failed = json!({"failed": 1, "conditions": [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it was tried 6 times"},
    ]});
    site.put_status("batch/v1", "Job", "shop", "migrate", failed).await;
    let ended = site.end_of(sequence).await.failed();
    assert_eq!(
        ended.info,
        "Job shop/migrate will not become `.status.succeeded=1`: job migrate failed: BackoffLimitExceeded: it \
         was tried 6 times"
    );
}
