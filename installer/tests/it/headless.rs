//! The same run without a browser.

use serde_json::Value;

use crate::harness::{Site, grep};

#[test]
fn an_upgrade_runs_by_itself_and_again_changes_nothing() {
    let site = Site::installed();
    let output = site.headless("upgrade", "linux", &["--output", "jsonl"]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Value> =
        stdout.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let states: Vec<_> = lines
        .iter()
        .filter(|it| it["kind"] == "state")
        .map(|it| it["body"]["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states,
        [
            "ApplicationConfiguring",
            "ApplicationConfigured",
            "AppPreflightsRunning",
            "AppPreflightsSucceeded",
            "AppUpgrading",
            "Succeeded"
        ]
    );
    assert!(lines.iter().any(|it| it["kind"] == "deploy"), "{stdout}");
    let last = lines.last().unwrap();
    assert_eq!(last["outcome"], "succeeded");
    assert_eq!(last["versionLabel"], "1.1.0");
    for secret in ["correct horse battery staple", "s3cret-database"] {
        assert!(!stdout.contains(secret), "a password is in the output");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(secret));
    }
    assert_eq!(site.deployed(), "1.1.0");
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sample-app 1.1.0 is done\n");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing was changed"), "{told}");
    assert!(!told.contains("WARN"), "{told}");
    // Other answers are not done because others were.
    let values = std::fs::read_to_string(site.path("values.yaml")).unwrap();
    let other = values.replace("app.example.com", "other.example.com");
    std::fs::write(site.path("values.yaml"), other).unwrap();
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(grep(&site.path("console/deployed/current"), "other.example.com"));
    // Without answers those of the last run count.
    let output = site.command("upgrade", "linux").arg("--headless").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(grep(&site.path("console/deployed/current"), "other.example.com"));
    let output = site.headless("upgrade", "linux", &["--restart"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn whoever_reads_lines_has_an_outcome_when_nothing_began() {
    let site = Site::installed();
    std::fs::write(site.path("license.yaml"), "").unwrap();
    let output = site.headless("upgrade", "linux", &["--output", "jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let last: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&last["schema"], &last["outcome"]), (&1.into(), &"failed".into()));
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told, format!("Error: {}\n", last["error"].as_str().unwrap()));
}

#[test]
fn an_installation_and_a_bundle_run_by_themselves() {
    let site = Site::empty();
    let output = site.headless("install", "kubernetes", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(site.deployed(), "1.1.0");

    let site = Site::installed_airgapped();
    let bundle = site.path("1.1.0.airgap").display().to_string();
    let output = site.headless("upgrade", "linux", &["--airgap-bundle", &bundle]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn a_deploy_that_failed_is_tried_again_by_the_same_command() {
    use std::os::unix::fs::PermissionsExt as _;

    let site = Site::installed();
    let (broken, marker) = (site.path("kots"), site.path("failed"));
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = deploy ] && ! [ -e '{marker}' ]; then touch '{marker}'; echo 'Error: no space left' >&2; exit 1; fi\nexec '{real}' \"$@\"\n",
        marker = marker.display(),
        real = crate::harness::kots().display(),
    );
    std::fs::write(&broken, script).unwrap();
    std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
    let site = site.with(&["--kots-binary", &broken.display().to_string()]);
    let output = site.headless("upgrade", "linux", &["--output", "jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["outcome"], "failed");
    assert_eq!(last["state"], "AppUpgradeFailed");
    assert_eq!(
        last["error"],
        "upgrade app: kots cli deploy: run deploy command: exit status 1: Error: no space left"
    );
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn checks_and_answers_end_it_with_their_reasons() {
    let fail = r#"{"pass":null,"warn":null,"fail":[{"title":"Version","message":"too old"}]}"#;
    let site = Site::installed().with_preflights(fail, 3);
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.ends_with("Error: App preflights failed: Version: too old\n"), "{stderr}");
    assert_eq!(site.deployed(), "1.0.0");
    // Running it again is the way to recover, and the flag to go on all the same.
    let output = site.headless("upgrade", "linux", &["--ignore-app-preflights"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(site.deployed(), "1.1.0");

    let site = Site::installed();
    let wrong = "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec: {values: {hostname: {value: 'no host'}}}\n";
    std::fs::write(site.path("values.yaml"), wrong).unwrap();
    let output = site.headless("upgrade", "kubernetes", &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains(
            "field errors:\n  - Field 'hostname': must be a DNS name such as app.example.com\n"
        ),
        "{stderr}"
    );
}

#[test]
fn without_a_cluster_the_next_run_begins_with_the_answers_that_were_deployed() {
    let site = Site::installed();
    let output = site.headless("upgrade", "linux", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let site = site.with(&["--restart"]);
    let kept = |site: &Site| {
        let manager = site.start("upgrade", "linux").login();
        let kept = manager.get("/app/config/values").ok()["values"].clone();
        assert_eq!(kept["admin_password"]["value"], "••••••••");
        (manager, kept["hostname"]["value"].clone())
    };
    let (manager, hostname) = kept(&site);
    assert_eq!(hostname, "app.example.com");
    manager.patch_values(&serde_json::json!({ "hostname": { "value": "other.example.com" } })).ok();
    drop(manager);
    // What was only answered and never deployed is no answer of the next run.
    let (manager, hostname) = kept(&site);
    assert_eq!(hostname, "app.example.com");
    drop(manager);
}
