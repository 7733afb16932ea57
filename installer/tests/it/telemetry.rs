//! What the vendor is told, and when it is told nothing.

use serde_json::Value;

use crate::harness::Site;

/// Title, type and version of every event.
fn told(events: &[(String, Value)]) -> Vec<String> {
    let line = |(title, body): &(String, Value)| {
        let event = &body["event"];
        let reason = event["reason"].as_str().unwrap_or_default();
        format!("{title} {} {} {reason}", event["eventType"], event["isExitEvent"])
            .trim()
            .to_owned()
    };
    events.iter().map(line).collect()
}

#[test]
fn an_upgrade_is_told_and_its_secrets_are_not() {
    let site = Site::installed();
    let mut command = site.command("upgrade", "linux");
    command.arg("--headless").arg("--config-values").arg(site.path("values.yaml"));
    let status = command.env_remove("DISABLE_TELEMETRY").output().unwrap().status;
    assert_eq!(status.code(), Some(0));
    let events = site.vendor.events();
    let mut lines = told(&events);
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"GenericEvent "AppPreflightsSucceeded" false"#,
            r#"GenericEvent "UpgradeSucceeded" true"#,
            r#"UpgradeStarted "UpgradeStarted" false"#,
        ]
    );
    let started = &events.iter().find(|it| it.0 == "UpgradeStarted").unwrap().1["event"];
    assert_eq!(started["appVersion"], "1.1.0");
    assert_eq!(started["initialVersion"], "1.0.0");
    assert_eq!(started["entryCommand"], "upgrade");
    assert!(!format!("{events:?}").contains("s3cret-database"));
}

#[test]
fn nothing_is_told_when_it_is_off() {
    let site = Site::installed();
    assert_eq!(site.headless("upgrade", "linux", &[]).status.code(), Some(0));
    let airgapped = Site::installed_airgapped();
    let mut command = airgapped.command("upgrade", "linux");
    command.arg("--headless").arg("--config-values").arg(airgapped.path("values.yaml"));
    command.arg("--airgap-bundle").arg(airgapped.path("1.1.0.airgap"));
    assert_eq!(command.env_remove("DISABLE_TELEMETRY").output().unwrap().status.code(), Some(0));
    assert!(site.vendor.events().is_empty());
    assert!(airgapped.vendor.events().is_empty());
}
