//! `installer update`, with the original's `kots` played by a script that notes how it was called.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::Site;

#[test]
fn a_bundle_is_checked_and_handed_on() {
    let site = Site::installed_airgapped();
    let (kots, calls) = (site.path("kubectl-kots"), site.path("calls"));
    std::fs::write(&kots, format!("#!/bin/sh\necho \"$*\" > '{}'\n", calls.display())).unwrap();
    std::fs::set_permissions(&kots, std::fs::Permissions::from_mode(0o755)).unwrap();
    let update = |bundle: &str, app: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_installer"))
            .args(["update", "--namespace", "shop", "--app", app, "--airgap-bundle"])
            .arg(site.path(bundle))
            .arg("--kots-binary")
            .arg(&kots)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.replace(&site.folder.path().display().to_string(), "FOLDER")
    };
    assert_eq!(update("1.1.0.airgap", sample::APP_SLUG), "");
    let called = std::fs::read_to_string(&calls).unwrap();
    let called = called.replace(&site.folder.path().display().to_string(), "FOLDER");
    assert_eq!(
        called,
        "airgap-update sample-app --namespace shop --airgap-bundle FOLDER/1.1.0.airgap\n"
    );
    assert_eq!(
        update("1.1.0.airgap", "other"),
        "Error: airgap bundle app sample-app does not match binary app other, please provide the correct bundle\n"
    );
    let missing = update("nothing.airgap", sample::APP_SLUG);
    assert!(
        missing.starts_with("Error: the airgap bundle FOLDER/nothing.airgap cannot be used: "),
        "{missing}"
    );
}
