//! Starts the installer with a vendor and an installed application, and asks it things.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::Path;
use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything is waited for.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);
/// The manager's password.
pub(crate) const PASSWORD: &str = "correct horse";

/// The `kots` program, built when it is not there.
pub(crate) fn kots() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_BIN_EXE_installer")).with_file_name("kots");
        if !path.is_file() {
            let args = ["build", "--quiet", "--package", "kots-deploy", "--bin", "kots"];
            let status = Command::new(env!("CARGO")).args(args).status().unwrap();
            assert!(status.success());
        }
        path
    });
    built.clone()
}

/// The vendor: the mirror of the sample application, in this process.
pub(crate) struct Vendor {
    pub(crate) url: String,
    events: Events,
    _runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

/// What the vendor was told: titles and bodies.
type Events = Arc<Mutex<Vec<(String, Value)>>>;

impl Vendor {
    pub(crate) fn start(license: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        sample::mirror::write_sample(folder.path(), license).unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let events = Events::default();
        let kept = Arc::clone(&events);
        let keep = async move |Path(title): Path<String>, Json(body): Json<Value>| {
            kept.lock().unwrap().push((title, body));
        };
        let router = upstream::mirror::router(folder.path())
            .route("/embedded_cluster_metrics/{title}", axum::routing::post(keep));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, events, _runtime: runtime, _folder: folder }
    }

    /// What it was told so far.
    pub(crate) fn events(&self) -> Vec<(String, Value)> {
        self.events.lock().unwrap().clone()
    }
}

/// Sites with 1.0.0 installed, made once and copied.
static INSTALLED: OnceLock<TempDir> = OnceLock::new();
static INSTALLED_AIRGAPPED: OnceLock<TempDir> = OnceLock::new();

/// A folder with an admin console (inside `kots`), a licence, answers and a vendor.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) vendor: Vendor,
    pub(crate) args: Vec<String>,
}

fn license() -> Builder {
    Builder::new().edit(|it| it.is_embedded_cluster_download_enabled = true)
}

impl Site {
    /// Nothing is installed.
    pub(crate) fn empty() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), &license())
    }

    pub(crate) fn with_license(license: &Builder) -> Self {
        let site = Self::installed();
        std::fs::write(site.path("license.yaml"), license.yaml()).unwrap();
        Self { vendor: Vendor::start(&license.yaml()), ..site }
    }

    /// 1.0.0 is installed online.
    pub(crate) fn installed() -> Self {
        Self::copy_of(INSTALLED.get_or_init(|| {
            let site = Self::empty();
            site.kots(&["--app-version-label", "1.0.0"]);
            site.folder
        }))
    }

    /// 1.0.0 is installed from its bundle; the bundle of 1.1.0 is there.
    pub(crate) fn installed_airgapped() -> Self {
        Self::copy_of(INSTALLED_AIRGAPPED.get_or_init(|| {
            let site = Self::empty();
            for version in sample::VERSIONS {
                let path = site.path(&format!("{version}.airgap"));
                BundleSpec::sample(version).unwrap().write(&path).unwrap();
            }
            let bundle = site.path("1.0.0.airgap");
            site.kots(&["--airgap-bundle", bundle.to_str().unwrap()]);
            site.folder
        }))
    }

    fn copy_of(template: &TempDir) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = template.path().join(".");
        let status = Command::new("cp").arg("-a").arg(from).arg(folder.path()).status().unwrap();
        assert!(status.success());
        Self::in_folder(folder, &license())
    }

    fn in_folder(folder: TempDir, license: &Builder) -> Self {
        let site = Self { vendor: Vendor::start(&license.yaml()), folder, args: Vec::new() };
        std::fs::write(site.path("license.yaml"), license.yaml()).unwrap();
        std::fs::write(site.path("values.yaml"), sample::config_values()).unwrap();
        std::fs::write(site.path("password"), PASSWORD).unwrap();
        site
    }

    fn kots(&self, args: &[&str]) {
        let output = Command::new(kots())
            .args(["install", sample::APP_SLUG, "--license-file"])
            .arg(self.path("license.yaml"))
            .arg("--config-values")
            .arg(self.path("values.yaml"))
            .arg("--embedded")
            .arg(self.path("console"))
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .args(args)
            .env("REPLICATED_APP_ENDPOINT", &self.vendor.url)
            .env("KOTS_STATE_DIR", self.path("journal"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds arguments for the next starts.
    pub(crate) fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|it| (*it).to_owned()));
        self
    }

    /// Uses the files of 1.1.0 with a preflight spec, whose program ends as told.
    pub(crate) fn with_preflights(self, output: &str, status: i32) -> Self {
        let (folder, bin) = (self.path("release"), self.path("preflight"));
        for file in sample::release::sample_files("1.1.0").unwrap() {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file.bytes).unwrap();
        }
        let told = format!(
            "channelID: {}\nchannelSlug: stable\nchannelSequence: 2\nappSlug: {}\nversionLabel: 1.1.0\n",
            sample::STABLE_ID,
            sample::APP_SLUG
        );
        std::fs::write(folder.join("release.yaml"), told).unwrap();
        let spec = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: p}\n\
            spec: {analyzers: [{clusterVersion: {checkName: 'Version of repl{{ ConfigOption \"hostname\" }}'}}]}\n";
        std::fs::write(folder.join("preflight.yaml"), spec).unwrap();
        self.preflights_end(output, status);
        let (folder, bin) = (folder.display().to_string(), bin.display().to_string());
        self.with(&["--release", &folder, "--preflight-binary", &bin])
    }

    /// Changes how the preflight program ends.
    pub(crate) fn preflights_end(&self, output: &str, status: i32) {
        use std::os::unix::fs::PermissionsExt as _;

        let path = self.path("preflight");
        let script = format!(
            "#!/bin/sh\n[ \"$1 $2\" = '--interactive=false --format=json' ] || exit 9\n\
             grep -q 'checkName: Version of' \"$3\" || exit 8\n\
             echo 'a word on stderr' >&2\ncat <<'END'\n{output}\nEND\nexit {status}\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The command with everything it needs.
    pub(crate) fn command(&self, verb: &str, target: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_installer"));
        command
            .args([verb, "--target", target, "--manager-port", "0", "--license"])
            .arg(self.path("license.yaml"))
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--embedded")
            .arg(self.path("console"))
            .arg("--data-dir")
            .arg(self.path("data"))
            .arg("--admin-console-password-file")
            .arg(self.path("password"))
            .arg("--kots-binary")
            .arg(kots())
            .args(&self.args)
            .env("ENABLE_V3", "1")
            .env("DISABLE_TELEMETRY", "1")
            .env("REPLICATED_APP_ENDPOINT", &self.vendor.url);
        command
    }

    pub(crate) fn start(&self, verb: &str, target: &str) -> Manager {
        Manager::start(self.command(verb, target), &format!("/api/{target}/{verb}"))
    }

    /// Runs the command without a browser.
    pub(crate) fn headless(&self, verb: &str, target: &str, args: &[&str]) -> Output {
        let mut command = self.command(verb, target);
        command.arg("--headless").arg("--config-values").arg(self.path("values.yaml")).args(args);
        command.output().unwrap()
    }

    /// The version label in the folder that the console deploys to.
    pub(crate) fn deployed(&self) -> String {
        let folder = self.path("console/deployed/current");
        let mut found = String::from("nothing");
        for version in sample::VERSIONS {
            if grep(&folder, &format!("sample/web:{version}")) {
                version.clone_into(&mut found);
            }
        }
        found
    }
}

pub(crate) fn grep(folder: &std::path::Path, text: &str) -> bool {
    let folder = format!("{}/", folder.display());
    Command::new("grep").args(["-rqF", text]).arg(folder).status().unwrap().success()
}

/// A running installer.
pub(crate) struct Manager {
    child: Child,
    pub(crate) url: String,
    /// The line that says where it is.
    pub(crate) said: String,
    pub(crate) prefix: String,
    pub(crate) http: reqwest::blocking::Client,
    pub(crate) token: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: reqwest::header::HeaderMap,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Status and message.
    pub(crate) fn told(&self) -> String {
        format!("{} {}", self.status, self.body["message"].as_str().unwrap_or("-"))
    }
}

impl Manager {
    pub(crate) fn start(mut command: Command, prefix: &str) -> Self {
        // A file, since nobody reads a pipe and a full one would hold the installer up.
        let mut stderr = tempfile::tempfile().unwrap();
        command.stdout(Stdio::piped()).stderr(stderr.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut url = None;
        for line in lines {
            let line = line.unwrap();
            let port = line.rsplit_once(':').map(|(_, port)| port.to_owned());
            if let Some(port) = port.filter(|_| line.contains("https://")) {
                url = Some((format!("https://127.0.0.1:{port}"), line));
                break;
            }
        }
        let Some((url, said)) = url else {
            let _ = child.wait();
            let mut text = String::new();
            stderr.rewind().unwrap();
            stderr.read_to_string(&mut text).unwrap();
            panic!("the installer did not start: {text}");
        };
        let http = reqwest::blocking::Client::builder()
            .danger_accept_invalid_certs(true)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .timeout(LIMIT)
            .build()
            .unwrap();
        Self { child, url, said, prefix: prefix.to_owned(), http, token: String::new() }
    }

    pub(crate) fn login(mut self) -> Self {
        let body = json!({ "password": PASSWORD });
        let answer = self.ask(Method::POST, "/api/auth/login", Some(&body)).ok();
        answer["token"].as_str().unwrap().clone_into(&mut self.token);
        self
    }

    /// Asks for an absolute path (`/api/…`), or one below the prefix.
    pub(crate) fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.send(method, path, body.map(ToString::to_string))
    }

    pub(crate) fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let path = if path.starts_with("/api/") {
            path.to_owned()
        } else {
            format!("{}{path}", self.prefix)
        };
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, body, headers }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body))
    }

    pub(crate) fn patch_values(&self, values: &Value) -> Answer {
        self.ask(Method::PATCH, "/app/config/values", Some(&json!({ "values": values })))
    }

    pub(crate) fn state(&self) -> String {
        self.get("/api/state").ok()["state"].as_str().unwrap().to_owned()
    }

    /// Polls a status until its step has ended.
    pub(crate) fn ended(&self, path: &str) -> Value {
        let start = Instant::now();
        loop {
            let body = self.get(path).ok();
            let status = if body["status"].is_object() { &body["status"] } else { &body };
            let state = status["state"].as_str().unwrap();
            if state == "Succeeded" || state == "Failed" {
                return body;
            }
            assert!(start.elapsed() < LIMIT, "{path} goes on: {body}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as a power cut would; what it began may go on.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// The most memory it ever had, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait_end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < LIMIT, "the installer goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.kill();
    }
}
