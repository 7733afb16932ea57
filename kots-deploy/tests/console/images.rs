//! Bundles with images, and the real `docker-registry` beside the console.

use std::collections::BTreeMap;

use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};
use serde_json::Value;

use crate::harness::{Console, INSTALL, Ran, airgapped, bare, bundle, run};

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
    let args = airgapped("images.airgap");
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
      • Setting 127.0.0.1:PORT/apps as the registry of the application...
      • Registry set successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 3 is deployed...
      • Sequence 3 is deployed
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
      • Sync the license: skipped, sequence 3 already has it
      • Push images: skipped, 3 images already in 127.0.0.1:PORT/apps
      • Fetch the release: skipped, sequence 3 already carries 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2)
      • Set the registry of the application: skipped, the application uses it already
      • Set the config and deploy: skipped, sequence 3 already has these values and is being deployed or deployed
      • sample-app already runs 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2) as sequence 3: nothing was changed
    -> 0
    ");
}

/// Every manifest of the version that is deployed, as one text.
fn deployed(console: &Console) -> String {
    let files = std::fs::read_dir(console.path("deployed/current")).unwrap();
    let text = |it: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(it.unwrap().path());
    files.filter_map(|it| text(it).ok()).collect()
}

/// Fails unless the manifests name images and a pull secret of the registry at `place`.
fn assert_pulled_from(console: &Console, place: &str) {
    let manifests = deployed(console);
    assert!(manifests.contains(&format!("image: {place}/web:")), "{manifests}");
    assert!(manifests.contains("name: sample-app-registry"), "no pull secret: {manifests}");
    let stored = console.get("/api/v1/app/sample-app/registry");
    assert_eq!(format!("{}/{}", stored["hostname"], stored["namespace"]).replace('"', ""), place);
    assert_eq!(stored["username"], "puller");
}

const LOGIN: [&str; 4] = ["--registry-username", "puller", "--registry-password", "horse"];

#[test]
fn an_installation_names_the_registry_that_its_images_were_pushed_to() {
    let Some(server) = Server::plain() else { return };
    let console = Console::start();
    let images = images();
    let mut spec = bundle("1.0.0").edit(|it| images.list(it));
    spec.images = Some(images);
    spec.write(&console.path("images.airgap")).unwrap();
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let more = ["--airgap-bundle", "images.airgap", "--kotsadm-registry", &registry];
    let args = [&INSTALL[..], &more, &LOGIN, &["--registry-plain-http"]].concat();
    console.kots(&args).assert(0);
    assert_pulled_from(&console, &registry);
    let again = console.kots(&args);
    again.assert(0);
    assert_eq!(console.versions(), ["0 1.0.0 deployed Airgap Install"]);
    // Another place than the one that is stored is an error.
    let other = format!("127.0.0.1:{}/other", server.port());
    let at = args.iter().position(|it| *it == registry).unwrap();
    let ran = console.kots(&[&args[..at], &[&other], &args[at + 1..]].concat());
    ran.assert(1);
    assert!(ran.whole().contains("but the application uses"), "{}", ran.whole());
}

#[test]
fn a_registry_that_is_named_later_is_in_the_manifests_after_the_same_command() {
    let Some(server) = Server::plain() else { return };
    let console = Console::with_first_version_airgapped();
    write(&console, &images());
    let args = airgapped("images.airgap");
    console.kots(&[&args[..], &["--disable-image-push"]].concat()).assert(0);
    assert!(!deployed(&console).contains("127.0.0.1"), "no registry is known yet");
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let more =
        ["--kotsadm-registry", &registry, "--registry-plain-http", "--registry-parallelism=1"];
    let args = [&args[..], &more, &LOGIN].concat();
    let ran = console.kots(&args);
    ran.assert(0);
    insta::assert_snapshot!(show(&server, &ran), @r"
      • Starting deployment process for sample-app...
      • Sync the license: skipped, sequence 2 already has it
      • Pushing airgap images...
      • registry 127.0.0.1:PORT/apps from the command line, user puller from the flags
      • Pushing application images (1/3)
      • Pushing image 127.0.0.1:PORT/apps/redis:7
      • Pushing application images (2/3)
      • Pushing image 127.0.0.1:PORT/apps/web:1.1.0
      • Pushing application images (3/3)
      • Pushing image 127.0.0.1:PORT/apps/worker:1.1.0
      • Images pushed successfully
      • Fetch the release: skipped, sequence 2 already carries 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2)
      • Setting 127.0.0.1:PORT/apps as the registry of the application...
      • Registry set successfully
      • Setting configuration and deploying...
      • Configuration set and deployment initiated successfully
      • Waiting until sequence 4 is deployed...
      • Sequence 4 is deployed
      • Waiting until the application is ready...
      • The application is ready
      • Deployment process completed successfully
    -> 0
    ");
    assert_pulled_from(&console, &registry);
    let again = console.kots(&args);
    again.assert(0);
    insta::assert_snapshot!(show(&server, &again), @r"
      • Starting deployment process for sample-app...
      • Sync the license: skipped, sequence 4 already has it
      • Push images: skipped, 3 images already in 127.0.0.1:PORT/apps
      • Fetch the release: skipped, sequence 4 already carries 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2)
      • Set the registry of the application: skipped, the application uses it already
      • Set the config and deploy: skipped, sequence 4 already has these values and is being deployed or deployed
      • sample-app already runs 1.1.0 (channel 2fVbTqW8hL0dYkXcRzM4uJpS1aN, sequence 2) as sequence 4: nothing was changed
    -> 0
    ");
}

#[test]
fn a_registry_that_others_fill_is_set_to_be_read_only() {
    let Some(server) = Server::plain() else { return };
    let console = Console::with_first_version_airgapped();
    // What the release names; of another bundle one would be missing.
    let image = |name: &str| ImageSpec { name: name.to_owned(), layers: vec![] };
    let names = ["a.example/web:1.1.0", "a.example/worker:1.1.0", "a.example/cache:7.4"];
    write(&console, &Images::new(&names.map(image)));
    let args = airgapped("images.airgap");
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let push =
        ["admin-console", "push-images", "images.airgap", &registry, "--registry-plain-http"];
    run(bare(&console.path(""), &push)).assert(0);
    let more = ["--disable-image-push", "--kotsadm-registry", &registry, "--registry-plain-http"];
    console.kots(&[&args[..], &more, &LOGIN].concat()).assert(0);
    assert_pulled_from(&console, &registry);
    assert_eq!(console.get("/api/v1/app/sample-app/registry")["isReadOnly"], true);
}

#[test]
fn without_a_registry_nothing_is_sent_anywhere() {
    let console = Console::with_first_version_airgapped();
    write(&console, &images());
    let args = airgapped("images.airgap");
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
      • Push images: skipped, 3 images already in 127.0.0.1:PORT/some/where
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

/// What `kubectl kots admin-console push-images` is mostly given: the admin console's own bundle, which holds no release.
#[test]
fn images_of_a_bundle_without_a_release_are_pushed() {
    let Some(server) = Server::plain() else { return };
    let console = Console::start();
    let layers = vec![Layer { seed: 1, size: 1000 }];
    let image = |name: &str| ImageSpec { name: name.to_owned(), layers: layers.clone() };
    let images = Images::new(&[image("kotsadm/kotsadm:v1.2.3"), image("kotsadm/rqlite:8")]);
    let mut file = std::fs::File::create(console.path("kotsadm.tar.gz")).unwrap();
    let mut writer = airgap::BundleWriter::new(&mut file);
    let yaml = bundle("1.1.0").edit(|it| images.list(it)).airgap.to_yaml();
    writer.bytes("airgap.yaml", yaml.as_bytes()).unwrap();
    images.write(&mut writer).unwrap();
    writer.finish().unwrap();
    let folder = console.path("");
    let kots = |args: &[&str]| run(bare(&folder, args));

    let inspected = kots(&["airgap", "inspect", "kotsadm.tar.gz"]);
    inspected.assert(0);
    assert!(inspected.stdout.contains("\nRelease:      missing\n"), "{}", inspected.stdout);
    let lacks = "release: `app.tar.gz` is not in the bundle, so only images can be taken from it";
    assert!(inspected.stdout.contains(&format!("Missing:\n  {lacks}\n")), "{}", inspected.stdout);
    let verified = kots(&["airgap", "verify", "kotsadm.tar.gz"]);
    insta::assert_snapshot!(verified.whole(), @r"
    Error: bundle kotsadm.tar.gz is not whole: release: `app.tar.gz` is not in the bundle, so only images can be taken from it
    hint: ask the vendor for a bundle that holds all of it
    -> 1
    ");
    let verified = kots(&["airgap", "verify", "kotsadm.tar.gz", "--output=json"]);
    let document: Value = serde_json::from_str(&verified.stdout).unwrap();
    assert_eq!(document["missing"], serde_json::json!([lacks]));
    let deployed = console.kots(&airgapped("kotsadm.tar.gz"));
    insta::assert_snapshot!(show(&server, &deployed), @r"
    Error: failed to get file app.tar.gz from airgap: file not found in archive (it holds images/)
    hint: pass the air-gap bundle of a release, or ask the vendor for one that holds it
    -> 1
    ");

    let registry = format!("127.0.0.1:{}/own", server.port());
    let push =
        ["admin-console", "push-images", "kotsadm.tar.gz", &registry, "--registry-plain-http"];
    kots(&push).assert(0);
    assert_eq!(tags(&server), expected(&images, "own"));
    // Another tag is for the admin console's own image alone.
    kots(&[&push[..], &["--kotsadm-tag", "other"]].concat()).assert(0);
    let mut all = expected(&images, "own");
    let link = |tag: &str| format!("own/kotsadm/_manifests/tags/{tag}/current/link");
    all.insert(link("other"), all[&link("v1.2.3")].clone());
    assert_eq!(tags(&server), all);
    let mistake = kots(&[&push[..], &["--kotsadm-tag", "a b"]].concat());
    insta::assert_snapshot!(mistake.whole(), @r"
    Error: --kotsadm-tag is `a b`, which is no tag of an image
    hint: a tag holds letters, digits, `.`, `_` and `-`, at most 128 of them
    -> 1
    ");
}

#[test]
fn a_bundle_of_another_application_is_refused_before_all_of_it_is_read() {
    let console = Console::with_first_version_airgapped();
    let spec = bundle("1.1.0").large(3 << 20).edit(|it| it.app_slug = "other-app".to_owned());
    spec.write(&console.path("other.airgap")).unwrap();
    // Whoever reads on finds that it is cut.
    let file = std::fs::File::options().write(true).open(console.path("other.airgap")).unwrap();
    file.set_len(2 << 20).unwrap();
    let ran = console.kots(&airgapped("other.airgap"));
    insta::assert_snapshot!(ran.whole(), @r#"
    Error: airgap bundle is for app "other-app", not for "sample-app"
    hint: pass the bundle of this application
    -> 1
    "#);
    // So is what was typed of a registry.
    std::fs::write(console.path("key.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
    let ca = ["--registry-ca", "key.pem", "--kotsadm-registry", "registry.example.com"];
    let ran = console.kots(&[&airgapped("other.airgap")[..], &ca].concat());
    insta::assert_snapshot!(ran.whole(), @r"
    Error: --registry-ca file key.pem holds no certificate
    hint: pass the path of a PEM file with certificates to --registry-ca
    -> 1
    ");
}

/// Bytes that never go back, of everything and of each image, and what is waited for.
#[test]
fn progress_is_for_programs_too() {
    let Some(server) = Server::plain() else { return };
    let console = Console::start();
    let images = images();
    write(&console, &images);
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let args = ["admin-console", "push-images", "images.airgap", &registry];
    let more = ["--registry-plain-http", "--output", "jsonl"];
    let ran = run(bare(
        &console.path(""),
        &[args, [more[0], more[1], more[2], "--progress=none"]].concat(),
    ));
    ran.assert(0);
    let lines: Vec<Value> =
        ran.stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let (document, lines) = lines.split_last().unwrap();
    assert_eq!(document["outcome"], "ready");
    let (mut done, mut of_images) = (0, BTreeMap::new());
    let mut told = 0;
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["index"], at, "{line}");
        if line["kind"] != "progress" {
            continue;
        }
        told += 1;
        assert_eq!(line["step"], "images");
        assert!(
            done <= line["done"].as_u64().unwrap()
                && line["done"].as_u64() <= line["total"].as_u64()
        );
        done = line["done"].as_u64().unwrap();
        assert!(
            line["rate"].is_u64() && !line["waitingFor"].as_str().unwrap().is_empty(),
            "{line}"
        );
        for image in line["images"].as_array().unwrap() {
            let name = image["name"].as_str().unwrap().to_owned();
            let bytes = image["done"].as_u64().unwrap();
            let before = of_images.insert(name, (bytes, image["state"].clone()));
            assert!(before.is_none_or(|it| it.0 <= bytes), "{line}");
        }
    }
    // At least one for each image that came to be there.
    assert!(told >= 3, "{}", ran.stdout);
    assert_eq!(done, lines.iter().rev().find(|it| it["kind"] == "progress").unwrap()["total"]);
    assert_eq!(of_images.len(), 3);
    assert!(of_images.values().all(|it| it.1 == "uploaded"), "{of_images:?}");
}
