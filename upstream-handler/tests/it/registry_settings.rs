//! The image registry of an application: what versions are rendered with, who is asked, what is kept.

use std::path::PathBuf;

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::docker_registry::{Server, Setup};
use sample::license::Builder;
use serde_json::{Value, json};
use sha2::Digest as _;

use super::harness::{APP, Answer, Site, base64, bundle_parts, files, multipart};

pub(crate) const REGISTRY: &str = "/api/v1/app/sample-app/registry";
const PASSWORD: &str = "correct-horse-7";

/// Everything a version brings to the target, as one text.
pub(crate) fn deployed(site: &Site, sequence: i64) -> String {
    let folder = site.target().join(sequence.to_string());
    let text = |name: &String| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    files(&folder).iter().map(text).collect()
}

/// What the pull secret of a registry with this login holds.
fn pull_secret(host: &str, username: &str) -> String {
    let auth = base64(format!("{username}:{PASSWORD}").as_bytes());
    base64(json!({ "auths": { host: { "auth": auth } } }).to_string().as_bytes())
}

/// Whether the state folder holds the password in clear.
fn is_password_on_disk(site: &Site) -> bool {
    let bytes = |name: &str| std::fs::read(site.state().join(name)).unwrap_or_default();
    ["kotsadm.db", "kotsadm.db-wal"]
        .iter()
        .any(|name| bytes(name).windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()))
}

/// Who pushes.
#[derive(Default)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

fn puller() -> Login {
    Login { username: "puller".to_owned(), password: PASSWORD.to_owned() }
}

/// A registry that asks for a login, and the folder of its users.
pub(crate) fn with_login(user: &Login) -> Option<(Server, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("htpasswd");
    let hash = bcrypt::hash(&user.password, 4).unwrap().replacen("$2b$", "$2y$", 1);
    std::fs::write(&file, format!("{}:{hash}\n", user.username)).unwrap();
    let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display());
    Server::start(Setup { auth, ..Setup::default() }).map(|server| (server, folder))
}

fn settings(host: &str, password: &str) -> Value {
    json!({
        "hostname": host, "namespace": "shop", "username": "puller", "password": password,
        "isReadOnly": false, "skipExistingImages": false,
    })
}

#[tokio::test]
async fn an_air_gapped_installation_pulls_from_its_registry() {
    let mut site = Site::new();
    let license = Builder::new().airgap(true).yaml();
    let body = json!({ "licenseData": license, "isAirgap": true });
    site.post("/api/v1/license", &body).await.ok();
    let (yaml, app) = bundle_parts(&BundleSpec::sample("1.0.0").unwrap());
    let parts = [
        ("appSlug", sample::APP_SLUG.as_bytes()),
        ("airgap.yaml", yaml.as_slice()),
        ("configValues", sample::config_values().as_bytes()),
        ("registryHost", b"registry.internal:5000".as_slice()),
        ("namespace", b"shop".as_slice()),
        ("username", b"puller".as_slice()),
        ("password", PASSWORD.as_bytes()),
        ("appArchive", app.as_slice()),
    ];
    let upload = site.request(Method::POST, "/api/v1/airgap/install");
    Answer::of(multipart(upload, &parts)).await.ok();
    site.wait_for(0, "deployed").await;
    let manifests = deployed(&site, 0);
    assert!(manifests.contains("image: registry.internal:5000/shop/web:1.0.0"), "{manifests}");
    assert!(manifests.contains("name: sample-app-registry"), "{manifests}");
    assert!(manifests.contains(&pull_secret("registry.internal:5000", "puller")), "{manifests}");

    // A restart keeps it, and the next release has it too.
    site.kill();
    site.start();
    let kept = json!({
        "success": true, "hostname": "registry.internal:5000", "namespace": "shop",
        "username": "puller", "password": "***HIDDEN***", "isReadOnly": false,
    });
    assert_eq!(site.get(REGISTRY).await.ok(), kept);
    assert!(!is_password_on_disk(&site));
    site.upload(&BundleSpec::sample("1.1.0").unwrap()).await.ok();
    site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await;
    site.wait_for(1, "deployed").await;
    let manifests = deployed(&site, 1);
    assert!(manifests.contains("image: registry.internal:5000/shop/web:1.1.0"), "{manifests}");

    // What is refused changes nothing.
    let put = async |body: Value| site.put(REGISTRY, &body).await.error();
    assert_eq!(put(json!({})).await, "400 registry cannot be removed in airgap installs");
    assert_eq!(
        put(settings("elsewhere.example", "***HIDDEN***")).await,
        "400 the stored password is for another registry or user: give the password of user \
         `puller` at `elsewhere.example`"
    );
    let silent = put(settings("127.0.0.1:1", "x")).await;
    assert!(silent.starts_with("400 registry `127.0.0.1:1` cannot be used"), "{silent}");
    let (path, body) = (format!("{REGISTRY}/validate"), settings("a.example", "***HIDDEN***"));
    assert_eq!(site.post(&path, &body).await.status, 400);
    assert_eq!(site.get(REGISTRY).await.ok(), kept);
    assert_eq!(site.versions().await.len(), 2);
    assert_eq!(site.get("/api/v1/app/other/registry").await.status, 404);
}

/// Puts an image with one layer into the registry.
pub(crate) async fn push(image: &str, login: &Login, layer: &str) {
    let (host, path) = image.split_once('/').unwrap();
    let (repository, tag) = path.rsplit_once(':').unwrap();
    let url = format!("http://{host}/v2/{repository}");
    let client = reqwest::Client::new();
    let send = async |method: Method, url: String, body: String, kind: &str| {
        let mut request = client.request(method, url);
        if !login.username.is_empty() {
            request = request.basic_auth(&login.username, Some(&login.password));
        }
        let response = request.header("content-type", kind).body(body).send().await.unwrap();
        assert!(response.status().is_success(), "{image}: {}", response.status());
        response
    };
    let blob = async |kind: &str, content: &str| {
        let digest = format!("sha256:{}", hex::encode(sha2::Sha256::digest(content)));
        let begun =
            send(Method::POST, format!("{url}/blobs/uploads/"), String::new(), "text/plain").await;
        let mut location = begun.headers()["location"].to_str().unwrap().to_owned();
        location.push_str(if location.contains('?') { "&" } else { "?" });
        location.push_str("digest=");
        location.push_str(&digest);
        send(Method::PUT, location, content.to_owned(), "application/octet-stream").await;
        json!({ "mediaType": kind, "size": content.len(), "digest": digest })
    };
    let config = blob("application/vnd.docker.container.image.v1+json", "{}").await;
    let layer = blob("application/vnd.docker.image.rootfs.diff.tar.gzip", layer).await;
    let kind = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer] });
    send(Method::PUT, format!("{url}/manifests/{tag}"), manifest.to_string(), kind).await;
}

/// The names by which the images of 1.0.0 are pulled from there, as far as they are known without Helm.
fn images(host: &str) -> [String; 2] {
    ["web:1.0.0", "worker:1.0.0"].map(|it| format!("{host}/shop/{it}"))
}

#[tokio::test]
async fn another_registry_is_another_version() {
    let Some((server, _users)) = with_login(&puller()) else { return };
    let mut site = Site::new();
    site.kill();
    site.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
    site.without_programs();
    site.start();
    site.install(&Builder::new().yaml()).await;
    assert!(!deployed(&site, 0).contains("127.0.0.1"));
    let host = format!("127.0.0.1:{}", server.port());

    let refused = site.put(REGISTRY, &settings(&host, "wrong")).await;
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("does not accept the credentials"), "{}", refused.error());
    let status = site.get(&format!("{APP}/imagerewritestatus")).await.ok();
    assert_eq!(status["status"], "failed");
    assert_eq!(site.get(REGISTRY).await.ok()["hostname"], "");
    assert_eq!(site.versions().await.len(), 1);

    let validate = async |password: &str| {
        site.post(&format!("{REGISTRY}/validate"), &settings(&host, password)).await.status
    };
    assert_eq!((validate("wrong").await, validate(PASSWORD).await), (400, 200));
    // A registry that nothing is pushed to must have the images.
    let mut read_only = settings(&host, PASSWORD);
    read_only["isReadOnly"] = true.into();
    let missing = images(&host);
    assert_eq!(
        site.put(REGISTRY, &read_only).await.error(),
        format!(
            "400 2 of 2 images are not in the registry `{host}`, which is set to be read-only: {}",
            missing.join(", ")
        )
    );
    for image in &missing {
        push(image, &puller(), "layer").await;
    }
    let made = site.put(REGISTRY, &settings(&host, PASSWORD)).await.ok();
    let told =
        json!({ "success": true, "hostname": host, "username": "puller", "namespace": "shop" });
    assert_eq!(made, told);
    let history = ["0 Online Install 1.0.0 deployed", "1 Registry Change 1.0.0 pending"];
    assert_eq!(site.history().await, history);
    assert_eq!(site.get(&format!("{APP}/imagerewritestatus")).await.ok()["status"], "");
    // The same again, in clear and masked, makes no second version; nor does what no version shows.
    site.put(REGISTRY, &settings(&host, PASSWORD)).await.ok();
    site.put(REGISTRY, &settings(&host, "***HIDDEN***")).await.ok();
    assert_eq!(site.get(REGISTRY).await.ok()["isReadOnly"], false);
    site.put(REGISTRY, &read_only).await.ok();
    assert_eq!(site.get(REGISTRY).await.ok()["isReadOnly"], true);
    assert_eq!(site.history().await, history);

    site.post(&format!("{APP}/sequence/1/deploy"), &json!({})).await;
    site.wait_for(1, "deployed").await;
    let manifests = deployed(&site, 1);
    assert!(manifests.contains(&format!("image: {host}/shop/web:1.0.0")), "{manifests}");
    assert!(manifests.contains(&pull_secret(&host, "puller")), "{manifests}");
    // Online it may be removed.
    site.put(REGISTRY, &json!({})).await.ok();
    assert_eq!(site.history().await[2], "2 Registry Change 1.0.0 pending");
    assert_eq!(site.get(REGISTRY).await.ok()["hostname"], "");
}

/// Settings and version are there together or not at all, and the same request again is the recovery.
#[cfg(feature = "faults")]
#[tokio::test]
async fn a_kill_leaves_both_or_neither() {
    let Some(server) = Server::plain() else { return };
    let host = format!("127.0.0.1:{}", server.port());
    for image in images(&host) {
        push(&image, &Login::default(), "layer").await;
    }
    for (point, is_there) in [("version-before-commit", false), ("version-after-commit", true)] {
        let mut site = Site::new();
        site.install(&Builder::new().yaml()).await;
        site.kill();
        site.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
        site.without_programs();
        site.env("KOTSADM_FAULT", point);
        site.start();
        let put = site.request(Method::PUT, REGISTRY).json(&settings(&host, PASSWORD));
        assert!(Answer::try_of(put).await.is_err(), "{point}");
        site.server.as_mut().unwrap().wait_end();
        site.env("KOTSADM_FAULT", "");
        site.start();
        let hostname = if is_there { host.as_str() } else { "" };
        assert_eq!(site.get(REGISTRY).await.ok()["hostname"], hostname, "{point}");
        assert_eq!(site.versions().await.len(), 1 + usize::from(is_there), "{point}");
        site.put(REGISTRY, &settings(&host, PASSWORD)).await.ok();
        assert_eq!(site.get(REGISTRY).await.ok()["hostname"], host.as_str(), "{point}");
        assert_eq!(site.history().await[1..], ["1 Registry Change 1.0.0 pending"], "{point}");
    }
}
