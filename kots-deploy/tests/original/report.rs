//! `--output json` and `jsonl`: what programs read.

use sample::STABLE_ID;
use serde_json::Value;

use crate::harness::{Run, Site, values};
use crate::server::{Deploying, Readiness};

const OUTCOMES: [&str; 6] = ["ready", "not_ready", "failed", "rejected", "unknown", "unchanged"];

/// Checks the shape that every document has.
#[track_caller]
fn check(document: &Value, run: &Run) {
    let outcome = document["outcome"].as_str().expect("an outcome");
    assert!(OUTCOMES.contains(&outcome), "{run}");
    assert_eq!(document["app"], "sample-app", "{run}");
    assert!(document["target"].is_object(), "{run}");
    for step in document["steps"].as_array().expect("steps") {
        assert!(step["name"].is_string() && step["outcome"].is_string(), "{step}\n{run}");
        for time in ["startedAt", "endedAt"] {
            if let Some(text) = step[time].as_str() {
                text.parse::<jiff::Timestamp>().expect("a time of RFC 3339");
            }
        }
    }
    let well = ["ready", "unchanged"].contains(&outcome);
    assert_eq!(document["error"].is_object(), !well, "{run}");
    if !well {
        assert!(document["error"]["what"].as_str().is_some_and(|it| !it.is_empty()), "{run}");
        assert!(document["error"]["why"].is_array(), "{run}");
        assert!(document["error"]["next"].as_str().is_some_and(|it| !it.is_empty()), "{run}");
    }
    let code = match outcome {
        "ready" | "unchanged" => 0,
        "failed" | "rejected" => 1,
        "not_ready" => 3,
        _ => 4,
    };
    run.expect(code);
}

fn run_json(site: &Site) -> (Value, Run) {
    let run = site.deploy().timeout("8s").args(&["--output", "json"]).run();
    let document = run.json();
    check(&document, &run);
    (document, run)
}

#[test]
fn a_run_that_ends_well() {
    let site = Site::online();
    let (document, run) = run_json(&site);
    assert_eq!(document["outcome"], "ready");
    assert_eq!(document["target"]["channelId"], STABLE_ID);
    let sequence = &document["target"]["channelSequence"];
    assert!(sequence == "2" || sequence == 2, "{run}");
    assert_eq!(document["target"].get("bundleSha256"), None, "{run}");
    assert_eq!(document["sequence"], 2);
    assert_eq!(document["appStatus"]["state"], "ready");
    assert_eq!(document["appStatus"]["resources"][0]["name"], "web");
    let names: Vec<&str> = document["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it["name"].as_str())
        .collect();
    for name in ["license", "update", "config", "watch"] {
        assert!(names.contains(&name), "no step {name} in {names:?}");
    }
    let (document, _) = run_json(&site);
    assert_eq!(document["outcome"], "unchanged");
    assert_eq!(document["sequence"], 2);
}

#[test]
fn the_digest_of_a_bundle() {
    use sha2::Digest as _;
    let site = Site::airgap();
    let (document, _) = run_json(&site);
    let digest = hex::encode(sha2::Sha256::digest(site.read("app.airgap")));
    assert_eq!(document["target"]["bundleSha256"], digest.as_str());
    assert_eq!(document["target"]["versionLabel"], "1.1.0");
}

#[test]
fn runs_that_do_not_end_well() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Fails("boom".to_owned()));
    assert_eq!(run_json(&site).0["outcome"], "failed");

    let site = Site::online();
    site.server
        .with(|it| it.app().readiness = Readiness::Never(vec!["deployment worker unavailable"]));
    let (document, run) = run_json(&site);
    assert_eq!(document["outcome"], "not_ready");
    assert_eq!(document["appStatus"]["state"], "unavailable", "{run}");
    assert_eq!(document["appStatus"]["resources"][0]["name"], "worker", "{run}");
    assert_eq!(document["sequence"], 2, "{run}");

    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    assert_eq!(run_json(&site).0["outcome"], "unknown");

    let site = Site::online();
    site.write("values.yaml", &values("app.example.com", "https"));
    let (document, _) = run_json(&site);
    assert_eq!(document["outcome"], "rejected");
    assert!(document["error"].to_string().contains("must be a port number"));
}

#[test]
fn mistakes_on_the_command_line_are_documents_too() {
    let site = Site::online();
    let run = site.deploy().target(&[]).args(&["--output", "json"]).run();
    let document = run.json();
    check(&document, &run);
    let words = "either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided";
    assert!(document["error"].to_string().contains(words), "{run}");
    run.complains(words);
}

#[test]
fn json_lines_are_events_in_order_and_then_the_document() {
    let site = Site::online();
    let run = site.deploy().args(&["--output", "jsonl"]).run();
    run.expect(0);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|it| serde_json::from_str(it).unwrap_or_else(|error| panic!("{error} in {it}\n{run}")))
        .collect();
    let (document, events) = lines.split_last().expect("there are lines");
    check(document, &run);
    assert!(events.len() > 4, "{run}");
    let first = events[0]["index"].as_u64().expect("an index");
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["index"].as_u64(), Some(first + at as u64), "{event}\n{run}");
    }
    assert_eq!(document.get("index"), None);
}

#[test]
fn human_text_stays_off_the_stdout_of_programs() {
    let site = Site::online();
    let run = site.deploy().args(&["--output", "json", "--progress", "plain"]).run();
    run.expect(0);
    run.json();
    assert!(!run.stdout.contains('•'), "{run}");
}
