//! What templates of a release may read, and how a text is rendered with it.
//!
//! A text is rendered in two passes, as by the original: first `{{repl … }}`, then `repl{{ … }}`.
//! Unlike there, the second pass sees only the marks that stood in the vendor's text: a value that
//! an operator gave is put into the text as it is and never evaluated, whatever it looks like.
//!
//! An unknown function or a failing one is an error that names function, file and line; nothing is
//! silently left empty. Deliberately absent: the environment and the clock. What is known of them,
//! and the cluster that may be asked, is a field of [`World`]. Only sprig's own random functions draw
//! from the system.

mod cluster;
mod config;
mod identity;
mod images;
mod license;
mod render;
mod statics;
mod text;
mod tls;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::application::Application;
use crate::license::License;

pub(crate) use render::{Text, is_template};
pub(crate) use tls::Pair;

pub use cluster::{AskCluster, ClusterVersion};
pub use images::{Domains, docker_config, domains};
pub use render::{RenderError, Renderer, render_text};
pub use tls::TlsPairs;

/// Everything that templates may read.
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    /// What is known of the surroundings.
    pub world: World,
    /// The application's slug in this kotsadm.
    pub app_slug: String,
    /// The licence; templates get empty texts without one.
    pub license: Option<License>,
    /// The version that is rendered.
    pub version: VersionInfo,
    /// The vendor's description of the application.
    pub application: Option<Application>,
    /// The operator's image registry.
    pub registry: RegistrySettings,
    /// The identity service.
    pub identity: Identity,
    /// The resolved config items by name.
    pub items: BTreeMap<String, ItemText>,
    /// The certificates that templates made up so far; new ones are added to it.
    pub tls: TlsPairs,
}

/// What is known of the surroundings.
#[derive(Debug, Clone)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// Random bytes, different for each render; random functions give the same for the same ones.
    pub seed: [u8; 32],
    /// The namespace to deploy into.
    pub namespace: String,
    /// The version of this kotsadm.
    pub kots_version: String,
    /// The proxy for HTTP.
    pub http_proxy: String,
    /// The proxy for HTTPS.
    pub https_proxy: String,
    /// The hosts that need no proxy.
    pub no_proxy: String,
    /// The name of the config map with private certificate authorities.
    pub private_ca_config_map: String,
    /// The cluster to ask; `None` gives what the original gives without one.
    pub cluster: Option<Arc<dyn AskCluster>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            seed: [0; 32],
            namespace: String::new(),
            kots_version: String::new(),
            http_proxy: String::new(),
            https_proxy: String::new(),
            no_proxy: String::new(),
            private_ca_config_map: String::new(),
            cluster: None,
        }
    }
}

/// The version that is rendered.
#[derive(Debug, Clone, Default)]
pub struct VersionInfo {
    /// Its sequence in the application.
    pub sequence: i64,
    /// The channel sequence of its release.
    pub cursor: String,
    /// The channel's name.
    pub channel_name: String,
    /// The version label.
    pub version_label: String,
    /// Whether the release is required.
    pub is_required: bool,
    /// The release notes.
    pub release_notes: String,
    /// Whether the application is installed from bundles.
    pub is_airgap: bool,
    /// The vendor's own image registry; empty means the default one.
    pub registry_domain: String,
    /// The vendor's own image proxy; empty means the default one.
    pub proxy_domain: String,
}

/// The operator's image registry; without a host there is none.
#[derive(Debug, Clone, Default)]
pub struct RegistrySettings {
    /// The host, with a port where needed.
    pub host: String,
    /// The namespace in the registry.
    pub namespace: String,
    /// The user.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// Whether images are already there.
    pub is_read_only: bool,
}

/// The identity service.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Whether it is enabled.
    pub is_enabled: bool,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretString,
    /// Groups of each role.
    pub roles: BTreeMap<String, Vec<String>>,
    /// The service's name.
    pub name: String,
    /// The service's port.
    pub port: String,
}

/// A resolved config item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ItemText {
    /// The value; passwords in plain text, files in base64.
    pub value: String,
    /// What applies while there is no value.
    pub default: String,
    /// The name of the uploaded file.
    pub filename: String,
}

impl ItemText {
    /// The value, else the default.
    pub fn effective(&self) -> &str {
        if self.value.is_empty() { &self.default } else { &self.value }
    }
}

#[cfg(test)]
mod tests;
