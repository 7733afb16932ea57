//! Bundles with images, and the real `docker-registry` beside the console.

use std::collections::BTreeMap;

use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};

use crate::harness::{AIRGAPPED, Console, Ran, bare, bundle, run};

/// Three images that share a layer; one layer is larger than a part of an upload.
pub(crate) fn images() -> Images {
    let layer = |seed, size| Layer { seed, size };
    let shared = layer(1, 900_000);
    Images::new(&[
        ImageSpec {
            name: "quay.io/org/web:1.1.0".to_owned(),
            layers: vec![shared, layer(2, 9_000_000), layer(3, 10)],
        },
        ImageSpec {
            name: "docker.io/library/redis:7".to_owned(),
            layers: vec![shared, layer(4, 300_000)],
        },
        ImageSpec { name: "ghcr.io/org/worker:1.1.0".to_owned(), layers: vec![shared] },
    ])
}

fn write(console: &Console, images: &Images) {
    let mut spec = bundle("1.1.0").edit(|it| images.list(it));
    spec.images = Some(images.clone());
    spec.write(&console.path("images.airgap")).unwrap();
}

/// The links that must be there: path and digest.
pub(crate) fn expected(images: &Images, namespace: &str) -> BTreeMap<String, String> {
    let link = |(name, hex): (&String, &String)| {
        let (repository, tag) = name.rsplit('/').next().unwrap().split_once(':').unwrap();
        let path = format!("{namespace}/{repository}/_manifests/tags/{tag}/current/link");
        (path, format!("sha256:{hex}"))
    };
    images.manifests.iter().map(link).collect()
}

pub(crate) fn tags(server: &Server) -> BTreeMap<String, String> {
    server.links().into_iter().filter(|it| it.0.ends_with("/current/link")).collect()
}

fn show(server: &Server, ran: &Ran) -> String {
    ran.whole().replace(&server.port().to_string(), "PORT")
}

#[test]
fn images_of_a_bundle_are_pushed_and_then_the_release_is_deployed() {
    let Some(server) = Server::plain() else { return };
    let console = Console::with_first_version_airgapped();
    let images = images();
    write(&console, &images);
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let mut args = AIRGAPPED;
    args[3] = "images.airgap";
    let args = [
        &args[..],
        &["--kotsadm-registry", &registry, "--registry-plain-http", "--registry-parallelism=1"],
    ]
    .concat();
    let ran = console.kots(&args);
    ran.assert(0);
    insta::assert_snapshot!(show(&server, &ran), @r"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
      • Pushing airgap images...
      • registry 127.0.0.1:PORT/apps from the command line, without credentials
      • Pushing application images (1/3)
      • Pushing image 127.0.0.1:PORT/apps/redis:7
      • Pushing application images (2/3)
      • Pushing image 127.0.0.1:PORT/apps/web:1.1.0
      • Pushing application images (3/3)
      • Pushing image 127.0.0.1:PORT/apps/worker:1.1.0
      • Images pushed successfully
      • Processing upstream update...
      • Upstream update processed successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 2 is deployed...
      • Sequence 2 is deployed
      • Waiting until the application is ready...
      • The application is ready
      • Deployment process completed successfully
    -> 0
    ");
    assert_eq!(tags(&server), expected(&images, "apps"));
    let again = console.kots(&args);
    again.assert(0);
    insta::assert_snapshot!(show(&server, &again), @r"
      • Starting deployment process for sample-app...
      • Sync the license: skipped, sequence 2 already has it
      • Push images: skipped, 3 images are in 127.0.0.1:PORT/apps
      • Fetch the release: skipped, sequence 2 already carries 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2)
      • Set the config and deploy: skipped, sequence 2 already has these values and is being deployed or deployed
      • sample-app already runs 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2) as sequence 2: nothing was changed
    -> 0
    ");
}

#[test]
fn without_a_registry_nothing_is_sent_anywhere() {
    let console = Console::with_first_version_airgapped();
    write(&console, &images());
    let mut args = AIRGAPPED;
    args[3] = "images.airgap";
    let ran = console.kots(&args);
    ran.assert(1);
    insta::assert_snapshot!(ran.whole(), @r"
      • Starting deployment process for sample-app...
      • Syncing license...
      • License already up to date
    Error: no registry is known to push images to: --kotsadm-registry: not given
      registry of the application in the admin console: none is set
      secrets of a cluster: none is reached through one
    hint: pass --kotsadm-registry HOST[:PORT][/NAMESPACE], or --disable-image-push when the images are in place
    -> 1
    ");
}

#[test]
fn images_are_pushed_without_a_console() {
    let Some(server) = Server::plain() else { return };
    let console = Console::start();
    let images = images();
    write(&console, &images);
    let folder = console.path("");
    let push = |registry: &str, more: &[&str]| {
        let args = ["admin-console", "push-images", "images.airgap", registry];
        run(bare(&folder, &[&args[..], more].concat()))
    };
    let registry = format!("127.0.0.1:{}/some/where", server.port());
    let ran = push(&registry, &["--registry-plain-http", "--registry-parallelism=1"]);
    ran.assert(0);
    insta::assert_snapshot!(show(&server, &ran), @r"
      • Pushing airgap images...
      • registry 127.0.0.1:PORT/some/where from the command line, without credentials
      • Pushing application images (1/3)
      • Pushing image 127.0.0.1:PORT/some/where/redis:7
      • Pushing application images (2/3)
      • Pushing image 127.0.0.1:PORT/some/where/web:1.1.0
      • Pushing application images (3/3)
      • Pushing image 127.0.0.1:PORT/some/where/worker:1.1.0
      • Images pushed successfully
    -> 0
    ");
    assert_eq!(tags(&server), expected(&images, "some/where"));
    let again = push(&registry, &["--registry-plain-http", "--skip-existing-images"]);
    again.assert(0);
    insta::assert_snapshot!(show(&server, &again), @r"
      • Push images: skipped, 3 images are in 127.0.0.1:PORT/some/where
    -> 0
    ");
    let clear = push(&format!("http://{registry}"), &[]);
    clear.assert(1);
    insta::assert_snapshot!(show(&server, &clear), @r"
    Error: the registry cannot be used: registry `http://127.0.0.1:PORT/some/where` is named with `http://`, and plain HTTP was not allowed
    hint: pass --registry-plain-http if the registry has no TLS; everything is then sent in clear, credentials too
    -> 1
    ");
}
