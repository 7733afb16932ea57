//! What every request meets: the password, tokens, unknown paths, headers, limits, and the shapes of
//! what a run says about itself.

use std::io::{BufRead as _, BufReader};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Manager, Site};
use crate::walks::values;

#[test]
fn a_token_is_had_for_the_password_and_needed_for_the_rest() {
    let site = Site::installed();
    let mut manager = site.start("upgrade", "linux");
    assert_eq!(manager.get("/api/health").ok(), json!({ "status": "ok" }));
    let refused = json!({ "statusCode": 401, "message": "Unauthorized" });
    let wrong = manager.post("/api/auth/login", &json!({ "password": "wrong" }));
    assert_eq!((wrong.status, &wrong.body), (401, &refused));
    for token in ["", "bad", "e30.e30.e30"] {
        token.clone_into(&mut manager.token);
        let answer = manager.get("/app/status");
        assert_eq!((answer.status, &answer.body), (401, &refused));
    }
    let manager = manager.login();
    assert_eq!(manager.get("/app/status").ok()["status"]["state"], "Pending");
    assert_eq!(manager.get("/app/status").ok()["status"]["lastUpdated"], "0001-01-01T00:00:00Z");
    for _ in 0..5 {
        manager.post("/api/auth/login", &json!({ "password": "wrong" }));
    }
    let limited = manager.post("/api/auth/login", &json!({ "password": "wrong" }));
    assert_eq!(limited.status, 429, "{limited:?}");
    assert_eq!(limited.told(), "429 too many wrong passwords: try again in 1 s");
    assert_eq!(limited.headers["retry-after"], "1");
}

#[test]
fn unknown_paths_methods_and_bodies_are_refused_in_json() {
    let site = Site::installed();
    let manager = site.start("upgrade", "linux").login();
    assert_eq!(manager.get("/api/nothing").told(), "404 there is no /api/nothing");
    assert_eq!(manager.get("/api/kubernetes/upgrade/app/status").status, 404);
    let wrong = manager.ask(Method::DELETE, "/app/status", None);
    assert_eq!(wrong.told(), "405 DELETE is not allowed at /api/linux/upgrade/app/status");
    let send =
        |body: &str| manager.send(Method::POST, "/app/upgrade", Some(body.to_owned())).told();
    assert_eq!(send(""), "400 EOF");
    assert_eq!(send("invalid json"), "400 invalid character 'i' looking for beginning of value");
    assert_eq!(send("null"), "409 invalid transition from New to AppUpgrading");
    assert_eq!(
        manager.post("/infra/upgrade", &json!({})).told(),
        "409 the infrastructure is not upgraded by this installer, only the application"
    );
    assert_eq!(manager.get("/host-preflights/status").status, 409);
    let headers = manager.get("/api/health").headers;
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["cache-control"], "no-store");
    // It would hold for the application's pages on the same host too.
    assert!(!headers.contains_key("strict-transport-security"));
    let large = format!("{{\"values\":{{\"a\":{{\"value\":\"{}\"}}}}}}", "x".repeat(65 << 20));
    let answer = manager.send(Method::POST, "/app/config/template", Some(large));
    assert_eq!(answer.status, 413, "{}", answer.told());
}

#[test]
fn questions_are_rendered_with_what_is_sent() {
    let site = Site::installed();
    let manager = site.start("upgrade", "linux").login();
    let sent = json!({ "values": {
        "hostname": { "value": "shop.example.com" },
        "database_kind": { "value": "external" },
        "admin_password": { "value": "very secret" },
        "database_url": { "value": "hidden items are not given out" },
    } });
    let config = manager.post("/app/config/template", &sent).ok();
    let items: Vec<String> = config["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["items"].as_array().unwrap())
        .map(|it| format!("{} = {} ({})", it["name"].as_str().unwrap(), it["value"], it["default"]))
        .collect();
    insta::assert_snapshot!(items.join("\n"));
}

#[test]
fn a_run_says_what_may_be_asked_for() {
    let site = Site::installed();
    let manager = site.start("upgrade", "linux").login();
    manager.patch_values(&values()).ok();
    let state = manager.get("/api/state").ok();
    insta::assert_json_snapshot!(state, { ".since" => "TIME", ".cursor" => 0 });
    let logs = manager.get("/app/logs?after=x");
    assert_eq!(logs.told(), "400 `after` is `x`, a number that is not negative is allowed");
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");
    let page = manager.get("/app-preflights/logs").ok();
    assert_eq!(page["lines"][0]["line"], "the release has no preflights");
    let next = page["next"].as_i64().unwrap();
    let rest = manager.get(&format!("/app-preflights/logs?after={next}")).ok();
    assert_eq!(rest, json!({ "lines": [], "next": next }));
}

#[test]
fn what_happens_is_streamed_from_any_place() {
    let site = Site::installed();
    let manager = site.start("upgrade", "linux").login();
    manager.patch_values(&values()).ok();
    let events = |after: i64| {
        let request = manager.http.get(format!("{}/api/events?after={after}", manager.url));
        let response = request.bearer_auth(&manager.token).send().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let lines = BufReader::new(response).lines().map(Result::unwrap);
        lines.filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
    };
    let first: Vec<Value> = events(0).take(2).collect();
    assert_eq!(first[0]["body"]["state"], "ApplicationConfiguring");
    assert_eq!(first[1]["body"]["state"], "ApplicationConfigured");
    let mut rest = events(first[1]["id"].as_i64().unwrap());
    manager.post("/app-preflights/run", &json!({})).ok();
    assert_eq!(rest.next().unwrap()["body"]["state"], "AppPreflightsRunning");
    let last = rest.find(|it| it["kind"] == "status" && it["body"]["state"] == "Succeeded");
    assert_eq!(last.unwrap()["body"]["description"], "App preflights succeeded");
}

#[test]
fn proxies_of_an_installation_are_known_to_templates_after_a_restart_too() {
    let site = Site::empty();
    let folder = site.path("asking");
    std::fs::create_dir_all(&folder).unwrap();
    let told = format!(
        "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\n",
        sample::STABLE_ID,
        sample::APP_SLUG
    );
    std::fs::write(folder.join("release.yaml"), told).unwrap();
    let questions = "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: c}\nspec: {groups: [{name: g, title: G, items: [\
        {name: seen, type: text, default: 'by repl{{ HTTPProxy }}'}]}]}\n";
    std::fs::write(folder.join("config.yaml"), questions).unwrap();
    let site = site.with(&["--release", folder.to_str().unwrap()]);
    let start = || {
        let mut command = site.command("install", "kubernetes");
        command.env_remove("HTTP_PROXY").env_remove("http_proxy");
        Manager::start(command, "/api/kubernetes/install").login()
    };
    let mut manager = start();
    let seen = |manager: &Manager| {
        let page = manager.post("/app/config/template", &json!({})).ok();
        page["groups"][0]["items"][0]["default"].as_str().unwrap().to_owned()
    };
    assert_eq!(seen(&manager), "by ");
    manager.patch_values(&json!({})).ok();
    let settings = json!({ "httpProxy": "http://proxy:3128" });
    manager.post("/installation/configure", &settings).ok();
    manager.ended("/installation/status");
    assert_eq!(seen(&manager), "by http://proxy:3128");
    manager.kill();
    assert_eq!(seen(&start()), "by http://proxy:3128");
}
