//! Release archives: read, extract, pack.

use std::{fs, path::Path};

use airgap::{
    ArchiveLimits, Limits, ReleaseFile,
    release::{self, extract_to, pack, read},
};
use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use crate::support::{archive, chain, release_file};

fn listing(files: &[ReleaseFile]) -> String {
    let line = |it: &ReleaseFile| format!("{} {:?}", it.path, String::from_utf8_lossy(&it.bytes));
    files.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Every file below `folder`.
fn on_disk(folder: &Path) -> Vec<ReleaseFile> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("it is a file");
                let path = path.strip_prefix(folder).expect("it is below").display().to_string();
                files.push(ReleaseFile { path, bytes });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

#[test]
fn the_common_folder_is_taken_off_but_userdata_stays() {
    let bytes = archive(&[
        ("release/", b""),
        ("release/manifests/deployment.yaml", b"d"),
        ("release/manifests/._deployment.yaml", b"macOS"),
        ("release/manifests/sub/service.yaml", b"s"),
        ("userdata/config.yaml", b"c"),
    ]);
    let files = read(bytes.as_slice(), &Limits::default()).expect("a good release");
    assert_snapshot!(listing(&files), @r#"
    deployment.yaml "d"
    sub/service.yaml "s"
    userdata/config.yaml "c"
    "#);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = folder.path().join("new/folder");
    let extracted =
        extract_to(bytes.as_slice(), &target, &Limits::default()).expect("a good release");
    assert_eq!(on_disk(&target), files);
    let names: Vec<_> = extracted.iter().map(|it| format!("{} {}", it.path, it.size)).collect();
    assert_snapshot!(names.join(", "), @"deployment.yaml 1, sub/service.yaml 1, userdata/config.yaml 1");
}

#[test]
fn packing_does_not_depend_on_order_clock_or_machine() {
    let files = [release_file("b.yaml", b"2"), release_file("a/c.yaml", b"1")];
    let packed = pack(&files).expect("good names");
    assert_eq!(packed, pack(&[files[1].clone(), files[0].clone()]).expect("good names"));
    // Changes only when the format does, and then every recorded digest of a bundle does, too.
    let mut plain = Vec::new();
    std::io::Read::read_to_end(
        &mut airgap::Gunzip::new(packed.as_slice(), &Limits::default().app),
        &mut plain,
    )
    .expect("it is sound");
    assert_snapshot!(hex::encode(Sha256::digest(plain)), @"f0ce0081cf21f7b709e377619ffc89e1ef1ebdebf9c053593cb98b5056baaa98");
    assert_snapshot!(listing(&read(packed.as_slice(), &Limits::default()).expect("it is sound")), @r#"
    a/c.yaml "1"
    b.yaml "2"
    "#);
}

#[test]
fn a_release_that_cannot_be_used_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |bytes: &[u8]| {
        let read = read(bytes, &Limits::default()).expect_err("refused");
        let extract = extract_to(bytes, folder.path(), &Limits::default()).expect_err("refused");
        assert_eq!(chain(&read), chain(&extract));
        let left = fs::read_dir(folder.path()).expect("it is there").count();
        assert_eq!(left, 0);
        chain(&read)
    };
    let good =
        pack(&[release_file("a/b.yaml", b"1"), release_file("c.yaml", b"2")]).expect("good names");
    assert_snapshot!(refused(&good[..good.len() - 9]), @"failed to read the release archive: cut short: the gzip stream ends after 101 bytes, before its end");
    assert_snapshot!(refused(b""), @"failed to read the release archive: empty: not a gzip stream");
    assert_snapshot!(refused(&archive(&[("a/", b"")])), @"failed to read the release archive: it holds no files");
    assert_snapshot!(refused(&archive(&[("r/userdata/x", b"1"), ("r/y", b""), ("userdata/x", b"2")])), @"the release archive holds two files `userdata/x` once their common folder is taken off");
    let mut damaged = good.clone();
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    assert_snapshot!(refused(&damaged), @"failed to read the release archive: damaged: the gzip checksum at byte 110 does not match the data");
}

#[test]
fn extraction_needs_a_folder_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("mine"), b"mine").expect("the folder is ours");
    let good = pack(&[release_file("a.yaml", b"1")]).expect("good names");
    let error =
        extract_to(good.as_slice(), folder.path(), &Limits::default()).expect_err("refused");
    assert!(chain(&error).ends_with("is not empty"), "{}", chain(&error));
    assert_snapshot!(listing(&on_disk(folder.path())), @r#"mine "mine""#);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let evil = archive(&[("x/.kots-unpack/a", b"1"), ("x/b", b"2")]);
    let error =
        extract_to(evil.as_slice(), folder.path(), &Limits::default()).expect_err("refused");
    assert_snapshot!(chain(&error), @"the release archive holds `.kots-unpack/a`, a name reserved for extraction");
}

#[test]
fn memory_is_capped() {
    let good = pack(&[release_file("a.yaml", &[0; 1000])]).expect("good names");
    let limits = Limits { in_memory: 1000, ..Limits::default() };
    let error = release::read(good.as_slice(), &limits).expect_err("refused");
    assert_snapshot!(chain(&error), @"the release archive holds more than 1000 bytes");
    let app = ArchiveLimits { entry_size: 999, ..Limits::default().app };
    let error =
        release::read(good.as_slice(), &Limits { app, ..Limits::default() }).expect_err("refused");
    assert_snapshot!(chain(&error), @"failed to read the release archive: refused entry `a.yaml`: it has 1000 bytes, the limit is 999");
}
