//! Releases with preflights, which this server cannot run yet.

use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::json;

use super::harness::{APP, Site, UPDATE, bundle_parts, multipart, values_body};

fn with_preflight(strict: bool) -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let text = format!(
        "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata:\n  name: checks\nspec:\n  \
         analyzers:\n    - clusterVersion:\n        strict: {strict}\n        outcomes:\n          - pass:\n              \
         message: fine\n"
    );
    spec.files.push(airgap::ReleaseFile { path: "preflight.yaml".into(), bytes: text.into() });
    spec
}

async fn site() -> Site {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site
}

#[tokio::test]
async fn strict_ones_that_have_not_run_keep_a_version_back() {
    let site = site().await;
    site.upload(&with_preflight(true)).await.ok();
    let refused = site.set_values(sample::config_values(), true).await;
    assert_eq!(
        refused.error(),
        "500 failed to deploy: Unable to deploy as preflight check's strict analyzer has failed"
    );
    assert_eq!(refused.body["sequence"], 2);
    assert_eq!(
        refused.body["causes"][1],
        "Deployment is disabled as a strict analyzer in this version's preflight checks has failed \
         or has not been run."
    );
    // the version exists, as in the original
    assert_eq!(
        site.history().await,
        [
            "0 Airgap Install 1.0.0 deployed",
            "1 Airgap Update 1.1.0 pending_preflight",
            "2 Config Change 1.1.0 pending_preflight",
        ]
    );
    let newest = &site.versions().await[0];
    assert_eq!(newest["isDeployable"], false);
    assert_eq!(newest["hasFailingStrictPreflights"], true);
    let deploy = site.post(&format!("{APP}/sequence/2/deploy"), &json!({})).await;
    assert_eq!(
        deploy.error(),
        "500 Unable to deploy as preflight check's strict analyzer has failed"
    );
    // skipping does not pass strict ones over
    let mut body = values_body(sample::config_values(), true);
    body["skipPreflights"] = true.into();
    assert_eq!(site.post(&format!("{APP}/config/values"), &body).await.status, 500);
    let result = site.get(&format!("{APP}/sequence/2/preflight/result")).await.ok();
    assert_eq!(result["preflightResult"]["result"], "");
}

#[tokio::test]
async fn a_refused_deploy_is_remembered_with_its_version() {
    let site = site().await;
    site.upload(&with_preflight(true)).await.ok();
    let send = async || {
        let request = site
            .request(reqwest::Method::POST, &format!("{APP}/config/values"))
            .header("Idempotency-Key", "k")
            .json(&values_body(sample::config_values(), true));
        super::harness::Answer::of(request).await
    };
    let first = send().await;
    let second = send().await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(site.history().await.len(), 3);
}

#[tokio::test]
async fn others_do_not_block() {
    let site = site().await;
    let (yaml, app) = bundle_parts(&with_preflight(false));
    let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", app.as_slice())];
    let path = format!("{UPDATE}?skipPreflights=true");
    let request = site.request(reqwest::Method::POST, &path);
    super::harness::Answer::of(multipart(request, &parts)).await.ok();
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
    assert_eq!(site.versions().await[0]["preflightSkipped"], true);
    site.set_values(sample::config_values(), true).await.ok();
    site.wait_for(2, "deployed").await;
}
