//! Measures the limits that BENCHMARKS.md records. Nothing here is asserted: machines are noisy. Every figure is
//! minimum / median / maximum of several runs, or one run of something big, beside a named baseline of the same run.

mod airgap;
mod bundle;
mod config;
mod installer;
mod measure;
mod push;
mod render;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sample::bundle::BundleSpec;

use crate::daemon::Daemon;
use crate::demo::site::{Programs, Site};
use crate::demo::{Files, mirror};
use crate::{http, sh};
use measure::{Spread, millis};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Size of `app.tar.gz` in the big bundle, in MiB.
    #[arg(long, default_value_t = 2048)]
    size_mib: u64,
    /// Runs of each short measurement.
    #[arg(long, default_value_t = 11)]
    runs: usize,
    /// Only these measurements, all without it.
    #[arg(long, value_name = "NAME", value_parser = ["start", "online", "config", "render", "airgap", "bundle", "push", "installer"])]
    only: Vec<String>,
    /// Size of the layers in the bundle whose images are pushed, in MiB.
    #[arg(long, default_value_t = 4096)]
    push_mib: u64,
    /// Push images with this `kots` instead of a new build; nothing else is measured then.
    #[arg(long, value_name = "KOTS")]
    push_only: Option<std::path::PathBuf>,
}

/// Runs every measurement and prints a table in Markdown.
pub(crate) fn run(args: &Args) -> Result<()> {
    if cfg!(debug_assertions) {
        return run_optimised();
    }
    let folder = tempfile::Builder::new().prefix("kots-bench-").tempdir()?;
    let mut table = Table::default();
    if let Some(kots) = &args.push_only {
        sh::heading("measurements");
        push::run(kots, args.push_mib, folder.path(), &mut table)?;
        show(&table);
        return Ok(());
    }
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|it| it == name);
    if wanted("installer") {
        installer::run(folder.path(), &mut table)?;
    }
    if args.only.iter().all(|it| it == "installer") && !args.only.is_empty() {
        show(&table);
        return Ok(());
    }
    let programs = Programs::build(true, &["kots-deploy", "upstream-handler"])?;
    sh::heading("measurements (min / median / max)");
    if wanted("start") {
        start_up(&programs, args.runs, folder.path(), &mut table)?;
    }
    if wanted("online") {
        online(&programs, args.runs.min(5), folder.path(), &mut table)?;
    }
    if wanted("config") {
        config::run(&programs, args.runs, folder.path(), &mut table)?;
    }
    if wanted("airgap") {
        airgap::run(&programs, args.size_mib, folder.path(), &mut table)?;
    }
    if wanted("bundle") {
        bundle::run(&programs, args.size_mib, folder.path(), &mut table)?;
    }
    if wanted("render") {
        render::run(&programs, args.runs.min(5), folder.path(), &mut table)?;
    }
    if wanted("push") {
        push::run(&programs.kots, args.push_mib, folder.path(), &mut table)?;
    }
    show(&table);
    Ok(())
}

/// Baselines that are measured in this program must be optimised as what stands beside them.
fn run_optimised() -> Result<()> {
    sh::heading("building xtask");
    sh::run(sh::cargo().args(["build", "--locked", "--release", "-p", "xtask"]))?;
    sh::run(Command::new(sh::built("release").join("xtask")).args(std::env::args_os().skip(1)))
}

fn show(table: &Table) {
    sh::say("\n| what | figure | limit |\n|---|---|---|");
    for row in &table.rows {
        sh::say(row);
    }
}

/// The rows of the printed table.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<String>,
}

impl Table {
    /// Adds a row and shows it at once.
    pub(crate) fn row(&mut self, what: &str, figure: &str, limit: &str) {
        sh::say(&format!("  {what}: {figure}"));
        self.rows.push(format!("| {what} | {figure} | {limit} |"));
    }
}

/// Starting: the client's help, the server's first healthy answer, the idle server's memory.
fn start_up(programs: &Programs, runs: usize, folder: &Path, table: &mut Table) -> Result<()> {
    let time = |program: &Path, args: &[&str]| -> Result<Spread> {
        let mut figures = Vec::new();
        for _ in 0..runs {
            let started = Instant::now();
            let status = Command::new(program).args(args).stdout(Stdio::null()).status()?;
            figures.push(millis(started.elapsed()));
            if !status.success() {
                bail!("{} ended with {status}", program.display());
            }
        }
        Ok(Spread::of(figures))
    };
    let nothing = time(Path::new("true"), &[])?;
    let help = time(&programs.kots, &["--help"])?;
    table.row("`kots --help`", &format!("{help} ms (`true`: {nothing} ms)"), "20 ms");

    let mut healthy = Vec::new();
    let mut idle = Vec::new();
    for run in 0..runs {
        let state = folder.join(format!("start-{run}"));
        std::fs::create_dir_all(&state)?;
        let started = Instant::now();
        let server = Daemon::start(
            &programs.kotsadm,
            [
                "serve".to_owned(),
                "--listen=127.0.0.1:0".to_owned(),
                format!("--state={}", state.display()),
                format!("--target=dir:{}", state.join("deployed").display()),
            ],
            &folder.join("start.log"),
        )?;
        let (status, _) = http::exchange(server.address, "/healthz", "")?;
        if status != 200 {
            bail!("/healthz answered {status}");
        }
        healthy.push(millis(started.elapsed()));
        idle.push(mib(measure::status_kib(server.pid(), "VmRSS:").context("no VmRSS")?));
    }
    let healthy = Spread::of(healthy);
    table.row(
        "`kotsadm serve`: start to a healthy answer, new state",
        &format!("{healthy} ms"),
        "150 ms",
    );
    table.row("`kotsadm serve`: resident, idle", &format!("{} MiB", Spread::of(idle)), "32 MiB");
    Ok(())
}

/// The sample application online, everything local, each time into a new installation.
fn online(programs: &Programs, runs: usize, folder: &Path, table: &mut Table) -> Result<()> {
    let mirrored = folder.join("mirror");
    sample::mirror::write_sample(&mirrored, sample::license())?;
    let mirror = mirror(programs, &mirrored, folder)?;
    let files = Files::write(&folder.join("online-input"), sample::license())?;
    let mut figures = Vec::new();
    let mut repeated = Vec::new();
    for run in 0..runs {
        let at = folder.join(format!("online-{run}"));
        let site = Site::start(programs, &at, sample::APP_SLUG, Some(&mirror))?;
        site.quiet("install", &files.online_install("1.0.0"))?;
        let deploy = files.online_deploy(sample::STABLE_ID, 2);
        figures.push(millis(site.quiet("deploy", &deploy)?));
        repeated.push(millis(site.quiet("deploy", &deploy)?));
    }
    let (first, again) = (Spread::of(figures), Spread::of(repeated));
    table.row(
        "online deploy of the sample application to `ready`",
        &format!("{first} ms"),
        "1,000 ms",
    );
    table.row("the same command again (`unchanged`)", &format!("{again} ms"), "");
    Ok(())
}

/// A bundle of the sample application's 1.1.0 with this many MiB of noise in its release.
fn big_bundle(path: &Path, size_mib: u64) -> Result<()> {
    BundleSpec::sample("1.1.0")?.large(size_mib * 1024 * 1024).write(path)
}

/// KiB as MiB.
fn mib(kib: u64) -> f64 {
    // Far below 2^52.
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52 KiB")]
    let kib = kib as f64;
    kib / 1024.0
}

/// MiB a second.
fn rate(mib: u64, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52 MiB")]
    let mib = mib as f64;
    mib / time.as_secs_f64()
}
