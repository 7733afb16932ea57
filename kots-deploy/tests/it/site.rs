//! Where the scenarios run: an installation in a fake cluster that the test makes, or one in a real cluster that the
//! environment names.

mod real;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use kots_deploy::cluster::{Cluster, Surroundings};
use kots_deploy::transport::Transport;
use kots_deploy::tunnel::{Patience, Road, open};
use sample::bundle::BundleSpec;
use secrecy::SecretString;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use wire::app::App;

use crate::cluster_pod::{AUTH, get_request, text};
use crate::fake_kube::{FakeKube, Fault, Pod};
use crate::kotsadm::Kotsadm;

const LIMIT: Duration = Duration::from_mins(10);

/// An installation with an older release, and what it is to be upgraded to.
pub(crate) struct Site {
    place: Place,
    /// The application.
    pub slug: String,
    /// What `kots deploy` is given to name the target, without the way to the cluster.
    pub target: Vec<String>,
    folder: tempfile::TempDir,
}

enum Place {
    Fake(Box<Fake>),
    Real(real::Real),
}

/// kotsadm in a pod of a fake cluster, and a vendor to get releases from.
pub(crate) struct Fake {
    pub kube: FakeKube,
    pub kotsadm: Kotsadm,
    _vendor: Kotsadm,
}

/// What one run of `kots` left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub status: Option<i32>,
    pub report: Value,
    pub messages: String,
}

impl Site {
    /// 1.0.0 of the sample application, installed online; the target is 1.1.0.
    pub(crate) async fn online() -> Self {
        let site = Self::fake().await;
        let label = ["--app-version-label", "1.0.0"];
        site.install(&label).await;
        let target = ["--channel-id", sample::STABLE_ID, "--channel-sequence", "2"];
        site.with_target(&target)
    }

    /// 1.0.0 of the sample application, installed by bundle; the target is the bundle of 1.1.0.
    pub(crate) async fn airgapped() -> Self {
        let site = Self::fake().await;
        for version in sample::VERSIONS {
            let bundle = BundleSpec::sample(version).expect("a bundle").large(4 << 20);
            bundle.write(&site.path(&format!("{version}.airgap"))).expect("a bundle");
        }
        site.install(&["--airgap-bundle", "1.0.0.airgap", "--disable-image-push"]).await;
        let bundle = ["--airgap-bundle", "1.1.0.airgap", "--license", "license.yaml"];
        site.with_target(&[&bundle[..], &["--disable-image-push"]].concat())
    }

    /// The installation the environment names, when it asks for one. A variable that is missing then is a failure:
    /// nobody is to believe that a cluster was tested.
    pub(crate) async fn real() -> Option<Self> {
        if std::env::var("KOTS_TEST_CLUSTER").as_deref() != Ok("1") {
            return None;
        }
        let (real, slug, target) =
            real::find().await.unwrap_or_else(|why| panic!("no scenarios on a cluster: {why}"));
        let folder = tempfile::tempdir().expect("a folder");
        Some(Self { place: Place::Real(real), slug, target, folder })
    }

    /// The variables by which [`Site::real`] finds this installation. Only of a fake one.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("KOTS_TEST_CLUSTER", "1".to_owned()),
            ("KOTS_TEST_DISRUPT", "1".to_owned()),
            ("KOTS_TEST_APP", self.slug.clone()),
            ("KOTS_TEST_CONFIG_VALUES", self.path("values.yaml").display().to_string()),
            ("KOTS_TEST_CHANNEL_ID", sample::STABLE_ID.to_owned()),
            ("KOTS_TEST_CHANNEL_SEQUENCE", "2".to_owned()),
            ("KOTS_TEST_LICENSE_ROOT_KEY", sample::keys::root_public_path().display().to_string()),
        ];
        self.fake_only(|it| {
            variables.push(("KUBECONFIG", it.kube.kubeconfig().display().to_string()));
        });
        variables
    }

    async fn fake() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        sample::mirror::write_sample(&path("mirror"), sample::license()).expect("a mirror");
        std::fs::write(path("license.yaml"), sample::license()).expect("a licence");
        std::fs::write(path("values.yaml"), sample::config_values()).expect("config values");
        std::fs::write(path("auth"), AUTH).expect("an auth string");
        let vendor = Kotsadm::start(&["mirror"], &[("--dir", &path("mirror"))]);
        let endpoint = format!("http://{}", vendor.address);
        let target = format!("dir:{}", path("deployed").display());
        let kotsadm = Kotsadm::start(
            &["serve", "--release-endpoint", &endpoint, "--target", &target, "--namespace", "app"],
            &[
                ("--state", &path("state")),
                ("--auth-string-file", &path("auth")),
                ("--license-root-key", &sample::keys::root_public_path()),
            ],
        );
        let kube = FakeKube::start().await.with_kotsadm(kotsadm.address, AUTH);
        let place = Place::Fake(Box::new(Fake { kube, kotsadm, _vendor: vendor }));
        Self { place, slug: sample::APP_SLUG.to_owned(), target: Vec::new(), folder }
    }

    fn with_target(self, target: &[&str]) -> Self {
        let values = ["--config-values", "values.yaml"];
        let target = target.iter().chain(&values).map(|&it| it.to_owned()).collect();
        Self { target, ..self }
    }

    async fn install(&self, further: &[&str]) {
        let install = ["install", sample::APP_SLUG, "--license-file", "license.yaml"];
        let values = ["--config-values", "values.yaml", "--transport", "port-forward"];
        let ran = self.run(&[&install[..], &values, further].concat()).await;
        assert_eq!(ran.report["outcome"], "ready", "{ran:#?}");
        self.fake_only(|it| *it.kube.seen() = crate::fake_kube::Seen::default());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Does what only a fake can.
    pub(crate) fn fake_only(&self, act: impl FnOnce(&Fake)) {
        if let Place::Fake(fake) = &self.place {
            act(fake);
        }
    }

    /// Puts another auth string into the secret; false where that would do harm.
    pub(crate) fn forge_secret(&self, auth: &str) -> bool {
        match &self.place {
            Place::Fake(fake) => {
                fake.kube.set_auth(auth);
                true
            }
            Place::Real(_) => false,
        }
    }

    /// Breaks what a run that begins now goes through: the fake cuts tunnels and replaces the pod, in a real cluster
    /// the pod is deleted. False where that is not allowed.
    pub(crate) async fn disturb(&self) -> bool {
        match &self.place {
            Place::Fake(fake) => {
                let mut switches = fake.kube.switches();
                switches.tunnels.push_back(Fault::Cut { after_bytes: 1 });
                switches.tunnels.push_back(Fault::Works);
                switches.tunnels.push_back(Fault::Cut { after_bytes: 1 });
                switches.pods = vec![Pod::ready("kotsadm-1", fake.kotsadm.address)];
                true
            }
            Place::Real(real) => real.delete_pod().await,
        }
    }

    /// Runs `kots` with the way to the cluster.
    pub(crate) async fn run(&self, words: &[&str]) -> Ran {
        Running { child: self.command(words).spawn().expect("kots starts") }.end().await
    }

    /// Begins to deploy the target over a road and returns when it has said so.
    pub(crate) async fn begin(&self, transport: &str) -> Running {
        let mut child = self.command(&self.deploy_words(transport)).spawn().expect("kots starts");
        // Bullets go to stderr beside JSON.
        let mut lines = BufReader::new(child.stderr.as_mut().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).await.expect("a line");
        assert!(line.contains("Starting deployment process"), "{line}");
        Running { child }
    }

    /// Deploys the target over a road.
    pub(crate) async fn deploy(&self, transport: &str) -> Ran {
        self.run(&self.deploy_words(transport)).await
    }

    /// As [`Site::deploy`], with further flags.
    pub(crate) async fn deploy_with(&self, further: &[&str]) -> Ran {
        self.run(&[&self.deploy_words("auto")[..], further].concat()).await
    }

    fn deploy_words<'a>(&'a self, transport: &'a str) -> Vec<&'a str> {
        let mut words = vec!["deploy", self.slug.as_str(), "--transport", transport];
        words.extend(self.target.iter().map(String::as_str));
        words
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
        command
            .args(words)
            .args(["--output", "json", "--timeout", "5m"])
            .arg("--state-dir")
            .arg(self.path("journals"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        match &self.place {
            Place::Fake(fake) => {
                command.env_clear().env("HOME", self.folder.path());
                command.arg("--kubeconfig").arg(fake.kube.kubeconfig());
                command.arg("--license-root-key").arg(sample::keys::root_public_path());
            }
            Place::Real(real) => real.tell(&mut command),
        }
        command
    }

    async fn cluster(&self) -> Cluster {
        match &self.place {
            Place::Fake(fake) => fake.kube.cluster().await,
            Place::Real(real) => real.cluster.clone(),
        }
    }

    /// A road to kotsadm, with its own auth string or another.
    pub(crate) async fn road(&self, road: Road, auth: Option<&str>) -> Arc<dyn Transport> {
        let cluster = self.cluster().await;
        cluster.find_pod(Duration::from_mins(2)).await.expect("a kotsadm pod");
        let auth = match auth {
            Some(auth) => SecretString::from(auth),
            None => cluster.auth_string(&Surroundings::default()).await.expect("an auth string"),
        };
        open(road, cluster, &auth, Patience::default(), Arc::new(|_: &str| {})).expect("a road")
    }

    /// The sequences that kotsadm has, newest first, with their cursors.
    pub(crate) async fn versions(&self) -> Vec<String> {
        let road = self.road(Road::PortForward, None).await;
        let path = format!("/api/v1/app/{}", self.slug);
        let answer = road.send(get_request(&path)).await.expect("an answer");
        let app: App = serde_json::from_str(&text(answer).await).expect("an application");
        let versions = kots_deploy::deploy::target::versions(&app);
        versions.iter().map(|it| format!("{} {}", it.sequence, it.update_cursor)).collect()
    }
}

/// A run of `kots` that has not ended.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Presses ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = self.child.id().and_then(|it| i32::try_from(it).ok()).expect("it runs");
        let id = rustix::process::Pid::from_raw(id).expect("an id");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Ran {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut out = self.child.stdout.take().expect("a pipe");
        let mut err = self.child.stderr.take().expect("a pipe");
        let read = async {
            let both =
                tokio::join!(out.read_to_string(&mut stdout), err.read_to_string(&mut stderr));
            both.0.and(both.1).expect("text");
            self.child.wait().await.expect("kots runs")
        };
        let status = tokio::time::timeout(LIMIT, read).await.expect("kots ends in time").code();
        let report = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {stdout:?}, stderr {stderr:?}"));
        Ran { status, report, messages: stderr }
    }
}

impl Ran {
    /// Asserts that the target is deployed and ready, by this run or before it.
    pub(crate) fn expect_there(&self) {
        let outcome = self.report["outcome"].as_str().unwrap_or_default();
        assert!(["ready", "unchanged"].contains(&outcome), "{self:#?}");
        assert_eq!(self.status, Some(0), "{self:#?}");
    }

    /// Asserts that this run changed nothing.
    pub(crate) fn expect_unchanged(&self) {
        assert_eq!(self.report["outcome"], "unchanged", "{self:#?}");
        assert_eq!(self.status, Some(0), "{self:#?}");
    }
}
