//! kill -9 of the server at every point of its writes: the same request again leads to the same end
//! and the same number of versions.

use std::time::Duration;

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::json;
use upstream_handler::faults::POINTS;

use super::harness::{
    APP, Answer, Site, UPDATE, bundle_parts, files, multipart, update_path, values_body,
};
use super::uploads::Chunked;

/// A bundle whose release is larger than what is written at once.
fn large() -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let mut bytes = Vec::new();
    let mut noise = sample::noise::Noise::new(3, 3 << 20);
    std::io::Read::read_to_end(&mut noise, &mut bytes).unwrap();
    spec.files.push(airgap::ReleaseFile { path: "large.bin".into(), bytes });
    spec
}

/// Points that only an upload in chunks passes.
const CHUNKS: &[&str] = &[
    "chunk-written",
    "chunk-synced",
    "chunk-noted",
    "upload-accepted",
    "upload-before-forget",
    "upload-forgotten",
];

/// One step of a deploy, sent like `kots` sends it.
#[derive(Debug, Clone, Copy)]
enum Step {
    License,
    Update,
    Bundle,
    Chunks,
    Values,
}

/// Sends a bundle in chunks, those that have not come, and waits until it is a version.
async fn send_chunks(site: &Site) -> Result<Answer, reqwest::Error> {
    let upload = Chunked::new(&large(), "app", 1 << 20);
    let versions = format!("{APP}/versions?pageSize=-1&currentPage=-1");
    loop {
        let exists = upload.exists(site).await?;
        let answer = Answer::try_of(site.request(Method::GET, &versions)).await?;
        if !exists && answer.body["versionHistory"][0]["versionLabel"] == "1.1.0" {
            return Ok(answer);
        }
        for number in 1..=upload.count() {
            if !upload.has(site, number).await? {
                // While it is processed none is taken.
                let status = upload.send(site, number).await?.status;
                assert!([200, 409].contains(&status), "{status}");
            }
        }
        // Between two looks it may have become a version.
        let status = upload.process(site, Method::PUT, &json!({})).await?.status;
        assert!([202, 400].contains(&status), "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn send(site: &Site, step: Step) -> Result<Answer, reqwest::Error> {
    let keyed = |method: Method, path: &str| {
        site.request(method, path).header("Idempotency-Key", format!("{step:?}"))
    };
    let request = match step {
        Step::License => keyed(Method::PUT, &format!("{APP}/license"))
            .json(&json!({ "licenseData": Builder::new().airgap(true).sequence(99).yaml() })),
        Step::Update => keyed(Method::POST, &update_path()).json(&json!({})),
        Step::Chunks => return send_chunks(site).await,
        Step::Bundle => {
            let (yaml, app) = bundle_parts(&large());
            let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", app.as_slice())];
            multipart(keyed(Method::POST, UPDATE), &parts)
        }
        Step::Values => keyed(Method::POST, &format!("{APP}/config/values"))
            .json(&values_body(sample::config_values(), true)),
    };
    Answer::try_of(request.timeout(Duration::from_mins(1))).await
}

/// Carries `steps` out with a server that dies at `point` on its `n`th pass; returns whether it did.
async fn carry(site: &mut Site, steps: &[Step], point: &str) -> bool {
    site.kill();
    site.env("KOTSADM_FAULT", point);
    site.start();
    let mut has_died = false;
    for &step in steps {
        let mut answer = send(site, step).await;
        if answer.is_err() {
            assert!(!has_died, "{point}: died twice");
            has_died = true;
            revive(site);
            answer = send(site, step).await;
        }
        answer.unwrap().ok();
    }
    // A fault of the deploy strikes after the last answer.
    let last = i64::try_from(steps.len()).unwrap();
    loop {
        let path = format!("{APP}/versions?pageSize=-1&currentPage=-1");
        match Answer::try_of(site.request(Method::GET, &path)).await {
            Err(_) => {
                assert!(!has_died, "{point}: died twice");
                has_died = true;
                revive(site);
            }
            Ok(answer) => {
                let newest = answer.ok()["versionHistory"][0].clone();
                assert_ne!(newest["status"], "failed", "{newest}");
                if newest["sequence"] == last && newest["status"] == "deployed" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // Dying right after the end was stored is not seen by any request before this one.
    if !has_died && site.server.as_mut().unwrap().has_ended() {
        has_died = true;
        revive(site);
    }
    has_died
}

fn revive(site: &mut Site) {
    let status = site.server.as_mut().unwrap().wait_end();
    assert!(!status.success(), "it ended well");
    site.env("KOTSADM_FAULT", "");
    site.server = None;
    site.start();
}

async fn every_point(steps: &[Step], update: &str, skipped: &[&str]) {
    let is_airgap = update == "Airgap";
    for point in POINTS.iter().filter(|it| !skipped.contains(it)) {
        let mut site = Site::new();
        let license = Builder::new().airgap(true).yaml();
        if is_airgap {
            site.install_airgap(&license).await;
        } else {
            site.install(&license).await;
        }
        let has_died = carry(&mut site, steps, point).await;
        assert!(has_died, "{point} was never passed");
        let install = if is_airgap { "Airgap" } else { "Online" };
        assert_eq!(
            site.history().await,
            [
                format!("0 {install} Install 1.0.0 deployed"),
                "1 License Change 1.0.0 pending".to_owned(),
                format!("2 {update} Update 1.1.0 pending"),
                "3 Config Change 1.1.0 deployed".to_owned(),
            ],
            "{point}"
        );
        let link = std::fs::read_link(site.target().join("current")).unwrap();
        assert_eq!(link.to_str(), Some("3"), "{point}");
        // What a crash left is swept at the next start.
        site.kill();
        site.start();
        assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new(), "{point}");
        assert_eq!(files(&site.state().join("archives")).len(), 2 + 3, "{point}");
        let left = files(&site.target().join(".kotsadm"));
        assert!(left.iter().all(|it| !it.starts_with("tmp-")), "{point}: {left:?}");
    }
}

#[tokio::test]
async fn online() {
    let steps = [Step::License, Step::Update, Step::Values];
    // The uploads' points belong to bundles.
    let uploads = ["upload-part-written", "upload-complete"];
    every_point(&steps, "Upstream", &[&uploads, CHUNKS].concat()).await;
}

#[tokio::test]
async fn by_bundle() {
    let steps = [Step::License, Step::Bundle, Step::Values];
    every_point(&steps, "Airgap", CHUNKS).await;
}

#[tokio::test]
async fn by_chunks() {
    for point in CHUNKS {
        let mut site = Site::new();
        site.install_airgap(&Builder::new().airgap(true).yaml()).await;
        let steps = [Step::License, Step::Chunks, Step::Values];
        assert!(carry(&mut site, &steps, point).await, "{point} was never passed");
        assert_eq!(
            site.history().await,
            [
                "0 Airgap Install 1.0.0 deployed",
                "1 License Change 1.0.0 pending",
                "2 Airgap Update 1.1.0 pending",
                "3 Config Change 1.1.0 deployed",
            ],
            "{point}"
        );
        site.kill();
        site.start();
        assert_eq!(files(&site.state().join("uploads")), Vec::<String>::new(), "{point}");
        assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new(), "{point}");
    }
}
