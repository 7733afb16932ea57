//! Config values: rules, secrets, merging.

use std::fmt::Write as _;

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};

use super::harness::{
    APP, Answer, Site, UPDATE, base64, bundle_parts, multipart, update_path, values_body,
};

async fn site() -> Site {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    site
}

fn values(pairs: &[(&str, &str)]) -> String {
    let mut text = "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec:\n  values:\n".to_owned();
    for (name, value) in pairs {
        writeln!(text, "    {name}:\n      value: {value:?}").unwrap();
    }
    text
}

/// The item `name` of the newest config.
async fn item(site: &Site, name: &str) -> Value {
    let sequence = site.versions().await[0]["sequence"].as_i64().unwrap();
    let config = site.get(&format!("{APP}/config/{sequence}")).await.ok();
    let groups = config["configGroups"].as_array().unwrap().clone();
    groups
        .iter()
        .flat_map(|group| group["items"].as_array().unwrap())
        .find(|item| item["name"] == name)
        .unwrap_or_else(|| panic!("no item {name} in {config}"))
        .clone()
}

#[tokio::test]
async fn missing_and_invalid_values_are_named() {
    let site = site().await;
    let missing = site.set_values(&values(&[]), true).await;
    assert_eq!(missing.status, 400);
    let text = missing.body["error"].as_str().unwrap();
    assert!(text.starts_with("The following fields are required: "), "{text}");
    assert!(!missing.body["requiredItems"].as_array().unwrap().is_empty());
    let kind = "apiVersion: v1\nkind: ConfigMap\n";
    assert_eq!(
        site.set_values(kind, true).await.error(),
        "500 \"/v1, Kind=ConfigMap\" is not a valid ConfigValues GVK"
    );
    let noise = site.set_values("a: [", true).await.error();
    assert!(noise.starts_with("400 failed to decode config values: "), "{noise}");
    let body = json!({ "configValues": "%%%", "sequence": -1 });
    let noise = site.post(&format!("{APP}/config/values"), &body).await.error();
    assert!(noise.starts_with("400 failed to decode config values: "), "{noise}");
    let unknown =
        site.post("/api/v1/app/x/config/values", &values_body(sample::config_values(), true)).await;
    assert_eq!(unknown.error(), "500 failed to get app from app slug");
    assert_eq!(site.history().await.len(), 1);
}

/// A release that does not take the values that are set next makes no version.
#[tokio::test]
async fn values_are_compared_before_an_update() {
    let site = site().await;
    let update = async |document: &str| {
        let body = json!({ "configValues": base64(document.as_bytes()) });
        site.post(&update_path(), &body).await
    };
    let invalid = update(&sample::config_values().replace("app.example.com\n", "no!\n")).await;
    assert_eq!(invalid.error(), "400 failed to validate config values");
    assert_eq!(invalid.body["validationErrors"][0]["item_errors"][0]["name"], "hostname");
    let missing = update(&values(&[("hostname", "app.example.com")])).await;
    assert_eq!(missing.status, 400);
    assert_eq!(missing.body["requiredItems"], json!(["admin_email", "admin_password"]));
    let noise = update("a: [").await.error();
    assert!(noise.starts_with("400 failed to decode config values: "), "{noise}");
    assert_eq!(site.history().await.len(), 1);
    update(sample::config_values()).await.ok();
    assert_eq!(site.history().await.len(), 2);
}

#[tokio::test]
async fn values_are_compared_before_a_bundle_becomes_a_version() {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    let (yaml, app) = bundle_parts(&BundleSpec::sample("1.1.0").unwrap());
    let upload = async |document: &str| {
        let parts = [
            ("airgap.yaml", yaml.as_slice()),
            ("configValues", document.as_bytes()),
            ("app.tar.gz", app.as_slice()),
        ];
        Answer::of(multipart(site.request(Method::POST, UPDATE), &parts)).await
    };
    let missing = upload(&values(&[("hostname", "app.example.com")])).await;
    assert_eq!(missing.status, 400);
    assert_eq!(missing.body["requiredItems"], json!(["admin_email", "admin_password"]));
    assert_eq!(site.history().await.len(), 1);
    upload(sample::config_values()).await.ok();
    assert_eq!(site.history().await.len(), 2);
}

#[tokio::test]
async fn passwords_never_lie_open() {
    let site = site().await;
    let config = site.get(&format!("{APP}/config/0")).await.ok();
    let mut n_passwords = 0;
    for group in config["configGroups"].as_array().unwrap() {
        for item in group["items"].as_array().unwrap() {
            if item["type"] == "password" && item["value"] != "" {
                n_passwords += 1;
                let value = item["value"].as_str().unwrap();
                assert!(!sample::config_values().contains(value), "{item}");
            }
        }
    }
    assert!(n_passwords > 0, "the sample application has a password");
}

#[tokio::test]
async fn merging_keeps_what_is_not_given() {
    let site = site().await;
    let before = item(&site, "hostname").await["value"].clone();
    let document = values(&[("no_such_item", "x")]);
    let body =
        json!({ "configValues": base64(document.as_bytes()), "merge": true, "sequence": -1 });
    let unknown = site.post(&format!("{APP}/config/values"), &body).await.error();
    assert_eq!(
        unknown,
        "500 failed to create new config: new values contain unknown keys: no_such_item"
    );
    let document = values(&[("hostname", "other.example.com")]);
    let body =
        json!({ "configValues": base64(document.as_bytes()), "merge": true, "sequence": -1 });
    let reply = site.post(&format!("{APP}/config/values"), &body).await.ok();
    assert_eq!(reply, json!({ "success": true, "sequence": 1 }));
    assert_ne!(before, "other.example.com");
    assert_eq!(item(&site, "hostname").await["value"], "other.example.com");
    // not asked for, not deployed
    assert_eq!(site.history().await[1], "1 Config Change 1.0.0 pending");
    let version = &site.versions().await[0];
    assert_eq!(version["configValuesSha256"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn the_version_to_change_can_be_chosen() {
    let site = site().await;
    let mut body = values_body(sample::config_values(), false);
    body["sequence"] = 7.into();
    let gone = site.post(&format!("{APP}/config/values"), &body).await.error();
    assert_eq!(gone, "500 version 7 does not exist");
    body["current"] = true.into();
    let reply = site.post(&format!("{APP}/config/values"), &body).await.ok();
    assert_eq!(reply["sequence"], 1);
}

#[tokio::test]
async fn broken_rules_are_told_by_group_and_item() {
    let site = site().await;
    let document = sample::config_values().replace("app.example.com\n", "not_a_host!\n");
    let refused = site.set_values(&document, true).await;
    assert_eq!(refused.error(), "400 failed to validate config values");
    let group = &refused.body["validationErrors"][0];
    assert_eq!(group["name"], "access");
    assert_eq!(group["item_errors"][0]["name"], "hostname");
    assert_eq!(group["item_errors"][0]["type"], "text");
    let message = group["item_errors"][0]["validation_errors"][0]["message"].as_str().unwrap();
    assert!(!message.is_empty());
    assert_eq!(site.history().await.len(), 1);
}

/// Two things the original loses: the name of a file, and a vendor's default for a required item.
#[tokio::test]
async fn file_names_and_defaults_are_kept() {
    let site = site().await;
    site.set_values(sample::config_values(), false).await.ok();
    assert_eq!(item(&site, "tls_cert").await["filename"], "app.example.com.pem");
    let timeout = item(&site, "log_level").await;
    assert_eq!((&timeout["value"], &timeout["default"]), (&json!("debug"), &json!("info")));
}
