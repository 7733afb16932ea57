//! The connection breaks at every request in turn: the run goes on by itself, and leaves behind what it leaves behind
//! without the break.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::harness::Site;
use crate::server::{Action, Rule};

/// Runs that go on at the same time; they mostly wait.
const AT_ONCE: usize = 8;

/// Runs `each` for every number below `count`.
pub(crate) fn for_each(count: usize, each: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    each(at);
                }
            });
        }
    });
}

/// What a run without a fault leaves behind, and how many requests it takes.
pub(crate) fn without_a_fault(site: &Site) -> (Vec<String>, usize) {
    site.deploy_well();
    (site.server.versions(), site.server.with(|it| it.requests.len()))
}

/// Breaks the connection at every request of a run.
fn check(make: fn() -> Site, actions: &[Action]) {
    let (end, requests) = without_a_fault(&make());
    assert!(requests >= 8, "only {requests} requests");
    for_each(requests * actions.len(), |at| {
        let (nth, action) = (at / actions.len(), &actions[at % actions.len()]);
        let site = make();
        site.server.rules([Rule::new("*", "", action.clone()).after(nth)]);
        let run = site.deploy().run();
        let place = site.server.with(|it| {
            let line = it.requests.get(nth).map(super::server::Recorded::line);
            format!("{action:?} at request {nth}, {}", line.unwrap_or_default())
        });
        assert_eq!(run.code, Some(0), "{place}\n{run}");
        assert_eq!(site.server.versions(), end, "{place}\n{run}");
    });
}

#[test]
fn online_every_request_may_lose_its_connection() {
    check(
        || Site::online().with_new_license(),
        &[Action::CutBefore, Action::CutAfter, Action::CutWithin],
    );
}

#[test]
fn air_gapped_every_request_may_lose_its_connection() {
    check(Site::airgap, &[Action::CutBefore, Action::CutAfter]);
}

#[test]
fn on_v3_where_every_update_is_a_new_version_none_is_made_twice() {
    let make = || {
        let site = Site::online();
        site.server.with(|it| it.app().is_v3 = true);
        site
    };
    check(make, &[Action::CutBefore, Action::CutAfter]);
}

#[test]
fn what_the_server_does_after_the_connection_broke_is_found() {
    let changes = [("PUT", "/license"), ("POST", "/upstream/update"), ("POST", "/config/values")];
    let make = || Site::online().with_new_license();
    let (end, _) = without_a_fault(&make());
    for_each(changes.len(), |at| {
        let (method, path) = changes[at];
        let site = make();
        site.server.rules([Rule::new(method, path, Action::CutAndHold)]);
        let client = site.deploy().start();
        site.server.wait_held();
        // Looked for, and not yet there.
        let seen = site.server.with(|it| it.requests.len());
        site.server.wait_for("looks at what came of it", |it| it.requests.len() >= seen + 3);
        site.server.release();
        let run = client.end();
        assert_eq!(run.code, Some(0), "{method} {path}\n{run}");
        let count = site.server.versions().len();
        assert_eq!(count, end.len(), "{method} {path}: {:#?}\n{run}", site.server.versions());
    });
}

#[test]
fn a_gateway_that_loses_patience_makes_no_second_version() {
    check(Site::online, &[Action::DoneBut(504)]);
}
