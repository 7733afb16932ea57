//! Every case for which Go's own answer is recorded.

use std::path::PathBuf;

use crate::run::Runner;

fn real_data() -> PathBuf {
    std::env::var_os("KOTS_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    )
}

#[test]
fn every_case_comes_out_as_go_writes_it() {
    let path = real_data().join("go-templates/cases.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped::skipped!("there is no `{}`", path.display());
        return;
    };
    all_pass(&text);
}

/// Cases of our own in `testdata/cases.jsonl`: dates in zones, edges of expressions, printing of maps
/// and lists, version constraints, aliasing of merged maps, errors in templates that call templates,
/// trim markers, comments and delimiters. Answers are those of Go 1.26 with sprig 3.3.
#[test]
fn cases_of_our_own_come_out_as_go_writes_them() {
    all_pass(include_str!("../../testdata/cases.jsonl"));
}

fn all_pass(text: &str) {
    let runner = Runner::new();
    let mut failed = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let outcome = runner.run(line);
        if !outcome.pass {
            failed.push(outcome.json().to_string());
        }
    }
    assert!(failed.is_empty(), "{} cases differ:\n{}", failed.len(), failed.join("\n"));
}
