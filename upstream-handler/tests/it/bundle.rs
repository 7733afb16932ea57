//! An upgrade by air-gap bundle, and bundles that are refused.

use kinds::airgap::RequiredRelease;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::json;

use super::harness::{APP, Site, files};

fn airgapped() -> Builder {
    Builder::new().airgap(true)
}

#[tokio::test]
async fn the_state_a_deploy_leaves() {
    let site = Site::new();
    site.install_airgap(&airgapped().yaml()).await;
    assert_eq!(site.history().await, ["0 Airgap Install 1.0.0 deployed"]);

    let changed = airgapped().sequence(99).yaml();
    site.put(&format!("{APP}/license"), &json!({ "licenseData": changed })).await.ok();
    let spec = BundleSpec::sample("1.1.0").unwrap();
    let made = site.upload(&spec).await.ok();
    assert_eq!(made, json!({ "sequence": 2, "created": true }));
    // the very same bundle again is a repeated request
    let again = site.upload(&spec).await.ok();
    assert_eq!(again, json!({ "sequence": 2, "created": false }));
    site.set_values(sample::config_values(), true).await.ok();
    let newest = site.wait_for(3, "deployed").await;
    assert_eq!(newest["archiveSha256"].as_str().unwrap().len(), 64);

    assert_eq!(
        site.history().await,
        [
            "0 Airgap Install 1.0.0 deployed",
            "1 License Change 1.0.0 pending",
            "2 Airgap Update 1.1.0 pending",
            "3 Config Change 1.1.0 deployed",
        ]
    );
    // one archive per release; the last two versions have the same values, so the same tree
    assert_eq!(files(&site.state().join("archives")).len(), 2 + 3);
    assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn refused_with_the_reason() {
    let site = Site::new();
    site.install_airgap(&airgapped().yaml()).await;
    let refused = async |spec: BundleSpec| site.upload(&spec).await.error();
    let sample = || BundleSpec::sample("1.1.0").unwrap();
    assert_eq!(
        refused(sample().edit(|it| it.app_slug = "other".into())).await,
        "500 Failed to verify bundle signature - license is for app \"sample-app\", airgap package \
         for app \"other\""
    );
    assert_eq!(
        refused(sample().edit(|it| it.channel_id = "nowhere".into())).await,
        "500 Requested channel (Stable) not found in license."
    );
    let required = RequiredRelease {
        version_label: "1.0.5".into(),
        update_cursor: "2".into(),
        ..RequiredRelease::default()
    };
    let needs = sample().edit(|it| {
        it.update_cursor = "3".into();
        it.required_releases = vec![required];
    });
    assert_eq!(
        refused(needs).await,
        "500 This version cannot be deployed because version 1.0.5 is required and must be \
         deployed first."
    );
    // the installed release with other content
    let mut other = BundleSpec::sample("1.0.0").unwrap();
    other.files[0].bytes.push(b'\n');
    assert_eq!(
        refused(other).await,
        "500 Version 1.0.0 (1) cannot be installed again because it is already the current version"
    );
    let mut unquoted = sample();
    unquoted.airgap_yaml =
        Some(unquoted.airgap.to_yaml().replace("'2'", "2").replace("\"2\"", "2"));
    let unquoted = refused(unquoted).await;
    assert!(unquoted.starts_with("400 failed to decode airgap data: "), "{unquoted}");
    assert_eq!(site.history().await.len(), 1);
    assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn an_online_installation_takes_no_bundle() {
    let site = Site::new();
    site.install(&airgapped().yaml()).await;
    let answer = site.upload(&BundleSpec::sample("1.1.0").unwrap()).await;
    assert_eq!(answer.error(), "400 Cannot update an online install using an airgap bundle");
    assert_eq!(answer.headers["connection"], "close");
}

#[tokio::test]
async fn a_licence_that_ended_takes_no_bundle() {
    let site = Site::new();
    // Long enough to install, over before the update.
    let end = jiff::Timestamp::now() + std::time::Duration::from_secs(4);
    site.install_airgap(&airgapped().expires_at(&format!("{end:.0}")).yaml()).await;
    while jiff::Timestamp::now() <= end {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let answer = site.upload(&BundleSpec::sample("1.1.0").unwrap()).await;
    assert_eq!(answer.error(), "500 License is expired");
}

#[tokio::test]
async fn an_installation_needs_its_licence_first() {
    let site = Site::new();
    let (yaml, app) = super::harness::bundle_parts(&BundleSpec::sample("1.0.0").unwrap());
    let parts = [
        ("appSlug", sample::APP_SLUG.as_bytes()),
        ("airgap.yaml", yaml.as_slice()),
        ("appArchive", app.as_slice()),
    ];
    let request = site.request(reqwest::Method::POST, "/api/v1/airgap/install");
    let answer = super::harness::Answer::of(super::harness::multipart(request, &parts)).await;
    assert_eq!(answer.error(), "400 no license of application `sample-app` was given yet");
    let no = json!({ "licenseData": Builder::new().airgap(false).yaml(), "isAirgap": true });
    let no = site.post("/api/v1/license", &no).await;
    assert_eq!(no.error(), "400 the license does not allow air-gapped installations");
}
