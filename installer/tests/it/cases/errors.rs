//! The cases of group C, whose originals inject an error, and those of linux/install, which is not served.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{QUESTIONS, SERVED, seeded, value, with_questions};
use crate::harness::{Answer, Manager, Site};

/// Makes a table disappear under the running process: what needs it fails from now on.
fn break_table(site: &Site, table: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::Connection as _;

        let path = site.path("data/installer.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut database = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        let statement = format!("DROP TABLE {table}");
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut database).await.unwrap();
    });
}

/// An internal error tells its whole reason, in the shape of every refusal.
#[track_caller]
fn assert_internal(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert_eq!(answer.body["statusCode"], 500);
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains(reason), "{message}");
    assert!(answer.body["errors"].is_null());
}

#[test]
fn interfaces_are_listed_as_in_case_5() {
    let (_site, mut manager) =
        seeded(Site::installed(), "upgrade", "linux", &json!({ "state": "New" }));
    let path = "/api/console/available-network-interfaces";
    assert!(manager.get(path).ok()["networkInterfaces"].is_array());
    manager.token.clear();
    assert_eq!(manager.get(path).status, 401);
    let fault = json!({ "faults": ["console"] });
    let (_site, manager) = seeded(Site::empty(), "install", "kubernetes", &fault);
    assert_internal(&manager.get(path), "the fixture lets console fail");
}

#[test]
fn answers_that_cannot_be_read_are_an_internal_error() {
    for (verb, target) in SERVED {
        let fixture = json!({ "documents": { "answers": "not sealed" } });
        let (_site, manager) = seeded(with_questions(QUESTIONS), verb, target, &fixture);
        let reason = "the database holds an unreadable answers: it was sealed with another key";
        assert_internal(&manager.get("/app/config/values"), reason);
        assert_internal(&manager.post("/app/config/template", &json!({ "values": {} })), reason);
        assert_internal(&manager.patch_values(&json!({ "text-item": value("x") })), reason);
        assert_eq!(manager.state(), "ApplicationConfigurationFailed");
    }
}

#[test]
fn a_store_that_fails_is_an_internal_error_as_in_case_27() {
    let fixture = json!({ "state": "ApplicationConfigured" });
    let (site, manager) = seeded(Site::empty(), "install", "kubernetes", &fixture);
    break_table(&site, "document");
    let settings = json!({ "adminConsolePort": 8800 });
    assert_internal(&manager.post("/installation/configure", &settings), "no such table");
    // Nothing was begun, and the machine is free.
    assert_eq!(manager.get("/installation/status").ok()["state"], "Pending");
    assert_internal(&manager.get("/installation/config"), "no such table");
    assert_internal(&manager.get("/app-preflights/status"), "no such table");

    let fixture = json!({ "state": "AppPreflightsSucceeded" });
    let (site, manager) = seeded(Site::installed(), "upgrade", "linux", &fixture);
    break_table(&site, "status");
    assert_internal(&manager.post("/app/upgrade", &json!({})), "no such table");
    assert_eq!(manager.state(), "AppPreflightsSucceeded");
    assert_internal(&manager.get("/app/status"), "no such table");
}

/// A `kots` that fails as told.
fn with_kots(site: Site, script: &str) -> Site {
    let path = site.path("failing-kots");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = path.display().to_string();
    site.with(&["--kots-binary", &path])
}

/// Starts the last step and tells its end: the description, and the state.
fn ended(manager: &Manager, verb: &str) -> (Value, String) {
    manager.post(&format!("/app/{verb}"), &json!({ "ignoreAppPreflights": true })).ok();
    let body = manager.ended("/app/status");
    (body["status"]["description"].clone(), manager.state())
}

#[test]
fn the_application_is_upgraded_or_not_as_in_case_21() {
    let versions = r#"[{"versionLabel":"1.0.0","channelSequence":1,"status":"deployed"}]"#;
    let script = |end: &str| format!("[ \"$1\" = get ] && {{ echo '{versions}'; exit 0; }}\n{end}");
    for (verb, target) in SERVED {
        let fixture = json!({ "state": "AppPreflightsSucceeded" });
        let kots = script("echo fine; exit 0");
        let site = with_kots(Site::installed(), &kots);
        let (_site, manager) = seeded(site, verb, target, &fixture);
        let complete = if verb == "install" { "Installation complete" } else { "Upgrade complete" };
        assert_eq!(ended(&manager, verb), (json!(complete), "Succeeded".to_owned()));

        let kots = script("echo 'the manager failed' >&2; exit 1");
        let site = with_kots(Site::installed(), &kots);
        let (_site, manager) = seeded(site, verb, target, &fixture);
        let (told, state) = ended(&manager, verb);
        let (words, failed) = match verb {
            "install" => ("install app: kots cli install: run install command", "AppInstallFailed"),
            _ => ("upgrade app: kots cli deploy: run deploy command", "AppUpgradeFailed"),
        };
        assert_eq!(told, json!(format!("{words}: exit status 1: the manager failed")));
        assert_eq!(state, failed);
    }
}

#[test]
fn what_is_of_another_target_or_mode_is_not_there() {
    let fixture = json!({ "state": "New" });
    let (_site, manager) = seeded(Site::installed(), "upgrade", "linux", &fixture);
    // 24 to 30: linux/install is not served.
    for path in [
        "installation/config",
        "installation/status",
        "host-preflights/status",
        "app-preflights/status",
        "infra/status",
        "airgap/status",
        "app/config/values",
        "app/status",
    ] {
        let path = format!("/api/linux/install/{path}");
        assert_eq!(manager.get(&path).told(), format!("404 there is no {path}"));
    }
    for path in ["installation/configure", "host-preflights/run", "infra/setup", "app/install"] {
        let answer = manager.post(&format!("/api/linux/install/{path}"), &json!({}));
        assert_eq!((answer.status, answer.body["statusCode"].clone()), (404, json!(404)));
    }
    let other = manager.get("/api/kubernetes/upgrade/app/status");
    assert_eq!(other.status, 404);
    assert_eq!(manager.get("/api/linux/kurl-migration/status").status, 404);
    // 31: the infrastructure is refused with a sentence.
    for (method, path) in [
        ("post", "/infra/upgrade"),
        ("get", "/infra/status"),
        ("post", "/host-preflights/run"),
        ("get", "/host-preflights/status"),
    ] {
        let answer = match method {
            "post" => manager.post(path, &json!({ "ignoreHostPreflights": true })),
            _ => manager.get(path),
        };
        assert_eq!(answer.status, 409, "{path}");
    }
}

#[test]
fn who_may_ask_is_checked_as_in_cases_1_to_4() {
    for (verb, target) in SERVED {
        let fixture = json!({ "state": "New" });
        let (_site, mut manager) = seeded(Site::installed(), verb, target, &fixture);
        let path = "/app/status";
        manager.get(path).ok();
        let token = std::mem::take(&mut manager.token);
        let unauthorized = json!({ "statusCode": 401, "message": "Unauthorized" });
        assert_eq!(manager.get(path).body, unauthorized);
        for bad in ["bad", &token[..token.len() - 2], &format!("{token}x")] {
            bad.clone_into(&mut manager.token);
            assert_eq!(manager.get(path).body, unauthorized);
        }
        manager.token.clear();
        let wrong = manager.post("/api/auth/login", &json!({ "password": "wrong" }));
        assert_eq!((wrong.status, wrong.body), (401, unauthorized));
        // Nobody has said who he is: not much is read.
        let long = json!({ "password": "x".repeat(100_000) });
        assert_eq!(manager.post("/api/auth/login", &long).status, 413);
    }
}
