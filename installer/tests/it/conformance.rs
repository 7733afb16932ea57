//! The API against its own OpenAPI document, by `schemathesis` (`cargo xtask test` installs it).

use std::process::{Command, Stdio};

use crate::harness::Site;

#[test]
fn the_api_keeps_to_its_document() {
    let program = std::env::var("SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|it| it.success()) {
        skipped::skipped!("the API against its document, because there is no `schemathesis`");
        return;
    }
    for (verb, target) in
        [("upgrade", "linux"), ("upgrade", "kubernetes"), ("install", "kubernetes")]
    {
        let site = Site::installed();
        let manager = site.start(verb, target).login();
        // Not the stream, which has no end.
        let aside = match (verb, target) {
            ("install", _) => "linux/install/infra/setup".to_owned(),
            _ => format!("{target}/install/installation/config"),
        };
        let paths = format!(
            "^/({target}/{verb}/.*|{aside}|auth/login|console/.*|health|state|swagger/.*)$"
        );
        let output = Command::new(&program)
            .arg("run")
            .arg(format!("{}/api/swagger/doc.json", manager.url))
            .args(["--url", &format!("{}/api", manager.url), "--tls-verify", "false"])
            .args(["--header", &format!("Authorization: Bearer {}", manager.token)])
            .args([
                "--checks",
                "not_a_server_error,status_code_conformance,content_type_conformance",
            ])
            .args(["--include-path-regex", &paths, "--max-examples", "10"])
            .args(["--phases", "examples,coverage,fuzzing", "--seed", "1"])
            .current_dir(site.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
