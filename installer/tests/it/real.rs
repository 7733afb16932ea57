//! With a real `docker-registry`. Where it is missing the tests say so.

use sample::bundle::BundleSpec;
use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};
use serde_json::json;

use crate::cluster::{Cluster, is_root};
use crate::harness::{Site, kots};

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
