//! A disk that takes no more: a clear error, nothing left behind, and it works again afterwards.
//!
//! No test can fill a disk of its own without privileges. A limit on the size of files
//! (`ulimit -f`, its signal ignored) makes the same write fail in the same place.

use std::process::Command;

use sample::bundle::BundleSpec;
use sample::license::Builder;

use super::harness::{Site, files};

#[tokio::test]
async fn a_write_that_does_not_fit() {
    let mut site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site.kill();

    let mut limited = Command::new("bash");
    // 4 MiB: enough for the database, too little for the release.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "bash"]);
    limited.arg(env!("CARGO_BIN_EXE_kotsadm")).env("KOTSADM_LOG", "warn");
    site.arguments(&mut limited);
    site.start_by(&mut limited);

    let mut spec = BundleSpec::sample("1.1.0").unwrap();
    let mut noise = Vec::new();
    std::io::Read::read_to_end(&mut sample::noise::Noise::new(3, 8 << 20), &mut noise).unwrap();
    spec.files.push(airgap::ReleaseFile { path: "large.bin".into(), bytes: noise });
    let error = site.upload(&spec).await.error();
    assert!(error.starts_with("500 failed to store app.tar.gz: File too large"), "{error}");
    assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new());
    assert_eq!(site.history().await, ["0 Airgap Install 1.0.0 deployed"]);

    site.kill();
    site.start();
    site.upload(&spec).await.ok();
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
}
