//! Preflights by the real program (troubleshoot.sh) against a Kubernetes API in memory. Where the program is missing the
//! tests say so.

use fake_kube::FakeKube;
use sample::bundle::BundleSpec;
use serde_json::{Value, json};

use super::harness::{APP, Site};
use super::preflight::{CANNOT, causes, ended, site, with_preflight};

/// How many nodes there are is no matter of life and death, how much memory they have is.
const SPEC: &str = r#"apiVersion: troubleshoot.sh/v1beta2
kind: Preflight
metadata: {name: p}
spec:
  uploadResultsTo: http://127.0.0.1:9/nowhere
  analyzers:
  - clusterVersion:
      checkName: 'Version for {{repl Namespace }}'
      outcomes:
      - fail: {when: "< 1.30.0", message: too old}
      - pass: {message: new enough}
  - nodeResources:
      checkName: Nodes
      outcomes:
      - fail: {when: "count() > 3", message: more nodes than the licence is for}
      - warn: {when: "count() < 2", message: one node cannot fail}
      - pass: {message: enough nodes}
  - nodeResources:
      checkName: Memory
      strict: true
      outcomes:
      - fail: {when: "min(memoryCapacity) < 4Gi", message: a node has less than 4 GiB}
      - pass: {message: enough memory}
"#;

/// A console whose checks are made by the real program against a cluster.
async fn start(kubeconfig: &str) -> Option<Site> {
    let program = sample::program("KOTS_PREFLIGHT", "preflight")?;
    let mut site = site().await;
    site.env("KOTS_PREFLIGHT", program.to_str().unwrap());
    site.env("KUBECONFIG", kubeconfig);
    let work = site.folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    site.kill();
    let mut command = site.command();
    site.start_by(command.current_dir(work));
    Some(site)
}

/// What is found when the checks of version 1 are made anew.
async fn check(site: &Site) -> (Value, bool) {
    site.post(&format!("{APP}/sequence/1/preflight/run"), &json!({})).await.ok();
    found(site).await
}

async fn found(site: &Site) -> (Value, bool) {
    let result = ended(site, 1).await;
    let text = result["result"].as_str().unwrap();
    (serde_json::from_str(text).unwrap(), result["hasFailingStrictPreflights"].as_bool().unwrap())
}

fn version() -> Value {
    json!({ "isPass": true, "title": "Version for shop", "message": "new enough" })
}

fn memory() -> Value {
    json!({ "strict": true, "isPass": true, "title": "Memory", "message": "enough memory" })
}

fn nodes(verdict: &str, message: &str) -> Value {
    json!({ verdict: true, "title": "Nodes", "message": message })
}

fn with_checks() -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    spec.files.push(airgap::ReleaseFile { path: "checks.yaml".to_owned(), bytes: SPEC.into() });
    spec
}

#[tokio::test]
async fn the_real_program_passes_warns_fails_and_fails_strictly() {
    let kube = FakeKube::start().await;
    kube.put_node("one", "8Gi");
    let kubeconfig = kube.kubeconfig();
    let Some(site) = start(kubeconfig.to_str().unwrap()).await else { return };
    site.upload(&with_checks()).await.ok();
    let warned = nodes("isWarn", "one node cannot fail");
    assert_eq!(found(&site).await, (json!({ "results": [warned, version(), memory()] }), false));

    kube.put_node("two", "8Gi");
    let passed = nodes("isPass", "enough nodes");
    assert_eq!(check(&site).await, (json!({ "results": [version(), passed, memory()] }), false));

    // A strict one keeps the version back, whoever asks.
    kube.put_node("two", "2Gi");
    let (results, is_failing) = check(&site).await;
    let message = "a node has less than 4 GiB";
    let failed = json!({ "strict": true, "isFail": true, "title": "Memory", "message": message });
    assert_eq!(results, json!({ "results": [failed, version(), passed] }));
    assert!(is_failing);
    let deploy = format!("{APP}/sequence/1/deploy");
    for body in
        [json!({}), json!({ "isSkipPreflights": true, "continueWithFailedPreflights": true })]
    {
        let refused = site.post(&deploy, &body).await;
        assert_eq!(refused.error(), format!("500 {CANNOT}"));
        let why = format!("strict check `Memory` failed: {message}");
        assert!(causes(&refused).contains(&why), "{refused:?}");
    }
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");

    // Others are told and hold nothing up.
    for name in ["two", "three", "four"] {
        kube.put_node(name, "8Gi");
    }
    let failed = nodes("isFail", "more nodes than the licence is for");
    assert_eq!(check(&site).await, (json!({ "results": [failed, version(), memory()] }), false));
    site.post(&deploy, &json!({})).await.ok();
    site.wait_for(1, "deployed").await;
    // What the program collected about the cluster is not left about.
    let left = super::harness::files(&site.folder.path().join("work"));
    assert!(left.is_empty(), "{left:?}");
    let left = super::harness::files(&site.state());
    assert!(!left.iter().any(|it| it.contains("preflight")), "{left:?}");
}

#[tokio::test]
async fn what_the_real_program_may_not_look_at_is_told_unless_that_is_passed_over() {
    let kube = FakeKube::start().await;
    kube.put_node("one", "2Gi");
    kube.refuse(|_, path, _| {
        path.starts_with("/api/v1/nodes").then(|| (403, "Forbidden", "not for you".to_owned()))
    });
    let kubeconfig = kube.kubeconfig();
    let Some(site) = start(kubeconfig.to_str().unwrap()).await else { return };
    site.upload(&with_checks()).await.ok();
    let (results, is_failing) = found(&site).await;
    let told = results["errors"][0]["error"].as_str().unwrap();
    assert!(told.contains(r#"action "list" is not allowed on resource "nodes""#), "{told}");
    assert!(told.contains("insufficient permissions to run all collectors"), "{told}");
    assert!(is_failing);
    let refused = site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await;
    assert_eq!(refused.error(), format!("500 {CANNOT}"));
    // A person says that it may be passed over: what can be checked is.
    site.post(&format!("{APP}/sequence/1/preflight/ignore-rbac"), &json!({})).await.ok();
    assert_eq!(found(&site).await, (json!({ "results": [version()] }), false));
    site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await.ok();
    site.wait_for(1, "deployed").await;
}

#[tokio::test]
async fn the_real_program_without_a_cluster_checks_nothing_and_says_so() {
    let Some(site) = start("/nowhere/kubeconfig").await else { return };
    site.upload(&with_preflight(true)).await.ok();
    let (results, is_failing) = found(&site).await;
    assert!(results["errors"][0]["error"].is_string(), "{results}");
    assert!(is_failing);
}
