//! What must hold before a commit.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{directions, sh};

/// The version of `cargo-deny` this project is checked with.
const CARGO_DENY: &str = "0.20.2";

/// Runs every check, cheapest first.
pub(crate) fn run() -> Result<()> {
    sh::heading("formatting");
    sh::run(sh::cargo().args(["fmt", "--all", "--check"]))?;

    sh::heading("directions between crates");
    directions::check()?;

    sh::heading("no unfinished code");
    unfinished()?;

    sh::heading("clippy, warnings denied");
    sh::run(sh::cargo().args(["clippy", "--workspace", "--all-targets", "--locked"]).args([
        "--features",
        crate::test::FEATURES,
        "--",
        "--deny",
        "warnings",
    ]))?;
    // The programs must also build without their optional parts.
    sh::run(
        sh::cargo()
            .args(["clippy", "--package", "kots-deploy", "--no-default-features", "--locked"])
            .args(["--", "--deny", "warnings"]),
    )?;

    sh::heading("docs");
    sh::run(
        sh::cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked", "--quiet"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )?;

    sh::heading("dependency audit");
    audit()?;

    sh::heading("committed fixtures are fresh");
    sh::run(
        sh::cargo()
            .args(["run", "--quiet", "--locked", "--package", "xtask", "--"])
            .args(["testdata", "--check"]),
    )?;
    sh::say("\nall checks hold");
    Ok(())
}

/// Licences, bans and sources always; advisories where the advisory database can be fetched.
fn audit() -> Result<()> {
    sh::cargo_tool("cargo-deny", CARGO_DENY)?;
    sh::run(sh::cargo().args(["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
    let fetched =
        sh::cargo().args(["deny", "fetch", "db"]).output().context("could not start cargo-deny")?;
    if fetched.status.success() {
        sh::run(sh::cargo().args(["deny", "--locked", "check", "advisories"]))
    } else {
        sh::say("skipped: advisories, because the advisory database could not be fetched");
        Ok(())
    }
}

/// Unfinished code in any tracked source file but this one.
fn unfinished() -> Result<()> {
    let words = ["todo!(", "unimplemented!(", "#[ignore", "FIXME"];
    let listed =
        sh::read(Command::new("git").current_dir(sh::root()).args(["ls-files", "-z", "*.rs"]))?;
    let mut found = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty() && !path.ends_with("check.rs")) {
        let Ok(text) = std::fs::read_to_string(sh::root().join(path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{path}:{}: `{word}`", number + 1));
            }
        }
    }
    anyhow::ensure!(found.is_empty(), "unfinished code is committed:\n  {}", found.join("\n  "));
    Ok(())
}
