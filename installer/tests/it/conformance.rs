//! The API against its own OpenAPI document, by `schemathesis` where that is installed.

use std::process::{Command, Stdio};

use crate::harness::Site;

#[test]
fn the_api_keeps_to_its_document() {
    let program = std::env::var("SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|it| it.success()) {
        eprintln!("skipped: the API against its document, because there is no `schemathesis`");
        return;
    }
    let site = Site::installed();
    let manager = site.start("upgrade", "linux").login();
    let output = Command::new(&program)
        .arg("run")
        .arg(format!("{}/api/swagger/doc.json", manager.url))
        .args(["--url", &format!("{}/api", manager.url), "--tls-verify", "false"])
        .args(["--header", &format!("Authorization: Bearer {}", manager.token)])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
        .args([
            "--exclude-path-regex",
            "^/(events|kubernetes/.*|auth/login)",
            "--max-examples",
            "10",
        ])
        .args(["--phases", "examples,coverage,fuzzing", "--seed", "1"])
        .current_dir(site.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
