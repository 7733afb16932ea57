//! The original's HTTP cases (embedded-cluster `8fe707383^:api/integration`), replayed over a socket from
//! states that a fixture seeds.

mod errors;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Manager, Site};

/// Verb and target of everything that is served.
const SERVED: [(&str, &str); 3] =
    [("upgrade", "linux"), ("upgrade", "kubernetes"), ("install", "kubernetes")];

/// A process that starts from a fixture.
fn seeded(site: Site, verb: &str, target: &str, fixture: &Value) -> (Site, Manager) {
    let folder = site.path("fixture");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("fixture.json"), fixture.to_string()).unwrap();
    let site = site.with(&["--fixture", &folder.display().to_string()]);
    let manager = site.start(verb, target).login();
    (site, manager)
}

/// Files of a release with these questions.
fn with_questions(questions: &str) -> Site {
    let site = Site::installed();
    let folder = site.path("release");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.yaml"), questions).unwrap();
    let told = format!(
        "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\n",
        sample::STABLE_ID,
        sample::APP_SLUG
    );
    std::fs::write(folder.join("release.yaml"), told).unwrap();
    site.with(&["--release", &folder.display().to_string()])
}

const QUESTIONS: &str = r"
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: group
    title: Group
    items:
    - {name: text-item, type: text, title: Text, value: vendor}
    - {name: required-item, type: text, title: Required Item, required: true}
    - {name: required-password, type: password, title: Required Password, required: true}
    - {name: file-item, type: file, title: File}
    - {name: api-key, type: text, title: API Key, hidden: true, required: true}
";

fn value(text: &str) -> Value {
    json!({ "value": text })
}

#[test]
fn answers_are_checked_and_kept_as_in_cases_6_to_13() {
    let kept = json!({
        "state": "New",
        "values": {
            "text-item": { "value": "kept" },
            "file-item": { "value": "ZmlsZQ==", "filename": "file.txt" },
            "required-item": { "value": "was there" },
            "required-password": { "value": "password" },
            "api-key": { "value": "key" },
        },
    });
    for (verb, target) in SERVED {
        answers_are_checked_and_kept(verb, target, &kept);
    }
}

fn answers_are_checked_and_kept(verb: &str, target: &str, kept: &Value) {
    let (_site, mut manager) = seeded(with_questions(QUESTIONS), verb, target, kept);
    // 6: stored values, with file names.
    let stored = manager.get("/app/config/values").ok();
    assert_eq!(
        stored["values"]["file-item"],
        json!({ "value": "ZmlsZQ==", "filename": "file.txt" })
    );
    // 11: one key over stored values; the hidden one is needed and given.
    let patched = manager
        .patch_values(
            &json!({ "text-item": value("new"), "api-key": value("key"), "unknown": value("x") }),
        )
        .ok();
    assert_eq!(patched["values"]["text-item"]["value"], "new");
    assert_eq!(patched["values"]["file-item"]["filename"], "file.txt");
    assert!(patched["values"]["unknown"].is_null());
    // 12: an explicit clear.
    let cleared =
        manager.patch_values(&json!({ "required-item": value(""), "api-key": value("key") }));
    assert_eq!(
        cleared.body,
        json!({
            "statusCode": 400,
            "message": "field errors",
            "errors": [{ "message": "Required Item is required", "field": "required-item" }],
        })
    );
    // 10: a hidden item that is required and not given.
    let hidden = manager.patch_values(&json!({ "text-item": value("again") }));
    assert_eq!(hidden.body["errors"][0]["message"], "API Key is required");
    // 7 and 13: everything, with a file.
    let all = json!({
        "text-item": value("t"),
        "required-item": value("r"),
        "required-password": value("p4ssword"),
        "file-item": { "value": "bmV3", "filename": "new.txt" },
        "api-key": value("key"),
    });
    let patched = manager.patch_values(&all).ok();
    assert_eq!(patched["values"]["file-item"], json!({ "value": "bmV3", "filename": "new.txt" }));
    assert_eq!(patched["values"]["required-password"]["value"], "••••••••");
    assert!(patched["values"]["api-key"].is_null(), "hidden answers are not given out");
    "bad".clone_into(&mut manager.token);
    assert_eq!(manager.get("/app/config/values").status, 401);
    assert_eq!(manager.patch_values(&all).status, 401);
}

#[test]
fn two_missing_answers_are_told_in_order() {
    let (_site, manager) =
        seeded(with_questions(QUESTIONS), "install", "kubernetes", &json!({ "state": "New" }));
    let answer = manager.patch_values(&json!({ "api-key": value("key") }));
    let told: Vec<_> =
        answer.body["errors"].as_array().unwrap().iter().map(|it| it["message"].clone()).collect();
    assert_eq!(told, ["Required Item is required", "Required Password is required"]);
    let file =
        manager.patch_values(&json!({ "file-item": value("no base64!"), "api-key": value("k") }));
    assert_eq!(
        file.body["errors"][2],
        json!({ "message": "value must be base64 encoded for file items", "field": "file-item" })
    );
}

#[test]
fn answers_are_refused_once_the_run_is_past_them() {
    for (verb, target, state) in [
        ("upgrade", "linux", "Succeeded"),
        ("upgrade", "kubernetes", "AppPreflightsSucceeded"),
        ("install", "kubernetes", "Succeeded"),
        ("install", "kubernetes", "InfrastructureInstalled"),
    ] {
        let fixture = json!({ "state": state });
        let (_site, manager) = seeded(with_questions(QUESTIONS), verb, target, &fixture);
        assert_eq!(
            manager.patch_values(&json!({ "text-item": value("late") })).told(),
            format!("409 invalid transition from {state} to ApplicationConfiguring")
        );
        // None of them change nothing, and are no reason to refuse.
        assert_eq!(manager.patch_values(&json!({})).ok(), json!({ "values": {} }));
        assert_eq!(manager.state(), state);
    }
}

const DATABASE: &str = r#"
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: general
    title: General
    items:
    - {name: db_enabled, type: bool, title: Database, default: "true"}
    - {name: db_kind, type: text, title: Kind, default: mysql}
  - name: database
    title: 'Settings of {{repl ConfigOption "db_kind" }}'
    when: '{{repl ConfigOptionEquals "db_enabled" "true" }}'
    items:
    - {name: db_host, type: text, title: Host, value: '{{repl ConfigOption "db_kind" }}.example.com'}
    - {name: db_port, type: text, title: Port, default: '{{repl if ConfigOptionEquals "db_kind" "postgres" }}5432{{repl else }}3306{{repl end }}'}
    - {name: db_secret, type: text, title: Secret, hidden: true, value: x}
"#;

#[test]
fn questions_are_rendered_as_in_cases_14_to_18() {
    for (verb, target) in SERVED {
        questions_are_rendered(verb, target);
    }
}

fn questions_are_rendered(verb: &str, target: &str) {
    let fixture = json!({ "state": "New" });
    let (_site, mut manager) = seeded(with_questions(DATABASE), verb, target, &fixture);
    let template = |values: Value| {
        let answer = manager.post("/app/config/template", &json!({ "values": values }));
        assert_eq!(answer.headers["content-type"], "application/json");
        answer.ok()
    };
    let plain = template(json!({}));
    assert_eq!(plain["groups"].as_array().unwrap().len(), 2);
    let database = &plain["groups"][1];
    assert_eq!(database["title"], "Settings of mysql");
    assert_eq!(database["items"][0]["value"], "mysql.example.com");
    assert_eq!(database["items"][1]["default"], "3306");
    assert_eq!(database["items"].as_array().unwrap().len(), 2, "hidden items are not given out");
    let given = template(
        json!({ "db_kind": value("postgres"), "db_host": value("own"), "db_secret": value("y") }),
    );
    let database = &given["groups"][1];
    assert_eq!(database["title"], "Settings of postgres");
    assert_eq!(database["items"][0]["value"], "own");
    assert_eq!(database["items"][1]["default"], "5432");
    assert!(!given.to_string().contains("db_secret"));
    let off = template(json!({ "db_enabled": value("false") }));
    assert_eq!(off["groups"].as_array().unwrap().len(), 1);
    assert_eq!(off["groups"][0]["items"].as_array().unwrap().len(), 2);
    let text = manager.send(Method::POST, "/app/config/template", Some("invalid json".to_owned()));
    assert_eq!(text.status, 400);
    // What an operator gives is never a template.
    let attack = template(json!({ "db_host": value("{{repl LicenseFieldValue \"licenseID\" }}") }));
    assert_eq!(
        attack["groups"][1]["items"][0]["value"],
        "{{repl LicenseFieldValue \"licenseID\" }}"
    );
    "bad".clone_into(&mut manager.token);
    assert_eq!(manager.post("/app/config/template", &json!({ "values": {} })).status, 401);
}

fn output(strict: bool) -> Value {
    json!({
        "titles": ["A", "B"],
        "output": {
            "pass": [{ "title": "A", "message": "good", "strict": false }],
            "warn": [],
            "fail": [{ "title": "B", "message": "bad", "strict": strict }],
        },
    })
}

#[test]
fn preflights_are_told_and_run_as_in_cases_19_and_20() {
    for (strict, (verb, target)) in [false, true, true].into_iter().zip(SERVED) {
        let fixture = json!({
            "state": "AppPreflightsFailed",
            "documents": { "app-preflights": output(strict) },
            "statuses": { "app-preflights": { "state": "Failed", "description": "App preflights failed", "lastUpdated": "" } },
        });
        let (_site, manager) = seeded(Site::installed(), verb, target, &fixture);
        let status = manager.get("/app-preflights/status").ok();
        assert_eq!(status["titles"], json!(["A", "B"]));
        assert_eq!(status["output"]["fail"][0]["strict"], strict);
        assert_eq!(status["hasStrictAppPreflightFailures"], strict);
        assert_eq!(status["allowIgnoreAppPreflights"], true);
        manager.post("/app-preflights/run", &json!({})).ok();
        manager.ended("/app-preflights/status");
        assert_eq!(manager.state(), "AppPreflightsSucceeded");
    }
    let (_site, mut manager) =
        seeded(Site::installed(), "upgrade", "kubernetes", &json!({ "state": "New" }));
    assert_eq!(
        manager.post("/app-preflights/run", &json!({})).told(),
        "409 invalid transition from New to AppPreflightsRunning"
    );
    manager.token.clear();
    assert_eq!(manager.post("/app-preflights/run", &json!({})).status, 401);
}

#[test]
fn the_application_is_installed_as_in_case_23() {
    let start = |state: &str, strict: bool, ignore: bool| {
        let fixture = json!({ "state": state, "documents": { "app-preflights": output(strict) } });
        let (_site, manager) = seeded(Site::empty(), "install", "kubernetes", &fixture);
        manager.post("/app/install", &json!({ "ignoreAppPreflights": ignore })).told()
    };
    assert_eq!(start("AppPreflightsFailed", false, false), "400 app preflight checks failed");
    assert_eq!(
        start("AppPreflightsFailed", true, true),
        "400 installation blocked: strict app preflight checks failed"
    );
    // A step that was at work goes on, and nothing else begins.
    assert!(start("InfrastructureInstalling", false, false).starts_with("409 "));
    assert_eq!(
        start("Succeeded", false, false),
        "409 invalid transition from Succeeded to AppInstalling"
    );
    assert_eq!(start("AppPreflightsFailed", false, true), "200 -");
}

#[test]
fn a_status_and_its_log_are_told_as_in_case_22() {
    let fixture = json!({
        "state": "AppUpgradeFailed",
        "statuses": { "app": { "state": "Failed", "description": "upgrade app: no", "lastUpdated": "" } },
        "logs": { "app": ["[kots] one", "[kots] zwei – drei"] },
    });
    let (_site, mut manager) = seeded(Site::installed(), "upgrade", "linux", &fixture);
    let status = manager.get("/app/status").ok();
    assert_eq!(status["status"]["description"], "upgrade app: no");
    assert_eq!(status["logs"], "[kots] one\n[kots] zwei – drei");
    manager.token.clear();
    assert_eq!(manager.get("/app/status").status, 401);
}

#[test]
fn the_installation_is_configured_as_in_case_33() {
    let (_site, manager) = seeded(
        Site::empty(),
        "install",
        "kubernetes",
        &json!({ "state": "ApplicationConfigured" }),
    );
    let config = manager.get("/installation/config").ok();
    assert_eq!(config["defaults"]["adminConsolePort"], 30000);
    let wrong = manager.post("/installation/configure", &json!({ "adminConsolePort": "x" }));
    assert_eq!(wrong.status, 400);
    let taken = manager.post("/installation/configure", &json!({ "adminConsolePort": 65_536 }));
    assert_eq!(taken.body["errors"][0]["field"], "adminConsolePort");
    let settings = json!({ "adminConsolePort": 8800, "httpProxy": "http://proxy" });
    manager.post("/installation/configure", &settings).ok();
    let ended = manager.ended("/installation/status");
    assert_eq!(ended["description"], "Installation configured");
    let config = manager.get("/installation/config").ok();
    assert_eq!(config["values"]["httpProxy"], "http://proxy");
    assert_eq!(config["resolved"]["adminConsolePort"], 8800);
    manager.post("/infra/setup", &json!({})).ok();
    let infra = manager.ended("/infra/status");
    assert_eq!(infra["components"][0]["name"], "Admin Console");
    assert_eq!(infra["components"][0]["status"]["state"], "Succeeded");
    assert_eq!(manager.state(), "InfrastructureInstalled");
}

#[test]
fn a_bundle_is_processed_as_in_case_32() {
    let airgapped = || {
        let site = Site::installed_airgapped();
        let bundle = site.path("1.1.0.airgap").display().to_string();
        site.with(&["--airgap-bundle", &bundle])
    };
    let fixture = json!({ "state": "ApplicationConfigured" });
    let (_site, manager) = seeded(airgapped(), "upgrade", "linux", &fixture);
    assert_eq!(
        manager.post("/app-preflights/run", &json!({})).told(),
        "409 invalid transition from ApplicationConfigured to AppPreflightsRunning"
    );
    manager.post("/airgap/process", &json!({})).ok();
    let ended = manager.ended("/airgap/status");
    assert_eq!(ended["status"]["description"], "Airgap bundle processed");
    assert_eq!(manager.state(), "AirgapProcessed");
    let (_site, manager) = seeded(airgapped(), "upgrade", "linux", &json!({ "state": "New" }));
    assert_eq!(
        manager.post("/airgap/process", &json!({})).told(),
        "409 invalid transition from New to AirgapProcessing"
    );
}

#[test]
fn what_was_at_work_when_the_process_died_is_true_after_a_start() {
    let at = |state: &str| {
        seeded(Site::installed(), "upgrade", "kubernetes", &json!({ "state": state }))
    };
    // The client of a request that was cut off sends its answers again.
    let (_site, manager) = at("ApplicationConfiguring");
    assert_eq!(manager.state(), "ApplicationConfigurationFailed");
    let (_site, manager) = at("AppPreflightsRunning");
    manager.ended("/app-preflights/status");
    assert_eq!(manager.state(), "AppPreflightsSucceeded");
}

#[test]
fn a_stream_ends_with_its_session() {
    use std::io::Read as _;

    // Renewed by nothing but requests; the stream is the last one.
    let fixture = json!({ "state": "New", "session_ms": 3000 });
    let (_site, manager) = seeded(with_questions(QUESTIONS), "upgrade", "linux", &fixture);
    let events = |after: i64| {
        let request = manager.http.get(format!("{}/api/events?after={after}", manager.url));
        request.bearer_auth(&manager.token).send().unwrap()
    };
    let mut stream = events(0);
    assert_eq!(stream.status(), 200);
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("id: 1\nevent: state\n") && told.ends_with("\n\n"), "{told}");
    let again = events(1);
    assert_eq!(again.status(), 401);
    assert_eq!(again.json::<Value>().unwrap()["message"], "Unauthorized");
    let manager = manager.login();
    assert_eq!(manager.get("/api/state").status, 200);
}
