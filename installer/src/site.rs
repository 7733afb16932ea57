//! What one process works on: its flow, the release, the licence, the store and the programs it runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kinds::cipher::Cipher;
use kinds::context::{AskCluster, Contexts, RegistrySettings, VersionInfo, World};
use kinds::license::VerifiedLicense;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::flow::Flow;
use crate::http::limiter::Limiter;
use crate::http::views::Views;
use crate::release::Release;
use crate::runner::Lock;
use crate::store::Store;
use crate::surroundings::Proxy;
use crate::telemetry::Telemetry;
use crate::web::Web;

/// The version of KOTS whose behaviour templates are told of.
const KOTS_VERSION: &str = "1.128.0";

/// Programs and folders, as the command line names them.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Holds everything that is remembered.
    pub(crate) data_dir: PathBuf,
    /// The `kots` program.
    pub(crate) kots: PathBuf,
    /// The `preflight` program; looked for in `PATH` when none is named.
    pub(crate) preflight: Option<PathBuf>,
    /// Runs our admin console inside `kots`, with its state in this folder.
    pub(crate) embedded: Option<PathBuf>,
    /// The kubeconfig for children; `None` leaves it to them.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// PEM file of a further root key of licences.
    pub(crate) license_root_key: Option<PathBuf>,
    /// The bundle the release is in.
    pub(crate) airgap_bundle: Option<PathBuf>,
    /// The namespace of the admin console.
    pub(crate) namespace: String,
    /// The cluster's id, for the vendor; empty when unknown.
    pub(crate) cluster_id: String,
    /// The vendor's endpoint for children; `None` leaves it to them.
    pub(crate) app_endpoint: Option<String>,
    /// The limit of one long step.
    pub(crate) timeout: Duration,
    /// How long a session lasts after its last use, in milliseconds.
    pub(crate) session_ms: i64,
    /// The port of the manager, which settings may not take.
    pub(crate) manager_port: u16,
}

/// A registry that images of a bundle go to.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    /// `host[:port]`.
    pub(crate) host: String,
    /// The namespace in it.
    pub(crate) namespace: String,
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

impl Registry {
    /// `host/namespace`.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.host, self.namespace)
    }
}

/// Remembers when somebody asked for something.
#[derive(Debug)]
pub(crate) struct Asked(Mutex<Instant>);

impl Default for Asked {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Asked {
    /// Somebody asks now.
    pub(crate) fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long nobody has asked.
    pub(crate) fn quiet(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// Everything a request or a step needs.
pub(crate) struct Site {
    pub(crate) flow: Flow,
    pub(crate) settings: Settings,
    pub(crate) release: Release,
    pub(crate) license: VerifiedLicense,
    pub(crate) registry: Option<Registry>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) store: Store,
    /// Seals answers in the store.
    pub(crate) cipher: Cipher,
    pub(crate) password_hash: SecretString,
    pub(crate) session_key: SecretString,
    pub(crate) limiter: Limiter,
    /// Who may change the machine.
    pub(crate) lock: Arc<Lock>,
    /// Answers that many ask for, rendered.
    pub(crate) views: Views,
    /// How many passwords are compared at one time: that is slow on purpose.
    pub(crate) comparing: tokio::sync::Semaphore,
    pub(crate) telemetry: Telemetry,
    /// The wizard, when its files are there.
    pub(crate) web: Option<Web>,
    /// When anybody asked last.
    pub(crate) asked: Asked,
    /// Cancelled when the program is to end.
    pub(crate) stop: CancellationToken,
    /// Cancelled when somebody has seen that the run went well.
    pub(crate) shown: CancellationToken,
    /// What templates ask.
    asked_cluster: Option<Arc<dyn AskCluster>>,
    proxy: Mutex<Proxy>,
    cancel: Mutex<Option<CancellationToken>>,
    secrets: Mutex<BTreeSet<String>>,
}

/// A site, shared.
pub(crate) type Shared = Arc<Site>;

/// What a site is made of.
pub(crate) struct Parts {
    pub(crate) flow: Flow,
    pub(crate) settings: Settings,
    pub(crate) release: Release,
    pub(crate) license: VerifiedLicense,
    pub(crate) registry: Option<Registry>,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) store: Store,
    pub(crate) cipher: Cipher,
    pub(crate) password_hash: SecretString,
    pub(crate) session_key: SecretString,
    pub(crate) telemetry: Telemetry,
    pub(crate) web: Option<Web>,
    pub(crate) proxy: Proxy,
}

impl Site {
    pub(crate) fn new(parts: Parts) -> Shared {
        let site = Self {
            flow: parts.flow,
            settings: parts.settings,
            release: parts.release,
            license: parts.license,
            registry: parts.registry,
            asked_cluster: parts.cluster.as_ref().map(Cluster::for_templates),
            cluster: parts.cluster,
            store: parts.store,
            cipher: parts.cipher,
            password_hash: parts.password_hash,
            session_key: parts.session_key,
            limiter: Limiter::default(),
            lock: Arc::default(),
            views: Views::default(),
            comparing: tokio::sync::Semaphore::new(2),
            telemetry: parts.telemetry,
            web: parts.web,
            asked: Asked::default(),
            stop: CancellationToken::new(),
            shown: CancellationToken::new(),
            proxy: Mutex::new(parts.proxy),
            cancel: Mutex::default(),
            secrets: Mutex::default(),
        };
        site.add_secret(&site.license.license.license_id);
        site.add_secret(&site.license.license.signature);
        if let Some(registry) = &site.registry {
            site.add_secret(registry.password.expose_secret());
        }
        Arc::new(site)
    }

    /// The proxies for templates and children.
    pub(crate) fn proxy(&self) -> Proxy {
        self.proxy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses other proxies from now on.
    pub(crate) fn set_proxy(&self, proxy: Proxy) {
        *self.proxy.lock().unwrap_or_else(PoisonError::into_inner) = proxy;
    }

    /// A token for the step that begins now.
    pub(crate) fn new_cancel(&self) -> CancellationToken {
        let token = CancellationToken::new();
        *self.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        token
    }

    /// Asks the step at work to end.
    pub(crate) fn cancel(&self) {
        if let Some(token) = &*self.cancel.lock().unwrap_or_else(PoisonError::into_inner) {
            token.cancel();
        }
    }

    /// Never shows `text` again. Very short texts would hide half of a log and are no secrets.
    pub(crate) fn add_secret(&self, text: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.extend(text.lines().map(str::trim).filter(|it| 4 <= it.len()).map(str::to_owned));
    }

    /// A text without the secrets that are known.
    pub(crate) fn mask(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut masked = text.to_owned();
        for secret in secrets.iter().rev() {
            if masked.contains(secret.as_str()) {
                masked = masked.replace(secret.as_str(), crate::config::MASK);
            }
        }
        masked
    }

    /// A folder for the files of a step, made when it is missing.
    pub(crate) fn run_folder(&self, step: &str) -> std::io::Result<PathBuf> {
        let folder = self.settings.data_dir.join("runs").join(step);
        make_private(&folder)?;
        Ok(folder)
    }

    /// What templates of the release may read, but for the answers.
    pub(crate) fn contexts(&self) -> Contexts {
        let release = &self.release;
        let proxy = self.proxy();
        let registry =
            self.registry.as_ref().map_or_else(RegistrySettings::default, |it| RegistrySettings {
                host: it.host.clone(),
                namespace: it.namespace.clone(),
                username: it.username.clone(),
                password: it.password.clone(),
                is_read_only: false,
            });
        Contexts {
            world: World {
                now: jiff::Timestamp::now(),
                seed: rand::random(),
                namespace: self.settings.namespace.clone(),
                kots_version: KOTS_VERSION.to_owned(),
                http_proxy: proxy.http,
                https_proxy: proxy.https,
                no_proxy: proxy.none,
                cluster: self.asked_cluster.clone(),
                ..World::default()
            },
            app_slug: release.app_slug.clone(),
            license: Some(self.license.license.clone()),
            version: VersionInfo {
                cursor: release.channel_sequence.to_string(),
                channel_name: release.channel_name.clone(),
                version_label: release.version_label.clone(),
                is_required: release.is_required,
                is_airgap: release.airgap.is_some(),
                ..VersionInfo::default()
            },
            application: release.application.clone(),
            registry,
            ..Contexts::default()
        }
    }
}

/// Makes a folder that only this user may look into.
pub(crate) fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file that only this user may read: to a temporary name first, then renamed.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;

    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
