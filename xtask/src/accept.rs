//! Rewrites the snapshots the tests compare with.

use anyhow::Result;

use crate::sh;

/// The version of `cargo-insta` that writes snapshots into source files; that of the library.
const CARGO_INSTA: &str = "1.49.0";

/// Runs the tests with snapshots collected instead of compared, then writes them where they belong.
pub(crate) fn run() -> Result<()> {
    sh::cargo_tool("cargo-insta", CARGO_INSTA)?;
    let tested = sh::run(
        sh::cargo()
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .args(["--features", crate::test::FEATURES])
            .env("INSTA_UPDATE", "new")
            .env("INSTA_FORCE_PASS", "1"),
    );
    // Also when a test failed for another reason: what was collected is right or wrong by itself.
    sh::run(sh::cargo().args(["insta", "accept", "--workspace"]))?;
    tested?;
    sh::run(sh::cargo().args(["run", "--quiet", "--locked", "-p", "xtask", "--", "testdata"]))?;
    sh::say("snapshots and fixtures are rewritten: read `git diff` before you commit them");
    Ok(())
}
