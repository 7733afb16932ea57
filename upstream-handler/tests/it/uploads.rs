//! Bundles in chunks: what has come stays, what is wrong is refused, and what is done with them is told truly.

use std::time::{Duration, Instant};

use airgap::Digest;
use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::docker_registry::Server;
use sample::images::{ImageSpec, Images, Layer};
use sample::license::Builder;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::harness::{APP, Answer, Site, files, multipart};

/// A bundle that is sent in chunks.
pub(crate) struct Chunked {
    pub(crate) bytes: Vec<u8>,
    identifier: &'static str,
    chunk_bytes: usize,
}

impl Chunked {
    pub(crate) fn new(spec: &BundleSpec, identifier: &'static str, chunk_bytes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.airgap");
        spec.write(&path).unwrap();
        Self { bytes: std::fs::read(path).unwrap(), identifier, chunk_bytes }
    }

    /// As many as resumable.js makes of it: the last one takes the rest.
    pub(crate) fn count(&self) -> usize {
        (self.bytes.len() / self.chunk_bytes).max(1)
    }

    fn chunk(&self, number: usize) -> &[u8] {
        let start = (number - 1) * self.chunk_bytes;
        let end = if number == self.count() { self.bytes.len() } else { start + self.chunk_bytes };
        &self.bytes[start..end]
    }

    pub(crate) async fn has(&self, site: &Site, number: usize) -> Result<bool, reqwest::Error> {
        let path = format!(
            "{APP}/airgap/chunk?resumableIdentifier={}&resumableTotalChunks={}&resumableChunkNumber={number}",
            self.identifier.replace('/', "%2F"),
            self.count()
        );
        let answer = Answer::try_of(site.request(Method::GET, &path)).await?;
        Ok(answer.status == 200)
    }

    pub(crate) async fn send(&self, site: &Site, number: usize) -> Result<Answer, reqwest::Error> {
        self.send_as(site, number, self.chunk(number), &[]).await
    }

    /// Sends `bytes` for a chunk, with fields in place of the right ones.
    async fn send_as(
        &self,
        site: &Site,
        number: usize,
        bytes: &[u8],
        fields: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let right = [
            ("resumableChunkNumber", number.to_string()),
            ("resumableChunkSize", self.chunk_bytes.to_string()),
            ("resumableCurrentChunkSize", bytes.len().to_string()),
            ("resumableTotalSize", self.bytes.len().to_string()),
            ("resumableType", String::new()),
            ("resumableIdentifier", self.identifier.to_owned()),
            ("resumableFilename", "app.airgap".to_owned()),
            ("resumableRelativePath", "app.airgap".to_owned()),
            ("resumableTotalChunks", self.count().to_string()),
        ];
        let mut parts: Vec<(&str, &[u8])> = right
            .iter()
            .map(|(name, value)| {
                let other = fields.iter().find(|it| it.0 == *name).map(|it| it.1);
                (*name, other.unwrap_or(value).as_bytes())
            })
            .collect();
        parts.extend(
            fields
                .iter()
                .filter(|it| !right.iter().any(|right| right.0 == it.0))
                .map(|it| (it.0, it.1.as_bytes())),
        );
        parts.push(("file", bytes));
        let request = site.request(Method::POST, &format!("{APP}/airgap/chunk"));
        Answer::try_of(multipart(request, &parts)).await
    }

    async fn send_all(&self, site: &Site) {
        for number in 1..=self.count() {
            self.send(site, number).await.unwrap().ok();
        }
    }

    fn path(&self, what: &str) -> String {
        // Slashes in an identifier are a client's to escape.
        let identifier = self.identifier.replace('/', "%2F");
        format!("{APP}/airgap/{what}/{identifier}/{}", self.count())
    }

    pub(crate) async fn exists(&self, site: &Site) -> Result<bool, reqwest::Error> {
        let request = site.request(Method::GET, &self.path("bundleexists"));
        Ok(Answer::try_of(request).await?.body["exists"] == true)
    }

    pub(crate) async fn process(
        &self,
        site: &Site,
        method: Method,
        body: &Value,
    ) -> Result<Answer, reqwest::Error> {
        let request = site.request(method, &self.path("processbundle"));
        Answer::try_of(request.json(body)).await
    }
}

fn spec() -> BundleSpec {
    BundleSpec::sample("1.1.0").unwrap().large(3 << 20)
}

async fn airgapped() -> Site {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site
}

/// Waits until the update task runs no more, and gives what it says.
async fn ended(site: &Site) -> Value {
    let start = Instant::now();
    loop {
        let task = site.get(&format!("{APP}/task/updatedownload")).await.ok();
        if task["status"] != "running" {
            return task;
        }
        assert!(start.elapsed() < Duration::from_mins(1), "it goes on: {task}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn chunks_survive_a_restart_and_become_a_version() {
    let mut site = airgapped().await;
    let upload = Chunked::new(&spec(), "3145728-appairgap", 1 << 20);
    assert!(upload.count() >= 3);
    assert_eq!(site.get(&format!("{APP}/airgap/config")).await.ok()["simultaneousUploads"], 3);
    assert!(!upload.has(&site, 1).await.unwrap());
    assert!(!upload.exists(&site).await.unwrap());
    // in any order, and one twice
    assert_eq!(upload.send(&site, 2).await.unwrap().ok(), "");
    upload.send(&site, 2).await.unwrap().ok();
    upload.send(&site, 1).await.unwrap().ok();
    site.kill();
    site.start();
    assert!(upload.has(&site, 1).await.unwrap());
    assert!(upload.has(&site, 2).await.unwrap());
    assert!(!upload.has(&site, 3).await.unwrap());
    let progress = site.get(&upload.path("bundleprogress")).await.ok();
    let progress = progress["progress"].as_f64().unwrap();
    assert!(0.0 < progress && progress < 1.0, "{progress}");

    let early = upload.process(&site, Method::PUT, &json!({})).await.unwrap();
    assert_eq!(early.status, 400);
    assert!(early.error().contains("chunks of the bundle have not come"), "{}", early.error());
    assert_eq!(early.body["causes"][0], "missing: 3");

    for number in 3..=upload.count() {
        upload.send(&site, number).await.unwrap().ok();
    }
    let sha256 = Digest::of(&upload.bytes).hex();
    let accepted = upload.process(&site, Method::PUT, &json!({ "sha256": sha256 })).await.unwrap();
    assert_eq!((accepted.status, accepted.body), (202, json!({})));
    let task = ended(&site).await;
    assert_eq!((&task["status"], &task["lastError"]), (&json!(""), &Value::Null), "{task}");
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
    while upload.exists(&site).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // nothing is left of it
    site.kill();
    site.start();
    assert_eq!(files(&site.state().join("uploads")), Vec::<String>::new());
    assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nothing_is_kept_of_it() {
    let site = airgapped().await;
    let upload = Chunked::new(&spec(), "../../../etc/passwd", 1 << 20);
    let send = async |bytes: &[u8], fields: &[(&str, &str)]| {
        upload.send_as(&site, 1, bytes, fields).await.unwrap().error()
    };
    let good = upload.chunk(1).to_vec();
    insta::assert_snapshot!(send(&good[1..], &[]).await, @"400 chunk 1 has 1048575 bytes, expected 1048576");
    insta::assert_snapshot!(send(&good, &[("resumableChunkNumber", "0")]).await, @"400 the chunk does not fit: chunk 0 of 3 does not exist");
    insta::assert_snapshot!(send(&good, &[("resumableChunkNumber", "-1")]).await, @"400 failed to parse resumableChunkNumber");
    insta::assert_snapshot!(send(&good, &[("resumableTotalChunks", "900")]).await, @"400 the chunk does not fit: 3171259 bytes in chunks of 1048576 are 3 or 4 chunks, not 900");
    insta::assert_snapshot!(send(&good, &[("resumableTotalSize", "18446744073709551615")]).await, @"400 the chunk does not fit: 18446744073709551615 bytes in chunks of 1048576 are 17592186044415 or 17592186044416 chunks, not 3");
    insta::assert_snapshot!(send(&good, &[("resumableIdentifier", "")]).await, @"400 resumableIdentifier must have 1 to 1024 bytes");
    insta::assert_snapshot!(send(&good, &[("chunkSha256", "00")]).await, @"400 chunk 1 has the SHA-256 42df991d304a61991167bbe37a3c35ed09bf13bb65229473f00b938e0d6fbfae, the client said another");
    insta::assert_snapshot!(send(&good, &[("resumableTotalSize", "99999999999999"), ("resumableChunkSize", "500000000"), ("resumableTotalChunks", "199999")]).await, @"413 the bundle has 99999999999999 bytes, an upload may have 68719476736");
    assert!(!upload.has(&site, 1).await.unwrap());

    // A name that is a path is a name, and what is not asked for is passed over.
    let sha256 = Digest::of(&good).hex();
    assert_eq!(send(&good, &[("chunkSha256", &sha256), ("../x", "1")]).await, "200 -");
    let stored = files(&site.state().join("uploads"));
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].len(), 64 + ".bundle".len(), "{stored:?}");

    let unknown = site.request(Method::POST, "/api/v1/app/other/airgap/chunk");
    assert_eq!(Answer::of(multipart(unknown, &[("file", b"x")])).await.status, 404);
}

/// Go's `FormValue` takes all of these, and so do clients of the original.
#[tokio::test]
async fn what_a_chunk_is_may_be_told_behind_it_or_in_the_query() {
    let site = airgapped().await;
    let upload = Chunked::new(&spec(), "one", 1 << 20);
    let words = |number: &str| {
        [
            ("resumableIdentifier", "one".to_owned()),
            ("resumableTotalChunks", upload.count().to_string()),
            ("resumableTotalSize", upload.bytes.len().to_string()),
            ("resumableChunkNumber", number.to_owned()),
            ("resumableChunkSize", (1 << 20).to_string()),
        ]
    };
    let path = format!("{APP}/airgap/chunk");
    let behind = words("1");
    let mut parts = vec![("file", upload.chunk(1))];
    parts.extend(behind.iter().map(|it| (it.0, it.1.as_bytes())));
    let answer = Answer::of(multipart(site.request(Method::POST, &path), &parts)).await;
    assert_eq!((answer.status, answer.body), (200, json!("")));

    let query: Vec<String> = words("2").iter().map(|it| format!("{}={}", it.0, it.1)).collect();
    let request = site.request(Method::POST, &format!("{path}?{}", query.join("&")));
    let answer = Answer::of(multipart(request, &[("file", upload.chunk(2))])).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    upload.send(&site, 3).await.unwrap().ok();
    assert_eq!(upload.process(&site, Method::PUT, &json!({})).await.unwrap().status, 202);
    assert_eq!(ended(&site).await["status"], "");

    let lacks = words("1");
    let parts: Vec<_> = lacks[..4].iter().map(|it| (it.0, it.1.as_bytes())).collect();
    let parts = [&[("file", upload.chunk(1))], &parts[..]].concat();
    let answer = Answer::of(multipart(site.request(Method::POST, &path), &parts)).await;
    assert_eq!(answer.error(), "400 `resumableChunkSize` is missing");
}

#[tokio::test]
async fn two_uploads_do_not_meet_and_reset_forgets_both() {
    let site = airgapped().await;
    let one = Chunked::new(&spec(), "one", 1 << 20);
    let two = Chunked::new(&BundleSpec::sample("1.1.0").unwrap().large(2 << 20), "two", 1 << 20);
    one.send(&site, 1).await.unwrap().ok();
    two.send(&site, 1).await.unwrap().ok();
    one.send(&site, 2).await.unwrap().ok();
    assert!(one.has(&site, 1).await.unwrap() && two.has(&site, 1).await.unwrap());
    assert_eq!(files(&site.state().join("uploads")).len(), 2);
    let reset = site.post(&format!("{APP}/airgap/reset"), &json!({})).await;
    assert_eq!(reset.status, 200);
    assert!(!one.exists(&site).await.unwrap() && !two.exists(&site).await.unwrap());
    assert_eq!(files(&site.state().join("uploads")), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_with_a_whole_bundle_is_told_and_its_chunks_stay() {
    let site = airgapped().await;
    let upload = Chunked::new(&spec(), "app", 1 << 20);
    upload.send_all(&site).await;
    let fail = async |body: Value| {
        let answer = upload.process(&site, Method::PUT, &body).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        let task = ended(&site).await;
        assert_eq!(task["status"], "failed", "{task}");
        assert_eq!(site.history().await.len(), 1);
        task["lastError"].as_str().unwrap().to_owned()
    };
    let other = "00".repeat(32);
    let text = fail(json!({ "sha256": other })).await;
    assert!(text.contains(&format!("the client said {other}")), "{text}");

    // A byte of the file that changed where nobody saw it.
    let stored = site.state().join("uploads").join(&files(&site.state().join("uploads"))[0]);
    let mut bytes = std::fs::read(&stored).unwrap();
    bytes[(1 << 20) + 5] ^= 1;
    std::fs::write(&stored, &bytes).unwrap();
    let text = fail(json!({})).await;
    let told = "chunk 2 of the bundle changed on the disk; send that chunk again, then ask again";
    assert!(text.ends_with(told), "{text}");

    // Sent again, and then it is what it should be.
    assert!(upload.has(&site, 2).await.unwrap());
    let stale = upload.send_as(&site, 2, &vec![0; 1 << 20], &[]).await.unwrap();
    assert_eq!(stale.status, 200);
    let text = fail(json!({})).await;
    assert!(text.starts_with("the uploaded bundle cannot be used: failed to read"), "{text}");
    upload.send(&site, 2).await.unwrap().ok();
    assert_eq!(upload.process(&site, Method::PUT, &json!({})).await.unwrap().status, 202);
    let task = ended(&site).await;
    assert_eq!(task["status"], "", "{task}");
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
}

#[tokio::test]
async fn all_uploads_together_have_a_quota() {
    let mut site = airgapped().await;
    site.kill();
    site.env("KOTSADM_UPLOAD_QUOTA_BYTES", "5000000");
    site.start();
    let one = Chunked::new(&spec(), "one", 1 << 20);
    let two = Chunked::new(&spec(), "two", 1 << 20);
    one.send(&site, 1).await.unwrap().ok();
    let refused = two.send(&site, 1).await.unwrap();
    assert_eq!(refused.error(), "507 all uploads together would be larger than 5000000 bytes");
    one.send(&site, 2).await.unwrap().ok();
}

/// Makes every upload look as old as `days`. The server must not be running.
async fn age(site: &Site, days: i64) {
    let path = site.state().join("kotsadm.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    let aged = sqlx::query("UPDATE upload SET touched_ms = touched_ms - ?")
        .bind(days * 24 * 60 * 60 * 1000)
        .execute(&mut db)
        .await
        .unwrap();
    assert!(aged.rows_affected() > 0);
    db.close().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_is_left_alone_is_forgotten_after_three_days() {
    let mut site = airgapped().await;
    let upload = Chunked::new(&spec(), "one", 1 << 20);
    upload.send(&site, 1).await.unwrap().ok();
    for (days, is_kept) in [(2, true), (2, false)] {
        site.kill();
        age(&site, days).await;
        site.start();
        assert_eq!(upload.exists(&site).await.unwrap(), is_kept);
        assert_eq!(files(&site.state().join("uploads")).len(), usize::from(is_kept));
    }
    upload.send_all(&site).await;
    assert_eq!(upload.process(&site, Method::PUT, &json!({})).await.unwrap().status, 202);
    assert_eq!(ended(&site).await["status"], "");
}

#[tokio::test]
async fn the_first_version_by_chunks() {
    let site = Site::new();
    let license = Builder::new().airgap(true).yaml();
    site.post("/api/v1/license", &json!({ "licenseData": license, "isAirgap": true })).await.ok();
    let status = async || site.get(&format!("{APP}/airgap/status")).await.ok();
    assert_eq!(
        status().await,
        json!({ "installStatus": "airgap_upload_pending", "currentMessage": "" })
    );
    let upload = Chunked::new(&BundleSpec::sample("1.0.0").unwrap(), "first", 1 << 20);
    upload.send_all(&site).await;
    assert_eq!(upload.process(&site, Method::PUT, &json!({})).await.unwrap().status, 409);
    let body = json!({ "registryHost": "", "isReadOnly": false });
    assert_eq!(upload.process(&site, Method::POST, &body).await.unwrap().status, 202);
    let start = Instant::now();
    while status().await["installStatus"] != "installed" {
        assert!(start.elapsed() < Duration::from_mins(1), "{}", status().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(site.versions().await.len(), 1);
}

/// A bundle whose release has one image, in registry storage.
fn with_image() -> BundleSpec {
    let mut spec = BundleSpec::sample("1.1.0").unwrap().edit(|it| {
        "docker".clone_into(&mut it.format);
        it.saved_images = vec!["quay.io/org/api:1.0".to_owned()];
    });
    let mut blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        let hex = digest.hex();
        let path = format!("images/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]);
        spec.extra.push(airgap::ReleaseFile { path, bytes: bytes.to_vec() });
        format!(r#""digest":"{digest}","size":{}"#, bytes.len())
    };
    let (config, layer) = (blob(b"{}"), blob(&vec![7; 100_000]));
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{config}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{layer}}}]}}"#
    );
    blob(manifest.as_bytes());
    let path = "images/docker/registry/v2/repositories/api/_manifests/tags/1.0/current/link";
    let bytes = Digest::of(manifest.as_bytes()).to_string().into_bytes();
    spec.extra.push(airgap::ReleaseFile { path: path.to_owned(), bytes });
    spec
}

#[tokio::test]
async fn images_are_pushed_or_nothing_is_made() {
    let mut site = airgapped().await;
    let upload = Chunked::new(&with_image(), "images", 1 << 20);
    upload.send_all(&site).await;
    let ends = async |site: &Site, body: Value| {
        let answer = upload.process(site, Method::PUT, &body).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        let task = ended(site).await;
        task["lastError"].as_str().unwrap_or_default().to_owned()
    };
    let text = ends(&site, json!({})).await;
    assert!(text.starts_with("the bundle holds images, and no registry was named"), "{text}");
    let body = json!({ "registryHost": "http://127.0.0.1:1" });
    let refused = upload.process(&site, Method::PUT, &body).await.unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("plain HTTP was not allowed"), "{}", refused.error());

    let folder = tempfile::tempdir().unwrap();
    let Some((mut registry, port)) = docker_registry(folder.path()) else {
        skipped::skipped!("`docker-registry` is not installed");
        return;
    };
    site.kill();
    site.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
    site.start();
    let body = json!({ "registryHost": format!("127.0.0.1:{port}"), "namespace": "shop" });
    assert_eq!(ends(&site, body).await, "");
    assert_eq!(site.history().await[1], "1 Airgap Update 1.1.0 pending");
    let tag = "data/docker/registry/v2/repositories/shop/api/_manifests/tags/1.0/current/link";
    assert!(folder.path().join(tag).is_file());
    let stored = site.get(&format!("{APP}/registry")).await.ok();
    assert_eq!(stored["hostname"], format!("127.0.0.1:{port}"));
    assert_eq!(stored["namespace"], "shop");

    // The same bundle for another place: the release is there, a version for that place is not.
    let start = Instant::now();
    while upload.exists(&site).await.unwrap() {
        assert!(start.elapsed() < Duration::from_mins(1), "the upload is kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    upload.send_all(&site).await;
    let body = json!({
        "registryHost": format!("127.0.0.1:{port}"), "namespace": "other", "isReadOnly": true,
    });
    assert_eq!(upload.process(&site, Method::PUT, &body).await.unwrap().status, 202);
    site.wait_for(2, "pending").await;
    assert_eq!(site.history().await[2], "2 Registry Change 1.1.0 pending");
    registry.kill().unwrap();
    registry.wait().unwrap();
}

/// A release with one image of that name, made of a shared layer and one of its own.
fn with_layers((version, cursor): (&str, &str), name: &str, own: u64) -> BundleSpec {
    let layers = [1, own].map(|it| Layer { seed: 2 * it, size: 100_000 });
    let images = Images::new(&[ImageSpec { name: name.to_owned(), layers: layers.to_vec() }]);
    let mut spec = BundleSpec::sample("1.1.0").unwrap().edit(|it| {
        images.list(it);
        version.clone_into(&mut it.version_label);
        cursor.clone_into(&mut it.update_cursor);
    });
    spec.images = Some(images);
    spec
}

#[tokio::test]
async fn what_a_patch_leaves_out_is_taken_over_from_where_an_earlier_bundle_brought_it() {
    let Some(registry) = Server::plain() else { return };
    let mut site = airgapped().await;
    site.kill();
    site.env("KOTSADM_REGISTRY_PLAIN_HTTP", "1");
    site.start();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, spec: &BundleSpec| {
        let path = folder.path().join(name);
        spec.write(&path).unwrap();
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        let index = airgap::Index::build(&path, &airgap::Limits::default(), go_on).unwrap();
        (path, index)
    };
    let first = with_layers(("1.1.0", "2"), "quay.io/org/api:1.0", 2);
    let second = with_layers(("1.2.0", "3"), "quay.io/org/web:1.0", 3);
    let (_, old) = write("old.airgap", &first);
    let (new, index) = write("new.airgap", &second);
    let patch = folder.path().join("patch.airgap");
    airgap::make::diff(&old, (&new, &index), &patch, &|| false).unwrap();
    assert!(patch.metadata().unwrap().len() < new.metadata().unwrap().len() - 90_000);

    let bytes = std::fs::read(&patch).unwrap();
    let patch = Chunked { bytes, identifier: "patch", chunk_bytes: 1 << 20 };
    let place =
        json!({ "registryHost": format!("127.0.0.1:{}", registry.port()), "namespace": "shop" });
    let ends = async |upload: &Chunked| {
        upload.send_all(&site).await;
        assert_eq!(upload.process(&site, Method::PUT, &place).await.unwrap().status, 202);
        ended(&site).await["lastError"].as_str().unwrap_or_default().to_owned()
    };
    let text = ends(&patch).await;
    assert!(text.contains("1 of 1 images are not in the registry"), "{text}");
    assert_eq!(ends(&Chunked::new(&first, "first", 1 << 20)).await, "");
    assert_eq!(ends(&patch).await, "");
    assert_eq!(site.history().await[2], "2 Airgap Update 1.2.0 pending");
}

/// The real `docker-registry` and its port; none where it is not installed.
fn docker_registry(folder: &std::path::Path) -> Option<(std::process::Child, u16)> {
    use std::io::BufRead as _;
    let config = folder.join("config.yml");
    let data = folder.join("data");
    let text = format!(
        "version: 0.1\nlog:\n  formatter: json\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
        data.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut child = std::process::Command::new("docker-registry")
        .arg("serve")
        .arg(&config)
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .ok()?;
    let lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, address) = line.split_once("listening on 127.0.0.1:")?;
        address.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    })?;
    // It ends when nobody reads what it says.
    std::thread::spawn(move || lines.for_each(drop));
    Some((child, port))
}

#[tokio::test]
async fn a_bundle_in_one_piece_by_airgap_update() {
    let site = airgapped().await;
    let bundle = Chunked::new(&BundleSpec::sample("1.1.0").unwrap(), "", 1).bytes;
    let put = async |slug: &str, parts: &[(&str, &[u8])]| {
        let path = format!("/api/v1/app/{slug}/airgap/update");
        Answer::of(multipart(site.request(Method::PUT, &path), parts)).await
    };
    let slug = sample::APP_SLUG;
    assert_eq!(put("other", &[("application.airgap", &bundle)]).await.status, 404);
    assert_eq!(put(slug, &[("x", &bundle)]).await.status, 400);
    let cut = put(slug, &[("application.airgap", &bundle[..bundle.len() / 2])]).await;
    assert_eq!(cut.status, 400);
    assert!(cut.error().contains("cut short"), "{}", cut.error());
    let made = put(slug, &[("application.airgap", &bundle)]).await;
    assert_eq!((made.status, made.body), (200, json!({})));
    assert_eq!(put(slug, &[("application.airgap", &bundle)]).await.status, 200);
    assert_eq!(site.history().await[1..], ["1 Airgap Update 1.1.0 pending"]);
}
