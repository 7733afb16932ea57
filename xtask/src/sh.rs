//! Running other programs and talking to the person at the terminal.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Where cargo puts what it builds for `profile` (`debug`, `release`).
pub(crate) fn built(profile: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join(profile)
}

/// Runs `command` with the terminal as its own and fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("could not start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` and returns what it wrote to stdout.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("could not start `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` ended with {}: {}", output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote something not UTF-8"))
}

/// Whether a program of this name answers on PATH.
pub(crate) fn has(program: &str, probe: &str) -> bool {
    Command::new(program).arg(probe).output().is_ok_and(|output| output.status.success())
}

/// Installs a cargo subcommand that is not there.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<()> {
    if has(name, "--version") {
        return Ok(());
    }
    say(&format!("installing {name} {version}"));
    // Outside the workspace, so that its toolchain and flags do not apply.
    let folder = std::env::temp_dir();
    run(Command::new("cargo")
        .args(["install", name, "--locked", "--version", version])
        .current_dir(folder))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Prints a heading.
pub(crate) fn heading(text: &str) {
    say(&format!("\n== {text}"));
}

/// Prints a line.
pub(crate) fn say(text: &str) {
    // A closed pipe is the reader's way to say that it has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
}
