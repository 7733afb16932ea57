//! Running the same command again is the way to recover, and harms nothing.

use sample::STABLE_ID;

use crate::harness::{Site, values};
use crate::server::{Cursor, Deploying, Version, answer, deployed};

const ONLINE_END: [&str; 3] =
    ["0 Online Install 1 deployed", "1 Upstream Update 2 pending", "2 Config Change 2 deployed"];

fn update(label: &str, cursor: &str) -> Version {
    Version {
        status: "pending".to_owned(),
        ..deployed(0, label, Cursor::new(STABLE_ID, cursor), "Upstream Update")
    }
}

#[test]
fn what_is_deployed_and_ready_is_left_alone() {
    for site in [Site::online(), Site::airgap()] {
        site.deploy_well();
        let before = site.server.versions();
        site.server.forget_requests();
        let run = site.deploy().args(&["--output", "json"]).run();
        run.expect(0);
        assert_eq!(run.json()["outcome"], "unchanged", "{run}");
        assert_eq!(site.server.posts(), [""; 0]);
        assert_eq!(site.server.versions(), before);
    }
}

#[test]
fn without_a_journal_passwords_are_not_compared_and_that_is_said() {
    let site = Site::online();
    site.deploy_well();
    site.server.forget_requests();
    let run = site.deploy().state_dir("elsewhere").run();
    run.expect(0).tells("db_password").tells("not compared");
    assert_eq!(site.server.posts(), [""; 0]);
    assert_eq!(site.server.versions(), ONLINE_END);
}

#[test]
fn with_the_journal_another_password_is_another_run() {
    let site = Site::online();
    site.deploy_well();
    let text = String::from_utf8(site.read("values.yaml")).expect("text");
    site.write("values.yaml", &text.replace("4711", "0815"));
    let run = site.deploy().run();
    run.expect(0);
    assert!(!run.stdout.contains("0815") && !run.stderr.contains("0815"), "{run}");
    let mut end = ONLINE_END.map(str::to_owned).to_vec();
    end.push("3 Config Change 2 deployed".to_owned());
    assert_eq!(site.server.versions(), end);
}

#[test]
fn an_update_that_is_there_gets_no_second_copy() {
    let site = Site::online();
    site.server.with(|it| it.app().add(update("1.1.0", "2")));
    site.deploy_well();
    assert_eq!(site.server.posts(), ["POST /api/v1/app/sample-app/config/values"]);
    assert_eq!(site.server.versions(), ONLINE_END);
}

#[test]
fn on_v3_an_update_that_is_there_gets_no_second_copy_either() {
    // There the original has no short cut and would make one each time.
    let site = Site::online();
    site.server.with(|it| it.app().is_v3 = true);
    site.deploy_well();
    assert_eq!(site.server.versions(), ONLINE_END);
    site.deploy_well();
    assert_eq!(site.server.versions(), ONLINE_END);
}

#[test]
fn other_values_for_the_same_target_are_another_run() {
    let site = Site::online();
    site.deploy_well();
    site.write("values.yaml", &values("other.example.com", "8443"));
    site.server.forget_requests();
    site.deploy_well();
    assert_eq!(site.server.posts(), ["POST /api/v1/app/sample-app/config/values"]);
    assert_eq!(site.server.versions()[3], "3 Config Change 2 deployed");
    let hostname = site.server.with(|it| it.app().versions[3].values["hostname"].clone());
    assert_eq!(hostname, "other.example.com");
}

#[test]
fn another_license_for_the_same_target_is_another_run() {
    let site = Site::airgap();
    site.deploy_well();
    site.write("license.yaml", &sample::license::Builder::new().sequence(2).yaml());
    site.server.forget_requests();
    site.deploy_well();
    assert_eq!(site.server.posts(), ["POST /api/v1/app/sample-app/config/values"]);
    assert_eq!(
        site.server.versions()[2..],
        ["2 Config Change 2 deployed", "3 License Change 2 pending", "4 Config Change 2 deployed"]
    );
}

#[test]
fn the_release_that_is_installed_can_get_other_values() {
    let site = Site::online();
    let target = ["--channel-id", STABLE_ID, "--channel-sequence", "1"];
    site.deploy().target(&target).run().expect(0);
    assert_eq!(
        site.server.versions(),
        ["0 Online Install 1 deployed", "1 Config Change 1 deployed"]
    );
}

#[test]
fn a_downgrade_is_refused_with_the_reason() {
    let site = Site::online();
    let newer = ["--channel-id", STABLE_ID, "--channel-sequence", "3"];
    site.deploy().target(&newer).run().expect(0);
    let before = site.server.versions();
    site.server.forget_requests();
    let run = site.deploy().args(&["--output", "json"]).run();
    run.expect(1).complains("1.2.0");
    assert_eq!(run.json()["outcome"], "rejected", "{run}");
    assert_eq!(site.server.changes(), [""; 0]);
    assert_eq!(site.server.versions(), before);
}

#[test]
fn a_superseded_target_is_refused_with_the_reason() {
    let site = Site::online();
    site.server.with(|it| {
        it.app().add(update("1.1.0", "2"));
        it.app().add(update("1.2.0", "3"));
    });
    let run = site.deploy().run();
    run.expect(1).complains("1.2.0");
    assert_eq!(site.server.changes(), [""; 0]);
}

#[test]
fn a_failed_deploy_is_done_again_with_the_same_version() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Fails("no space left".to_owned()));
    site.deploy().run().expect(1);
    assert_eq!(site.server.versions()[2], "2 Config Change 2 failed");
    site.server.with(|it| it.app().deploying = Deploying::Well(4));
    site.server.forget_requests();
    site.deploy_well();
    assert_eq!(site.server.versions(), ONLINE_END);
    assert_eq!(site.server.with(|it| it.app().deploys.clone()), [2, 2]);
    assert_eq!(site.server.posts().len(), 1);
}

#[test]
fn another_machine_deploys_a_failed_version_again_too() {
    let site = Site::airgap();
    site.server.with(|it| it.app().deploying = Deploying::Fails("no space left".to_owned()));
    site.deploy().run().expect(1);
    site.server.with(|it| it.app().deploying = Deploying::Well(4));
    site.deploy().state_dir("elsewhere").run().expect(0);
    assert_eq!(site.server.versions().len(), 3);
    assert_eq!(site.server.with(|it| it.app().deploys.clone()), [2, 2]);
}

#[test]
fn other_applications_are_left_alone() {
    let site = Site::online();
    site.server.with(|it| {
        it.apps.insert("zebra".to_owned(), crate::harness::installed("zebra"));
    });
    site.deploy_well();
    let others = site.server.with(|it| it.apps["zebra"].versions.len());
    assert_eq!(others, 1);
    assert!(site.server.changes().iter().all(|it| it.contains("/app/sample-app/")));
}

#[test]
fn a_deploy_that_fails_again_is_a_failure_again() {
    let site = Site::online();
    site.server.with(|it| it.app().deploying = Deploying::Fails("first reason".to_owned()));
    site.deploy().run().expect(1).complains("first reason");
    site.server.with(|it| it.app().deploying = Deploying::Fails("second reason".to_owned()));
    site.deploy().run().expect(1).complains("second reason");
    assert_eq!(site.server.versions().len(), 3);
    assert_eq!(site.server.with(|it| it.app().deploys.clone()), [2, 2]);
}

#[test]
fn a_deploy_in_progress_is_only_watched() {
    let site = Site::online();
    site.deploy().args(&["--wait", "accepted"]).run().expect(0);
    site.server.forget_requests();
    site.deploy_well();
    assert_eq!(site.server.posts(), [""; 0]);
    assert_eq!(site.server.versions(), ONLINE_END);
}

#[test]
fn refused_values_cost_no_second_upload() {
    let site = Site::airgap();
    site.write("values.yaml", &values("app.example.com", "https"));
    site.deploy().run().expect(1).complains("must be a port number");
    site.write("values.yaml", &values("app.example.com", "443"));
    site.server.forget_requests();
    // The original would refuse the bundle: "cannot be installed again because it is already the current version".
    site.deploy_well();
    assert_eq!(site.server.posts(), ["POST /api/v1/app/sample-app/config/values"]);
    assert_eq!(
        site.server.versions(),
        ["0 Airgap Install 1 deployed", "1 Airgap Update 2 pending", "2 Config Change 2 deployed"]
    );
}

#[test]
fn a_version_whose_download_failed_is_not_there() {
    let site = Site::online();
    site.server.with(|it| it.upstream_fault = Some("dial tcp: no such host".to_owned()));
    // The licence comes from the same place: only the update shall fail.
    site.server.rules([answer(
        "PUT",
        "/license",
        200,
        "application/json",
        r#"{"success":true,"synced":false,"license":{}}"#,
    )]);
    site.deploy().run().expect(1).complains("failed to download upstream update");
    assert_eq!(site.server.versions()[1], "1 Upstream Update 2 pending_download");
    site.server.with(|it| it.upstream_fault = None);
    site.deploy_well();
    assert_eq!(
        site.server.versions()[1..],
        [
            "1 Upstream Update 2 pending_download",
            "2 Upstream Update 2 pending",
            "3 Config Change 2 deployed",
        ]
    );
}

#[test]
fn a_version_that_was_made_and_not_deployed_is_deployed() {
    let site = Site::online();
    site.server.with(|it| it.app().refuse_deploy = true);
    // The original made the version and hides why it does not deploy it.
    site.deploy().run().expect(1).complains("failed to deploy");
    assert_eq!(site.server.versions()[2], "2 Config Change 2 pending");
    site.server.with(|it| it.app().refuse_deploy = false);
    site.deploy_well();
    assert_eq!(site.server.versions(), ONLINE_END);
}

#[test]
fn somebody_elses_newer_config_change_is_not_taken_for_ours() {
    let site = Site::online();
    site.deploy_well();
    site.server.with(|it| {
        let mut other = it.app().versions[2].clone();
        other.values.insert("hostname".to_owned(), "theirs.example.com".to_owned());
        let sequence = it.app().add(other);
        it.app().current = Some(sequence);
        it.app().status = (sequence, "ready".to_owned());
    });
    site.deploy_well();
    let hostname = site.server.with(|it| {
        let current = it.app().current;
        let app = it.app();
        app.versions
            .iter()
            .find(|it| Some(it.sequence) == current)
            .map(|it| it.values["hostname"].clone())
    });
    assert_eq!(hostname.as_deref(), Some("app.example.com"));
}

#[test]
fn a_truth_value_as_json_is_read() {
    // The original's `BoolOrString` is `false` on the wire when the vendor wrote it without quotes.
    let site = Site::online();
    site.server.with(|it| {
        let config = it.app().config.as_mut().expect("it has a Config");
        config.iter_mut().filter(|it| it.kind == "bool").for_each(|it| it.default = false.into());
    });
    site.deploy_well();
    site.server.forget_requests();
    site.deploy().state_dir("elsewhere").run().expect(0);
    assert_eq!(site.server.posts(), [""; 0]);
}
