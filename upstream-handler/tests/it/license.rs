//! Licences that are refused, each with its reason, and nothing changed.

use sample::license::Builder;
use serde_json::json;

use super::harness::{APP, Site};

#[tokio::test]
async fn refused_with_the_reason() {
    let site = Site::new();
    site.install(&Builder::new().sequence(5).yaml()).await;
    let sync = async |license: String| {
        site.put(&format!("{APP}/license"), &json!({ "licenseData": license })).await.error()
    };
    assert_eq!(
        sync(Builder::new().sequence(4).yaml()).await,
        "500 failed to sync license: the license has the sequence 4, the one in use has 5: an older \
         license is not taken"
    );
    assert_eq!(
        sync(Builder::new().sequence(6).id("another").yaml()).await,
        "500 failed to sync license: license ids do not match"
    );
    assert_eq!(
        sync(Builder::new().sequence(6).app("other-app").yaml()).await,
        "500 failed to sync license: the license is for the application `other-app`, allowed is \
         `sample-app`"
    );
    assert_eq!(
        sync(Builder::new().sequence(6).expires_at("2020-01-01T00:00:00Z").yaml()).await,
        "500 failed to sync license: License is expired"
    );
    let tampered = Builder::new().sequence(6).tamper(|it| it.is_airgap_supported ^= true).yaml();
    assert_eq!(
        sync(tampered).await,
        "500 failed to sync license: these license fields differ from what the vendor signed: \
         isAirgapSupported"
    );
    let broken = sync(Builder::new().sequence(6).break_signature().yaml()).await;
    assert!(
        broken.starts_with("500 failed to sync license: the supplied license is refused: "),
        "{broken}"
    );
    let noise = sync("not a licence".to_owned()).await;
    assert!(noise.contains("the text is not a license"), "{noise}");

    assert_eq!(site.history().await, ["0 Online Install 1.0.0 deployed"]);
    let license = site.get(&format!("{APP}/license")).await.ok();
    assert_eq!(license["license"]["licenseSequence"], 5);
    assert_eq!(license["license"]["expiresAt"], "0001-01-01T00:00:00Z");

    let same = site
        .put(
            &format!("{APP}/license"),
            &json!({ "licenseData": Builder::new().sequence(5).yaml() }),
        )
        .await
        .ok();
    assert_eq!(same["synced"], false);
    let newer = Builder::new().sequence(6).yaml();
    let newer = site.put(&format!("{APP}/license"), &json!({ "licenseData": newer })).await.ok();
    assert_eq!(newer["synced"], true);
    assert_eq!(site.history().await[1], "1 License Change 1.0.0 pending");

    let unknown = site.put("/api/v1/app/x/license", &json!({ "licenseData": "" })).await;
    assert_eq!(unknown.error(), "500 failed to get app from slug");
}

#[tokio::test]
async fn the_vendors_answer_is_verified_too() {
    let site = Site::new();
    site.install(&Builder::new().sequence(5).yaml()).await;
    let online = async |license: String| {
        sample::mirror::write_sample(&site.folder.path().join("mirror"), &license).unwrap();
        site.put(&format!("{APP}/license"), &json!({ "licenseData": "" })).await.error()
    };
    let broken = online(Builder::new().sequence(6).break_signature().yaml()).await;
    assert!(broken.starts_with("500 failed to sync license: "), "{broken}");
    let expired = online(Builder::new().sequence(6).expires_at("2020-01-01T00:00:00Z").yaml());
    assert_eq!(expired.await, "500 failed to sync license: License is expired");
    assert_eq!(site.history().await.len(), 1);
}

/// The original waits for a network that is not there.
#[tokio::test]
async fn an_airgapped_installation_asks_no_vendor() {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    let answer = site.put(&format!("{APP}/license"), &json!({ "licenseData": "" })).await;
    assert_eq!(
        answer.error(),
        "500 failed to sync license: the application is air-gapped: its license cannot be fetched from the vendor"
    );
    assert!(answer.body["hint"].as_str().unwrap().contains("--license"));
}

#[tokio::test]
async fn new_installations_are_refused_with_the_reason() {
    let site = Site::new();
    let install = async |license: String| {
        site.post("/api/v1/license", &json!({ "licenseData": license })).await.error()
    };
    assert_eq!(
        install(Builder::new().expires_at("2020-01-01T00:00:00Z").yaml()).await,
        "400 License is expired"
    );
    let broken = install(Builder::new().break_signature().yaml()).await;
    assert!(broken.starts_with("400 License signature is not valid: "), "{broken}");
    let tampered = install(Builder::new().tamper(|it| it.customer_name.push('x')).yaml()).await;
    assert_eq!(
        tampered,
        "400 License signature is not valid: these fields were changed: customerName"
    );
    assert_eq!(site.get("/api/v1/apps").await.ok(), json!({ "apps": [] }));

    let license = Builder::new().yaml();
    site.install(&license).await;
    let again = site.post("/api/v1/license", &json!({ "licenseData": license })).await;
    assert_eq!(again.error(), "400 License already exists");
    assert_eq!(again.body["deleteAppCommand"], "kubectl kots remove sample-app -n shop --force");
}
