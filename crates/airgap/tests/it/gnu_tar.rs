//! Archives of the `tar` program, in each of its formats.

use std::{fs, process::Command};

use airgap::{Limits, release::read};

use crate::support::release_file;

#[test]
fn every_format_of_gnu_tar_is_read() {
    let Ok(version) = Command::new("tar").arg("--version").output() else {
        skipped::skipped!("there is no program `tar`");
        return;
    };
    if !String::from_utf8_lossy(&version.stdout).contains("GNU tar") {
        skipped::skipped!("`tar` is not GNU tar");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let long = format!("{}/{}", "folder".repeat(15), "name".repeat(20));
    // `v7` has room for 99 bytes, and none for what is not a file.
    for (format, names) in [
        ("v7", vec!["a.yaml", "b/c.yaml", "empty"]),
        ("ustar", vec!["a.yaml", "b/größe.yaml", &long]),
        ("oldgnu", vec!["a.yaml", "b/größe.yaml", &long]),
        ("gnu", vec!["a.yaml", "b/größe.yaml", &long]),
        ("posix", vec!["a.yaml", "b/größe.yaml", &long]),
    ] {
        let source = folder.path().join(format);
        let mut want = Vec::new();
        for name in names {
            let bytes = name.repeat(if name == "empty" { 0 } else { 300 }).into_bytes();
            let path = source.join(name);
            fs::create_dir_all(path.parent().expect("it is below")).expect("the folder is ours");
            fs::write(&path, &bytes).expect("the folder is ours");
            want.push(release_file(name, &bytes));
        }
        want.sort_by(|a, b| a.path.cmp(&b.path));
        let packed = Command::new("tar")
            .args(["--create", "--gzip", "--file=-", &format!("--format={format}"), "."])
            .current_dir(&source)
            .output()
            .expect("it is there");
        assert!(packed.status.success(), "{format}: {}", String::from_utf8_lossy(&packed.stderr));
        let found = read(packed.stdout.as_slice(), &Limits::default());
        assert_eq!(found.expect("it is sound"), want, "{format}");
    }
}
