//! Test access to the real data of the original projects, which is not part of this repository.

use std::path::PathBuf;

/// The folder of real data, if there is one: `KOTS_REAL_DATA`, else beside the repository.
pub(crate) fn dir() -> Option<PathBuf> {
    let dir = match std::env::var_os("KOTS_REAL_DATA") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    dir.is_dir().then_some(dir)
}

/// The text of one file of it.
pub(crate) fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(dir()?.join(path)).ok()
}

/// Says in one line that a test did not run.
pub(crate) fn skip(what: &str) {
    skipped::skipped!("{what}: KOTS_REAL_DATA is not set and ../shared/data is absent");
}
