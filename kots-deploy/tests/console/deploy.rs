//! One upgrade, with nothing going wrong.

use crate::harness::{AIRGAPPED, Console, ONLINE};
use crate::proxy::Proxy;

#[test]
fn online_from_the_first_version_to_the_second() {
    let console = Console::with_first_version();
    let ran = console.kots(&ONLINE);
    ran.assert(0);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Processing upstream update...
      • Upstream update processed successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 2 is deployed...
      • Sequence 2 is deployed
      • Waiting until the application is ready...
      • The application is ready
      • Deployment process completed successfully
    -> 0
    ");
    insta::assert_snapshot!(console.versions().join("\n"), @r"
    2 1.1.0 deployed Config Change
    1 1.1.0 pending Upstream Update
    0 1.0.0 deployed Online Install
    ");
}

#[test]
fn by_bundle_from_the_first_version_to_the_second() {
    let console = Console::with_first_version_airgapped();
    let ran = console.kots(&AIRGAPPED);
    ran.assert(0);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Push images: skipped, the bundle holds no images
      • Processing upstream update...
      • Upstream update processed successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 2 is deployed...
      • Sequence 2 is deployed
      • Waiting until the application is ready...
      • The application is ready
      • Deployment process completed successfully
    -> 0
    ");
    insta::assert_snapshot!(console.versions().join("\n"), @r"
    2 1.1.0 deployed Config Change
    1 1.1.0 pending Airgap Update
    0 1.0.0 deployed Airgap Install
    ");
}

#[test]
fn running_again_changes_nothing() {
    let console = Console::with_first_version();
    console.kots(&ONLINE).assert(0);
    let versions = console.versions();
    let proxy = Proxy::before(&console, false);
    let ran = console.kots_at(&proxy.url(), &ONLINE);
    ran.assert(0);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
      • Sync the license: skipped, sequence 2 already has it
      • Fetch the release: skipped, sequence 2 already carries 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2)
      • Set the config and deploy: skipped, sequence 2 already has these values and is being deployed or deployed
      • sample-app already runs 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2) as sequence 2: nothing was changed
    -> 0
    ");
    assert_eq!(console.versions(), versions);
    assert!(proxy.changes().is_empty(), "{:?}", proxy.changes());
}

#[test]
fn running_again_on_another_machine_changes_nothing() {
    let console = Console::with_first_version_airgapped();
    console.kots(&AIRGAPPED).assert(0);
    let versions = console.versions();
    std::fs::remove_dir_all(console.path("xdg")).unwrap();
    let proxy = Proxy::before(&console, false);
    console.kots_at(&proxy.url(), &AIRGAPPED).assert(0);
    assert_eq!(console.versions(), versions);
    assert!(proxy.changes().is_empty(), "{:?}", proxy.changes());
}

#[test]
fn other_values_are_another_run_and_the_release_is_not_fetched_again() {
    let console = Console::with_first_version();
    console.kots(&ONLINE).assert(0);
    let values = sample::config_values().replace("correct horse", "another horse");
    std::fs::write(console.path("config-values.yaml"), values).unwrap();
    console.kots(&ONLINE).assert(0);
    insta::assert_snapshot!(console.versions().join("\n"), @r"
    3 1.1.0 deployed Config Change
    2 1.1.0 deployed Config Change
    1 1.1.0 pending Upstream Update
    0 1.0.0 deployed Online Install
    ");
}

#[test]
fn going_back_is_refused() {
    let console = Console::with_first_version();
    console.kots(&ONLINE).assert(0);
    let mut args = ONLINE;
    args[5] = "1";
    let ran = console.kots(&args);
    ran.assert(1);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
    Error: 1.0.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 1) is a downgrade: 1.1.0 (cursor 2) is deployed as sequence 2
    hint: going back is a rollback, not a deploy: deploy the earlier version in the admin console, if the vendor allows it
    -> 1
    ");
}

#[test]
fn waiting_for_less_ends_earlier() {
    let console = Console::with_first_version();
    let args: Vec<&str> =
        ONLINE.into_iter().chain(["--wait", "accepted", "--output", "json"]).collect();
    let ran = console.kots(&args);
    ran.assert(0);
    let document = ran.document();
    assert_eq!(document["outcome"], "ready");
    assert_eq!(document["steps"][6]["name"], "watch");
    assert_eq!(document["steps"][6]["outcome"], "skipped");
}

#[test]
fn the_document_and_the_events() {
    let console = Console::with_first_version_airgapped();
    let args: Vec<&str> = AIRGAPPED.into_iter().chain(["--output", "jsonl"]).collect();
    let ran = console.kots(&args);
    ran.assert(0);
    for (index, line) in ran.stdout.lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if index + 1 < ran.stdout.lines().count() {
            assert_eq!(value["index"], index);
        }
    }
    let document = ran.document();
    insta::assert_json_snapshot!(document, {
        ".target.bundleSha256" => "[sha256]",
        ".steps[].startedAt" => "[time]",
        ".steps[].endedAt" => "[time]",
    }, @r#"
    {
      "schema": 1,
      "outcome": "ready",
      "app": "sample-app",
      "target": {
        "channelId": "2fVbTqW8hL0dYkXcRzM4uJpS1aN",
        "channelSequence": "2",
        "versionLabel": "1.1.0",
        "bundleSha256": "[sha256]"
      },
      "sequence": 2,
      "steps": [
        {
          "name": "connect",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "check",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "license",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "images",
          "outcome": "skipped",
          "reason": "the bundle holds no images",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "update",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "config",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        },
        {
          "name": "watch",
          "outcome": "succeeded",
          "startedAt": "[time]",
          "endedAt": "[time]"
        }
      ],
      "appStatus": {
        "state": "ready",
        "resources": [
          {
            "kind": "deployment",
            "name": "sample-web",
            "namespace": "default",
            "state": "ready"
          },
          {
            "kind": "service",
            "name": "sample-web",
            "namespace": "default",
            "state": "ready"
          },
          {
            "kind": "deployment",
            "name": "sample-worker",
            "namespace": "default",
            "state": "ready"
          }
        ]
      }
    }
    "#);
}

#[test]
fn what_is_gone_from_the_target_is_put_back_by_running_again() {
    let console = Console::with_first_version();
    console.kots(&ONLINE).assert(0);
    let versions = console.versions();
    let place = console.path("deployed/2");
    let before = std::fs::read_dir(&place).expect("it is deployed").count();
    std::fs::remove_dir_all(&place).expect("a folder can be removed");

    let ran = console.kots(&ONLINE);
    ran.assert(0);
    assert!(ran.whole().contains("Deploying sequence 2 again"), "{}", ran.whole());
    assert_eq!(std::fs::read_dir(&place).expect("it is back").count(), before);
    assert_eq!(console.versions(), versions);
}
