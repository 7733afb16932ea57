//! The client dies at every request in turn, and the same command is run again.

use crate::cuts::{for_each, without_a_fault};
use crate::harness::Site;
use crate::server::{Action, Rule, hold};

const CHANGES: [(&str, &str); 3] =
    [("PUT", "/license"), ("POST", "/upstream/update"), ("POST", "/config/values")];

#[derive(Debug, Clone, Copy)]
enum Then {
    /// The server finishes what the dead client asked for.
    Finishes,
    /// The server dies, too, with what it was asked for.
    Dies,
}

/// The folder of the second run's journal: the first one's, or none as on another machine.
fn check(make: fn() -> Site, state_dir: &str) {
    let (end, requests) = without_a_fault(&make());
    for_each(requests * 2, |at| {
        let (nth, then) = (at / 2, if at % 2 == 0 { Then::Finishes } else { Then::Dies });
        let site = make();
        site.server.rules([Rule::new("*", "", Action::Hold).after(nth)]);
        let client = site.deploy().start();
        site.server.wait_held();
        client.kill();
        let place = site.server.with(|it| {
            let line = it.requests.get(nth).map(super::server::Recorded::line);
            format!("killed at request {nth}, {}, the server {then:?}", line.unwrap_or_default())
        });
        match then {
            Then::Finishes => {
                let before = site.server.with(|it| it.finished);
                site.server.release();
                site.server.wait_for("the held request", |it| it.finished > before);
            }
            Then::Dies => {
                site.server.stop();
                site.server.start_again();
            }
        }
        let run = site.deploy().state_dir(state_dir).run();
        assert_eq!(run.code, Some(0), "{place}\n{run}");
        assert_eq!(site.server.versions(), end, "{place}\n{run}");
    });
}

#[test]
fn online_the_client_may_die_at_any_request() {
    check(|| Site::online().with_new_license(), "state");
}

#[test]
fn air_gapped_the_client_may_die_at_any_request() {
    check(Site::airgap, "state");
}

#[test]
fn the_next_run_may_be_on_another_machine() {
    check(|| Site::online().with_new_license(), "elsewhere");
}

#[test]
fn what_the_server_finishes_while_the_next_run_is_under_way_is_waited_for() {
    let make = || Site::online().with_new_license();
    let (mut end, _) = without_a_fault(&make());
    end.sort();
    for_each(CHANGES.len(), |at| {
        let (method, path) = CHANGES[at];
        let site = make();
        site.server.rules([hold(method, path)]);
        let client = site.deploy().start();
        site.server.wait_held();
        client.kill();
        site.server.forget_requests();
        let again = site.deploy().start();
        // Well into the second run, and well before it may take the server for quiet.
        site.server.wait_for("the second run", |it| it.requests.len() >= 4);
        site.server.release();
        let run = again.end();
        assert_eq!(run.code, Some(0), "{method} {path}\n{run}");
        let count = site.server.versions().len();
        assert_eq!(count, end.len(), "{method} {path}: {:#?}\n{run}", site.server.versions());
    });
}

#[test]
fn an_update_that_is_still_running_is_waited_for_however_long_it_takes() {
    let site = Site::online();
    site.server.rules([hold("POST", "/upstream/update")]);
    let client = site.deploy().start();
    site.server.wait_held();
    client.kill();
    site.server.forget_requests();
    let again = site.deploy().start();
    // The task says `running`: longer than any wait for quiet.
    site.server.wait_for("many looks at the task", |it| {
        it.requests.iter().filter(|it| it.target.ends_with("/task/updatedownload")).count() >= 36
            || it.requests.iter().any(|it| it.method == "POST")
    });
    assert_eq!(site.server.posts(), [""; 0]);
    site.server.release();
    let run = again.end();
    run.expect(0);
    assert_eq!(site.server.versions().len(), 3, "{run}");
}

#[test]
fn a_client_that_died_while_it_watched_only_watches_again() {
    let site = Site::online();
    site.server.with(|it| it.app().readiness = crate::server::Readiness::Never(vec![]));
    let client = site.deploy().start();
    site.server.wait_for("the watch", |it| {
        it.requests.iter().filter(|it| it.target.ends_with("/status")).count() >= 2
    });
    client.kill();
    site.server.with(|it| it.app().readiness = crate::server::Readiness::After(1));
    site.server.forget_requests();
    site.deploy_well();
    assert_eq!(site.server.posts(), [""; 0]);
}

#[test]
fn a_second_run_at_the_same_time_is_told_so() {
    let site = Site::online();
    site.server.rules([hold("POST", "/upstream/update")]);
    let first = site.deploy().start();
    site.server.wait_held();
    let second = site.deploy().timeout("10s").run();
    assert_ne!(second.code, Some(0), "{second}");
    site.server.release();
    first.end().expect(0);
    assert_eq!(site.server.versions().len(), 3);
}
