//! ctrl-C and SIGTERM: the program ends soon, says what state things are in, and the same command goes on from there.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::Site;
use crate::server::{Deploying, hold};

/// Sends a signal when `ready` says so, and expects a clean end.
fn check(site: &Site, signal: Signal, ready: impl Fn(&Site)) {
    let run = site.deploy().args(&["--output", "json"]).start();
    ready(site);
    let sent = Instant::now();
    run.signal(signal);
    let run = run.end_within(Duration::from_secs(20));
    let took = sent.elapsed();
    run.expect(4);
    assert!(took < Duration::from_secs(3), "it took {took:?}\n{run}");
    let document = run.json();
    assert_eq!(document["outcome"], "unknown", "{run}");
    assert!(document["error"]["next"].as_str().is_some_and(|it| !it.is_empty()), "{run}");
}

#[test]
fn while_the_license_is_synced() {
    let site = Site::online();
    site.server.rules([hold("PUT", "/license")]);
    check(&site, Signal::INT, |it| it.server.wait_held());
    site.server.release();
    site.deploy_well();
    assert_eq!(site.server.versions().len(), 3);
}

#[test]
fn while_the_update_is_fetched() {
    let site = Site::online();
    site.server.rules([hold("POST", "/upstream/update")]);
    check(&site, Signal::TERM, |it| it.server.wait_held());
    site.server.release();
    site.deploy_well();
    assert_eq!(site.server.versions().len(), 3);
}

#[test]
fn while_a_bundle_is_sent() {
    let site = Site::airgap_large(32 << 20);
    site.server.rules([hold("POST", "/upstream/update")]);
    check(&site, Signal::INT, |it| {
        it.server.wait_for("the upload", |it| it.requests.iter().any(|it| it.method == "POST"));
    });
    site.server.release();
    site.deploy_well();
    assert_eq!(site.server.versions().len(), 3);
}

#[test]
fn while_the_config_is_set() {
    let site = Site::online();
    site.server.rules([hold("POST", "/config/values")]);
    check(&site, Signal::INT, |it| it.server.wait_held());
    site.server.release();
    site.deploy_well();
    assert_eq!(site.server.versions().len(), 3);
}

#[test]
fn while_it_watches() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    check(&site, Signal::TERM, |it| {
        it.server.wait_for("the deploy", |it| {
            it.apps.values().any(|it| it.versions.last().is_some_and(|it| it.status == "deploying"))
        });
    });
}

#[test]
fn while_the_server_is_away() {
    let site = Site::online();
    let away = crate::server::gateway("*", "/", 502, crate::server::Bare::Empty).times(usize::MAX);
    site.server.rules([away]);
    check(&site, Signal::INT, |it| {
        it.server.wait_for("a request", |it| it.requests.len() > 2);
    });
}

#[test]
fn the_last_known_state_is_said() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    let run = site.deploy().start();
    site.server.wait_for("looks at the deploy", |it| {
        let seen = it.requests.iter().rev().take_while(|it| it.method == "GET").count();
        seen > 3 && it.apps.values().any(|it| it.current == Some(2))
    });
    run.signal(Signal::INT);
    let run = run.end();
    run.expect(4).complains("deploying");
}
