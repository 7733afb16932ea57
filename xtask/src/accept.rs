//! Rewrites the snapshots the tests compare with.

use anyhow::Result;

use crate::sh;

/// Runs the tests with snapshots written instead of compared.
pub(crate) fn run() -> Result<()> {
    sh::run(
        sh::cargo()
            .args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .args(["--features", crate::test::FEATURES])
            .env("INSTA_UPDATE", "always")
            .env("INSTA_FORCE_PASS", "1"),
    )?;
    sh::run(sh::cargo().args(["run", "--quiet", "--locked", "-p", "xtask", "--", "testdata"]))?;
    sh::say("snapshots and fixtures are rewritten: read `git diff` before you commit them");
    Ok(())
}
