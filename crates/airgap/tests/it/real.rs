//! The bundles that the original projects test themselves with. Read in place, where they are.

use std::path::PathBuf;

use airgap::{BundleError, Limits};
use insta::assert_snapshot;

use crate::support::{archive, chain, check_path, release_file, verdict};

/// The folder of real data, or `None` with one line that says so.
fn real_data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("KOTS_REAL_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    {
        skipped::skipped!("no real data at {} (KOTS_REAL_DATA names its folder)", path.display());
    }
    None
}

#[test]
fn bundles_packed_on_macos_lack_only_the_release() {
    let Some(folder) = real_data("ec-airgap") else { return };
    let verdict = |name| {
        let error = check_path(&folder.join(name), &Limits::default()).expect_err("no app.tar.gz");
        assert!(matches!(error, BundleError::Missing { .. }));
        chain(&error)
    };
    assert_snapshot!(verdict("bundle.airgap"), @"failed to get file app.tar.gz from airgap: file not found in archive (it holds embedded-cluster/)");
    assert_snapshot!(verdict("upgrade-bundle.airgap"), @"failed to get file app.tar.gz from airgap: file not found in archive (it holds bundle.airgap, embedded-cluster/)");
}

#[test]
fn the_bundle_of_a_real_application_is_whole() {
    let Some(folder) = real_data("ec-airgap") else { return };
    let read = |path: &str| std::fs::read(folder.join(path)).expect("it is part of the data");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join("tiny-airgap-noimages-app")).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.is_file() {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            files.push(release_file(&name, &std::fs::read(&path).expect("it is a file")));
        }
    }
    let app = airgap::release::pack(&files).expect("good names");
    let bundle = archive(&[
        ("airgap.yaml", &read("tiny-airgap-noimages/airgap.yaml")),
        ("app.tar.gz", &app),
        (
            "embedded-cluster/images-amd64.tar",
            &read("tiny-airgap-noimages/embedded-cluster/images-amd64.tar"),
        ),
    ]);
    assert_snapshot!(verdict(&bundle), @"laverya-tiny-airgap 0.1.0 with 8 files");
}

#[test]
fn every_real_chart_and_archive_is_read() {
    let Some(data) = real_data("") else { return };
    let (mut folders, mut found) = (vec![data], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is there") {
            let path = entry.expect("it is there").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "tgz" || it == "gz") {
                let file = std::fs::File::open(&path).expect("it is a file");
                let files = airgap::release::read(file, &Limits::default());
                let files = files.unwrap_or_else(|error| panic!("{path:?}: {}", chain(&error)));
                assert!(!files.is_empty());
                found += 1;
            }
        }
    }
    assert!(found > 0, "the real data has charts");
}
