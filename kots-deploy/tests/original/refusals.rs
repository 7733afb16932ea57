//! A stated reason fails at once and is printed whole, whatever its form; nothing is sent a second time.

use crate::harness::{CONFIG, Run, Site, values};
use crate::server::{Rule, answer};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Runs against a server that answers one request so, and expects that to be the end of it.
#[track_caller]
fn refused(site: &Site, rule: Rule) -> Run {
    let (method, path) = (rule.method, rule.path);
    site.server.rules([rule.times(usize::MAX)]);
    let run = site.deploy().run();
    run.expect(1);
    assert!(run.stderr.starts_with("Error: ") || run.stderr.contains("\nError: "), "{run}");
    let sent = site.server.with(|it| {
        it.requests.iter().filter(|it| it.method == method && it.target.contains(path)).count()
    });
    assert_eq!(sent, 1, "a refused request was sent again\n{run}");
    run
}

#[test]
fn a_reason_in_json_is_printed() {
    let body = r#"{"success":false,"error":"failed to download upstream update"}"#;
    let rule = answer("POST", "/upstream/update", 500, JSON, body);
    refused(&Site::online(), rule).complains("failed to download upstream update");
}

#[test]
fn a_reason_in_plain_text_is_printed() {
    for reason in [
        "Requested channel (Stable) not found in license.",
        "License is expired",
        "Version 1.1.0 (2) cannot be installed again because it is already the current version",
        "This version cannot be deployed because version 1.0.5 is required and must be deployed first.",
        "Before you can update to this version, you need to update to an earlier version that includes the required infrastructure update.",
    ] {
        let rule = answer("POST", "/upstream/update", 500, TEXT, reason);
        refused(&Site::airgap(), rule).complains(reason);
    }
    let reason = "Cannot update an online install using an airgap bundle";
    let rule = answer("POST", "/upstream/update", 400, TEXT, reason);
    refused(&Site::airgap(), rule).complains(reason);
}

#[test]
fn a_reason_that_comes_before_the_upload_is_through_is_printed() {
    let site = Site::airgap_large(24 << 20);
    let reason = "License is expired";
    let mut rule = answer("POST", "/upstream/update", 500, TEXT, reason);
    if let crate::server::Action::Answer { early, .. } = &mut rule.action {
        *early = true;
    }
    refused(&site, rule).complains(reason);
    assert_eq!(site.server.versions(), ["0 Airgap Install 1 deployed"]);
}

#[test]
fn a_503_with_a_reason_is_a_reason() {
    let body = r#"{"error":"the registry is read-only"}"#;
    for (method, path) in
        [("POST", "/upstream/update"), ("POST", "/config/values"), ("PUT", "/license")]
    {
        let rule = answer(method, path, 503, JSON, body);
        refused(&Site::online(), rule).complains("the registry is read-only");
    }
}

#[test]
fn an_answer_without_words_still_has_its_code() {
    for status in [400, 409, 413, 418, 500, 501] {
        let rule = answer("POST", "/upstream/update", status, "", "");
        refused(&Site::airgap(), rule).complains(&status.to_string());
    }
}

#[test]
fn every_value_that_breaks_its_rule_is_named() {
    let site = Site::online();
    site.write("values.yaml", &values("app.example.com", "https"));
    let run = site.deploy().run();
    run.expect(1)
        .complains("failed to validate config values")
        .complains("port")
        .complains("must be a port number");
    assert_eq!(site.server.versions().len(), 2);
}

#[test]
fn every_required_item_without_a_value_is_named() {
    let body = r#"{"success":false,"error":"The following fields are required: hostname, admin_email","requiredItems":["hostname","admin_email"]}"#;
    let rule = answer("POST", "/config/values", 400, JSON, body);
    refused(&Site::online(), rule).complains("hostname").complains("admin_email");
    // A list without words, too.
    let body = r#"{"success":false,"error":"failed","requiredItems":["hostname","admin_email"]}"#;
    let rule = answer("POST", "/config/values", 400, JSON, body);
    refused(&Site::online(), rule).complains("hostname").complains("admin_email");
}

#[test]
fn a_missing_required_item_is_named() {
    let site = Site::online();
    let text = String::from_utf8(site.read("values.yaml")).expect("text");
    site.write("values.yaml", &text.replace("    hostname:\n      value: app.example.com\n", ""));
    site.deploy().run().expect(1).complains("hostname");
    assert_eq!(site.server.versions().len(), 2);
}

/// The original would find out when it has made a version of the bundle.
#[test]
fn values_are_compared_with_the_bundle_before_anything_is_sent() {
    let site = Site::airgap();
    let rule = ", validation: {regex: {pattern: '^[0-9]+$', message: must be a port number}}";
    site.write_bundle(&CONFIG.replace("RULE", rule), 0);
    site.write("values.yaml", &values("''", "https"));
    let run = site.deploy().run();
    run.expect(1)
        .complains("config item `port` of group `settings`: must be a port number")
        .complains("config item `hostname` is required and has no value");
    assert_eq!(site.server.changes(), [""; 0]);
    assert_eq!(site.server.versions().len(), 1);
}

#[test]
fn a_flattened_license_failure_is_passed_on() {
    let site = Site::airgap();
    site.write("license.yaml", &sample::license::Builder::new().id("another-customer").yaml());
    let run = site.deploy().run();
    run.expect(1).complains("failed to sync license");
    assert_eq!(site.server.posts(), [""; 0]);
}

#[test]
fn a_404_of_config_values_names_the_slug() {
    let rule = answer("POST", "/config/values", 404, "", "");
    refused(&Site::online(), rule).complains("app with slug sample-app not found");
}

#[test]
fn an_unknown_slug_is_named_with_those_there_are() {
    let site = Site::online();
    let run = site.deploy().slug("other-app").run();
    run.expect(1).complains("other-app").complains("sample-app");
    assert_eq!(site.server.changes(), [""; 0]);
}

#[test]
fn a_wrong_auth_string_is_an_authentication_failure() {
    let site = Site::online();
    site.write("wrong", "Kots wrongwrongwrongwrongwrongwrong00");
    let run = site.deploy().auth_file("wrong").run();
    run.expect(1).complains("auth string").complains("failed to parse authorization header");
    assert!(!run.stderr.contains("wrongwrong"), "{run}");
    assert_eq!(site.server.changes(), [""; 0]);
}

#[test]
fn an_empty_200_where_json_is_due_is_an_authentication_failure() {
    for (method, path) in
        [("GET", "/api/v1/app/sample-app"), ("PUT", "/license"), ("POST", "/config/values")]
    {
        let site = Site::online();
        let run = refused(&site, answer(method, path, 200, "", ""));
        run.complains("auth string");
    }
}

#[test]
fn a_denied_session_is_told_what_it_may_not() {
    let body = r#"{"error":"access denied to resource app.sample-app.license.","success":false}"#;
    let rule = answer("PUT", "/license", 403, JSON, body);
    refused(&Site::online(), rule).complains("access denied to resource app.sample-app.license.");
}

#[test]
fn a_bundle_for_an_online_install_is_refused_before_it_is_sent() {
    let site = Site::airgap();
    site.server.with(|it| it.app().is_airgap = false);
    let run = site.deploy().run();
    run.expect(1).complains("Cannot update an online install using an airgap bundle");
    assert_eq!(site.server.versions(), ["0 Airgap Install 1 deployed"]);
}

#[test]
fn an_app_without_a_config_says_so() {
    let site = Site::online();
    site.server.with(|it| it.app().config = None);
    let run = site.deploy().run();
    run.expect(1).complains("does not have a config");
}

#[test]
fn an_auth_string_that_ends_in_the_middle_ends_the_run() {
    let body = r#"{"error":"failed to parse authorization header","success":false}"#;
    let rule = answer("POST", "/upstream/update", 401, JSON, body);
    refused(&Site::online(), rule).complains("auth string");
}

#[test]
fn a_redirect_is_not_followed() {
    let site = Site::online();
    let run = refused(&site, answer("POST", "/upstream/update", 302, "", ""));
    run.complains("302");
    assert_eq!(site.server.versions().len(), 1);
}

#[test]
fn half_a_document_is_no_answer() {
    for body in ["{\"slug\":\"sample-a", "null", "\"ok\""] {
        let site = Site::online();
        let rule = answer("GET", "/api/v1/app/sample-app", 200, JSON, body);
        site.server.rules([rule.times(usize::MAX)]);
        let run = site.deploy().timeout("5s").run();
        assert!(matches!(run.code, Some(1 | 4)), "{body}\n{run}");
        assert_eq!(site.server.posts(), [""; 0], "{body}\n{run}");
    }
}

#[test]
fn an_empty_document_is_no_application() {
    for body in ["{}", "[]"] {
        let site = Site::online();
        let rule = answer("GET", "/api/v1/app/sample-app", 200, JSON, body);
        site.server.rules([rule.times(usize::MAX)]);
        let run = site.deploy().timeout("5s").run();
        assert!(matches!(run.code, Some(1 | 4)), "{body}\n{run}");
        assert_eq!(site.server.changes(), [""; 0], "{body}\n{run}");
    }
}

#[test]
fn something_that_is_no_console_is_not_taken_for_one() {
    let site = Site::online();
    let page = "<html><body>Welcome to nginx!</body></html>";
    site.server.rules([answer("*", "/", 200, "text/html", page).times(usize::MAX)]);
    let run = site.deploy().timeout("10s").run();
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(site.server.changes(), [""; 0]);
}
