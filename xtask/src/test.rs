//! Every test that can run here.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::{demo, sh, tools};

/// Features the tests are built with: the fault points that kill tests need.
pub(crate) const FEATURES: &str = "kots-deploy/faults,upstream-handler/faults,installer/fixture";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also run the scenarios that need a cluster, on the one KUBECONFIG names.
    #[arg(long)]
    cluster: bool,
}

/// Runs the tests, then the demo, and says what was skipped.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut skipped = Vec::new();
    if sample::real::folder().is_none() {
        skipped.push(
            "real releases and licences: neither KOTS_REAL_DATA nor ../shared/data is a folder",
        );
    }
    if !args.cluster {
        skipped.push("the scenarios on a real cluster: they run with `--cluster` and KUBECONFIG");
    } else if std::env::var_os("KUBECONFIG").is_none() {
        bail!("`--cluster` needs KUBECONFIG to name the cluster to test on");
    }

    let tools = tools::install();

    sh::heading("tests");
    let mut tests = sh::cargo();
    tests.args(["test", "--workspace", "--locked", "--no-fail-fast", "--features", FEATURES]);
    tools.tell(&mut tests);
    // Built by this very command, before the first test runs.
    tests.env("KOTS_TEST_KOTSADM", sh::built("debug").join("kotsadm"));
    if args.cluster {
        tests.env("KOTS_TEST_CLUSTER", "1");
    }
    let notes = tempfile::NamedTempFile::new()?;
    tests.env(skipped::NOTES, notes.path());
    let tested = sh::run(&mut tests);

    sh::heading("demo");
    let shown = demo::run(&demo::Args::default());

    sh::heading("skipped");
    for reason in skipped.into_iter().map(str::to_owned).chain(tools.skipped) {
        sh::say(&format!("skipped: {reason}"));
    }
    for reason in noted(&std::fs::read_to_string(notes.path())?) {
        sh::say(&format!("skipped: {reason}"));
    }
    sh::say(
        "skipped: long fuzzing (fuzz/README.md says how to run it; the bounded part ran above)",
    );
    tested.and(shown)
}

/// What tests have noted, each reason once and with how many tests had it.
fn noted(notes: &str) -> Vec<String> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in notes.lines().filter(|it| !it.is_empty()) {
        *times.entry(reason).or_default() += 1;
    }
    let said = |(reason, times): (&str, usize)| match times {
        1 => reason.to_owned(),
        times => format!("{reason} ({times} times)"),
    };
    times.into_iter().map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::noted;

    #[test]
    fn each_reason_is_said_once() {
        assert_eq!(noted("no helm\nno data\nno helm\n"), ["no data", "no helm (2 times)"]);
        assert!(noted("").is_empty());
    }
}
