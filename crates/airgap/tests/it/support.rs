//! What the tests share: small bundles, and errors with their causes.

use std::{
    error::Error,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use airgap::{Bundle, BundleCheck, BundleError, BundleWriter, Limits, ReleaseFile, release};
use tempfile::TempDir;

pub(crate) const AIRGAP_YAML: &str = "apiVersion: kots.io/v1beta1
kind: Airgap
spec:
  appSlug: sample
  channelID: stable-id
  updateCursor: \"2\"
  versionLabel: 1.1.0
";

/// The message and all its causes, as the programs print them. Paths below `folder` lose it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

pub(crate) fn release_file(path: &str, bytes: &[u8]) -> ReleaseFile {
    ReleaseFile { path: path.to_owned(), bytes: bytes.to_owned() }
}

pub(crate) fn app() -> Vec<u8> {
    release::pack(&[
        release_file("manifests/app.yaml", b"kind: Application\n"),
        release_file("manifests/config.yaml", b"kind: Config\n"),
    ])
    .expect("good names")
}

/// A gzip tar of these entries, in this order.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = BundleWriter::new(Vec::new());
    for (name, bytes) in entries {
        if name.ends_with('/') {
            writer.folder(name).expect("a good name");
        } else {
            writer.bytes(name, bytes).expect("a good name");
        }
    }
    writer.finish().expect("a vector takes all")
}

pub(crate) fn bundle() -> Vec<u8> {
    archive(&[
        ("airgap.yaml", AIRGAP_YAML.as_bytes()),
        ("app.tar.gz", &app()),
        ("images/", b""),
        ("images/docker-archive/nginx/1", &[7; 5000]),
    ])
}

/// Bytes that do not compress, the same every time.
pub(crate) fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|it| it.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect()
}

/// A folder that holds one file.
pub(crate) struct OnDisk {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

pub(crate) fn on_disk(bytes: &[u8]) -> OnDisk {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("app.airgap");
    std::fs::write(&path, bytes).expect("the folder is ours");
    OnDisk { _folder: folder, path }
}

pub(crate) fn check_path(path: &Path, limits: &Limits) -> Result<BundleCheck, BundleError> {
    Bundle::check(path, limits, &mut |_| ControlFlow::Continue(()))
}

/// What a check of these bytes says, in one line.
pub(crate) fn verdict_with(bytes: &[u8], limits: &Limits) -> String {
    let file = on_disk(bytes);
    match check_path(&file.path, limits) {
        Ok(check) => format!(
            "{} {} with {} files",
            check.airgap.app_slug, check.airgap.version_label, check.app_files
        ),
        Err(error) => {
            let folder = file.path.parent().expect("it is in a folder").display().to_string();
            chain(&error).replace(&folder, "")
        }
    }
}

pub(crate) fn verdict(bytes: &[u8]) -> String {
    verdict_with(bytes, &Limits::default())
}
