//! The release that is installed or upgraded to, and where it comes from: a folder or archive of its
//! files, a bundle, or the vendor.
//!
//! The original carries its release inside itself; here it is read at the start.

mod source;

use kinds::airgap::Airgap;
use kinds::application::Application;
use kinds::config::Config;
use kinds::gvk::sniff;
use kinds::yaml::split_documents;
use thiserror::Error;

pub(crate) use source::{Source, download, load};

/// A release, read.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) app_slug: String,
    pub(crate) title: String,
    /// The address of an icon, or a data URL; empty without one.
    pub(crate) icon: String,
    pub(crate) channel_id: String,
    pub(crate) channel_slug: String,
    pub(crate) channel_name: String,
    /// The place in the channel; 0 when it is not known.
    pub(crate) channel_sequence: i64,
    pub(crate) version_label: String,
    pub(crate) is_required: bool,
    /// The vendor's own host of its services; empty for the default.
    pub(crate) app_domain: String,
    pub(crate) application: Option<Application>,
    /// None when the application asks nothing.
    pub(crate) questions: Config,
    /// Documents of the kind Preflight, not rendered: the file and the text.
    pub(crate) preflights: Vec<(String, String)>,
    /// Documents of the kind HelmChart, not rendered: the file and the text.
    pub(crate) charts: Vec<(String, String)>,
    /// Packed charts: the file and its bytes.
    pub(crate) archives: Vec<(String, Vec<u8>)>,
    /// The version of the embedded cluster that it is made for; empty when it does not say.
    pub(crate) cluster_version: String,
    /// Whether it was downloaded together with a bundle.
    pub(crate) is_airgap_download: bool,
    /// What the bundle says, when it came in one.
    pub(crate) airgap: Option<Airgap>,
}

/// Why a release cannot be read.
#[derive(Debug, Error)]
pub(crate) enum ReleaseError {
    /// Files that cannot be read.
    #[error("could not read the release {place}")]
    Read {
        /// Where it is.
        place: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The archive is none.
    #[error("the release {place} is not a release archive")]
    Archive {
        /// Where it is.
        place: String,
        /// The cause.
        #[source]
        source: Box<airgap::ReleaseError>,
    },
    /// The bundle cannot be deployed.
    #[error("the airgap bundle {place} cannot be used: {why}{next}")]
    Bundle {
        /// Where it is.
        place: String,
        /// The cause.
        why: String,
        /// What to do, behind `; `; empty when the cause says it.
        next: &'static str,
    },
    /// A document of a known kind cannot be read.
    #[error("{path}: the {kind} cannot be read")]
    Kind {
        /// The file.
        path: String,
        /// The kind.
        kind: &'static str,
        /// The cause.
        #[source]
        source: kinds::gvk::KindError,
    },
    /// There are two of what there may be one of.
    #[error("the release has two documents of the kind {kind}: {first} and {second}")]
    Twice {
        /// The kind.
        kind: &'static str,
        /// A file.
        first: String,
        /// Another.
        second: String,
    },
    /// It does not say what it is.
    #[error("release not found: {0}")]
    Unknown(String),
    /// The vendor did not give it.
    #[error("the release could not be had from the vendor")]
    Vendor(#[source] Box<upstream::UpstreamError>),
}

/// What is known of a release beside its files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) app_slug: String,
    pub(crate) channel_id: String,
    pub(crate) channel_slug: String,
    pub(crate) channel_name: String,
    pub(crate) channel_sequence: i64,
    pub(crate) version_label: String,
    pub(crate) is_required: bool,
    pub(crate) app_domain: String,
    pub(crate) is_airgap_download: bool,
    pub(crate) airgap: Option<Airgap>,
}

impl Release {
    /// Makes a release of its files and what else is known.
    pub(crate) fn new(
        identity: Identity,
        files: &[airgap::ReleaseFile],
    ) -> Result<Self, ReleaseError> {
        let mut found: Vec<(&'static str, String, String)> = Vec::new();
        let (mut preflights, mut charts, mut archives) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            let extension = std::path::Path::new(&file.path).extension();
            if extension.is_some_and(|it| it == "tgz") {
                archives.push((file.path.clone(), file.bytes.clone()));
                continue;
            }
            let is_yaml = extension.is_some_and(|it| it == "yaml" || it == "yml");
            let Some(text) = std::str::from_utf8(&file.bytes).ok().filter(|_| is_yaml) else {
                continue;
            };
            for document in split_documents(text) {
                let Some(gvk) = sniff(document.text) else { continue };
                let text = document.text.replace("\r\n", "\n");
                let kind = match (gvk.api_version.as_str(), gvk.kind.as_str()) {
                    ("kots.io/v1beta1", "Config") => "Config",
                    ("kots.io/v1beta1", "Application") => "Application",
                    ("embeddedcluster.replicated.com/v1beta1", "Config") => CLUSTER,
                    _ if kinds::preflight::is_preflight(&gvk) => {
                        preflights.push((file.path.clone(), text));
                        continue;
                    }
                    ("kots.io/v1beta2", "HelmChart") => {
                        charts.push((file.path.clone(), text));
                        continue;
                    }
                    _ => continue,
                };
                if let Some((_, first, _)) = found.iter().find(|it| it.0 == kind) {
                    if kind == CLUSTER {
                        continue;
                    }
                    let (first, second) = (first.clone(), file.path.clone());
                    return Err(ReleaseError::Twice { kind, first, second });
                }
                found.push((kind, file.path.clone(), text));
            }
        }
        let document = |kind: &str| found.iter().find(|it| it.0 == kind);
        let questions =
            match document("Config") {
                Some((_, path, text)) => Config::parse(text).map_err(|source| {
                    ReleaseError::Kind { path: path.clone(), kind: "Config", source }
                })?,
                None => Config::default(),
            };
        // An Application may hold templates that are no YAML yet; then only its name is missed.
        let application =
            document("Application").and_then(|(_, _, text)| Application::parse(text).ok());
        let title = application.as_ref().map(|it| it.title.clone()).unwrap_or_default();
        Ok(Self {
            title: if title.is_empty() { identity.app_slug.clone() } else { title },
            icon: application.as_ref().map(|it| it.icon.clone()).unwrap_or_default(),
            app_slug: identity.app_slug,
            channel_id: identity.channel_id,
            channel_slug: identity.channel_slug,
            channel_name: identity.channel_name,
            channel_sequence: identity.channel_sequence,
            version_label: identity.version_label,
            is_required: identity.is_required,
            app_domain: identity.app_domain,
            application,
            questions,
            preflights,
            charts,
            archives,
            cluster_version: document(CLUSTER)
                .map_or_else(String::new, |it| cluster_version(&it.2)),
            is_airgap_download: identity.is_airgap_download,
            airgap: identity.airgap,
        })
    }
}

/// The name of an embedded cluster's Config in messages.
const CLUSTER: &str = "Config of the embedded cluster";

/// `spec.version` of an embedded cluster's Config.
fn cluster_version(text: &str) -> String {
    let document = kinds::yaml::to_value(text).unwrap_or_default();
    document["spec"]["version"].as_str().unwrap_or_default().to_owned()
}
