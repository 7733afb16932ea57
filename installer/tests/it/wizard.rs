//! The wizard of embedded-cluster v3 drives the real installer: its requests in its order with its
//! headers, and of every answer the fields that it reads, as it reads them.
//!
//! The facts are of its sources (`web/src`): `api/client.ts`, `queries/`, `mutations/` and the components of
//! its steps. The tests here are the walks; [`tab`] is what a browser's tab does.

mod page;
mod tab;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Manager, PASSWORD, Site};
use crate::walks::values;
use tab::{Ended, Tab};

/// A built page, as vite leaves it.
pub(crate) const PAGE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <title>{{ .Title }}</title>
    <script>
      window.__INITIAL_STATE__ = {{ .InitialState }};
    </script>
    <script type="module" crossorigin src="/assets/index-B1a2C3d4.js"></script>
    <link rel="stylesheet" crossorigin href="/assets/index-E5f6G7h8.css">
  </head>
  <body><div id="root"></div></body>
</html>
"#;

/// Gives the page out.
fn with_page(site: Site) -> Site {
    let folder = site.path("web");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::fs::write(folder.join("index.html"), PAGE).unwrap();
    std::fs::write(folder.join("assets/index-B1a2C3d4.js"), "export {};\n").unwrap();
    std::fs::write(folder.join("assets/index-E5f6G7h8.css"), "body {}\n").unwrap();
    let folder = folder.display().to_string();
    site.with(&["--web-dir", &folder])
}

fn airgapped() -> Site {
    let site = Site::installed_airgapped();
    let bundle = site.path("1.1.0.airgap").display().to_string();
    with_page(site.with(&["--airgap-bundle", &bundle]))
}

/// The step that follows on the welcome page in both modes, then the phases to the end.
fn walk(tab: &Tab) -> Value {
    tab.configure(&values()).unwrap();
    if tab.mode() == "install" {
        tab.set_up(&json!({ "httpProxy": "http://proxy.example.com:3128" })).unwrap();
    }
    let ended = tab.phases(false);
    let Ended::Done(last) = ended else { panic!("{ended:?}") };
    last
}

/// The page of a run that is over stays usable, and a signal ends the command well.
fn close(mut manager: Manager, tab: &Tab) {
    tab.is_reachable();
    manager.terminate();
    assert_eq!(manager.wait_end(), Some(0));
}

fn check(site: &Site, verb: &str, target: &str, is_airgap: bool) {
    let manager = site.start(verb, target);
    let state = page::initial_state(&manager);
    assert_eq!(
        state,
        json!({
            "title": state["title"],
            "icon": state["icon"],
            "installTarget": target,
            "mode": verb,
            "isAirgap": is_airgap,
            "requiresInfraUpgrade": false,
        })
    );
    assert!(state["title"].as_str().is_some_and(|it| !it.is_empty()));
    assert!(state["icon"].is_string());
    let tab = Tab::open(manager.http.clone(), &manager.url, &state);
    tab.is_reachable();
    assert_eq!(tab.log_in("wrong"), Err(401));
    tab.log_in(PASSWORD).unwrap();
    let last = walk(&tab);
    let text = if verb == "install" { "Installation complete" } else { "Upgrade complete" };
    assert_eq!(last["status"]["description"], text);
    assert_eq!(site.deployed(), "1.1.0");
    close(manager, &tab);
}

#[test]
fn linux_upgrade_online() {
    check(&with_page(Site::installed()), "upgrade", "linux", false);
}

#[test]
fn linux_upgrade_from_a_bundle() {
    check(&airgapped(), "upgrade", "linux", true);
}

#[test]
fn kubernetes_upgrade_online() {
    check(&with_page(Site::installed()), "upgrade", "kubernetes", false);
}

/// The wizard would process a bundle by the requests of linux.
#[test]
fn kubernetes_upgrade_from_a_bundle_is_told_of_no_bundle() {
    check(&airgapped(), "upgrade", "kubernetes", false);
}

#[test]
fn kubernetes_install() {
    check(&with_page(Site::empty()), "install", "kubernetes", false);
}

/// A tab of a run, logged in.
fn tab(manager: &Manager, token: Option<&str>) -> Tab {
    let state = page::initial_state(manager);
    let tab = Tab::open(manager.http.clone(), &manager.url, &state);
    if let Some(token) = token {
        return tab.with_token(token);
    }
    tab.log_in(PASSWORD).unwrap();
    tab
}

#[test]
fn wrong_answers_are_shown_beside_their_fields() {
    let site = with_page(Site::installed());
    let manager = site.start("upgrade", "linux");
    let tab = tab(&manager, None);
    let wrong = tab.configure(&json!({ "hostname": { "value": "no host" } })).unwrap_err();
    assert_eq!(wrong.details, "field errors");
    let fields: Vec<&str> = wrong.fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["hostname", "admin_email", "admin_password"]);
    // Fields that were right are sent again with those that were not.
    tab.configure(&values()).unwrap();
}

#[test]
fn settings_of_an_installation_are_checked_by_field() {
    let site = with_page(Site::empty());
    let manager = site.start("install", "kubernetes");
    let tab = tab(&manager, None);
    tab.configure(&values()).unwrap();
    let wrong = tab.set_up(&json!({ "adminConsolePort": 70000 })).unwrap_err();
    assert_eq!(wrong.fields[0].0, "adminConsolePort");
    // An emptied field is left out of the request.
    tab.set_up(&json!({ "adminConsolePort": null })).unwrap();
    // Some versions begin the infrastructure a second time, under the name of another target.
    let again = tab.fetch(
        Method::POST,
        "/api/linux/install/infra/setup",
        Some(&json!({ "ignoreHostPreflights": false })),
    );
    assert!(again.status == 200 || again.told() == "409 lock already acquired", "{again:?}");
}

const PASSED: &str = r#"{"pass":[{"title":"Disk","message":"enough"}],"warn":null,"fail":null}"#;
const FAILED: &str = r#"{"pass":null,"warn":[{"title":"Disk","message":"small"}],"fail":[{"title":"Version","message":"too old"}]}"#;
const STRICT: &str =
    r#"{"pass":null,"warn":null,"fail":[{"title":"Version","message":"too old","strict":true}]}"#;

#[test]
fn checks_that_fail_or_do_not_run_stop_the_wizard() {
    let site = with_page(Site::installed().with_preflights("no result", 1));
    let manager = site.start("upgrade", "linux");
    let tab = tab(&manager, None);
    tab.configure(&values()).unwrap();

    // The page takes a failed run for a good one unless it is given a check that failed.
    let ended = tab.phases(false);
    let Ended::Checks { failed, is_strict } = ended else { panic!("{ended:?}") };
    assert!(is_strict);
    assert!(failed[0].contains("exit status 1"), "{failed:?}");

    site.preflights_end(STRICT, 3);
    let ended = tab.check_again();
    assert_eq!(ended, Ended::Checks { failed: vec!["Version: too old".into()], is_strict: true });

    site.preflights_end(FAILED, 3);
    let ended = tab.check_again();
    assert_eq!(ended, Ended::Checks { failed: vec!["Version: too old".into()], is_strict: false });
    // `Continue Anyway`.
    let ended = tab.phases(true);
    assert!(matches!(ended, Ended::Done(_)), "{ended:?}");
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn checks_that_pass_after_all_are_gone_past_without_a_question() {
    let site = with_page(Site::installed().with_preflights(STRICT, 3));
    let manager = site.start("upgrade", "kubernetes");
    let tab = tab(&manager, None);
    tab.configure(&values()).unwrap();
    assert!(matches!(tab.phases(false), Ended::Checks { is_strict: true, .. }));
    site.preflights_end(PASSED, 0);
    assert_eq!(tab.check_again(), Ended::ChecksPassed);
    assert!(matches!(tab.phases(false), Ended::Done(_)));
}

/// A `kots` whose deploy does what `command` says first.
fn with_kots(site: Site, command: &str) -> Site {
    let path = site.path("kots");
    write_kots(&site, command);
    site.with(&["--kots-binary", &path.display().to_string()])
}

fn write_kots(site: &Site, command: &str) {
    use std::os::unix::fs::PermissionsExt as _;

    let (path, real) = (site.path("kots"), crate::harness::kots().display().to_string());
    let script =
        format!("#!/bin/sh\nif [ \"$1\" = deploy ]; then {command}; fi\nexec '{real}' \"$@\"\n");
    // Another file, since one that runs cannot be written.
    std::fs::write(path.with_extension("new"), script).unwrap();
    std::fs::set_permissions(path.with_extension("new"), std::fs::Permissions::from_mode(0o755))
        .unwrap();
    std::fs::rename(path.with_extension("new"), path).unwrap();
}

#[test]
fn a_failed_upgrade_is_begun_anew_from_another_tab() {
    let site = with_kots(airgapped(), "echo 'Error: no space left' >&2; exit 1");
    let manager = site.start("upgrade", "linux");
    let first = tab(&manager, None);
    first.configure(&values()).unwrap();
    let ended = first.phases(false);
    let Ended::Failed { phase, why } = ended else { panic!("{ended:?}") };
    assert_eq!(phase, "/app");
    assert!(why.ends_with("Error: no space left"), "{why}");
    assert!(matches!(first.phases(false), Ended::Failed { .. }), "a reload shows it again");

    write_kots(&site, ":");
    // A new tab begins at the answers, and nothing of the failed run is taken for done.
    let second = tab(&manager, Some(&first.token()));
    second.configure(&json!({})).unwrap();
    assert!(matches!(second.phases(false), Ended::Done(_)));
    assert_eq!(second.begun(), ["/airgap/process", "/app-preflights/run", "/app/upgrade"]);
    assert_eq!(site.deployed(), "1.1.0");
}

#[test]
fn a_failed_upgrade_is_begun_anew_by_the_same_command() {
    let site = with_kots(with_page(Site::installed()), "echo 'Error: no space left' >&2; exit 1");
    let mut manager = site.start("upgrade", "linux");
    let token = {
        let tab = tab(&manager, None);
        tab.configure(&values()).unwrap();
        assert!(matches!(tab.phases(false), Ended::Failed { .. }));
        tab.token()
    };
    manager.kill();
    write_kots(&site, ":");
    let manager = site.start("upgrade", "linux");
    // The page still shows the failure. Its next request is refused, so that it forgets where it was.
    let old = tab(&manager, Some(&token));
    assert!(!old.token_counts());
    let fresh = tab(&manager, None);
    fresh.configure(&json!({})).unwrap();
    assert!(matches!(fresh.phases(false), Ended::Done(_)));
    assert_eq!(site.deployed(), "1.1.0");
}

#[cfg(feature = "fixture")]
#[test]
fn a_bundle_that_could_not_be_processed_is_processed_anew() {
    let site = airgapped();
    let failed = json!({
        "state": "Failed",
        "description": "process airgap: no route",
        "lastUpdated": "2026-01-01T00:00:00Z",
    });
    let fixture = json!({
        "state": "AirgapProcessingFailed",
        "values": values(),
        "statuses": { "airgap": failed },
    });
    std::fs::create_dir(site.path("fixture")).unwrap();
    std::fs::write(site.path("fixture/fixture.json"), fixture.to_string()).unwrap();
    let folder = site.path("fixture").display().to_string();
    let site = site.with(&["--fixture", &folder]);
    let manager = site.start("upgrade", "linux");
    let tab = tab(&manager, None);
    let failed = Ended::Failed { phase: "/airgap", why: "process airgap: no route".to_owned() };
    assert_eq!(tab.phases(false), failed);
    tab.configure(&json!({})).unwrap();
    assert!(matches!(tab.phases(false), Ended::Done(_)));
    assert_eq!(tab.begun(), ["/airgap/process", "/app-preflights/run", "/app/upgrade"]);
}

#[test]
fn another_tab_comes_to_where_the_run_is() {
    let site = airgapped();
    let gate = site.path("gate");
    let wait = format!("while ! [ -e '{}' ]; do sleep 0.05; done", gate.display());
    let site = with_kots(site, &wait);
    let manager = site.start("upgrade", "linux");
    let first = tab(&manager, None);
    first.configure(&values()).unwrap();
    assert_eq!(first.phases_until("/app"), Ended::Begun);
    let second = tab(&manager, Some(&first.token()));
    assert!(second.token_counts());
    second.configure(&json!({})).unwrap();
    // Answers that would change something come too late.
    let late = second.configure(&json!({ "hostname": { "value": "late.example.com" } }));
    assert_eq!(late.unwrap_err().details, "lock already acquired");
    std::fs::write(&gate, "").unwrap();
    assert!(matches!(second.phases(false), Ended::Done(_)));
    assert!(second.begun().is_empty(), "nothing was begun twice");
}

#[test]
fn another_tab_of_an_installation_comes_to_where_it_is() {
    let site = with_page(Site::empty().with_preflights(FAILED, 3));
    let site = site.with(&["--channel-sequence", "2"]);
    let manager = site.start("install", "kubernetes");
    let first = tab(&manager, None);
    first.configure(&values()).unwrap();
    first.set_up(&json!({ "noProxy": "10.0.0.0/8" })).unwrap();
    assert!(matches!(first.phases(false), Ended::Checks { is_strict: false, .. }));
    site.preflights_end(PASSED, 0);
    assert_eq!(first.check_again(), Ended::ChecksPassed);
    let second = tab(&manager, Some(&first.token()));
    second.configure(&json!({})).unwrap();
    second.set_up(&json!({})).unwrap();
    assert!(matches!(second.phases(false), Ended::Done(_)));
    assert_eq!(second.begun(), ["/app/install"]);
}

#[test]
fn a_session_that_ended_leads_to_the_login() {
    let site = with_page(Site::installed());
    let mut manager = site.start("upgrade", "linux");
    let token = {
        let live = tab(&manager, None);
        // This is asked by its name in the other mode, and is not there in this one.
        assert!(live.token_counts());
        let dead = tab(&manager, Some("e30.e30.e30"));
        assert!(!dead.token_counts());
        assert_eq!(dead.configure(&values()).unwrap_err().status, 401);
        for path in ["/airgap/status", "/app-preflights/status", "/app/status"] {
            assert_eq!(
                dead.fetch(Method::GET, &format!("/api/linux/upgrade{path}"), None).status,
                401
            );
        }
        live.configure(&values()).unwrap();
        live.token()
    };
    manager.kill();
    // A run that goes on knows its pages; one that begins anew does not: they would show another's end.
    let mut manager = site.start("upgrade", "linux");
    assert!(tab(&manager, Some(&token)).token_counts());
    manager.kill();
    let site = site.with(&["--restart"]);
    let manager = site.start("upgrade", "linux");
    assert!(!tab(&manager, Some(&token)).token_counts());
}

#[test]
fn a_release_that_asks_nothing_has_a_way_on() {
    let site = with_page(Site::installed());
    let folder = site.path("release");
    std::fs::create_dir_all(&folder).unwrap();
    let told = format!(
        "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\n",
        sample::STABLE_ID,
        sample::APP_SLUG
    );
    std::fs::write(folder.join("release.yaml"), told).unwrap();
    let site = site.with(&["--release", &folder.display().to_string()]);
    let manager = site.start("upgrade", "linux");
    let tab = tab(&manager, None);
    // `configure` wants at least one group, without which the page has no button.
    tab.configure(&json!({})).unwrap();
    assert!(matches!(tab.phases_until("/app"), Ended::Begun));
}
