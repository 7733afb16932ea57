//! What a vendor had to find out by hand to script an upgrade without a person, row by row.

use std::time::Duration;

use sample::STABLE_ID;

use crate::harness::{PASSWORD, Site};
use crate::server::{Bare, Cursor, Deploying, Readiness, Version, answer, deployed, gateway};

fn pending(label: &str, cursor: &str) -> Version {
    let place = Cursor::new(STABLE_ID, cursor);
    Version { status: "pending".to_owned(), ..deployed(0, label, place, "Upstream Update") }
}

#[test]
fn row_1_a_release_is_its_cursor_and_not_its_label() {
    // The vendor released 1.1.0 twice, and the first of them is there already, under the label that is asked for.
    let site = Site::online().with_target(&["--channel-id", STABLE_ID, "--channel-sequence", "3"]);
    site.server.with(|it| {
        it.releases.insert(Cursor::new(STABLE_ID, "3"), "1.1.0".to_owned());
        it.app().add(pending("1.1.0", "2"));
    });
    site.deploy_well();
    let end = site.server.versions();
    assert_eq!(end[2..], ["2 Upstream Update 3 pending", "3 Config Change 3 deployed"]);
}

#[test]
fn row_2_superseded_is_a_rollback_and_not_a_re_run() {
    let site = Site::online();
    site.deploy_well();
    site.deploy().target(&["--channel-id", STABLE_ID, "--channel-sequence", "3"]).run().expect(0);
    let before = site.server.versions();
    site.deploy().run().expect(1).complains("1.2.0").complains("rollback");
    assert_eq!(site.server.versions(), before);
}

#[test]
fn row_3_an_update_check_is_never_asked_for() {
    let site = Site::online();
    site.deploy_well();
    site.deploy_well();
    let asked = site
        .server
        .with(|it| it.requests.iter().filter(|it| it.target.contains("updatecheck")).count());
    assert_eq!(asked, 0);
}

#[test]
fn row_4_lists_that_are_null_mean_nothing() {
    // The original's views are null where a list is empty: nothing pending, nothing past, no updates.
    let site = Site::online();
    let view = site.server.with(|it| it.app().versions.len());
    assert_eq!(view, 1);
    site.deploy_well();
}

#[test]
fn row_5_a_console_that_refuses_connections_at_first_is_waited_for() {
    let site = Site::online();
    site.server.rules([crate::server::cut_before("*", "/").times(3)]);
    site.deploy_well();
}

#[test]
fn row_6_a_blank_task_is_no_end_of_a_deploy() {
    // The task is blank the whole time; only the version moves.
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Well(8));
    site.deploy_well();
    assert_eq!(site.server.versions()[2], "2 Config Change 2 deployed");
    // And it is as blank after a failure.
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Fails("nope".to_owned()));
    site.deploy().run().expect(1);
}

#[test]
fn row_7_an_empty_preflight_result_is_not_called_a_pass() {
    let run = Site::online().deploy_well();
    let text = format!("{}{}", run.stdout, run.stderr).to_lowercase();
    assert!(!text.contains("preflight"), "{run}");
}

#[test]
fn row_8_the_items_of_a_rejection_are_named() {
    // A new release with a new required item that nobody has given yet.
    let site = Site::online();
    site.server.with(|it| {
        let config = it.app().config.as_mut().expect("it has a Config");
        let mut item = config[0].clone();
        item.name = "new_required_item";
        config.push(item);
    });
    let run = site.deploy().run();
    run.expect(1).complains("new_required_item");
    assert!(!run.stderr.contains(PASSWORD));
    assert_eq!(
        site.server.versions().last().map(String::as_str),
        Some("1 Upstream Update 2 pending")
    );
}

#[test]
fn row_9_a_channel_that_does_not_fit_shows_both_sides() {
    let site = Site::airgap();
    let run = site.deploy().args(&["--channel-id", "another", "--channel-sequence", "2"]).run();
    run.expect(1).complains("another").complains(STABLE_ID);
    assert_eq!(site.server.posts(), [""; 0]);
}

#[test]
fn row_10_a_bare_4xx_has_its_code() {
    let site = Site::online();
    site.server.rules([answer("POST", "/config/values", 422, "", "").times(usize::MAX)]);
    site.deploy().run().expect(1).complains("422");
}

#[test]
fn row_11_a_bare_503_waits_and_a_reason_does_not() {
    let site = Site::online();
    site.server.rules([gateway("*", "/api/", 503, Bare::Empty).times(3)]);
    site.deploy_well();
    let site = Site::online();
    let reason = r#"{"error":"not today"}"#;
    site.server.rules([
        answer("POST", "/upstream/update", 503, "application/json", reason).times(usize::MAX)
    ]);
    let run = site.deploy().run();
    run.expect(1).complains("not today");
    assert!(run.took < Duration::from_secs(10), "{run}");
}

#[test]
fn row_12_one_deadline_and_the_last_state_seen() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Never);
    let run = site.deploy().timeout("5s").run();
    run.expect(4).complains("deploying");
    // The console went dark.
    let site = Site::online();
    site.server.rules([gateway("*", "/", 502, Bare::Empty).times(usize::MAX)]);
    let run = site.deploy().timeout("4s").run();
    run.expect(4).complains("127.0.0.1").complains("502");
    assert!(run.took < Duration::from_secs(12), "{run}");
}

#[test]
fn row_13_deployed_is_not_ready() {
    let site = Site::online();
    let resources = vec!["deployment api degraded", "service api ready"];
    site.server.with(|it| it.app().readiness = Readiness::Never(resources));
    let run = site.deploy().timeout("6s").run();
    run.expect(3).tells("api").tells("degraded");
}

#[test]
fn row_14_two_runs_of_one_machine_make_one_set_of_versions() {
    let site = Site::online();
    let first = site.deploy().start();
    let second = site.deploy().start();
    let codes = [first.end().code, second.end().code];
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert_eq!(site.server.versions().len(), 3, "{codes:?}");
}
