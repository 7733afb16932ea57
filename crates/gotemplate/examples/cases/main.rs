//! Runs a file of template cases and prints one JSON line a case, last `PASSED of TOTAL`.
//!
//! `cargo run -q --release -p gotemplate --example cases -- FILE.jsonl`

mod run;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let Some(path) = std::env::args().nth(1) else {
        let _ = writeln!(std::io::stderr(), "usage: cases FILE.jsonl");
        return ExitCode::from(2);
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "Error: could not read `{path}`: {error}");
            return ExitCode::from(2);
        }
    };
    let runner = run::Runner::new();
    let (mut passed, mut total) = (0usize, 0usize);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        total += 1;
        let outcome = runner.run(line);
        passed += usize::from(outcome.pass);
        // A reader that went away ends the run quietly.
        if writeln!(out, "{}", outcome.json()).is_err() {
            return ExitCode::SUCCESS;
        }
    }
    let _ = writeln!(out, "{passed} of {total}");
    if passed == total { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
