//! `kotsadm render`.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};

use crate::offline::{self, Job, OfflineError, Options, Outcome};

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with the release's files; `userdata/` in it may hold licence and values. Sources of charts
    /// are packed on the way; those the release lacks are looked for in `charts/` beside it.
    #[arg(value_name = "RELEASE_DIR")]
    release: PathBuf,
    /// Folder for upstream/, base/, overlays/, rendered/, kotsKinds/, helm/ and skippedFiles/. What an
    /// earlier run wrote there is replaced, but for overlays/downstreams.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The licence. Default: userdata/license.yaml of the release.
    #[arg(long, value_name = "FILE")]
    license: Option<PathBuf>,
    /// PEM file of a root key to trust besides the production key. May be given several times.
    #[arg(long, value_name = "FILE")]
    license_root_key: Vec<PathBuf>,
    /// The operator's values. Default: userdata/config.yaml of the release.
    #[arg(long, value_name = "FILE")]
    config_values: Option<PathBuf>,
    /// A test case of the original: namespace, slug, image registry, downstreams, channel.
    #[arg(long, value_name = "FILE")]
    options: Option<PathBuf>,
}

/// Renders; what does not render is listed and ends in status 1.
pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = match &args.options {
        Some(path) => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))?;
            Options::parse(&text).map_err(|what| anyhow!("{}: {what}", path.display()))?
        }
        None => Options::default(),
    };
    let job = Job {
        release: args.release,
        out: args.out,
        license: args.license,
        license_root_keys: args.license_root_key,
        config_values: args.config_values,
        options,
    };
    match offline::render(&job) {
        Ok(outcome) => Ok(report(&job, &outcome)),
        Err(OfflineError::Build(error)) if !error.is_io() => {
            for problem in error.each() {
                say(&format!("problem: {}", problem.told()));
            }
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}

fn report(job: &Job, outcome: &Outcome) -> ExitCode {
    for note in &outcome.notes {
        say(&format!("note: {note}"));
    }
    for problem in &outcome.problems {
        say(&format!("problem: {problem}"));
    }
    let (manifests, charts) = (outcome.built.manifests.len(), outcome.built.charts.len());
    let mut done =
        format!("rendered {manifests} objects and {charts} charts to {}", job.out.display());
    if !outcome.problems.is_empty() {
        done.push_str(", without what is named above");
    }
    for fact in &outcome.facts {
        done.push('\n');
        done.push_str(fact);
    }
    // A closed pipe is the reader's way to say that it has seen enough.
    let _ = writeln!(std::io::stdout(), "{done}");
    if outcome.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
