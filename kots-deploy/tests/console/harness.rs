//! A kotsadm with the sample application's mirror, and a way to run `kots` against it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use kots_deploy::transport::Transport as _;
use kots_deploy::transport::direct::Direct;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tempfile::TempDir;
use upstream_handler::serve::{RegistryAccess, Running, ServeOptions, TargetSpec, serve};
use upstream_handler::target::ClusterOptions;
use wire::app::{App, DownstreamVersion};

/// How long one run of `kots` may take before the test gives it up.
const PATIENCE: Duration = Duration::from_mins(2);

/// A kotsadm with a vendor behind it.
pub(crate) struct Console {
    runtime: tokio::runtime::Runtime,
    running: Mutex<Option<Running>>,
    /// Where it listens; stays the same over restarts.
    pub(crate) address: SocketAddr,
    auth: SecretString,
    /// Where the vendor listens.
    pub(crate) mirror: SocketAddr,
    folder: TempDir,
}

/// Folders of consoles with 1.0.0 installed, made once and copied: installing is not what most tests are about.
static INSTALLED: OnceLock<TempDir> = OnceLock::new();
static INSTALLED_AIRGAPPED: OnceLock<TempDir> = OnceLock::new();

impl Console {
    /// Starts one without applications.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    /// Starts one on a copy of a folder.
    fn copy_of(template: &TempDir) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let from = template.path().join(".");
        let status = Command::new("cp").arg("-a").arg(from).arg(folder.path()).status();
        assert!(status.unwrap().success());
        Self::start_in(folder)
    }

    /// Stops the server and gives its folder back.
    fn into_folder(self) -> TempDir {
        self.stop();
        let empty = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut this = self;
        std::mem::replace(&mut this.folder, empty)
    }

    fn start_in(folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        let mirror = listener.local_addr().unwrap();
        let files = folder.path().join("mirror");
        let license = Builder::new().endpoint(&format!("http://{mirror}")).yaml();
        sample::mirror::write_sample(&files, &license).unwrap();
        for version in sample::VERSIONS {
            let archive = files.join(format!("{}/releases/{version}.tar.gz", sample::APP_SLUG));
            std::fs::write(archive, airgap::release::pack(&release(version)).unwrap()).unwrap();
        }
        std::fs::write(folder.path().join("license.yaml"), license).unwrap();
        std::fs::write(folder.path().join("config-values.yaml"), sample::config_values()).unwrap();
        let router = upstream::mirror::router(&files);
        runtime.spawn(async move { axum::serve(listener, router).await });
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let running = runtime.block_on(serve(options(folder.path(), any, mirror))).unwrap();
        let (address, auth) = (running.addr, running.auth_string.clone());
        Self { runtime, running: Mutex::new(Some(running)), address, auth, mirror, folder }
    }

    /// Starts one with 1.0.0 installed, ready.
    pub(crate) fn with_first_version() -> Self {
        Self::copy_of(INSTALLED.get_or_init(|| {
            let console = Self::start();
            let args = ["--app-version-label", "1.0.0"];
            console.kots(&[&INSTALL[..], &args].concat()).assert(0);
            console.into_folder()
        }))
    }

    /// Starts one with 1.0.0 installed by bundle, ready.
    pub(crate) fn with_first_version_airgapped() -> Self {
        Self::copy_of(INSTALLED_AIRGAPPED.get_or_init(|| {
            let console = Self::start();
            console.write_bundles();
            let args = ["--airgap-bundle", "1.0.0.airgap"];
            console.kots(&[&INSTALL[..], &args].concat()).assert(0);
            console.into_folder()
        }))
    }

    /// Writes the bundles of both versions into the folder.
    pub(crate) fn write_bundles(&self) {
        for version in sample::VERSIONS {
            let path = self.path(&format!("{version}.airgap"));
            bundle(version).write(&path).unwrap();
        }
    }

    /// A path in the folder that runs are started in.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The whole `Authorization` value.
    pub(crate) fn auth(&self) -> &str {
        self.auth.expose_secret()
    }

    /// Stops the server: connections are refused until [`Console::begin`].
    pub(crate) fn stop(&self) {
        let running = self.running.lock().unwrap().take();
        if let Some(running) = running {
            self.runtime.block_on(running.shutdown());
        }
    }

    /// Starts the server again where it was.
    pub(crate) fn begin(&self) {
        let options = options(self.folder.path(), self.address, self.mirror);
        *self.running.lock().unwrap() = Some(self.runtime.block_on(serve(options)).unwrap());
    }

    /// Runs a future beside the server.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The runtime, for servers of the test.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, future: F) {
        self.runtime.spawn(future);
    }

    /// Runs `kots` against this server.
    pub(crate) fn kots(&self, args: &[&str]) -> Ran {
        self.kots_at(&self.url(), args)
    }

    /// Runs `kots` against what stands at `url`.
    pub(crate) fn kots_at(&self, url: &str, args: &[&str]) -> Ran {
        run(self.command(url, args))
    }

    /// A command of `kots` against what stands at `url`.
    pub(crate) fn command(&self, url: &str, args: &[&str]) -> Command {
        let mut command = bare(self.folder.path(), args);
        command
            .args(["--kotsadm-url", url, "--license-root-key"])
            .arg(sample::keys::root_public_path())
            .env("KOTSADM_AUTHSTRING", self.auth());
        command
    }

    /// The sample application as the server has it.
    pub(crate) fn app(&self) -> App {
        let value = self.get(&format!("/api/v1/app/{}", sample::APP_SLUG));
        serde_json::from_value(value).unwrap()
    }

    /// Its versions, newest first, as `sequence label status source`.
    pub(crate) fn versions(&self) -> Vec<String> {
        let app = self.app();
        kots_deploy::deploy::target::versions(&app).into_iter().map(show).collect()
    }

    /// Reads a document from the server.
    pub(crate) fn get(&self, path: &str) -> Value {
        let direct = Direct::new(&self.url(), &self.auth).unwrap();
        self.runtime.block_on(async {
            let body = Empty::<Bytes>::new().map_err(|it| match it {}).boxed_unsync();
            let request = http::Request::get(path).body(body).unwrap();
            let response = direct.send(request).await.unwrap();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            serde_json::from_slice(&bytes).unwrap()
        })
    }
}

/// The bundle of a release.
pub(crate) fn bundle(version: &str) -> BundleSpec {
    BundleSpec { files: release(version), ..BundleSpec::sample(version).unwrap() }
}

/// The files of a release without the one status informer that a folder can never satisfy: Helm makes that object.
fn release(version: &str) -> Vec<airgap::ReleaseFile> {
    let mut files = sample::release::sample_files(version).unwrap();
    for file in &mut files {
        if file.path.ends_with("kots-app.yaml") {
            let text = String::from_utf8(std::mem::take(&mut file.bytes)).unwrap();
            file.bytes = text.replace("    - deployment/sample-cache\n", "").into_bytes();
        }
    }
    files
}

impl Drop for Console {
    fn drop(&mut self) {
        self.stop();
    }
}

fn show(version: &DownstreamVersion) -> String {
    format!("{} {} {} {}", version.sequence, version.version_label, version.status, version.source)
}

fn options(folder: &Path, listen: SocketAddr, mirror: SocketAddr) -> ServeOptions {
    ServeOptions {
        listen,
        state: folder.join("state"),
        target: TargetSpec::Directory(folder.join("deployed")),
        cluster: ClusterOptions::default(),
        auth_string_file: None,
        release_endpoint: Some(format!("http://{mirror}")),
        license_root_keys: vec![sample::keys::root_public_path()],
        namespace: "default".to_owned(),
        registry_access: RegistryAccess { plain_http: true, ..RegistryAccess::default() },
    }
}

/// A command of `kots` in `folder`, with nothing of this machine's environment.
pub(crate) fn bare(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("XDG_STATE_HOME", folder.join("xdg"))
        .env("KOTS_FAULT_QUIET_MS", "600")
        .stdin(Stdio::null());
    command
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit status; none when it was killed.
    pub(crate) status: Option<i32>,
    /// What was printed.
    pub(crate) stdout: String,
    /// What was printed beside it.
    pub(crate) stderr: String,
}

impl Ran {
    /// Checks the exit status, showing everything when it is another.
    pub(crate) fn assert(&self, status: i32) -> &Self {
        assert_eq!(self.status, Some(status), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Everything in one text, for snapshots.
    pub(crate) fn whole(&self) -> String {
        let status = self.status.map_or("killed".to_owned(), |it| it.to_string());
        format!("{}{}-> {status}", self.stdout, self.stderr)
    }

    /// The document on stdout.
    pub(crate) fn document(&self) -> Value {
        let last = if self.stdout.starts_with("{\n") {
            &self.stdout
        } else {
            self.stdout.lines().last().unwrap_or_default()
        };
        serde_json::from_str(last).unwrap_or_else(|it| panic!("{it}: {}", self.whole()))
    }
}

/// Runs a command to its end, with a limit.
pub(crate) fn run(mut command: Command) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    if let Ok(output) = told.recv_timeout(PATIENCE) {
        return ran(&output.unwrap());
    }
    signal(id, "KILL");
    let output = told.recv().unwrap().unwrap();
    panic!("kots did not end: {}", ran(&output).whole());
}

fn ran(output: &Output) -> Ran {
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    assert!(status.unwrap().success());
}

/// Waits until `until` is true.
pub(crate) fn wait_until(what: &str, mut until: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !until() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Arguments of an install.
pub(crate) const INSTALL: [&str; 6] = [
    "install",
    sample::APP_SLUG,
    "--license-file",
    "license.yaml",
    "--config-values",
    "config-values.yaml",
];

/// Arguments of the online deploy of 1.1.0.
pub(crate) const ONLINE: [&str; 8] = [
    "deploy",
    sample::APP_SLUG,
    "--channel-id",
    sample::STABLE_ID,
    "--channel-sequence",
    "2",
    "--config-values",
    "config-values.yaml",
];

/// Arguments of the air-gapped deploy of 1.1.0.
pub(crate) const AIRGAPPED: [&str; 8] = [
    "deploy",
    sample::APP_SLUG,
    "--airgap-bundle",
    "1.1.0.airgap",
    "--license",
    "license.yaml",
    "--config-values",
    "config-values.yaml",
];

/// The same with another bundle.
pub(crate) fn airgapped(bundle: &str) -> [&str; 8] {
    let mut args: [&str; 8] = AIRGAPPED;
    args[3] = bundle;
    args
}
