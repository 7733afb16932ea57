//! `--embedded DIR`: no second process.

use crate::harness::{AIRGAPPED, Console, INSTALL, bare, bundle, run};

#[test]
fn installs_and_upgrades_without_a_server() {
    // Only for its files.
    let console = Console::start();
    console.write_bundles();
    let root = sample::keys::root_public_path();
    let kots = |args: &[&str]| {
        let mut command = bare(&console.path(""), args);
        command.args(["--embedded", "site", "--license-root-key"]).arg(&root);
        run(command)
    };
    kots(&[&INSTALL[..], &["--airgap-bundle", "1.0.0.airgap"]].concat()).assert(0);
    let ran = kots(&AIRGAPPED);
    ran.assert(0);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Push images: skipped, the bundle holds no images
      • Processing upstream update...
      • Upstream update processed successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 2 is deployed...
      • Sequence 2 is deployed
      • Waiting until the application is ready...
      • The application is ready
      • Deployment process completed successfully
    -> 0
    ");
    let again = kots(&AIRGAPPED);
    again.assert(0);
    assert!(again.stdout.contains("nothing was changed"), "{}", again.whole());
    assert!(
        console.path("site/deployed").join(sample::APP_SLUG).exists()
            || console.path("site/deployed/current").exists()
    );
}

#[test]
fn checks_hold_a_version_back_until_they_pass() {
    use std::os::unix::fs::PermissionsExt as _;

    let console = Console::start();
    for version in sample::VERSIONS {
        let mut bundle = bundle(version);
        let text = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: checks}\nspec:\n  analyzers:\n  - clusterVersion: {strict: true, outcomes: [{pass: {message: fine}}]}\n";
        bundle
            .files
            .push(airgap::ReleaseFile { path: "preflight.yaml".into(), bytes: text.into() });
        bundle.write(&console.path(&format!("{version}.airgap"))).unwrap();
    }
    let program = console.path("preflight");
    let becomes = |list: &str| {
        let check = r#"{"title": "Version", "message": "seen", "strict": true}"#;
        let script = format!("#!/bin/sh\necho '{{\"{list}\": [{check}]}}'\n");
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let root = sample::keys::root_public_path();
    let kots = |args: &[&str]| {
        let mut command = bare(&console.path(""), args);
        command.args(["--embedded", "site", "--license-root-key"]).arg(&root);
        command.env("KOTS_PREFLIGHT", &program).env("PATH", std::env::var_os("PATH").unwrap());
        run(command)
    };
    let install = [&INSTALL[..], &["--airgap-bundle", "1.0.0.airgap"]].concat();
    becomes("fail");
    let ran = kots(&install);
    ran.assert(1);
    insta::assert_snapshot!(ran.stderr, @r"
Error: sample-app is not deployed: strict check `Version` failed: seen
hint: mend what the checks name and run the same command again, or deploy it with `kots deploy`
");
    becomes("pass");
    kots(&install).assert(0);

    becomes("fail");
    let ran = kots(&AIRGAPPED);
    ran.assert(1);
    insta::assert_snapshot!(ran.stderr, @r"
Error: failed to set config and deploy: failed to deploy: Unable to deploy as preflight check's strict analyzer has failed
  Deployment is disabled as a strict analyzer in this version's preflight checks has failed or has not been run.
  strict check `Version` failed: seen
hint: correct what the preflight names, then run the same command again
");
    becomes("pass");
    let ran = kots(&AIRGAPPED);
    ran.assert(0);
    assert!(ran.stdout.contains("Running the preflight checks again..."), "{}", ran.whole());
}
