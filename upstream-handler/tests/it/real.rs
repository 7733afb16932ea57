//! The original projects' own releases go the same way.

use reqwest::Method;
use sample::real;
use serde_json::{Value, json};

use super::harness::{Answer, Process, Site, base64, kotsadm, multipart};

const VALUES: &str = "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec:\n  values:\n    \
     hostname:\n      value: my-app.example.com\n";

async fn wait_for(site: &Site, app: &str, sequence: i64, status: &str) -> Value {
    let start = std::time::Instant::now();
    loop {
        let path = format!("/api/v1/app/{app}/versions?pageSize=-1&currentPage=-1");
        let versions = site.get(&path).await.ok()["versionHistory"].clone();
        let found = versions.as_array().unwrap().iter().find(|it| it["sequence"] == sequence);
        if found.is_some_and(|it| it["status"] == status) {
            return versions;
        }
        assert!(start.elapsed().as_secs() < 60, "waited for {status}: {versions}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_online_release() {
    let Some(data) = real::folder() else {
        skipped::skipped!("there is no folder of real data");
        return;
    };
    let mut site = Site::new();
    let folder = site.folder.path().join("real");
    real::write_mirror(&data, &folder).unwrap();
    site.mirror =
        Process::start(kotsadm().args(["mirror", "--listen=127.0.0.1:0", "--dir"]).arg(&folder));
    site.kill();
    site.start();
    let body = json!({
        "licenseData": real::online_license().yaml(),
        "versionLabel": "0.1.0",
        "configValues": base64(VALUES.as_bytes()),
    });
    site.post("/api/v1/license", &body).await.ok();
    let app = real::ONLINE_SLUG;
    wait_for(&site, app, 0, "deployed").await;
    let path = format!(
        "/api/v1/app/{app}/upstream/update?channelId={}&channelSequence=2",
        real::ONLINE_CHANNEL_ID
    );
    assert_eq!(site.post(&path, &json!({})).await.ok()["sequence"], 1);
    let body = json!({ "configValues": base64(VALUES.as_bytes()), "deploy": true, "sequence": -1 });
    let path = format!("/api/v1/app/{app}/config/values");
    assert_eq!(site.post(&path, &body).await.ok()["sequence"], 2);
    wait_for(&site, app, 2, "deployed").await;
}

#[tokio::test]
async fn an_air_gap_bundle() {
    let Some(data) = real::folder() else {
        skipped::skipped!("there is no folder of real data");
        return;
    };
    let site = Site::new();
    let paths = real::write_bundles(&data, site.folder.path()).unwrap();
    let license = real::airgap_license().airgap(true).yaml();
    site.post("/api/v1/license", &json!({ "licenseData": license, "isAirgap": true })).await.ok();
    let read = |path: &std::path::Path| {
        let mut go_on = |_| std::ops::ControlFlow::Continue(());
        let check = airgap::Bundle::check(path, &airgap::Limits::default(), &mut go_on).unwrap();
        let mut app = Vec::new();
        let mut reader = airgap::Bundle::open_app(path, &check).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut app).unwrap();
        (check.airgap_yaml.into_bytes(), app)
    };
    let app = real::AIRGAP_SLUG;
    let (yaml, archive) = read(&paths[0]);
    let parts = [
        ("appSlug", app.as_bytes()),
        ("airgap.yaml", yaml.as_slice()),
        ("appArchive", archive.as_slice()),
    ];
    let request = site.request(Method::POST, "/api/v1/airgap/install");
    Answer::of(multipart(request, &parts)).await.ok();
    wait_for(&site, app, 0, "deployed").await;

    let (yaml, archive) = read(&paths[1]);
    let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", archive.as_slice())];
    let path = format!("/api/v1/app/{app}/upstream/update?");
    let answer = Answer::of(multipart(site.request(Method::POST, &path), &parts)).await.ok();
    assert_eq!(answer["sequence"], 1);
    let body = json!({ "configValues": base64(VALUES.as_bytes()), "deploy": true, "sequence": -1 });
    let values = site.post(&format!("/api/v1/app/{app}/config/values"), &body).await;
    if values.status == 200 {
        wait_for(&site, app, 2, "deployed").await;
    } else {
        // A release without a Config cannot be given values; the original says the same.
        assert_eq!(values.error(), format!("500 app {app} does not have a config"));
        site.post(&format!("/api/v1/app/{app}/sequence/1/deploy"), &json!({})).await.ok();
        wait_for(&site, app, 1, "deployed").await;
    }
}
