//! `kots airgap-update`: the update of an embedded cluster, into the real `docker-registry` and the real `kotsadm`.

use airgap::ReleaseFile;
use kinds::airgap::EmbeddedClusterArtifacts;
use sample::docker_registry::Server;

use crate::harness::{Console, airgapped, bundle};
use crate::images::{expected, images, tags};

/// A bundle with images and what an embedded cluster is updated from.
fn write(console: &Console) {
    let images = images();
    let mut spec = bundle("1.1.0").edit(|it| {
        images.list(it);
        it.embedded_cluster_artifacts = Some(EmbeddedClusterArtifacts {
            metadata: "embedded-cluster/version-metadata.json".to_owned(),
            additional_artifacts: [("kots", "kots.tar.gz"), ("operator", "operator.tar.gz")]
                .map(|(key, file)| (key.to_owned(), format!("embedded-cluster/artifacts/{file}")))
                .into(),
            ..EmbeddedClusterArtifacts::default()
        });
    });
    for (path, bytes) in [
        ("embedded-cluster/version-metadata.json", &b"{}"[..]),
        ("embedded-cluster/artifacts/kots.tar.gz", b"the program"),
        ("embedded-cluster/artifacts/operator.tar.gz", b"another program"),
    ] {
        spec.extra.push(ReleaseFile { path: path.to_owned(), bytes: bytes.to_vec() });
    }
    spec.images = Some(images);
    spec.write(&console.path("cluster.airgap")).unwrap();
}

#[test]
fn what_an_embedded_cluster_needs_gets_to_the_registry_and_the_console() {
    let Some(server) = Server::plain() else { return };
    let console = Console::with_first_version_airgapped();
    write(&console);
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let update = [
        "airgap-update",
        sample::APP_SLUG,
        "--airgap-bundle=cluster.airgap",
        "--kotsadm-registry",
        &registry,
        "--registry-plain-http",
        "--registry-parallelism=1",
    ];
    let show = |ran: &crate::harness::Ran| ran.whole().replace(&server.port().to_string(), "PORT");
    let ran = console.kots(&update);
    ran.assert(0);
    insta::assert_snapshot!(show(&ran), @r"
      • Updating sample-app...
      • Pushing airgap images...
      • registry 127.0.0.1:PORT/apps from the command line, without credentials
      • Pushing embedded cluster artifacts (1/3)
      • Pushing image 127.0.0.1:PORT/apps/embedded-cluster/kots.tar.gz:2fVbTqW8hL0dYkXcRzM4uJpS1aN-2-1.1.0
      • Pushing embedded cluster artifacts (2/3)
      • Pushing image 127.0.0.1:PORT/apps/embedded-cluster/version-metadata.json:2fVbTqW8hL0dYkXcRzM4uJpS1aN-2-1.1.0
      • Pushing embedded cluster artifacts (3/3)
      • Pushing image 127.0.0.1:PORT/apps/embedded-cluster/operator.tar.gz:2fVbTqW8hL0dYkXcRzM4uJpS1aN-2-1.1.0
      • Pushing application images (1/3)
      • Pushing image 127.0.0.1:PORT/apps/redis:7
      • Pushing application images (2/3)
      • Pushing image 127.0.0.1:PORT/apps/web:1.1.0
      • Pushing application images (3/3)
      • Pushing image 127.0.0.1:PORT/apps/worker:1.1.0
      • Images pushed successfully
      • Uploading airgap update
      • Update has been uploaded
    -> 0
    ");
    let there = tags(&server);
    for (path, digest) in expected(&images(), "apps") {
        assert_eq!(there.get(&path), Some(&digest), "{path}");
    }
    insta::assert_snapshot!(show(&console.kots(&["get", "versions", sample::APP_SLUG])), @r"
    VERSION    SEQUENCE    STATUS    SOURCE    CHANNEL ID    CHANNEL SEQUENCE
    1.1.0    1    pending    Airgap Update    2fVbTqW8hL0dYkXcRzM4uJpS1aN    2
    1.0.0    0    deployed    Airgap Install    2fVbTqW8hL0dYkXcRzM4uJpS1aN    1
    -> 0
    ");

    // Again: nothing is sent to the registry, and there is still one version of it.
    let again = console.kots(&update);
    again.assert(0);
    insta::assert_snapshot!(show(&again), @r"
      • Updating sample-app...
      • Push images: skipped, 3 images and 3 artifacts already in 127.0.0.1:PORT/apps
      • Uploading airgap update
      • Update has been uploaded
    -> 0
    ");
    assert_eq!(tags(&server), there);
    let twice: Vec<_> = server.confirmed().into_iter().filter(|it| it.1 > 1).collect();
    assert!(twice.is_empty(), "sent although it was confirmed: {twice:?}");

    // And what was brought in is what `deploy` goes on with.
    let args = airgapped("cluster.airgap");
    let deploy = [&args[..], &["--kotsadm-registry", &registry, "--registry-plain-http"]].concat();
    console.kots(&deploy).assert(0);
    insta::assert_snapshot!(show(&console.kots(&["get", "versions", sample::APP_SLUG])), @r"
    VERSION    SEQUENCE    STATUS    SOURCE    CHANNEL ID    CHANNEL SEQUENCE
    1.1.0    3    deployed    Config Change    2fVbTqW8hL0dYkXcRzM4uJpS1aN    2
    1.1.0    2    pending    Registry Change    2fVbTqW8hL0dYkXcRzM4uJpS1aN    2
    1.1.0    1    pending    Airgap Update    2fVbTqW8hL0dYkXcRzM4uJpS1aN    2
    1.0.0    0    deployed    Airgap Install    2fVbTqW8hL0dYkXcRzM4uJpS1aN    1
    -> 0
    ");
}

#[test]
fn a_bundle_without_them_is_refused() {
    let console = Console::with_first_version_airgapped();
    let update = |slug: &str, bundle: &str| {
        console.kots(&["airgap-update", slug, "--airgap-bundle", bundle]).whole()
    };
    insta::assert_snapshot!(update(sample::APP_SLUG, "1.1.0.airgap"), @r"
    Error: embedded cluster artifacts not found in airgap bundle
    hint: `kots airgap-update` is for bundles of embedded clusters; others are deployed with `kots deploy`
    -> 1
    ");
    write(&console);
    let other = update("other", "cluster.airgap");
    assert!(
        other.trim_end().ends_with(
            "hint: name an installed application, or install it with `kots install`\n-> 1"
        ),
        "{other}"
    );
}
