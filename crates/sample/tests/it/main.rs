//! The fixtures hold together: what is committed is current, bundles and mirror folders are accepted by those who read
//! them.

mod renders;

use std::{error::Error, ops::ControlFlow, path::Path};

use airgap::{Bundle, BundleCheck, Limits};
use insta::assert_snapshot;
use sample::{
    APP_SLUG, VERSIONS, bundle::BundleSpec, license::Builder, mirror, real, release, testdata,
};

fn check(path: &Path) -> Result<BundleCheck, Box<dyn Error>> {
    Ok(Bundle::check(path, &Limits::default(), &mut |_| ControlFlow::Continue(()))?)
}

#[test]
fn the_committed_fixtures_are_current() {
    let args = testdata::Args { check: true, out: None };
    testdata::run(&args).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_release_holds_its_chart_packed() {
    let names: Vec<_> = release::sample_files("1.1.0")
        .expect("it is committed")
        .into_iter()
        .map(|it| it.path)
        .collect();
    assert_snapshot!(names.join("\n"), @r"
    database-statefulset.yaml
    helm-cache.yaml
    k8s-app.yaml
    kots-app.yaml
    kots-config.yaml
    sample-cache-0.2.0.tgz
    web-configmap.yaml
    web-deployment.yaml
    web-secret.yaml
    web-service.yaml
    worker-deployment.yaml
    ");
}

#[test]
fn bundles_are_accepted_and_the_same_every_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (cursor, version) in VERSIONS.iter().enumerate() {
        let path = folder.path().join("a.airgap");
        let spec = BundleSpec::sample(version).expect("it is committed");
        spec.write(&path).expect("the folder is ours");
        let found = check(&path).expect("a good bundle");
        assert_eq!(found.airgap, spec.airgap);
        assert_eq!(found.airgap.update_cursor, (cursor + 1).to_string());
        spec.write(&path).expect("the folder is ours");
        assert_eq!(check(&path).expect("a good bundle").sha256, found.sha256);
    }
}

#[test]
fn a_large_bundle_has_the_size_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("large.airgap");
    let spec = BundleSpec::sample("1.1.0").expect("it is committed").large(3_000_000);
    spec.write(&path).expect("the folder is ours");
    let found = check(&path).expect("a good bundle");
    assert!(found.app_size > 3_000_000 && found.app_size < 3_200_000, "{}", found.app_size);
    let left = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(left, 1);
}

#[test]
fn the_mirror_accepts_the_sample() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    mirror::write_sample(folder.path(), &Builder::new().yaml()).expect("the folder is ours");
    let summary = upstream::mirror::check(folder.path()).expect("a good folder");
    assert_eq!((summary.n_channels, summary.n_licenses), (2, 1));
}

#[test]
fn the_real_inputs_are_packed() {
    let Some(data) = real::folder() else {
        skipped::skipped!("no real data (KOTS_REAL_DATA names its folder)");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [old, new] = real::write_bundles(&data, folder.path()).expect("the data is whole");
    assert_eq!(check(&old).expect("a good bundle").airgap.update_cursor, "0");
    let found = check(&new).expect("a good bundle");
    assert_eq!(found.airgap.update_cursor, "1");
    assert_eq!(found.airgap.app_slug, real::AIRGAP_SLUG);
    assert_eq!(found.airgap.channel_id, real::AIRGAP_CHANNEL_ID);

    let mirror = folder.path().join("mirror");
    real::write_mirror(&data, &mirror).expect("the data is whole");
    let summary = upstream::mirror::check(&mirror).expect("a good folder");
    assert_eq!((summary.n_channels, summary.n_licenses), (1, 1));
    assert_ne!(APP_SLUG, real::ONLINE_SLUG);
}
