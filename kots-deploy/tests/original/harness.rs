//! A site: a server, the files a person has, and the program run on them.
//!
//! Every run is checked for what must never happen: a secret on a stream or in the journal, a temporary file left
//! behind, a usage text after a failure, or no end at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sample::bundle::BundleSpec;
use sample::license::Builder;
use sample::{APP_SLUG, STABLE_ID};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::{App, Cursor, Deploying, Readiness, Server, State, deployed, schema};

/// The auth string of the server.
pub(crate) const AUTH: &str = "Kots 0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0u";
/// The password in the config values.
pub(crate) const PASSWORD: &str = "open-sesame-4711";
/// The licence of the installed application.
pub(crate) const LICENSE_ID: &str = sample::license::ID;
/// The longest any run may take.
const RUN_LIMIT: Duration = Duration::from_mins(2);

/// A server and the files of one person.
pub(crate) struct Site {
    pub(crate) server: Server,
    dir: TempDir,
    slug: String,
    target: Vec<String>,
}

/// The application as it was installed: 1.0.0, deployed and ready.
pub(crate) fn installed(slug: &str) -> App {
    let mut first = deployed(0, "1.0.0", Cursor::new(STABLE_ID, "1"), "Online Install");
    first.values = BTreeMap::from([
        ("hostname".to_owned(), "old.example.com".to_owned()),
        ("db_password".to_owned(), "b2xkLWNpcGhlci10ZXh0".to_owned()),
    ]);
    App {
        slug: slug.to_owned(),
        is_airgap: false,
        is_v3: false,
        license_id: LICENSE_ID.to_owned(),
        license_sequence: 1,
        channels: vec![STABLE_ID.to_owned()],
        config: Some(schema()),
        versions: vec![first],
        current: Some(0),
        deploys: vec![],
        deploying: Deploying::Well(3),
        readiness: Readiness::After(3),
        status: (0, "ready".to_owned()),
        status_looks: 0,
        refuse_deploy: false,
    }
}

/// The Config of the bundle, with the items of [`schema`]; `RULE` is where the port's rule would be: without it only
/// the server knows.
pub(crate) const CONFIG: &str = "apiVersion: kots.io/v1beta1
kind: Config
spec:
  groups:
    - name: settings
      items:
        - {name: hostname, type: text, required: true}
        - {name: port, type: text, default: \"8080\"RULE}
        - {name: tls, type: bool, default: \"0\"}
        - {name: db_password, type: password}
        - {name: notice, type: label}
";

/// A `ConfigValues` document.
pub(crate) fn values(hostname: &str, port: &str) -> String {
    format!(
        "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nmetadata:\n  name: sample\nspec:\n  values:\n    \
         hostname:\n      value: {hostname}\n    port:\n      value: \"{port}\"\n    tls:\n      value: \"1\"\n    \
         db_password:\n      value: {PASSWORD}\n"
    )
}

impl Site {
    /// An online installation, and a vendor that has 1.1.0 and 1.2.0.
    pub(crate) fn online() -> Self {
        Self::online_as(APP_SLUG)
    }

    /// The same under another name.
    pub(crate) fn online_as(slug: &str) -> Self {
        let mut state = State::of(AUTH, installed(slug));
        for (cursor, label) in [("1", "1.0.0"), ("2", "1.1.0"), ("3", "1.2.0")] {
            state.releases.insert(Cursor::new(STABLE_ID, cursor), label.to_owned());
        }
        Self::of(state, slug).with_target(&["--channel-id", STABLE_ID, "--channel-sequence", "2"])
    }

    /// An air-gapped installation, with the bundle of 1.1.0 and the licence at hand.
    pub(crate) fn airgap() -> Self {
        Self::airgap_large(0)
    }

    /// The same with a release that has `bytes` more that do not compress.
    pub(crate) fn airgap_large(bytes: u64) -> Self {
        let mut app = installed(APP_SLUG);
        app.is_airgap = true;
        "Airgap Install".clone_into(&mut app.versions[0].source);
        let site = Self::of(State::of(AUTH, app), APP_SLUG);
        site.write_bundle(&CONFIG.replace("RULE", ""), bytes);
        site.write("license.yaml", &Builder::new().yaml());
        let (bundle, license) = (site.text("app.airgap"), site.text("license.yaml"));
        site.with_target(&["--airgap-bundle", &bundle, "--license", &license])
    }

    /// Writes the bundle of 1.1.0 with a Config and with `bytes` more in its release.
    pub(crate) fn write_bundle(&self, config: &str, bytes: u64) {
        let mut spec = BundleSpec::sample("1.1.0").expect("the sample has this release");
        let file = spec.files.iter_mut().find(|it| it.path.ends_with("kots-config.yaml"));
        file.expect("the sample has a Config").bytes = config.as_bytes().to_vec();
        spec.large(bytes).write(&self.path("app.airgap")).expect("the bundle is written");
    }

    fn of(state: State, slug: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the site");
        let site =
            Self { server: Server::start(state), dir, slug: slug.to_owned(), target: Vec::new() };
        fs::create_dir(site.path("tmp")).expect("a folder for temporary files");
        site.write("auth", &format!("{AUTH}\n"));
        site.write("values.yaml", &values("app.example.com", "8443"));
        site.write("root.pem", sample::keys::root_public_pem());
        site
    }

    /// Deploys something else by default.
    pub(crate) fn with_target(self, target: &[&str]) -> Self {
        Self { target: target.iter().map(|&it| it.to_owned()).collect(), ..self }
    }

    /// The application has an unsynced licence.
    pub(crate) fn with_new_license(self) -> Self {
        self.server.with(|it| it.upstream_license = 2);
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("paths of tests are text").to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the site's folder can be written");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    /// `kots deploy` as a person types it here, ready to be changed.
    pub(crate) fn deploy(&self) -> Kots<'_> {
        Kots {
            site: self,
            words: vec![],
            target: self.target.clone(),
            slug: self.slug.clone(),
            auth: "auth".to_owned(),
            state: "state".to_owned(),
            timeout: "100s".to_owned(),
        }
    }

    /// Deploys and expects the end to be good.
    pub(crate) fn deploy_well(&self) -> Run {
        let run = self.deploy().run();
        run.expect(0);
        run
    }
}

/// A command line.
#[derive(Clone)]
pub(crate) struct Kots<'a> {
    site: &'a Site,
    words: Vec<String>,
    target: Vec<String>,
    slug: String,
    auth: String,
    state: String,
    timeout: String,
}

impl Kots<'_> {
    pub(crate) fn arg(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    pub(crate) fn args(self, words: &[&str]) -> Self {
        words.iter().fold(self, |it, word| it.arg(word))
    }

    pub(crate) fn slug(self, slug: &str) -> Self {
        Self { slug: slug.to_owned(), ..self }
    }

    pub(crate) fn target(self, words: &[&str]) -> Self {
        Self { target: words.iter().map(|&it| it.to_owned()).collect(), ..self }
    }

    pub(crate) fn auth_file(self, name: &str) -> Self {
        Self { auth: name.to_owned(), ..self }
    }

    /// Another state folder, as on another machine.
    pub(crate) fn state_dir(self, name: &str) -> Self {
        Self { state: name.to_owned(), ..self }
    }

    pub(crate) fn timeout(self, limit: &str) -> Self {
        Self { timeout: limit.to_owned(), ..self }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        self.start().end()
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        let site = self.site;
        let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
        command
            .arg("deploy")
            .arg(&self.slug)
            .args(&self.target)
            .args(["--config-values", &site.text("values.yaml")])
            .args(["--kotsadm-url", &site.server.url()])
            .args(["--auth-string-file", &site.text(&self.auth)])
            .args(["--license-root-key", &site.text("root.pem")])
            .args(["--state-dir", &site.text(&self.state)])
            .args(["--timeout", &self.timeout])
            .args(&self.words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", site.path("home"))
            .env("TMPDIR", site.path("tmp"))
            // Understood only by a program that was built with its feature `faults`.
            .env("KOTS_FAULT_QUIET_MS", "2500")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (send, streams) = mpsc::channel();
        let out = child.stdout.take().expect("stdout is piped");
        let err = child.stderr.take().expect("stderr is piped");
        collect(0, out, send.clone());
        collect(1, err, send);
        Running {
            child,
            streams,
            started: Instant::now(),
            tmp: site.path("tmp"),
            state: site.path(&self.state),
        }
    }
}

fn collect(
    which: usize,
    mut from: impl std::io::Read + Send + 'static,
    to: mpsc::Sender<(usize, String)>,
) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        let _ = to.send((which, String::from_utf8_lossy(&bytes).into_owned()));
    });
}

/// A running program.
pub(crate) struct Running {
    child: Child,
    streams: mpsc::Receiver<(usize, String)>,
    started: Instant,
    tmp: PathBuf,
    state: PathBuf,
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("it is running");
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is running");
        self.child.wait().expect("it can be waited for");
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Run {
        self.end_within(RUN_LIMIT)
    }

    /// Waits for its end, not longer than `limit`.
    pub(crate) fn end_within(mut self, limit: Duration) -> Run {
        let end = Instant::now() + limit;
        let mut texts = [String::new(), String::new()];
        for _ in 0..2 {
            let left = end.saturating_duration_since(Instant::now());
            if let Ok((which, text)) = self.streams.recv_timeout(left) {
                texts[which] = text;
                continue;
            }
            let _ = self.child.kill();
            while let Ok((which, text)) = self.streams.recv_timeout(Duration::from_secs(5)) {
                texts[which] = text;
            }
            let [stdout, stderr] = texts;
            panic!("it did not end within {limit:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        }
        let status = self.child.wait().expect("it can be waited for");
        let [stdout, stderr] = texts;
        let run = Run { code: status.code(), stdout, stderr, took: self.started.elapsed() };
        run.check_manners(&self.tmp, &self.state);
        run
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Run {
    /// Expects this exit status.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "exit status\n{self}");
        self
    }

    /// Expects a text on stdout.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stdout.contains(text), "stdout lacks `{text}`\n{self}");
        self
    }

    /// Expects a text on stderr.
    #[track_caller]
    pub(crate) fn complains(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "stderr lacks `{text}`\n{self}");
        self
    }

    /// Expects a text on either stream.
    #[track_caller]
    pub(crate) fn tells(&self, text: &str) -> &Self {
        let found = self.stderr.contains(text) || self.stdout.contains(text);
        assert!(found, "neither stream has `{text}`\n{self}");
        self
    }

    /// Expects lines on stdout in this order, with any others between them.
    #[track_caller]
    pub(crate) fn says_in_order(&self, lines: &[&str]) -> &Self {
        let mut rest = self.stdout.lines();
        for line in lines {
            assert!(rest.any(|it| it == *line), "stdout lacks, in order, `{line}`\n{self}");
        }
        self
    }

    /// The document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not one JSON document: {error}\n{self}"))
    }

    #[track_caller]
    fn check_manners(&self, tmp: &Path, state: &Path) {
        let left = files(tmp);
        assert!(left.is_empty(), "temporary files are left: {left:?}\n{self}");
        let token = AUTH.trim_start_matches("Kots ");
        let mut places = vec![("stdout".to_owned(), self.stdout.clone())];
        places.push(("stderr".to_owned(), self.stderr.clone()));
        for file in files(state) {
            let bytes = fs::read(&file).unwrap_or_default();
            places.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
        for (place, text) in places {
            assert!(!text.contains(token), "the auth string is in {place}\n{self}");
            assert!(!text.contains(PASSWORD), "the password is in {place}\n{self}");
        }
        assert!(!self.stderr.contains("Usage:"), "a usage text on stderr\n{self}");
        assert!(!self.stderr.contains("panicked"), "a panic\n{self}");
        assert!(
            !self.stdout.contains('\u{1b}'),
            "an escape on a stdout that is no terminal\n{self}"
        );
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .flat_map(|it| if it.path().is_dir() { files(&it.path()) } else { vec![it.path()] })
        .collect()
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr, took } = self;
        write!(f, "exit {code:?} after {took:?}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}
