//! An online application's images are copied to the operator's registry, between real registries.

use std::collections::BTreeSet;

use reqwest::Method;
use sample::docker_registry::{Server, Setup};
use sample::license::Builder;
use serde_json::{Value, json};

use super::harness::{APP, Answer, Site, update_path};
use super::registry_settings::{Login, REGISTRY, push, with_login};

/// A console with the sample application installed, whose images are at `host`; `line` is in its Application.
async fn site(host: &str, line: &str) -> Site {
    let mut site = Site::new();
    site.kill();
    site.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
    // What is known of images must not depend on what is installed here.
    site.without_programs();
    site.start();
    for version in sample::VERSIONS {
        let mut files = sample::release::sample_files(version).unwrap();
        for file in &mut files {
            // Packed charts are no text, and name no images.
            let Ok(text) = std::str::from_utf8(&file.bytes) else { continue };
            let text = text
                .replace("registry.example.com", host)
                .replace(&format!("worker:{version}"), "worker:stable")
                .replace("  title: Sample App", &format!("  title: Sample App{line}"));
            file.bytes = text.into();
        }
        let archive = airgap::release::pack(&files).unwrap();
        let path = format!("mirror/sample-app/releases/{version}.tar.gz");
        std::fs::write(site.folder.path().join(path), archive).unwrap();
    }
    site.install(&Builder::new().yaml()).await;
    site
}

/// The names of a release's images at `host`.
fn images(host: &str, version: &str) -> [String; 2] {
    [format!("{host}/sample/web:{version}"), format!("{host}/sample/worker:stable")]
}

fn settings(host: &str) -> Value {
    json!({ "hostname": host, "namespace": "shop", "username": "", "password": "", "isReadOnly": false })
}

/// Digests of the manifests a registry has, by repository and tag.
fn tags(server: &Server) -> BTreeSet<(String, String)> {
    let tag = |(path, digest): (String, String)| {
        let (repository, rest) = path.split_once("/_manifests/tags/")?;
        let name = repository.rsplit('/').next()?;
        let tag = rest.strip_suffix("/current/link")?;
        Some((format!("{name}:{tag}"), digest))
    };
    server.links().into_iter().filter_map(tag).collect()
}

fn host(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}

#[tokio::test]
async fn a_version_is_made_once_its_images_are_in_the_registry() {
    let (Some(mut source), Some(target)) = (Server::plain(), Server::plain()) else { return };
    let (from, to) = (host(&source), host(&target));
    let site = site(&from, "").await;
    let open = Login::default();

    // Every image that is not there is named; nothing changes.
    let refused = site.put(REGISTRY, &settings(&to)).await.error();
    let missing =
        images(&from, "1.0.0").map(|it| format!("{it}: {it}: it is not there")).join("; ");
    assert_eq!(
        refused,
        format!(
            "400 2 of 2 images are not in the registry `{to}`, and cannot be copied there: {missing}"
        )
    );
    let status = site.get(&format!("{APP}/imagerewritestatus")).await.ok();
    assert_eq!(status["status"], "failed");
    assert_eq!(site.get(REGISTRY).await.ok()["hostname"], "");
    assert_eq!(site.versions().await.len(), 1);

    // The same again is the way on.
    for image in images(&from, "1.0.0") {
        push(&image, &open, "one").await;
    }
    site.put(REGISTRY, &settings(&to)).await.ok();
    assert_eq!(site.history().await[1], "1 Registry Change 1.0.0 pending");
    assert_eq!(tags(&target), tags(&source));

    // The next release's come with it, and a tag that was moved is moved.
    let [web, worker] = images(&from, "1.1.0");
    push(&worker, &open, "two").await;
    let refused = site.post(&update_path(), &json!({})).await.error();
    assert!(
        refused.contains(&format!("1 of 2 images are not in the registry `{to}`")),
        "{refused}"
    );
    assert!(refused.contains(&web) && !refused.contains(&worker), "{refused}");
    assert_eq!(site.versions().await.len(), 2);
    push(&web, &open, "three").await;
    site.post(&update_path(), &json!({})).await.ok();
    assert_eq!(site.history().await[2], "2 Upstream Update 1.1.0 pending");
    assert_eq!(tags(&target), tags(&source));
    let twice: Vec<_> = target.confirmed().into_iter().filter(|it| it.1 > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");

    // What is there needs nobody else.
    source.kill();
    site.set_values(sample::config_values(), true).await.ok();
    site.wait_for(3, "deployed").await;
}

/// Images of the vendor's registries are asked for with the licence.
#[tokio::test]
async fn the_vendors_images_are_copied_with_the_licence() {
    let user =
        Login { username: "LICENSE_ID".to_owned(), password: sample::license::ID.to_owned() };
    let Some((source, _users)) = with_login(&user) else { return };
    let Some(target) = Server::start(Setup::default()) else { return };
    let (from, to) = (host(&source), host(&target));
    let site =
        site("registry.replicated.com", &format!("\n  replicatedRegistryDomain: {from}")).await;
    for image in images(&from, "1.0.0") {
        push(&image, &user, "one").await;
    }
    site.put(REGISTRY, &settings(&to)).await.ok();
    assert_eq!(tags(&target), tags(&source));
    let manifests = super::registry_settings::deployed(&site, 0);
    assert!(manifests.contains(&format!("image: {from}/sample/web:1.0.0")), "{manifests}");
}

/// Wherever it is killed, the same again is the way on, and nothing that was confirmed is sent twice.
#[tokio::test]
async fn a_copy_that_was_killed_goes_on() {
    let (Some(source), Some(target)) = (Server::plain(), Server::plain()) else { return };
    let (from, to) = (host(&source), host(&target));
    let mut site = site(&from, "").await;
    for (image, layer) in images(&from, "1.0.0").iter().zip(["one", "two"]) {
        push(image, &Login::default(), &layer.repeat(1 << 20)).await;
    }
    let mut n_kills = 0;
    loop {
        let before = target.requests();
        let put = site.request(Method::PUT, REGISTRY).json(&settings(&to));
        let put = tokio::spawn(Answer::try_of(put));
        // One request further each time.
        while target.requests() < before + n_kills && !put.is_finished() {
            tokio::task::yield_now().await;
        }
        if put.is_finished() {
            put.await.unwrap().unwrap().ok();
            break;
        }
        site.kill();
        n_kills += 1;
        assert!(put.await.unwrap().is_err());
        site.start();
    }
    assert!(n_kills > 10, "{n_kills}");
    assert_eq!(tags(&target), tags(&source));
    assert_eq!(site.history().await[1..], ["1 Registry Change 1.0.0 pending"]);
    let twice: Vec<_> = target.confirmed().into_iter().filter(|it| it.1 > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
