//! For tests: says that one did not run, and why, where a person sees it.
//!
//! `cargo test` shows nothing of a test that passes, so what was skipped is written into a file, too. `cargo xtask test`
//! names it and shows its lines at the end.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;

/// The variable that names the file.
pub const NOTES: &str = "KOTS_TEST_SKIPPED";

/// Says that a test, or a part of one, does not run for this reason. Arguments are those of `format!`.
#[macro_export]
macro_rules! skipped {
    ($($words:tt)*) => {
        $crate::note(format_args!($($words)*))
    };
}

/// Says that a test does not run for this reason.
///
/// # Panics
///
/// When the file cannot be written: a test must not be skipped unseen.
#[expect(clippy::print_stderr, reason = "whoever runs one test alone sees it here")]
pub fn note(why: impl Display) {
    eprintln!("skipped: {why}");
    let Some(path) = std::env::var_os(NOTES) else { return };
    // One write, so that lines of tests that run at once do not mix.
    let line = format!("{why}\n");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
}
