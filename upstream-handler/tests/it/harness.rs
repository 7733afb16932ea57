//! Starts kotsadm and a mirror, and asks them things.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use reqwest::{Method, RequestBuilder};
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything is waited for.
const LIMIT: Duration = Duration::from_mins(1);

/// A process that is killed when it goes out of scope.
pub(crate) struct Process {
    child: Child,
    pub(crate) url: String,
}

impl Process {
    /// Starts a command that prints where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("kotsadm did not start: {line:?}, {:?}", child.wait()));
        Self { url: url.to_owned(), child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it has ended by itself, waiting for that.
    pub(crate) fn wait_end(&mut self) -> std::process::ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < LIMIT, "the process goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn kotsadm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kotsadm"));
    command
        .env_remove("REPLICATED_APP_ENDPOINT")
        .env_remove("REPLICATED_API_ENDPOINT")
        .env_remove("POD_NAMESPACE")
        .env("KOTSADM_LOG", "warn");
    command
}

/// One console with its state, its target, and a mirror.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) mirror: Process,
    pub(crate) server: Option<Process>,
    pub(crate) http: reqwest::Client,
    /// Further arguments: `--target …`.
    target: Vec<String>,
    envs: Vec<(&'static str, String)>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::try_of(request).await.unwrap()
    }

    pub(crate) async fn try_of(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.timeout(LIMIT).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Self { status, body, headers })
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    pub(crate) fn error(&self) -> String {
        format!("{} {}", self.status, self.body["error"].as_str().unwrap_or("-"))
    }
}

impl Site {
    /// A site whose mirror has the sample application, with the sample licence.
    pub(crate) fn new() -> Self {
        Self::with_license(&Builder::new().yaml())
    }

    pub(crate) fn with_license(license: &str) -> Self {
        Self::not_started(license).started()
    }

    /// A site that deploys to a cluster.
    pub(crate) fn on_cluster(kubeconfig: &Path, namespace: &str) -> Self {
        let mut site = Self::not_started(&Builder::new().yaml());
        site.target = vec![
            "--target=cluster".to_owned(),
            format!("--kubeconfig={}", kubeconfig.display()),
            format!("--namespace={namespace}"),
        ];
        site
    }

    fn not_started(license: &str) -> Self {
        let folder = TempDir::new().unwrap();
        sample::mirror::write_sample(&folder.path().join("mirror"), license).unwrap();
        let mirror = Process::start(kotsadm().args([
            "mirror",
            "--listen=127.0.0.1:0",
            "--dir",
            folder.path().join("mirror").to_str().unwrap(),
        ]));
        let http = reqwest::Client::builder()
            .no_proxy()
            // A kept connection may be closed by the server while a test computes.
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let target = vec![
            format!("--target=dir:{}", folder.path().join("target").display()),
            "--namespace=shop".to_owned(),
        ];
        Self { folder, mirror, server: None, http, target, envs: Vec::new() }
    }

    /// Adds an argument for the next start.
    pub(crate) fn argument(&mut self, argument: &str) {
        self.target.push(argument.to_owned());
    }

    fn started(mut self) -> Self {
        self.start();
        self
    }

    /// Sets a variable for the next start. An empty one is none, and hides that of the tests.
    pub(crate) fn env(&mut self, name: &'static str, value: &str) {
        self.envs.retain(|(it, _)| *it != name);
        self.envs.push((name, value.to_owned()));
    }

    /// Has the next start find neither Helm nor any other program: what it does is then the same everywhere.
    pub(crate) fn without_programs(&mut self) {
        self.env("PATH", "/nowhere");
        self.env("KOTS_HELM", "");
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = kotsadm();
        self.arguments(&mut command);
        command
    }

    pub(crate) fn arguments(&self, command: &mut Command) {
        command
            .args(["serve", "--listen=127.0.0.1:0"])
            .args(&self.target)
            .arg("--state")
            .arg(self.state())
            .arg(format!("--release-endpoint={}", self.mirror.url))
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .envs(self.envs.iter().map(|(name, value)| (name, value)));
    }

    pub(crate) fn start(&mut self) {
        self.server = Some(Process::start(&mut self.command()));
    }

    pub(crate) fn start_by(&mut self, command: &mut Command) {
        self.server = Some(Process::start(command));
    }

    pub(crate) fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    pub(crate) fn auth(&self) -> String {
        std::fs::read_to_string(self.state().join("secrets/authstring")).unwrap()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.as_ref().unwrap().url)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path)).header("Authorization", self.auth())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(body)).await
    }

    /// Installs 1.0.0 from the mirror and waits until it is deployed.
    pub(crate) async fn install(&self, license: &str) {
        let body = json!({
            "licenseData": license,
            "versionLabel": "1.0.0",
            "configValues": base64(sample::config_values().as_bytes()),
        });
        let reply = self.post("/api/v1/license", &body).await.ok();
        assert_eq!(reply["success"], true);
        self.wait_for(0, "deployed").await;
    }

    /// Installs the bundle of 1.0.0 and waits until it is deployed.
    pub(crate) async fn install_airgap(&self, license: &str) {
        self.install_bundle(license, &BundleSpec::sample("1.0.0").unwrap()).await;
        self.wait_for(0, "deployed").await;
    }

    /// Installs a bundle.
    pub(crate) async fn install_bundle(&self, license: &str, spec: &BundleSpec) {
        let body = json!({ "licenseData": license, "isAirgap": true });
        self.post("/api/v1/license", &body).await.ok();
        let (yaml, app) = bundle_parts(spec);
        let parts = [
            ("appSlug", sample::APP_SLUG.as_bytes()),
            ("airgap.yaml", yaml.as_slice()),
            ("configValues", sample::config_values().as_bytes()),
            ("appArchive", app.as_slice()),
        ];
        let upload = self.request(Method::POST, "/api/v1/airgap/install");
        Answer::of(multipart(upload, &parts)).await.ok();
    }

    /// Waits until a version has a status.
    pub(crate) async fn wait_for(&self, sequence: i64, status: &str) -> Value {
        let start = Instant::now();
        loop {
            let versions = self.versions().await;
            let found = versions.iter().find(|it| it["sequence"] == sequence).cloned();
            if let Some(version) = found.as_ref().filter(|it| it["status"] == status) {
                return version.clone();
            }
            assert!(start.elapsed() < LIMIT, "waited for {sequence} {status}: {found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// All versions, newest first.
    pub(crate) async fn versions(&self) -> Vec<Value> {
        let path = format!("{APP}/versions?pageSize=-1&currentPage=-1");
        let reply = self.get(&path).await.ok();
        reply["versionHistory"].as_array().unwrap().clone()
    }

    /// All versions as `sequence source label status`, oldest first.
    pub(crate) async fn history(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.versions()
            .await
            .iter()
            .rev()
            .map(|it| {
                let (source, label) = (text(&it["source"]), text(&it["versionLabel"]));
                format!("{} {source} {label} {}", it["sequence"], text(&it["status"]))
            })
            .collect()
    }

    /// Sends a bundle as `kots deploy` does.
    pub(crate) async fn upload(&self, spec: &BundleSpec) -> Answer {
        let (yaml, app) = bundle_parts(spec);
        let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", app.as_slice())];
        Answer::of(multipart(self.request(Method::POST, UPDATE), &parts)).await
    }

    pub(crate) async fn set_values(&self, document: &str, deploy: bool) -> Answer {
        self.post(&format!("{APP}/config/values"), &values_body(document, deploy)).await
    }
}

/// Path of the sample application.
pub(crate) const APP: &str = "/api/v1/app/sample-app";
/// Path of its updates.
pub(crate) const UPDATE: &str = "/api/v1/app/sample-app/upstream/update";

/// Path of the online update to 1.1.0.
pub(crate) fn update_path() -> String {
    format!("{UPDATE}?channelId={}&channelSequence=2", sample::STABLE_ID)
}

pub(crate) fn values_body(document: &str, deploy: bool) -> Value {
    json!({
        "configValues": base64(document.as_bytes()),
        "deploy": deploy,
        "sequence": -1,
        "skipPreflights": false,
    })
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// `airgap.yaml` and `app.tar.gz` of a bundle.
pub(crate) fn bundle_parts(spec: &BundleSpec) -> (Vec<u8>, Vec<u8>) {
    let yaml = spec.airgap_yaml.clone().unwrap_or_else(|| spec.airgap.to_yaml());
    (yaml.into_bytes(), airgap::release::pack(&spec.files).unwrap())
}

/// Adds a multipart body as Go writes it.
pub(crate) fn multipart(request: RequestBuilder, parts: &[(&str, &[u8])]) -> RequestBuilder {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend_from_slice(part_head(name).as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    request.header("Content-Type", CONTENT_TYPE).body(body)
}

pub(crate) const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const CONTENT_TYPE: &str =
    "multipart/form-data; boundary=0123456789abcdef0123456789abcdef";

pub(crate) fn part_head(name: &str) -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
}

/// Names of everything below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, below: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
