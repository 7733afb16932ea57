//! One big bundle: memory of both sides, temporary bytes, passes, and speed beside the usual tools.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{Table, big_bundle, measure, mib, rate};
use crate::demo::Files;
use crate::demo::site::{Programs, Site};
use crate::sh;

/// Deploys a bundle whose `app.tar.gz` has `size_mib` MiB.
pub(super) fn run(
    programs: &Programs,
    size_mib: u64,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    sh::say(&format!("  (a bundle with an app.tar.gz of {size_mib} MiB)"));
    let input = folder.join("bundle-input");
    let files = Files::write(&input, sample::license())?;
    sample::bundle::write_sample(&input)?;
    let big = input.join("big.airgap");
    big_bundle(&big, size_mib)?;
    let bundle_bytes = std::fs::metadata(&big)?.len();

    let site = Site::start(programs, &folder.join("bundle"), sample::APP_SLUG, None)?;
    let installed = format!("{}-1.0.0.airgap", sample::APP_SLUG);
    site.quiet("install", &files.airgap_install(&input.join(installed)))?;

    let temp = folder.join("client-temp");
    std::fs::create_dir_all(&temp)?;
    let mut kots = site.command("deploy", &files.airgap_deploy(&big));
    let log = std::fs::File::create(folder.join("kots.log"))?;
    kots.env("TMPDIR", &temp).stdout(log);
    let state = folder.join("bundle/state");
    let usage = measure::run(&mut kots, &[&temp, &state])
        .with_context(|| std::fs::read_to_string(folder.join("kots.log")).unwrap_or_default())?;
    let server = measure::status_kib(site.pid(), "VmHWM:").context("no VmHWM")?;
    let stored = measure::folder_bytes(&state);
    let [client_bytes, server_bytes] = usage.folder_bytes[..] else { bail!("two folders") };

    table.row(
        "`kots deploy` of it: peak resident",
        &format!("{:.1} MiB", mib(usage.peak_kib)),
        "64 MiB",
    );
    table.row("`kotsadm` meanwhile: peak resident", &format!("{:.1} MiB", mib(server)), "64 MiB");
    table.row("temporary bytes of the client", &client_bytes.to_string(), "0");
    #[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52")]
    let bundles = |bytes: u64| format!("{:.2} bundles", bytes as f64 / bundle_bytes as f64);
    table.row("the server's state folder: most at any time", &bundles(server_bytes), "2");
    table.row("the server's state folder afterwards", &bundles(stored), "1");
    table.row("bytes the client read", &bundles(usage.read_bytes), "2");
    let speed = rate(size_mib, usage.wall);
    let seconds = usage.wall.as_secs_f64();
    table.row("whole deploy of it", &format!("{seconds:.1} s, {speed:.0} MiB/s"), "");

    // The baseline: what the usual tools need only to read it once.
    let started = Instant::now();
    let script = "gzip -dc \"$0\" | tar -xOf - app.tar.gz | sha256sum >/dev/null";
    sh::run(Command::new("sh").arg("-c").arg(script).arg(&big))?;
    let speed = rate(size_mib, started.elapsed());
    let seconds = started.elapsed().as_secs_f64();
    let baseline = format!("{seconds:.1} s, {speed:.0} MiB/s");
    table.row("baseline: `gzip -dc | tar -xO app.tar.gz | sha256sum`", &baseline, "");
    Ok(())
}
