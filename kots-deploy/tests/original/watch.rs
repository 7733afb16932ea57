//! After the config was accepted: this version is followed to its end, and the application until it is ready there.

use std::time::Duration;

use sample::STABLE_ID;

use crate::harness::Site;
use crate::server::{Cursor, Deploying, Readiness, Version, deployed};

#[test]
fn the_earlier_versions_readiness_does_not_count() {
    let site = Site::online();
    site.server.with(|it| it.app().readiness = Readiness::After(5));
    site.deploy_well();
    let (sequence, state) = site.server.with(|it| it.app().status.clone());
    assert_eq!(
        (sequence, state.as_str()),
        (2, "ready"),
        "it ended before the application was ready"
    );
}

#[test]
fn a_failed_deploy_prints_what_it_said() {
    let site = Site::online();
    let reason = "error: Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1";
    site.server.with(|it| it.app().deploying = Deploying::Fails(reason.to_owned()));
    let run = site.deploy().args(&["--output", "json"]).run();
    run.expect(1).complains(reason);
    let document = run.json();
    assert_eq!(document["outcome"], "failed", "{run}");
    assert_eq!(document["sequence"], 2, "{run}");
    assert!(document["error"].to_string().contains("spec.replicas"), "{run}");
    assert_eq!(site.server.versions()[2], "2 Config Change 2 failed");
}

#[test]
fn what_is_not_ready_is_listed() {
    let site = Site::online();
    let resources = vec!["deployment worker unavailable", "statefulset database missing"];
    site.server.with(|it| it.app().readiness = Readiness::Never(resources));
    let run = site.deploy().timeout("8s").run();
    run.expect(3);
    for word in ["worker", "unavailable", "database", "missing"] {
        run.tells(word);
    }
    assert_eq!(site.server.versions()[2], "2 Config Change 2 deployed");
    assert!(run.took < Duration::from_secs(20), "{run}");
}

#[test]
fn waiting_for_deployed_does_not_wait_for_ready() {
    let site = Site::online();
    let resources = vec!["deployment worker unavailable"];
    site.server.with(|it| it.app().readiness = Readiness::Never(resources));
    let run = site.deploy().args(&["--wait", "deployed"]).run();
    run.expect(0);
    assert_eq!(site.server.versions()[2], "2 Config Change 2 deployed");
}

#[test]
fn a_deploy_without_an_end_ends_with_the_last_thing_seen() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    let run = site.deploy().timeout("6s").args(&["--output", "json"]).run();
    run.expect(4).complains("deploying");
    assert_eq!(run.json()["outcome"], "unknown", "{run}");
    assert!(run.took < Duration::from_secs(16), "{run}");
    // And running it again goes on from there.
    site.server.forget_requests();
    site.server.with(|it| {
        it.app().deploying = Deploying::Well(2);
        it.app().versions[2].looks_left = 2;
    });
    site.deploy_well();
    assert_eq!(site.server.posts(), [""; 0]);
}

#[test]
fn a_version_somebody_adds_meanwhile_is_not_the_one_that_is_followed() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Well(12));
    let run = site.deploy().start();
    site.server.wait_for("the deploy", |it| it.apps.values().any(|it| it.current == Some(2)));
    site.server.with(|it| {
        let place = Cursor::new(STABLE_ID, "3");
        let newer = deployed(0, "1.2.0", place, "Upstream Update");
        it.app().add(Version { status: "pending".to_owned(), ..newer });
    });
    let run = run.end();
    run.expect(0);
    assert_eq!(site.server.versions()[2], "2 Config Change 2 deployed");
}

#[test]
fn a_version_that_another_one_replaces_is_not_said_to_be_deployed() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    let run = site.deploy().timeout("20s").start();
    site.server.wait_for("the deploy", |it| it.apps.values().any(|it| it.current == Some(2)));
    site.server.with(|it| {
        let app = it.app();
        app.versions[2].looks_left = 0;
        app.versions[2].status = "deploying".to_owned();
        let other = deployed(0, "1.2.0", Cursor::new(STABLE_ID, "3"), "Config Change");
        let sequence = app.add(other);
        app.current = Some(sequence);
        app.status = (sequence, "ready".to_owned());
    });
    let run = run.end();
    assert_ne!(run.code, Some(0), "{run}");
}

#[test]
fn one_deadline_is_shared_by_all_waits() {
    let site = Site::online();
    site.server.rules([crate::server::hold("POST", "/config/values")]);
    let run = site.deploy().timeout("4s").args(&["--output", "json"]).run();
    run.expect(4);
    assert_eq!(run.json()["outcome"], "unknown", "{run}");
    assert!(run.took < Duration::from_secs(14), "{run}");
    site.server.release();
}
