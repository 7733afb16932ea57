//! Walks by a plain HTTP client, as a browser does them: each of them once undisturbed, and once with
//! `kill -9` and a new start after every answer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Manager, Site};

/// The sample application's answers, as a browser sends them.
pub(crate) fn values() -> Value {
    json!({
        "hostname": { "value": "app.example.com" },
        "admin_email": { "value": "operator@example.com" },
        "admin_password": { "value": "a secret of the operator" },
    })
}

/// A request, and the path that tells how its step ended.
type Leg = (Method, &'static str, Value, Option<&'static str>);

fn legs(verb: &str, is_airgap: bool) -> Vec<Leg> {
    let post = |path, body, status| (Method::POST, path, body, Some(status));
    let config = json!({ "values": values() });
    let mut legs = vec![(Method::PATCH, "/app/config/values", config, None)];
    if verb == "install" {
        legs.push(post("/installation/configure", json!({}), "/installation/status"));
        legs.push(post("/infra/setup", json!({}), "/infra/status"));
    }
    if is_airgap {
        legs.push(post("/airgap/process", json!({}), "/airgap/status"));
    }
    legs.push(post("/app-preflights/run", json!({}), "/app-preflights/status"));
    let body = json!({ "ignoreAppPreflights": false });
    let path = if verb == "install" { "/app/install" } else { "/app/upgrade" };
    legs.push(post(path, body, "/app/status"));
    legs
}

/// Walks to the end; returns the last status.
fn walk(site: &Site, verb: &str, target: &str, is_airgap: bool, with_kills: bool) -> Value {
    let mut manager = site.start(verb, target).login();
    let again = |manager: Manager| {
        if !with_kills {
            return manager;
        }
        let token = manager.token.clone();
        let mut manager = manager;
        manager.kill();
        let mut next = site.start(verb, target);
        // Tokens survive a restart.
        next.token = token;
        next
    };
    let mut last = Value::Null;
    for (method, path, body, status) in legs(verb, is_airgap) {
        let answer = manager.ask(method, path, Some(&body)).ok();
        assert!(answer.is_object());
        manager = again(manager);
        if let Some(status) = status {
            last = manager.ended(status);
            let state = if last["state"].is_null() { &last["status"] } else { &last };
            assert_eq!(state["state"], "Succeeded", "{path}: {last}");
            manager = again(manager);
        }
    }
    assert_eq!(manager.state(), "Succeeded");
    if !with_kills {
        // The end was seen, so the command ends too.
        manager.get("/app/status").ok();
        assert_eq!(manager.wait_end(), Some(0));
    }
    last
}

fn check(site: &Site, verb: &str, target: &str, is_airgap: bool, with_kills: bool) {
    let last = walk(site, verb, target, is_airgap, with_kills);
    let text = if verb == "install" { "Installation complete" } else { "Upgrade complete" };
    assert_eq!(last["status"]["description"], text);
    assert!(last["logs"].as_str().unwrap().contains("[kots] "), "{last}");
    assert!(!last.to_string().contains("a secret of the operator"));
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn linux_upgrade_online() {
    check(&Site::installed(), "upgrade", "linux", false, false);
}

#[test]
fn linux_upgrade_online_with_kills() {
    check(&Site::installed(), "upgrade", "linux", false, true);
}

fn airgapped() -> Site {
    let site = Site::installed_airgapped();
    let bundle = site.path("1.1.0.airgap").display().to_string();
    site.with(&["--airgap-bundle", &bundle])
}

#[test]
fn linux_upgrade_from_a_bundle() {
    check(&airgapped(), "upgrade", "linux", true, false);
}

#[test]
fn linux_upgrade_from_a_bundle_with_kills() {
    check(&airgapped(), "upgrade", "linux", true, true);
}

#[test]
fn kubernetes_upgrade() {
    check(&Site::installed(), "upgrade", "kubernetes", false, false);
}

#[test]
fn kubernetes_upgrade_with_kills() {
    check(&Site::installed(), "upgrade", "kubernetes", false, true);
}

#[test]
fn kubernetes_install() {
    check(&Site::empty(), "install", "kubernetes", false, false);
}

#[test]
fn kubernetes_install_with_kills() {
    check(&Site::empty(), "install", "kubernetes", false, true);
}

const FAILED: &str = r#"{"pass":[{"title":"Disk","message":"enough"}],"warn":null,"fail":[{"title":"Version","message":"too old"}]}"#;
const STRICT: &str =
    r#"{"pass":null,"warn":null,"fail":[{"title":"Version","message":"too old","strict":true}]}"#;
const WARNED: &str = r#"{"pass":null,"warn":[{"title":"Version","message":"old"}],"fail":[]}"#;

#[test]
fn checks_that_fail_are_passed_over_only_when_they_may() {
    let site = Site::installed().with_preflights("no result", 1);
    let manager = site.start("upgrade", "linux").login();
    let run = || {
        manager.post("/app-preflights/run", &json!({})).ok();
        manager.ended("/app-preflights/status")
    };
    let upgrade =
        |ignore: bool| manager.post("/app/upgrade", &json!({ "ignoreAppPreflights": ignore }));
    manager.patch_values(&values()).ok();

    // The program could not run: that is no result, and never a success.
    let ended = run();
    assert_eq!(
        ended["status"]["description"],
        "run app preflights: app preflights failed to run: error running preflight: exit status 1 (stderr: a word on stderr)"
    );
    assert_eq!(ended["output"]["fail"][0]["message"], ended["status"]["description"]);
    assert_eq!(ended["hasStrictAppPreflightFailures"], true);
    assert_eq!(ended["titles"], json!(["Version of app.example.com"]));
    assert_eq!(manager.state(), "AppPreflightsExecutionFailed");
    assert_eq!(
        upgrade(true).told(),
        "409 invalid transition from AppPreflightsExecutionFailed to AppUpgrading"
    );

    site.preflights_end(STRICT, 3);
    let ended = run();
    assert_eq!(ended["status"]["description"], "App preflights failed");
    assert_eq!(ended["hasStrictAppPreflightFailures"], true);
    assert_eq!(ended["allowIgnoreAppPreflights"], true);
    assert_eq!(upgrade(true).told(), "400 upgrade blocked: strict app preflight checks failed");

    site.preflights_end(FAILED, 3);
    let ended = run();
    assert_eq!(ended["hasStrictAppPreflightFailures"], false);
    assert_eq!(ended["output"]["fail"][0]["message"], "too old");
    assert_eq!(upgrade(false).told(), "400 app preflight checks failed");

    site.preflights_end(WARNED, 4);
    assert_eq!(run()["status"]["state"], "Succeeded");
    assert_eq!(manager.state(), "AppPreflightsSucceeded");

    site.preflights_end(FAILED, 3);
    run();
    upgrade(true).ok();
    assert_eq!(manager.ended("/app/status")["status"]["description"], "Upgrade complete");
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn wrong_answers_are_told_by_field_and_nothing_is_kept() {
    let site = Site::installed();
    let manager = site.start("upgrade", "kubernetes").login();
    let answer = manager.patch_values(&json!({ "hostname": { "value": "no host" } }));
    assert_eq!(answer.told(), "400 field errors");
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "statusCode": 400,
      "message": "field errors",
      "errors": [
        {
          "message": "must be a DNS name such as app.example.com",
          "field": "hostname"
        },
        {
          "message": "Administrator is required",
          "field": "admin_email"
        },
        {
          "message": "Password of the administrator is required",
          "field": "admin_password"
        }
      ]
    }
    "#);
    assert_eq!(manager.state(), "ApplicationConfigurationFailed");
    assert_eq!(manager.get("/app/config/values").ok(), json!({ "values": {} }));
    let kept = manager.patch_values(&values()).ok();
    assert_eq!(kept["values"]["admin_password"]["value"], "••••••••");
    // The mask sent back means unchanged.
    manager.patch_values(&json!({ "admin_password": { "value": "••••••••" } })).ok();
    assert_eq!(manager.state(), "ApplicationConfigured");
}

#[test]
fn a_deploy_that_fails_is_told_whole_and_can_be_tried_again() {
    let site = Site::installed();
    let real = crate::harness::kots().display().to_string();
    let broken = site.path("kots");
    let fail = |command: &str| {
        use std::os::unix::fs::PermissionsExt as _;

        let script =
            format!("#!/bin/sh\ncase \"$1\" in deploy) {command};; esac\nexec '{real}' \"$@\"\n");
        std::fs::write(&broken, script).unwrap();
        std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    // As the original's kots: plain lines, and a reason on stderr.
    fail(
        "echo '  • Deploying'; echo \"password $KOTS_STATE_DIR\"; echo 'Error: no space left' >&2; exit 1",
    );
    let site = site.with(&["--kots-binary", &broken.display().to_string()]);
    let manager = site.start("upgrade", "linux").login();
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");
    let upgrade = |query: &str| {
        let path = format!("/app/upgrade{query}");
        manager.post(&path, &json!({ "ignoreAppPreflights": false }))
    };
    upgrade("").ok();
    let ended = manager.ended("/app/status");
    assert_eq!(
        ended["status"]["description"],
        "upgrade app: kots cli deploy: run deploy command: exit status 1: Error: no space left"
    );
    assert!(ended["logs"].as_str().unwrap().contains("[kots]   • Deploying"));
    assert_eq!(manager.state(), "AppUpgradeFailed");
    assert_eq!(upgrade("").told(), "409 invalid transition from AppUpgradeFailed to AppUpgrading");
    fail(":");
    upgrade("?retry=true").ok();
    assert_eq!(manager.ended("/app/status")["status"]["description"], "Upgrade complete");
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn a_child_goes_on_without_its_parent_and_is_found_again() {
    let site = Site::installed();
    let real = crate::harness::kots().display().to_string();
    let (slow, gate, calls) = (site.path("kots"), site.path("gate"), site.path("calls"));
    {
        use std::os::unix::fs::PermissionsExt as _;

        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = deploy ]; then echo x >> '{}'; while ! [ -e '{}' ]; do sleep 0.05; done; fi\nexec '{real}' \"$@\"\n",
            calls.display(),
            gate.display()
        );
        std::fs::write(&slow, script).unwrap();
        std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let site = site.with(&["--kots-binary", &slow.display().to_string()]);
    let mut manager = site.start("upgrade", "linux").login();
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");
    manager.post("/app/upgrade", &json!({})).ok();
    let start = std::time::Instant::now();
    while !calls.exists() {
        assert!(start.elapsed() < crate::harness::LIMIT);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let token = manager.token.clone();
    manager.kill();
    let mut manager = site.start("upgrade", "linux");
    manager.token = token;
    assert_eq!(manager.state(), "AppUpgrading");
    assert_eq!(manager.post("/app/upgrade", &json!({})).told(), "409 lock already acquired");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(manager.ended("/app/status")["status"]["description"], "Upgrade complete");
    // It was found, not begun a second time.
    assert_eq!(std::fs::read_to_string(&calls).unwrap(), "x\n");
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn a_step_can_be_cancelled() {
    let site = Site::installed();
    let (slow, began) = (site.path("kots"), site.path("began"));
    {
        use std::os::unix::fs::PermissionsExt as _;

        let real = crate::harness::kots().display().to_string();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = deploy ] || exec '{real}' \"$@\"\necho x > '{}'\nexec sleep 600\n",
            began.display()
        );
        std::fs::write(&slow, script).unwrap();
        std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let site = site.with(&["--kots-binary", &slow.display().to_string()]);
    let manager = site.start("upgrade", "linux").login();
    assert_eq!(manager.post("/app/cancel", &json!({})).told(), "409 no step is at work in New");
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");
    manager.post("/app/upgrade", &json!({})).ok();
    while !began.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    manager.post("/app/cancel", &json!({})).ok();
    let ended = manager.ended("/app/status");
    assert_eq!(ended["status"]["description"], "upgrade app: cancelled by the operator");
    assert_eq!(site.deployed(), "1.0.0");
}
