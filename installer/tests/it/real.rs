//! With other people's real programs: `docker-registry` and `preflight`. Where one is missing the tests say so.

use std::path::PathBuf;

use sample::bundle::BundleSpec;
use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};
use serde_json::json;

use crate::cluster::{Cluster, is_root};
use crate::harness::{Manager, Site, kots};

/// Two images that share a layer.
fn images() -> Images {
    let layer = |seed, size| Layer { seed, size };
    let image = |name: &str, layers| ImageSpec { name: name.to_owned(), layers };
    let shared = layer(1, 200_000);
    Images::new(&[
        image("quay.io/org/web:1.1.0", vec![shared, layer(2, 3_000_000), layer(3, 10)]),
        image("docker.io/library/redis:7", vec![shared, layer(4, 300_000)]),
    ])
}

#[test]
fn images_of_a_bundle_are_in_the_registry_before_the_deploy() {
    if !is_root() {
        return;
    }
    let Some(server) = Server::plain() else { return };
    let cluster = Cluster::start(Site::installed_airgapped());
    let images = images();
    let mut spec = BundleSpec::sample("1.1.0").unwrap().edit(|it| images.list(it));
    spec.images = Some(images.clone());
    let bundle = cluster.site.path("images.airgap");
    spec.write(&bundle).unwrap();
    std::os::unix::fs::symlink(kots(), cluster.site.path("pushing-kots")).unwrap();
    let host = format!("127.0.0.1:{}", server.port());
    let config = json!({ "auths": { host: { "username": "embedded-cluster", "password": "pushing-secret" } } });
    cluster.secret("registry-creds", &[(".dockerconfigjson", config.to_string().as_bytes())]);

    let mut command = cluster.command(&["--airgap-bundle", bundle.to_str().unwrap()]);
    command.arg("--headless").arg("--config-values").arg(cluster.site.path("values.yaml"));
    command.args(["--output", "jsonl"]).env("KOTS_REGISTRY_PLAIN_HTTP", "true");
    let output = command.output().unwrap();
    let (told, errors) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert_eq!(output.status.code(), Some(0), "{told}{errors}");
    assert!(told.contains("Images pushed successfully"), "{told}");
    assert!(!told.contains("pushing-secret") && !errors.contains("pushing-secret"));
    let tags: Vec<_> =
        server.links().into_iter().filter(|it| it.0.ends_with("/current/link")).collect();
    assert_eq!(tags.len(), 2, "{tags:?}");
    for (name, hex) in &images.manifests {
        let (repository, tag) = name.rsplit('/').next().unwrap().split_once(':').unwrap();
        let path = format!("sample-app/{repository}/_manifests/tags/{tag}/current/link");
        let link = tags.iter().find(|it| it.0 == path);
        assert_eq!(link.map(|it| it.1.as_str()), Some(format!("sha256:{hex}").as_str()), "{path}");
    }
    // The push came first, and the deploy was told that it was done.
    let calls = cluster.read("calls");
    let verbs: Vec<_> = calls.lines().map(|it| it.split(' ').next().unwrap()).collect();
    assert_eq!(verbs, ["get", "admin-console", "deploy"]);
    assert!(calls.contains("--disable-image-push"), "{calls}");
}

/// The real `preflight`: the one the variable names, else one on PATH.
fn preflight() -> Option<PathBuf> {
    let found = std::env::var_os("KOTS_PREFLIGHT").map(PathBuf::from).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|it| it.join("preflight")).find(|it| it.is_file())
    });
    if found.is_none() {
        skipped::skipped!("the preflight program is neither KOTS_PREFLIGHT nor on PATH");
    }
    found
}

#[test]
fn the_real_preflight_program_that_cannot_check_is_no_success_and_says_why() {
    let Some(program) = preflight() else { return };
    let site = Site::installed().with_preflights("", 9);
    let mut command = site.command("upgrade", "linux");
    command.arg("--preflight-binary").arg(&program).env("KUBECONFIG", "/nowhere/kubeconfig");
    let manager = Manager::start(command, "/api/linux/upgrade").login();
    manager.patch_values(&crate::walks::values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    let view = manager.ended("/app-preflights/status");
    assert_eq!(manager.state(), "AppPreflightsExecutionFailed", "{view}");
    assert_eq!(view["titles"], json!(["Version of app.example.com"]));
    let told = view["status"]["description"].as_str().unwrap();
    let start = "run app preflights: app preflights failed to run: error running preflight: exit status 1 (stderr: ";
    assert!(told.starts_with(start) && told.len() > start.len() + 10, "{told}");
    // It is not gone round: neither by ignoring it, nor by going on.
    let go_on = manager.post("/app/upgrade", &json!({ "ignoreAppPreflights": true }));
    assert_eq!(
        go_on.told(),
        "409 invalid transition from AppPreflightsExecutionFailed to AppUpgrading"
    );
}
