//! The project's own commands. `cargo xtask --help` lists them.

mod accept;
mod bench;
mod check;
mod daemon;
mod demo;
mod directions;
mod http;
mod sh;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "The project's own commands",
    disable_help_subcommand = true
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Carry the sample application through an upgrade, online and by air-gap bundle, and print what was proved.
    Demo(demo::Args),
    /// Run every test that can run here; say what was skipped and why.
    Test(test::Args),
    /// Formatting, clippy, dependency audit, docs and staleness: what must hold before a commit.
    Check,
    /// Rewrite the snapshots the tests compare with; read the diff afterwards.
    Accept,
    /// Measure the limits that BENCHMARKS.md records, on a release build.
    Bench(bench::Args),
    /// Write the sample application's air-gap bundles and check the committed fixtures.
    Testdata(sample::testdata::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Check => check::run(),
        Command::Accept => accept::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Testdata(args) => sample::testdata::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            sh::say(&format!("Error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
