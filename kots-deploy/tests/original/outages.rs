//! The server is away for a while: gateways answer in its place, it refuses connections, it starts again.

use std::time::Duration;

use crate::cuts::{for_each, without_a_fault};
use crate::harness::Site;
use crate::server::{Bare, Rule, gateway, hold};

/// A burst of bare answers that begins at each of the early requests.
fn check(status: u16, bare: Bare) {
    let (end, requests) = without_a_fault(&Site::online());
    for_each(requests, |nth| {
        let site = Site::online();
        site.server.rules([gateway("*", "/api/", status, bare).after(nth).times(4)]);
        let run = site.deploy().run();
        assert_eq!(run.code, Some(0), "{status} {bare:?} at {nth}\n{run}");
        assert_eq!(site.server.versions(), end, "{status} {bare:?} at {nth}\n{run}");
    });
}

#[test]
fn empty_502s_are_waited_out() {
    check(502, Bare::Empty);
}

#[test]
fn pages_of_a_proxy_are_waited_out() {
    check(503, Bare::Page);
}

#[test]
fn status_objects_of_the_api_server_are_waited_out() {
    check(504, Bare::Status);
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let site = Site::online();
    site.server.stop();
    let run = site.deploy().start();
    site.server.stay(Duration::from_secs(2));
    site.server.start_again();
    let run = run.end();
    run.expect(0);
    assert_eq!(site.server.versions().len(), 3);
}

#[test]
fn a_server_that_never_comes_is_named_with_its_address() {
    let site = Site::online();
    let url = site.server.url();
    site.server.stop();
    let run = site.deploy().timeout("3s").args(&["--output", "json"]).run();
    run.expect(4).complains(url.trim_start_matches("http://"));
    assert_eq!(run.json()["outcome"], "unknown", "{run}");
    assert!(run.took < Duration::from_secs(20), "{run}");
}

#[test]
fn a_server_that_starts_again_in_any_change_is_waited_for() {
    let changes = [("PUT", "/license"), ("POST", "/upstream/update"), ("POST", "/config/values")];
    let make = || Site::online().with_new_license();
    let (end, _) = without_a_fault(&make());
    for_each(changes.len() * 2, |at| {
        let ((method, path), done) = (changes[at / 2], at % 2 == 0);
        let site = make();
        let rule = hold(method, path);
        let rule =
            if done { Rule { action: crate::server::Action::HoldAnswer, ..rule } } else { rule };
        site.server.rules([rule]);
        let client = site.deploy().start();
        site.server.wait_held();
        site.server.stop();
        site.server.stay(Duration::from_millis(1500));
        site.server.start_again();
        let run = client.end();
        assert_eq!(run.code, Some(0), "{method} {path}, done: {done}\n{run}");
        assert_eq!(site.server.versions(), end, "{method} {path}, done: {done}\n{run}");
    });
}

#[test]
fn a_restart_while_it_deploys_is_waited_for() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = crate::server::Deploying::Never);
    let run = site.deploy().start();
    site.server.wait_for("the deploy", |it| {
        it.apps.values().any(|it| it.versions.last().is_some_and(|it| it.status == "deploying"))
    });
    site.server.stop();
    site.server.with(|it| it.app().deploying = crate::server::Deploying::Well(3));
    site.server.stay(Duration::from_secs(1));
    site.server.start_again();
    let run = run.end();
    run.expect(0);
    assert_eq!(site.server.versions()[2], "2 Config Change 2 deployed");
}

#[test]
fn an_upload_that_breaks_begins_again() {
    let site = Site::airgap_large(8 << 20);
    site.server.rules([crate::server::cut_before("POST", "/upstream/update").times(2)]);
    let run = site.deploy().run();
    run.expect(0);
    assert_eq!(
        site.server.versions(),
        ["0 Airgap Install 1 deployed", "1 Airgap Update 2 pending", "2 Config Change 2 deployed"]
    );
}
