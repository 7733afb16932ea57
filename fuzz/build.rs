//! Takes over sources that are private in the programs. Depending on whole programs would add minutes to every build of
//! these targets.

use std::{env, fs, path::Path};

/// The sources, below the project's root, and what they are called here.
const SOURCES: [(&str, &str); 5] = [
    ("upstream-handler/src/http/multipart.rs", "server_multipart.rs"),
    ("upstream-handler/src/target/cluster/path.rs", "server_conditions.rs"),
    ("installer/src/http/decode.rs", "installer_decode.rs"),
    ("installer/src/http/token.rs", "installer_token.rs"),
    ("installer/src/kots/classify.rs", "installer_classify.rs"),
];

fn main() {
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    for (source, name) in SOURCES {
        let source = format!("../{source}");
        println!("cargo::rerun-if-changed={source}");
        let text = fs::read_to_string(&source).expect("the source is there");
        // The module's comment and its tests, which come last, cannot be included.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = text.lines().filter(|it| !it.starts_with("//!"));
        let text = lines.collect::<Vec<_>>().join("\n");
        fs::write(Path::new(&folder).join(name), text).expect("the folder is ours");
    }
}
