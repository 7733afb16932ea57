//! A server without our additions: no boot id, no idempotency, no digests, text where the original has text.

use crate::harness::{AIRGAPPED, Console, ONLINE};
use crate::proxy::{Fault, Proxy};

#[test]
fn the_requests_are_those_of_the_original_client() {
    let console = Console::with_first_version_airgapped();
    let proxy = Proxy::before(&console, true);
    let args: Vec<&str> = AIRGAPPED.into_iter().chain(["--skip-preflights"]).collect();
    console.kots_at(&proxy.url(), &args).assert(0);
    let changes = proxy.changes();
    let lines: Vec<&str> = changes.iter().map(|it| it.line.as_str()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    PUT /api/v1/app/sample-app/license
    POST /api/v1/app/sample-app/upstream/update?skipPreflights=true
    POST /api/v1/app/sample-app/config/values
    ");
    let header = |at: usize, name: &str| {
        let prefix = format!("{name}: ");
        changes[at]
            .headers
            .iter()
            .find_map(|it| it.strip_prefix(&prefix))
            .unwrap_or_default()
            .to_owned()
    };
    for (at, change) in changes.iter().enumerate() {
        assert_eq!(header(at, "authorization"), console.auth());
        assert_eq!(header(at, "content-length"), change.body.len().to_string());
    }
    let license: serde_json::Value = serde_json::from_slice(&changes[0].body).unwrap();
    let text = std::fs::read_to_string(console.path("license.yaml")).unwrap();
    assert_eq!(license, serde_json::json!({ "licenseData": text }));
    let values: serde_json::Value = serde_json::from_slice(&changes[2].body).unwrap();
    assert_eq!(values["deploy"], true);
    assert_eq!(values["sequence"], -1);
    assert_eq!(values["skipPreflights"], true);
    assert_eq!(values.as_object().unwrap().len(), 4, "{values}");
    let names: Vec<&String> = values.as_object().unwrap().keys().collect();
    assert_eq!(names, ["configValues", "deploy", "sequence", "skipPreflights"]);

    let content_type = header(1, "content-type");
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert_eq!(boundary.len(), 60);
    assert!(boundary.bytes().all(|it| it.is_ascii_hexdigit()));
    let bundle = console.path("1.1.0.airgap");
    let check = airgap::Bundle::check(&bundle, &airgap::Limits::default(), &mut |_| {
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    let mut app = Vec::new();
    let mut reader = airgap::Bundle::open_app(&bundle, &check).unwrap();
    std::io::Read::read_to_end(&mut reader, &mut app).unwrap();
    let head = |name: &str| {
        format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
    };
    let mut body =
        format!("--{boundary}\r\n{}{}", head("airgap.yaml"), check.airgap_yaml).into_bytes();
    body.extend(format!("\r\n--{boundary}\r\n{}", head("app.tar.gz")).bytes());
    body.extend(app);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    assert!(body == changes[1].body, "the multipart differs from what Go writes");
}

#[test]
fn the_online_requests_are_those_of_the_original_client() {
    let console = Console::with_first_version();
    let proxy = Proxy::before(&console, true);
    console.kots_at(&proxy.url(), &ONLINE).assert(0);
    let changes = proxy.changes();
    let shown: Vec<String> = changes
        .iter()
        .map(|it| {
            format!(
                "{} {}",
                it.line,
                String::from_utf8_lossy(&it.body).chars().take(40).collect::<String>()
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    PUT /api/v1/app/sample-app/license {"licenseData":""}
    POST /api/v1/app/sample-app/upstream/update?channelId=2fVbTqW8hL0dYkXcRzM4uJpS1aN&channelSequence=2 {}
    POST /api/v1/app/sample-app/config/values {"configValues":"YXBpVmVyc2lvbjoga290cy5
    "#);
}

#[test]
fn running_again_changes_nothing_and_says_what_was_not_compared() {
    let console = Console::with_first_version();
    let proxy = Proxy::before(&console, true);
    console.kots_at(&proxy.url(), &ONLINE).assert(0);
    let versions = console.versions();
    let n_changes = proxy.changes().len();
    console.kots_at(&proxy.url(), &ONLINE).assert(0);
    assert_eq!(proxy.changes().len(), n_changes);
    // A machine that knows nothing of it.
    std::fs::remove_dir_all(console.path("xdg")).unwrap();
    let ran = console.kots_at(&proxy.url(), &ONLINE);
    ran.assert(0);
    assert!(
        ran.stderr.contains("not compared") && ran.stderr.contains("admin_password"),
        "{}",
        ran.whole()
    );
    assert_eq!(proxy.changes().len(), n_changes);
    assert_eq!(console.versions(), versions);
}

#[test]
fn a_changed_password_is_noticed_by_the_machine_that_sent_the_old_one() {
    let console = Console::with_first_version();
    let proxy = Proxy::before(&console, true);
    console.kots_at(&proxy.url(), &ONLINE).assert(0);
    let versions = console.versions().len();
    let values = sample::config_values().replace("correct horse", "another horse");
    std::fs::write(console.path("config-values.yaml"), values).unwrap();
    console.kots_at(&proxy.url(), &ONLINE).assert(0);
    assert_eq!(console.versions().len(), versions + 1);
}

#[test]
fn lost_answers_make_no_second_version() {
    for (make, args) in [
        (Console::with_first_version as fn() -> Console, ONLINE),
        (Console::with_first_version_airgapped, AIRGAPPED),
    ] {
        let console = make();
        let proxy = Proxy::before(&console, true);
        console.kots_at(&proxy.url(), &args).assert(0);
        let seen = proxy.seen();
        let mut versions = console.versions();
        versions.sort();
        for (at, _) in seen.iter().enumerate().filter(|(_, it)| !it.line.starts_with("GET ")) {
            let console = make();
            let proxy = Proxy::before(&console, true);
            proxy.fault(at, Fault::CutAfter);
            let ran = console.kots_at(&proxy.url(), &args);
            assert_eq!(ran.status, Some(0), "cut after request {at}: {}", ran.whole());
            let mut found = console.versions();
            found.sort();
            assert_eq!(found, versions, "cut after request {at}: {}", ran.whole());
        }
    }
}

#[test]
fn a_reason_in_plain_text_is_printed() {
    let console = Console::with_first_version();
    console.write_bundles();
    let proxy = Proxy::before(&console, true);
    let ran = console.kots_at(&proxy.url(), &AIRGAPPED);
    ran.assert(1);
    assert!(
        ran.stderr.contains("Cannot update an online install using an airgap bundle"),
        "{}",
        ran.whole()
    );
}
