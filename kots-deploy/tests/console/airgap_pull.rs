//! `kots airgap create --pull`: bundles made of images that are in the real `docker-registry`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use sample::docker_registry::Server;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ran, bare, bundle, run};
use crate::images::images;

const NAMES: [&str; 3] =
    ["quay.io/org/web:1.1.0", "docker.io/library/redis:7", "ghcr.io/org/worker:1.1.0"];

/// A release, its metadata, and a registry that has the images below `apps`.
fn site(server: &Server) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("release")).unwrap();
    fs::write(folder.path().join("release/app.yaml"), "kind: Application\n").unwrap();
    list(folder.path(), &NAMES.map(str::to_owned));
    let images = images();
    let mut spec = bundle("1.1.0").edit(|it| images.list(it));
    spec.images = Some(images);
    spec.write(&folder.path().join("pushed.airgap")).unwrap();
    let registry = format!("127.0.0.1:{}/apps", server.port());
    let push =
        ["admin-console", "push-images", "pushed.airgap", &registry, "--registry-plain-http"];
    run(bare(folder.path(), &push)).assert(0);
    folder
}

fn list(folder: &Path, names: &[String]) {
    let mut text = "apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  appSlug: shop\n  channelID: c1\n  updateCursor: \"7\"\n  versionLabel: 1.2.3\n  format: docker\n".to_owned();
    if !names.is_empty() {
        text.push_str("  savedImages:\n");
    }
    for name in names {
        text.extend(["  - ", name, "\n"]);
    }
    fs::write(folder.join("airgap.yaml"), text).unwrap();
}

fn create(folder: &Path, out: &str, more: &[&str]) -> Ran {
    let args = ["airgap", "create", "--airgap-yaml=airgap.yaml", "--release=release", "-o", out];
    run(bare(folder, &[&args[..], more].concat()))
}

/// What the images of a bundle are made of.
fn parts(folder: &Path, bundle: &str) -> Vec<(String, String)> {
    let ran = run(bare(folder, &["airgap", "inspect", bundle, "--output=json"]));
    ran.assert(0);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["missing"], Value::Array(Vec::new()));
    let images = document["images"].as_array().unwrap();
    let part = |it: &Value| (it["reference"].to_string(), it["digest"].to_string());
    images.iter().map(part).collect()
}

#[test]
fn a_bundle_is_made_of_what_was_pushed() {
    let Some(server) = Server::plain() else { return };
    let site = site(&server);
    let registry = format!("--kotsadm-registry=127.0.0.1:{}/apps", server.port());
    let from = ["--pull", &registry, "--registry-plain-http"];
    create(site.path(), "made.airgap", &from).assert(0);
    let made = parts(site.path(), "made.airgap");
    assert_eq!(made, parts(site.path(), "pushed.airgap"));
    let names: Vec<_> = made.iter().map(|it| it.0.trim_matches('"')).collect();
    assert_eq!(names, NAMES);

    create(site.path(), "again.airgap", &from).assert(0);
    let read = |name: &str| fs::read(site.path().join(name)).unwrap();
    assert!(read("made.airgap") == read("again.airgap"), "the same images, the same bytes");
}

#[test]
fn without_a_registry_each_image_is_read_from_the_one_in_its_name() {
    let Some(server) = Server::plain() else { return };
    let site = site(&server);
    let here = |it: &str| format!("127.0.0.1:{}/apps/{it}", server.port());
    list(site.path(), &[here("redis:7"), here("worker:1.1.0")]);
    create(site.path(), "made.airgap", &["--pull", "--registry-plain-http"]).assert(0);
    assert_eq!(parts(site.path(), "made.airgap").len(), 2);
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let Some(server) = Server::plain() else { return };
    let site = site(&server);
    let whole = format!("--kotsadm-registry=127.0.0.1:{}/apps", server.port());
    create(site.path(), "whole.airgap", &["--pull", &whole, "--registry-plain-http"]).assert(0);

    let (port, carried) = cutting_proxy(server.port(), 3_000_000);
    let cut = format!("--kotsadm-registry=127.0.0.1:{port}/apps");
    let ran = create(site.path(), "cut.airgap", &["--pull", &cut, "--registry-plain-http"]);
    ran.assert(0);
    assert!(ran.stderr.contains("; trying again in 0.1 s"), "{}", ran.stderr);
    let read = |name: &str| fs::read(site.path().join(name)).unwrap();
    assert!(read("whole.airgap") == read("cut.airgap"), "the same images, the same bytes");
    // What is read ahead of a cut is lost, and nothing more.
    let carried = carried.load(Ordering::SeqCst);
    assert!(carried < 15_000_000, "{carried} bytes for 10 MB of images");
}

#[test]
fn what_cannot_be_had_is_named_before_anything_is_written() {
    let Some(server) = Server::plain() else { return };
    let site = site(&server);
    let port = server.port().to_string();
    let registry = format!("--kotsadm-registry=127.0.0.1:{port}/apps");
    let check = |more: &[&str]| {
        let ran = create(site.path(), "none.airgap", more);
        assert!(!site.path().join("none.airgap").exists());
        let words: Vec<_> = more.iter().map(|it| it.replace(&port, "PORT")).collect();
        format!("{}\n{}", words.join(" "), ran.whole().replace(&port, "PORT"))
    };
    let elsewhere = format!("--kotsadm-registry=127.0.0.1:{port}/other");
    let mut lines = vec![
        check(&["--pull", &elsewhere, "--registry-plain-http"]),
        check(&["--pull", &registry, "--registry-plain-http", "--images=images"]),
        check(&[&registry]),
        check(&["--pull", "--registry-username=me"]),
        check(&["--pull", &registry, "--registry-plain-http", "--registry-username=me"]),
    ];
    list(site.path(), &[]);
    lines.push(check(&["--pull", &registry, "--registry-plain-http"]));
    insta::assert_snapshot!(lines.join("\n"), @r"
    --pull --kotsadm-registry=127.0.0.1:PORT/other --registry-plain-http
    Error: no bundle was made: image `quay.io/org/web:1.1.0` is not in the registry: manifest `1.1.0` in 127.0.0.1:PORT/other/web was not found
    hint: check `savedImages` in airgap.yaml, and that the image was pushed
    -> 1
    --pull --kotsadm-registry=127.0.0.1:PORT/apps --registry-plain-http --images=images
    Error: images come from --images or with --pull, not from both
    hint: run `kots airgap create --help` for its flags
    -> 1
    --kotsadm-registry=127.0.0.1:PORT/apps
    Error: --kotsadm-registry is where images are read from with --pull
    hint: run `kots airgap create --help` for its flags
    -> 1
    --pull --registry-username=me
    Error: --kotsadm-namespace, --registry-username and --registry-password belong to --kotsadm-registry
    hint: run `kots airgap create --help` for its flags
    -> 1
    --pull --kotsadm-registry=127.0.0.1:PORT/apps --registry-plain-http --registry-username=me
    Error: the registry cannot be used: --registry-username and --registry-password belong together, and only one was given
    hint: pass both, or none
    -> 1
    --pull --kotsadm-registry=127.0.0.1:PORT/apps --registry-plain-http
    Error: airgap.yaml lists no images in `spec.savedImages`
    hint: list them there, or leave --pull out
    -> 1
    ");
}

/// Passes bytes on to the registry at `port` and ends each of the first three connections that carry more than `limit`.
fn cutting_proxy(port: u16, limit: u64) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (carried, cuts) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (own, counted) = (listener.local_addr().unwrap().port(), Arc::clone(&carried));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut up, &mut down));
            let (counted, cuts) = (Arc::clone(&counted), Arc::clone(&cuts));
            thread::spawn(move || carry(server, client, limit, &counted, &cuts));
        }
    });
    (own, carried)
}

fn carry(
    mut from: TcpStream,
    mut to: TcpStream,
    limit: u64,
    counted: &AtomicU64,
    cuts: &AtomicU64,
) {
    let mut buf = [0; 16 * 1024];
    let mut own = 0;
    while let Ok(n) = from.read(&mut buf) {
        own += n as u64;
        let cut = own > limit
            && cuts
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| (it < 3).then_some(it + 1))
                .is_ok();
        if n == 0 || cut || to.write_all(&buf[..n]).is_err() {
            break;
        }
        counted.fetch_add(n as u64, Ordering::SeqCst);
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
