//! Fixtures of tests, demo and benchmarks: the sample application, its licences, air-gap bundles and mirror.
//!
//! Everything comes out the same, byte for byte, on every machine. No shipped program may depend on this crate: it holds
//! private keys, which guard nothing.

pub mod bundle;
pub mod docker_registry;
pub mod images;
pub mod keys;
pub mod license;
pub mod mirror;
pub mod noise;
pub mod real;
pub mod release;
pub mod testdata;

use std::path::{Path, PathBuf};

/// The slug of the sample application.
pub const APP_SLUG: &str = "sample-app";
/// The versions of its two releases, older first; each is also the name of its folder.
pub const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];
/// The name of its stable channel.
pub const STABLE_NAME: &str = "Stable";
/// The id of its stable channel, on which 1.0.0 has sequence 1 and 1.1.0 sequence 2.
pub const STABLE_ID: &str = "2fVbTqW8hL0dYkXcRzM4uJpS1aN";
/// The id of its beta channel, on which 1.1.0 has sequence 1.
pub const BETA_ID: &str = "2fVbTuE5gC7nQwHxLmB9oKiZ3rD";

/// The project's folder `testdata`.
pub fn testdata() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the crate is in a folder of the project").join("testdata")
}

/// A program that tests use as people do: the one that `variable` names, else the first on PATH. Without one it says so,
/// as the reason why something is skipped.
pub fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|it| it.join(name)).find(|it| it.is_file())
    });
    if found.is_none() {
        skipped::skipped!("{name} is neither {variable} nor on PATH");
    }
    found
}

/// The folder of the sample application.
pub fn app_folder() -> PathBuf {
    testdata().join(APP_SLUG)
}

/// The committed config values of the sample application; good for both releases.
pub fn config_values() -> &'static str {
    include_str!("../../../testdata/sample-app/config-values.yaml")
}

/// The committed licence of the sample application.
pub fn license() -> &'static str {
    include_str!("../../../testdata/sample-app/license.yaml")
}
