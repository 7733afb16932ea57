//! A first run: what goes over the wire, what is printed, and what is left behind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sample::STABLE_ID;
use serde_json::Value;

use crate::harness::{AUTH, Site};
use crate::server::Recorded;

/// The requests with an effect, oldest first.
fn effects(site: &Site) -> Vec<Recorded> {
    site.server.with(|it| it.requests.iter().filter(|it| it.method != "GET").cloned().collect())
}

fn text(request: &Recorded) -> String {
    String::from_utf8(request.body.clone()).expect("the body is text")
}

/// `POST …/config/values` of §5.4: keys in the order of a Go map.
fn values_body(site: &Site, skip_preflights: bool) -> String {
    let document = STANDARD.encode(site.read("values.yaml"));
    format!(
        r#"{{"configValues":"{document}","deploy":true,"sequence":-1,"skipPreflights":{skip_preflights}}}"#
    )
}

#[track_caller]
fn assert_json(request: &Recorded, line: &str, body: &str) {
    assert_eq!(request.line(), line);
    assert_eq!(text(request), body);
    assert_eq!(request.header("content-type"), Some("application/json"));
}

#[test]
fn an_online_deploy_sends_what_the_original_sends() {
    let site = Site::online();
    let run = site.deploy_well();
    run.says_in_order(&[
        "  • Starting deployment process for sample-app...",
        "  • Syncing license...",
        "  • License already up to date",
        "  • Processing upstream update...",
        "  • Upstream update processed successfully",
        "  • Setting configuration and deploying...",
        "  • Configuration set and deployment initiated successfully",
        "  • Deployment process completed successfully",
    ]);
    let sent = effects(&site);
    assert_eq!(sent.len(), 3, "{:?}", site.server.changes());
    assert_json(&sent[0], "PUT /api/v1/app/sample-app/license", r#"{"licenseData":""}"#);
    let update = format!(
        "POST /api/v1/app/sample-app/upstream/update?channelId={STABLE_ID}&channelSequence=2"
    );
    assert_json(&sent[1], &update, "{}");
    let values = "POST /api/v1/app/sample-app/config/values";
    assert_json(&sent[2], values, &values_body(&site, false));
    for request in site.server.with(|it| it.requests.clone()) {
        if request.target != "/healthz" {
            assert_eq!(request.header("authorization"), Some(AUTH), "{}", request.line());
        }
        assert_eq!(request.header("transfer-encoding"), None, "{}", request.line());
    }
    assert_eq!(
        site.server.versions(),
        [
            "0 Online Install 1 deployed",
            "1 Upstream Update 2 pending",
            "2 Config Change 2 deployed"
        ]
    );
}

#[test]
fn a_new_license_makes_the_four_versions_of_the_originals_own_test() {
    let site = Site::online().with_new_license();
    let run = site.deploy_well();
    run.says_in_order(&["  • Syncing license...", "  • License synced successfully"]);
    assert!(!run.stdout.contains("License already up to date"), "{run}");
    assert_eq!(
        site.server.versions(),
        [
            "0 Online Install 1 deployed",
            "1 License Change 1 pending",
            "2 Upstream Update 2 pending",
            "3 Config Change 2 deployed",
        ]
    );
    assert_eq!(site.server.with(|it| it.app().deploys.clone()), [3]);
}

#[test]
fn an_airgap_deploy_sends_what_the_original_sends() {
    let site = Site::airgap();
    let run = site.deploy().arg("--disable-image-push").run();
    run.expect(0).says_in_order(&[
        "  • Syncing license...",
        "  • Processing upstream update...",
        "  • Upstream update processed successfully",
        "  • Setting configuration and deploying...",
        "  • Deployment process completed successfully",
    ]);
    assert!(!run.stdout.contains("Pushing airgap images"), "{run}");
    let sent = effects(&site);
    assert_eq!(sent.len(), 3, "{:?}", site.server.changes());
    let license: Value = serde_json::from_slice(&sent[0].body).expect("JSON");
    assert_eq!(sent[0].line(), "PUT /api/v1/app/sample-app/license");
    assert_eq!(
        license["licenseData"].as_str().map(str::as_bytes),
        Some(&*site.read("license.yaml"))
    );
    assert_eq!(license.as_object().map(serde_json::Map::len), Some(1));

    let upload = &sent[1];
    // The bare question mark stays when there is nothing to ask.
    assert_eq!(upload.line(), "POST /api/v1/app/sample-app/upstream/update?");
    let content_type = upload.header("content-type").expect("a content type");
    let boundary =
        content_type.strip_prefix("multipart/form-data; boundary=").expect("a multipart");
    assert!(
        boundary.len() == 60 && boundary.bytes().all(|it| it.is_ascii_hexdigit()),
        "{boundary}"
    );
    assert_eq!(upload.header("content-length"), Some(upload.body.len().to_string().as_str()));
    let parts = site.server.with(|it| it.app().versions[1].parts.clone());
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["airgap.yaml", "app.tar.gz"]);
    let mut expected = Vec::new();
    for (at, name) in ["airgap.yaml", "app.tar.gz"].iter().enumerate() {
        let start = if at == 0 { "" } else { "\r\n" };
        expected.extend_from_slice(
            format!(
                "{start}--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        expected.extend_from_slice(&entry(&site, name));
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(upload.body == expected, "the multipart is not byte for byte the original's");
    assert_json(&sent[2], "POST /api/v1/app/sample-app/config/values", &values_body(&site, false));
    assert_eq!(
        site.server.versions(),
        ["0 Airgap Install 1 deployed", "1 Airgap Update 2 pending", "2 Config Change 2 deployed"]
    );
}

/// An entry of the site's bundle.
fn entry(site: &Site, name: &str) -> Vec<u8> {
    let limits = airgap::Limits::default().bundle;
    let file = std::fs::File::open(site.path("app.airgap")).expect("the bundle is there");
    let mut tar = airgap::TarReader::new(airgap::Gunzip::new(file, &limits), &limits);
    while let Some(entry) = tar.next_entry().expect("the bundle is whole") {
        if entry.name == name {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut tar.data(), &mut bytes).expect("the entry is whole");
            return bytes;
        }
    }
    panic!("the bundle has no {name}");
}

#[test]
fn an_airgap_license_with_another_sequence_is_synced() {
    let site = Site::airgap();
    site.write("license.yaml", &sample::license::Builder::new().sequence(5).yaml());
    site.deploy_well().says("  • License synced successfully");
    assert_eq!(
        site.server.versions(),
        [
            "0 Airgap Install 1 deployed",
            "1 License Change 1 pending",
            "2 Airgap Update 2 pending",
            "3 Config Change 2 deployed",
        ]
    );
}

#[test]
fn channel_flags_beside_a_bundle_go_into_the_query() {
    let site = Site::airgap();
    let run = site.deploy().args(&["--channel-id", STABLE_ID, "--channel-sequence", "2"]).run();
    run.expect(0);
    let update = format!(
        "POST /api/v1/app/sample-app/upstream/update?channelId={STABLE_ID}&channelSequence=2"
    );
    assert_eq!(site.server.posts()[0], update);
}

#[test]
fn skipping_preflights_is_said_in_both_requests() {
    let site = Site::online();
    site.deploy().arg("--skip-preflights").run().expect(0);
    let sent = effects(&site);
    let update = format!(
        "POST /api/v1/app/sample-app/upstream/update?channelId={STABLE_ID}&channelSequence=2&skipPreflights=true"
    );
    assert_json(&sent[1], &update, "{}");
    let values = "POST /api/v1/app/sample-app/config/values";
    assert_json(&sent[2], values, &values_body(&site, true));
}

#[test]
fn a_slug_is_escaped_as_go_escapes_it() {
    let site = Site::online_as("my app+é");
    site.deploy_well();
    assert_eq!(site.server.changes()[0], "PUT /api/v1/app/my%20app+%C3%A9/license");
}

#[test]
fn a_document_is_sent_byte_for_byte() {
    let site = Site::online();
    let mut text = String::from_utf8(site.read("values.yaml")).expect("text");
    text.push_str("    gone_item:\n      value: \"é ☃ 0o17\"\n# no newline at the end");
    site.write("values.yaml", &text.replace("\n    port", "\r\n    port"));
    site.deploy_well();
    assert_eq!(text_of_last(&site), values_body(&site, false));
}

fn text_of_last(site: &Site) -> String {
    text(effects(site).last().expect("something was sent"))
}

#[test]
fn accepted_is_where_the_original_ends() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = crate::server::Deploying::Never);
    let run = site.deploy().args(&["--wait", "accepted"]).run();
    run.expect(0).says("  • Deployment process completed successfully");
    assert_eq!(site.server.posts().len(), 2);
}
