//! Takes over the source of the server's multipart reader, which is private there. Depending on the whole server would
//! add minutes to every build of these targets.

use std::{env, fs, path::Path};

fn main() {
    let source = "../upstream-handler/src/http/multipart.rs";
    println!("cargo::rerun-if-changed={source}");
    let text = fs::read_to_string(source).expect("the server has a multipart reader");
    // Its module comment and its tests cannot be included.
    let lines = text.lines().filter(|it| !it.starts_with("//!"));
    let text = lines.collect::<Vec<_>>().join("\n").replace("#[cfg(test)]\nmod tests;", "");
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("server_multipart.rs"), text).expect("the folder is ours");
}
