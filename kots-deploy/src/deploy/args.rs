//! What a person asked for, typed exactly as it was given.
//!
//! Nothing is read from disk here but the one `stat` that the original does; see [`super::plan`].

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use crate::cluster::ConnectionFlags;
use crate::tunnel::Road;

/// `kots deploy`, as typed.
#[derive(Debug, Clone)]
pub struct DeployArgs {
    /// The application.
    pub slug: String,
    /// Path of a licence; air-gap only.
    pub license: Option<PathBuf>,
    /// Target channel; online.
    pub channel_id: String,
    /// Target position in the channel; online, 0 is "not given".
    pub channel_sequence: i64,
    /// Path of an air-gap bundle.
    pub airgap_bundle: Option<PathBuf>,
    /// Path of a `ConfigValues` manifest.
    pub config_values: PathBuf,
    /// Skip preflights that are not strict.
    pub skip_preflights: bool,
    /// Where images of a bundle go.
    pub images: ImageArgs,
    /// How to reach the admin console.
    pub reach: Reach,
    /// When and how to report.
    pub run: RunArgs,
    /// PEM files of further licence root keys.
    pub license_root_keys: Vec<PathBuf>,
}

/// Where images of a bundle go.
#[derive(Debug, Clone)]
pub struct ImageArgs {
    /// Do not push them.
    pub disable_push: bool,
    /// `host[:port][/namespace…]`.
    pub registry: String,
    /// Namespace within the registry.
    pub namespace: String,
    /// Username for the registry.
    pub username: String,
    /// Password for the registry.
    pub password: SecretString,
    /// PEM file with certificates of the registry's authority.
    pub ca: Option<PathBuf>,
    /// Any certificate of the registry will do.
    pub insecure_skip_tls_verify: bool,
    /// The registry has no TLS.
    pub plain_http: bool,
    /// How many blobs are uploaded at once.
    pub parallelism: usize,
    /// The tag of the admin console's own images, instead of theirs.
    pub kotsadm_tag: Option<String>,
}

impl Default for ImageArgs {
    fn default() -> Self {
        Self {
            disable_push: false,
            registry: String::new(),
            namespace: String::new(),
            username: String::new(),
            password: SecretString::default(),
            ca: None,
            insecure_skip_tls_verify: false,
            plain_http: false,
            parallelism: registry::push::DEFAULT_PARALLELISM,
            kotsadm_tag: None,
        }
    }
}

impl ImageArgs {
    /// How the registry is spoken to.
    pub fn scheme(&self) -> registry::Scheme {
        if self.plain_http { registry::Scheme::Http } else { registry::Scheme::Https }
    }
}

/// How to reach the admin console.
#[derive(Debug, Clone)]
pub enum Reach {
    /// Straight to a URL.
    Url {
        /// As typed.
        url: String,
        /// Where the auth string is.
        auth: AuthSource,
    },
    /// In this process, with its state in a folder.
    Embedded(PathBuf),
    /// Through a Kubernetes cluster.
    Cluster(Box<ClusterArgs>),
}

/// Where the auth string is.
#[derive(Debug, Clone)]
pub enum AuthSource {
    /// In a file.
    File(PathBuf),
    /// In the environment.
    Given(SecretString),
    /// Nowhere.
    Missing,
}

/// How to reach the admin console through a cluster, as typed.
#[derive(Debug, Clone, Default)]
pub struct ClusterArgs {
    /// The connection flags of the original.
    pub flags: ConnectionFlags,
    /// `--namespace` or `KOTS_NAMESPACE`; empty when not given.
    pub namespace: String,
    /// The way to the pod.
    pub road: Road,
}

/// When and how to report.
#[derive(Debug, Clone)]
pub struct RunArgs {
    /// When to be done.
    pub wait: Wait,
    /// Limit for the whole run.
    pub timeout: Duration,
    /// Form of the report.
    pub output: Output,
    /// Form of the progress.
    pub progress: ProgressStyle,
    /// Folder of the journals.
    pub state_dir: Option<PathBuf>,
}

/// When a run is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// The server took the config values and began to deploy, which is where the original ends.
    Accepted,
    /// The version is deployed.
    Deployed,
    /// The version is deployed and its resources are ready.
    #[default]
    Ready,
}

/// Form of the report on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// Bullets, as the original.
    #[default]
    Text,
    /// One document at the end.
    Json,
    /// Events as they happen, then the document.
    Jsonl,
}

/// Form of the progress on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProgressStyle {
    /// One line that changes on a terminal, else plain.
    #[default]
    Auto,
    /// Lines.
    Plain,
    /// None.
    None,
}

/// Why what was typed cannot be meant. The first four are the original's, in its words and order.
#[derive(Debug, Error)]
pub enum ArgsError {
    /// No target.
    #[error("either --airgap-bundle OR (--channel-id AND --channel-sequence) must be provided")]
    NoTarget,
    /// A bundle without licence.
    #[error("license is required in airgap mode")]
    LicenseNeeded,
    /// A licence without bundle.
    #[error("license can only be provided in airgap mode")]
    LicenseOnlyAirgap,
    /// The bundle is not there.
    #[error("failed to stat airgap bundle")]
    Stat {
        /// The operating system's words.
        #[source]
        source: StatError,
    },
    /// A directory was given as bundle.
    #[error("airgap bundle `{0}` is a directory, but a bundle is a file that ends in `.airgap`")]
    BundleIsDirectory(String),
    /// Sequences count from 1.
    #[error("--channel-sequence is {0}, but sequences of a channel are positive")]
    NegativeSequence(i64),
    /// Ours.
    #[error("--kotsadm-url and --embedded exclude each other")]
    TwoConsoles,
    /// Ours.
    #[error("--auth-string-file can only be given with --kotsadm-url")]
    AuthWithoutUrl,
    /// Ours.
    #[error("--timeout is 0, but a run needs time")]
    NoTime,
    /// Ours.
    #[error("--registry-parallelism is {0}; allowed: 1 to 64")]
    Parallelism(i64),
    /// The tag cannot be one.
    #[error("--kotsadm-tag is `{0}`, which is no tag of an image")]
    KotsadmTag(String),
    /// Ours, of `kots install`.
    #[error("an air-gapped installation needs --airgap-bundle")]
    BundleNeeded,
    /// The slug cannot be one.
    #[error("`{0}` cannot be an application slug: it is empty or holds a `/`")]
    Slug(String),
}

/// `stat PATH: no such file or directory`, as Go says it.
#[derive(Debug, Error)]
#[error("{operation} {path}: {why}")]
pub struct StatError {
    operation: &'static str,
    path: String,
    why: String,
}

impl StatError {
    /// Says why `path` could not be looked at.
    pub fn new(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self { operation: "stat", path: path.display().to_string(), why: go_words(error) }
    }

    /// Says why `path` could not be opened.
    pub fn open(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self { operation: "open", path: path.display().to_string(), why: go_words(error) }
    }
}

/// Returns the operating system's words without Rust's "(os error 2)", in lower case as Go has them.
pub fn go_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |it| it.to_lowercase().chain(letters).collect())
}

impl ArgsError {
    /// Says what the person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoTarget => Some(
                "online: --channel-id ID --channel-sequence N; air-gapped: --airgap-bundle FILE --license FILE",
            ),
            Self::LicenseNeeded => Some("pass --license FILE"),
            Self::LicenseOnlyAirgap => {
                Some("leave out --license: online, the admin console fetches the license itself")
            }
            Self::TwoConsoles => Some("pass one of the two"),
            Self::AuthWithoutUrl => Some(
                "through a cluster the auth string is read from the secret `kotsadm-authstring`",
            ),
            Self::Stat { .. } | Self::BundleIsDirectory(_) | Self::BundleNeeded => {
                Some("pass the path of an air-gap bundle")
            }
            Self::KotsadmTag(_) => {
                Some("a tag holds letters, digits, `.`, `_` and `-`, at most 128 of them")
            }
            Self::NegativeSequence(_) | Self::NoTime | Self::Parallelism(_) | Self::Slug(_) => None,
        }
    }
}

impl DeployArgs {
    /// Checks what the original checks before it looks at anything else, in its order, then what it leaves
    /// unchecked.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be meant.
    pub fn check(&self) -> Result<(), ArgsError> {
        if self.airgap_bundle.is_none()
            && (self.channel_id.is_empty() || self.channel_sequence == 0)
        {
            return Err(ArgsError::NoTarget);
        }
        if self.airgap_bundle.is_some() && self.license.is_none() {
            return Err(ArgsError::LicenseNeeded);
        }
        if self.airgap_bundle.is_none() && self.license.is_some() {
            return Err(ArgsError::LicenseOnlyAirgap);
        }
        if let Some(path) = &self.airgap_bundle {
            check_bundle_path(path)?;
        }
        if self.channel_sequence < 0 {
            return Err(ArgsError::NegativeSequence(self.channel_sequence));
        }
        check_slug(&self.slug)?;
        self.run.check()
    }
}

impl RunArgs {
    /// Checks the flags that the original does not have.
    ///
    /// # Errors
    ///
    /// A timeout of nothing.
    pub fn check(&self) -> Result<(), ArgsError> {
        if self.timeout.is_zero() { Err(ArgsError::NoTime) } else { Ok(()) }
    }
}

/// Looks whether a bundle is there and is a file.
///
/// # Errors
///
/// Says which of both it is not.
pub fn check_bundle_path(path: &std::path::Path) -> Result<(), ArgsError> {
    match std::fs::metadata(path) {
        Err(error) => Err(ArgsError::Stat { source: StatError::new(path, &error) }),
        Ok(it) if it.is_dir() => Err(ArgsError::BundleIsDirectory(path.display().to_string())),
        Ok(_) => Ok(()),
    }
}

/// Looks whether `slug` can stand in a URL path.
///
/// # Errors
///
/// When it cannot.
pub fn check_slug(slug: &str) -> Result<(), ArgsError> {
    if slug.is_empty() || slug.contains('/') || slug.chars().any(char::is_control) {
        return Err(ArgsError::Slug(slug.escape_debug().to_string()));
    }
    Ok(())
}
