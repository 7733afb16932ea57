//! The registry that images are pushed to is the one that manifests name: the real `kots`, `kotsadm` and
//! `docker-registry`.

use std::path::Path;
use std::process::Command;

use sample::bundle::BundleSpec;
use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};

use crate::kotsadm::Kotsadm;

fn bundle(folder: &Path, version: &str) {
    let layers = vec![Layer { seed: 1, size: 1000 }];
    let name = format!("quay.io/org/web:{version}");
    let images = Images::new(&[ImageSpec { name, layers }]);
    let mut spec = BundleSpec::sample(version).expect("a bundle").edit(|it| images.list(it));
    spec.images = Some(images);
    spec.write(&folder.join(format!("{version}.airgap"))).expect("a file");
}

fn manifests(folder: &Path) -> String {
    let files = std::fs::read_dir(folder.join("deployed/current")).expect("a deployed version");
    let path = |it: std::io::Result<std::fs::DirEntry>| it.expect("an entry").path();
    files.filter_map(|it| std::fs::read_to_string(path(it)).ok()).collect()
}

#[test]
fn the_manifests_name_the_registry_of_the_command_line() {
    let Some(server) = Server::plain() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("license.yaml"), sample::license()).expect("a licence");
    std::fs::write(path("values.yaml"), sample::config_values()).expect("config values");
    for version in sample::VERSIONS {
        bundle(folder.path(), version);
    }
    let target = format!("dir:{}", path("deployed").display());
    let kotsadm = Kotsadm::start(
        &["serve", "--target", &target],
        &[("--state", &path("state")), ("--license-root-key", &sample::keys::root_public_path())],
    );
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let kots = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
        command.args(args).current_dir(folder.path()).env_clear().env("HOME", folder.path());
        command.args(["--wait", "deployed", "--registry-plain-http"]);
        command.args(["--config-values", "values.yaml", "--kotsadm-registry", &registry]);
        command.args(["--registry-username", "puller", "--registry-password", "horse"]);
        command.args(["--auth-string-file", "state/secrets/authstring", "--license-root-key"]);
        command.arg(sample::keys::root_public_path());
        command.args(["--kotsadm-url", &format!("http://{}", kotsadm.address)]);
        let output = command.output().expect("kots runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    };
    let slug = sample::APP_SLUG;
    kots(&["install", slug, "--airgap-bundle", "1.0.0.airgap", "--license-file", "license.yaml"]);
    let check = |version: &str| {
        let manifests = manifests(folder.path());
        assert!(manifests.contains(&format!("image: {registry}/web:{version}")), "{manifests}");
        assert!(manifests.contains("name: sample-app-registry"), "no pull secret: {manifests}");
    };
    check("1.0.0");
    kots(&["deploy", slug, "--airgap-bundle", "1.1.0.airgap", "--license", "license.yaml"]);
    check("1.1.0");
}
