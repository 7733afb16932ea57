//! Input that a person gets wrong: said before the first byte is sent, with exit status 1.

use sample::bundle::BundleSpec;
use sample::license::Builder;

use crate::harness::Site;

/// Expects the input to be refused with these words, and the server never to hear of it.
#[track_caller]
fn check(site: &Site, words: &[&str]) {
    let run = site.deploy().run();
    run.expect(1);
    for word in words {
        run.complains(word);
    }
    assert!(run.stderr.starts_with("Error: "), "{run}");
    let seen = site.server.with(|it| it.requests.len());
    assert_eq!(seen, 0, "something was sent: {:?}", site.server.changes());
}

fn license(edit: impl FnOnce(Builder) -> Builder) -> Site {
    let site = Site::airgap();
    site.write("license.yaml", &edit(Builder::new()).yaml());
    site
}

fn bundle(edit: impl FnOnce(BundleSpec) -> BundleSpec) -> Site {
    let site = Site::airgap();
    let spec = BundleSpec::sample("1.1.0").expect("the sample has this release");
    edit(spec).write(&site.path("app.airgap")).expect("the bundle is written");
    site
}

#[test]
fn licenses() {
    check(&license(|it| it.app("other-app")), &["other-app", "sample-app"]);
    check(&license(|it| it.expires_at("2020-01-01T00:00:00Z")), &["License is expired"]);
    check(&license(Builder::break_signature), &["license.yaml"]);
    check(&license(|it| it.tamper(|it| it.is_airgap_supported = false)), &["isAirgapSupported"]);
    check(&license(|it| it.airgap(false)), &["license.yaml"]);
    check(
        &license(|it| it.channels(&[("another-channel", "Other")])),
        &["Requested channel (Stable) not found in license."],
    );
    let site = Site::airgap();
    std::fs::remove_file(site.path("license.yaml")).expect("it was there");
    check(&site, &["failed to read license file", "no such file or directory"]);
}

#[test]
fn bundles() {
    check(&bundle(|it| it.edit(|it| it.app_slug = "other-app".to_owned())), &["other-app"]);
    check(
        &bundle(|it| it.edit(|it| it.format = "squashfs".to_owned())),
        &["Airgap bundle format 'squashfs' is not supported"],
    );
    let yaml = "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  appSlug: sample-app\n  updateCursor: 2\n";
    check(&bundle(|it| BundleSpec { airgap_yaml: Some(yaml.to_owned()), ..it }), &["updateCursor"]);

    let site = Site::airgap();
    std::fs::remove_file(site.path("app.airgap")).expect("it was there");
    check(&site, &["failed to stat airgap bundle: stat ", "no such file or directory"]);
    std::fs::create_dir(site.path("app.airgap")).expect("the name is free");
    check(&site, &["app.airgap", "directory"]);

    let site = Site::airgap();
    let whole = site.read("app.airgap");
    std::fs::write(site.path("app.airgap"), &whole[..whole.len() * 2 / 3]).expect("written");
    check(&site, &["airgap"]);
    site.write("app.airgap", "not a bundle");
    check(&site, &["airgap"]);
}

#[test]
fn config_values() {
    let site = Site::online();
    std::fs::remove_file(site.path("values.yaml")).expect("it was there");
    check(&site, &["failed to read config values file", "no such file or directory"]);
    for (text, word) in [
        ("apiVersion: kots.io/v1beta1\nkind: Config\nspec: {}\n", "ConfigValues"),
        ("spec: [\n", "values.yaml"),
        ("", "values.yaml"),
    ] {
        site.write("values.yaml", text);
        check(&site, &[word]);
    }
}

#[test]
fn auth_strings() {
    let site = Site::online();
    site.write("auth", "\n");
    check(&site, &["auth string"]);
    std::fs::remove_file(site.path("auth")).expect("it was there");
    check(&site, &["auth string"]);
}

#[test]
fn state_folders() {
    let site = Site::online();
    site.write("state", "a file where a folder should be");
    check(&site, &[&site.text("state")]);
}

#[test]
fn targets() {
    let site = Site::online().with_target(&["--channel-id", "2f"]);
    check(
        &site,
        &["either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided"],
    );
    let site = Site::online().with_target(&["--channel-id", "2f", "--channel-sequence", "0"]);
    check(
        &site,
        &["either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided"],
    );
    let site = Site::airgap();
    let (bundle, license) = (site.text("app.airgap"), site.text("license.yaml"));
    let site = site.with_target(&["--airgap-bundle", &bundle]);
    check(&site, &["license is required in airgap mode"]);
    let site =
        site.with_target(&["--license", &license, "--channel-id", "2f", "--channel-sequence", "1"]);
    check(&site, &["license can only be provided in airgap mode"]);
}
