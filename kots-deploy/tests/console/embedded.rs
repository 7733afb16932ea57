//! `--embedded DIR`: no second process.

use crate::harness::{AIRGAPPED, Console, bare, run};

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
    let install = [
        "install",
        sample::APP_SLUG,
        "--license-file",
        "license.yaml",
        "--config-values",
        "config-values.yaml",
        "--airgap-bundle",
        "1.0.0.airgap",
    ];
    kots(&install).assert(0);
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
