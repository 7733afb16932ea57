//! Config screens: what they show, what they would show, and what saving them makes.

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};

use super::harness::{APP, Answer, Site, base64};

async fn site() -> Site {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    site
}

/// The groups of a version's screen.
async fn screen(site: &Site, sequence: i64) -> Value {
    site.get(&format!("{APP}/config/{sequence}")).await.ok()["configGroups"].clone()
}

/// An item of a screen.
fn item<'a>(groups: &'a mut Value, name: &str) -> &'a mut Value {
    let items = groups.as_array_mut().unwrap().iter_mut();
    let mut items = items.flat_map(|group| group["items"].as_array_mut().unwrap());
    items.find(|item| item["name"] == name).unwrap()
}

fn set(groups: &mut Value, name: &str, value: &str) {
    item(groups, name)["value"] = value.into();
}

async fn live(site: &Site, sequence: i64, groups: &Value) -> Answer {
    let body = json!({"sequence": sequence, "configGroups": groups});
    site.post(&format!("{APP}/liveconfig"), &body).await
}

async fn save(site: &Site, sequence: i64, groups: &Value) -> Answer {
    let body = json!({"sequence": sequence, "createNewVersion": true, "configGroups": groups});
    site.put(&format!("{APP}/config"), &body).await
}

#[tokio::test]
async fn a_preview_shows_what_depends_on_the_values_and_stores_nothing() {
    let site = site().await;
    let mut groups = screen(&site, 0).await;
    let sealed = item(&mut groups, "admin_password")["value"].clone();
    set(&mut groups, "hostname", "{{repl Namespace }}");
    set(&mut groups, "telemetry", "1");
    set(&mut groups, "admin_email", "nobody");
    let reply = live(&site, 0, &groups).await.ok();
    let mut shown = reply["configGroups"].clone();
    // What an operator types is text.
    assert_eq!(item(&mut shown, "public_url")["default"], "https://{{repl Namespace }}");
    assert_eq!(shown[3]["when"], "true");
    assert_eq!(item(&mut shown, "telemetry_contact")["default"], "nobody");
    // A password travels as it was sent.
    assert_eq!(item(&mut shown, "admin_password")["value"], sealed);
    let broken: Vec<&Value> = reply["validationErrors"][0]["item_errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(broken, ["hostname", "admin_email"]);
    set(&mut groups, "admin_password", "short");
    let mut reply = live(&site, 0, &groups).await.ok();
    assert_eq!(item(&mut reply["configGroups"], "admin_password")["value"], "short");
    assert!(reply["validationErrors"].to_string().contains("must have at least 8 characters"));

    assert_eq!(site.history().await.len(), 1);
    let mut stored = screen(&site, 0).await;
    assert_eq!(item(&mut stored, "hostname")["value"], "app.example.com");
    assert_eq!(live(&site, 7, &groups).await.error(), "404 version for sequence 7 not found");
    let nonsense = site.request(Method::POST, &format!("{APP}/liveconfig")).body("{");
    let nonsense = Answer::of(nonsense).await.error();
    assert!(nonsense.starts_with("400 failed to decode request body"), "{nonsense}");
}

#[tokio::test]
async fn saving_makes_a_version_that_is_not_deployed() {
    let site = site().await;
    let mut groups = screen(&site, 0).await;
    set(&mut groups, "motd", "hello");
    set(&mut groups, "admin_email", "");
    let missing = save(&site, 0, &groups).await;
    assert_eq!(missing.error(), "400 The following fields are required: Administrator");
    assert_eq!(missing.body["requiredItems"], json!(["admin_email"]));
    set(&mut groups, "admin_email", "nobody");
    let broken = save(&site, 0, &groups).await;
    assert_eq!(broken.error(), "400 invalid config values");
    assert_eq!(
        broken.body["validationErrors"][0]["item_errors"][0]["validation_errors"][0]["message"],
        "must be a mail address"
    );
    set(&mut groups, "admin_email", "somebody@example.com");
    assert_eq!(save(&site, 0, &groups).await.ok()["sequence"], 1);
    assert_eq!(
        site.history().await,
        ["0 Online Install 1.0.0 deployed", "1 Config Change 1.0.0 pending"]
    );
    let mut saved = screen(&site, 1).await;
    assert_eq!(item(&mut saved, "motd")["value"], "hello");
    // An unchanged password is sealed once, a new one is never stored as it was typed.
    let sealed = item(&mut saved, "admin_password")["value"].clone();
    assert_eq!(sealed, *item(&mut groups, "admin_password")["value"].to_string().trim_matches('"'));
    set(&mut saved, "admin_password", "another password");
    assert_eq!(save(&site, 1, &saved).await.ok()["sequence"], 2);
    let new = item(&mut screen(&site, 2).await, "admin_password")["value"].clone();
    assert_ne!(new, sealed);
    assert_ne!(new, "another password");
    let none = site.put("/api/v1/app/nobody/config", &json!({"sequence": 0})).await.error();
    assert_eq!(none, "500 failed to get app from app slug");
}

#[tokio::test]
async fn a_first_version_that_waits_for_its_config_is_edited_in_place_and_deployed() {
    let site = Site::new();
    let body = json!({"licenseData": Builder::new().yaml()});
    site.post("/api/v1/license", &body).await.ok();
    assert_eq!(site.history().await, ["0 Online Install 1.1.0 pending_config"]);
    let mut groups = screen(&site, 0).await;
    set(&mut groups, "hostname", "shop.example.com");
    set(&mut groups, "admin_email", "me@example.com");
    let missing = save(&site, 0, &groups).await;
    assert_eq!(missing.body["requiredItems"], json!(["admin_password"]));
    assert_eq!(site.history().await, ["0 Online Install 1.1.0 pending_config"]);
    set(&mut groups, "admin_password", "long enough");
    let request = || {
        let body = json!({"sequence": 0, "configGroups": groups});
        site.request(Method::PUT, &format!("{APP}/config"))
            .header("Idempotency-Key", "one")
            .json(&body)
    };
    assert_eq!(Answer::of(request()).await.ok()["sequence"], 0);
    site.wait_for(0, "deployed").await;
    // A lost answer is given again.
    assert_eq!(Answer::of(request()).await.ok()["sequence"], 0);
    assert_eq!(site.history().await, ["0 Online Install 1.1.0 deployed"]);
    let rendered = site.target().join("current");
    let texts: String = super::harness::files(&rendered)
        .iter()
        .map(|name| std::fs::read_to_string(rendered.join(name)).unwrap_or_default())
        .collect();
    assert!(texts.contains("shop.example.com"), "{texts}");
}

#[tokio::test]
async fn a_file_is_given_back_as_it_was_given() {
    let site = site().await;
    let path = format!("{APP}/config/0/app.example.com.pem/download");
    let response = site.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("content-disposition"), "attachment; filename=\"app.example.com.pem\"");
    assert!(response.text().await.unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    let none = site.get(&format!("{APP}/config/0/other.pem/download")).await;
    assert_eq!(none.error(), "500 failed to get app config");
    assert_eq!(
        none.body["causes"],
        json!(["no item of version 0 has a file of the name `other.pem`"])
    );

    // Five MiB survive the whole way.
    let content: Vec<u8> = (0..5_u32 << 20).map(|n| (n % 251) as u8).collect();
    let mut groups = screen(&site, 0).await;
    set(&mut groups, "tls_cert", &base64(&content));
    item(&mut groups, "tls_cert")["filename"] = "ü \"x\".bin".into();
    assert_eq!(save(&site, 0, &groups).await.ok()["sequence"], 1);
    let path = format!("{APP}/config/1/%C3%BC%20%22x%22.bin/download");
    let response = site.request(Method::GET, &path).send().await.unwrap();
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(
        disposition,
        "attachment; filename=\"_ _x_.bin\"; filename*=UTF-8''%C3%BC%20%22x%22.bin"
    );
    assert!(response.bytes().await.unwrap() == content, "the file came back changed");
}

/// The bundle of 1.1.0 with another Config.
fn bundle(items: &str) -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let config = format!(
        "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {{name: sample-app}}\nspec:\n  groups:\n  - name: g\n    title: G\n    items:\n{items}"
    );
    let file = spec.files.iter_mut().find(|it| it.path.ends_with("kots-config.yaml")).unwrap();
    file.bytes = config.into_bytes();
    spec
}

async fn airgap_site() -> Site {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site
}

#[tokio::test]
async fn what_templates_make_up_stays_over_saves_and_restarts() {
    let mut site = airgap_site().await;
    let items = "    - {name: hostname, type: text}\n    - {name: made, type: text, default: '{{repl RandomString 16 }}'}\n    \
                 - {name: cert, type: textarea, default: '{{repl TLSCert \"web\" (ConfigOption \"hostname\") nil nil 365 }}'}\n    \
                 - {name: key, type: textarea, default: '{{repl TLSKey \"web\" (ConfigOption \"hostname\") nil nil 365 }}'}\n";
    site.upload(&bundle(items)).await.ok();
    let mut groups = screen(&site, 1).await;
    let names = ["made", "cert", "key"];
    let made = |groups: &mut Value| names.map(|it| item(groups, it)["default"].clone());
    let first = made(&mut groups);
    assert!(first.iter().all(|it| !it.as_str().unwrap().is_empty()), "{first:?}");
    assert_eq!(made(&mut live(&site, 1, &groups).await.ok()["configGroups"]), first);
    save(&site, 1, &groups).await.ok();
    assert_eq!(made(&mut screen(&site, 2).await), first);
    site.kill();
    site.start();
    assert_eq!(made(&mut live(&site, 2, &groups).await.ok()["configGroups"]), first);
    save(&site, 2, &groups).await.ok();
    assert_eq!(made(&mut screen(&site, 3).await), first);
    // Another host is another certificate, and nothing else.
    set(&mut groups, "hostname", "new.example.com");
    save(&site, 3, &groups).await.ok();
    let changed = made(&mut screen(&site, 4).await);
    assert_eq!(changed[0], first[0]);
    assert_ne!(changed[1], first[1]);
    assert_ne!(changed[2], first[2]);
}

#[tokio::test]
async fn configs_that_cannot_be_are_refused_in_words() {
    let site = airgap_site().await;
    let refused = site.upload(&bundle("    - {name: a, default: '{{repl ConfigOption \"b\" }}'}\n    - {name: b, value: '{{repl ConfigOption \"a\" }}'}\n")).await;
    assert_eq!(refused.status, 500);
    assert!(
        refused
            .body
            .to_string()
            .contains("the config items depend on one another in a circle: a → b → a"),
        "{}",
        refused.body
    );
    let refused =
        site.upload(&bundle("    - {name: a, default: '{{repl ConfigOption \"a\" }}'}\n")).await;
    assert!(refused.body.to_string().contains("in a circle: a → a"), "{}", refused.body);
    let refused = site.upload(&bundle("    - {name: a, default: 8080}\n")).await;
    assert!(refused.body.to_string().contains("numbers must be quoted"), "{}", refused.body);
    assert_eq!(site.history().await.len(), 1);
}

#[tokio::test]
async fn ten_thousand_items_are_served() {
    use std::fmt::Write as _;

    let site = airgap_site().await;
    let mut items = String::new();
    for n in 0..10_000 {
        let before = if n == 0 { 0 } else { n - 1 };
        let default = if n % 10 == 0 {
            "x".to_owned()
        } else {
            format!("{{{{repl ConfigOption \"item_{before}\" }}}}")
        };
        writeln!(items, "    - {{name: item_{n}, type: text, default: '{default}'}}").unwrap();
    }
    site.upload(&bundle(&items)).await.ok();
    let mut groups = screen(&site, 1).await;
    assert_eq!(groups[0]["items"].as_array().unwrap().len(), 10_000);
    set(&mut groups, "item_9990", "changed");
    let mut reply = live(&site, 1, &groups).await.ok();
    assert_eq!(item(&mut reply["configGroups"], "item_9999")["default"], "changed");
    assert_eq!(save(&site, 1, &groups).await.ok()["sequence"], 2);
}
