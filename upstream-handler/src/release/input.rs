//! What a build needs beside the release's files.

use std::sync::Arc;

use kinds::cipher::Cipher;
use kinds::config::{ConfigValues, Generated};
use kinds::context::{AskCluster, RegistrySettings, World};
use kinds::installation::Installation;
use kinds::license::VerifiedLicense;

use crate::env;
use crate::render::programs::Programs;

/// Everything beside the vendor's files that a version is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The application's name in URLs.
    pub app_slug: &'a str,
    /// Namespace the application is deployed to.
    pub namespace: &'a str,
    /// Namespace the console is in: templates and charts that name none are given it. Nearly always the
    /// same one.
    pub console_namespace: &'a str,
    /// Id of the application in this console; empty when it has none.
    pub app_id: &'a str,
    /// Id of this console; empty when it has none.
    pub console_id: &'a str,
    /// Whether the installation has no way to the vendor.
    pub is_airgap: bool,
    /// The number the version gets in this installation.
    pub sequence: i64,
    /// The licence as it was verified; its raw text is stored in the tree.
    pub license: &'a VerifiedLicense,
    /// Which release this is: cursor, channel, label, required, notes, dates, domains.
    pub installation: &'a Installation,
    /// The operator's image registry; without a host there is none.
    pub registry: &'a RegistrySettings,
    /// Whether all images come from the registry; otherwise private ones go through the vendor's proxy.
    pub rewrite_images: bool,
    /// Names of the downstreams, the one that is deployed first.
    pub downstreams: &'a [String],
    /// The operator's settings of the identity service, as YAML; kept with the version.
    pub identity_config: Option<&'a str>,
    /// Programs that render charts and patches.
    pub programs: &'a Programs,
    /// Stored values of the version before, or the operator's: passwords are cipher text or
    /// `valuePlaintext`.
    pub values: &'a ConfigValues,
    /// What templates of the Config made up for the version before; empty for the first one.
    pub generated: &'a Generated,
    /// Reads and writes passwords.
    pub cipher: &'a Cipher,
    /// Whether the operator wants preflights.
    pub preflights: Preflights,
    /// What templates may know of the place the server runs in.
    pub surroundings: &'a Surroundings,
    /// What `Now` answers.
    pub now: jiff::Timestamp,
    /// What becomes of a release of which a part does not render.
    pub broken: Broken,
}

/// What becomes of a release of which a part does not render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It is no version.
    Refused,
    /// The part is left out and told in [`super::Built::failures`]; for looking at the rest.
    LeftOut,
}

/// The KOTS whose rendering this is, for templates and releases that ask.
pub(crate) const KOTS_VERSION: &str = "1.128.0";

/// What templates may know of the place the server runs in.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The proxy for HTTP.
    pub http_proxy: String,
    /// The proxy for HTTPS.
    pub https_proxy: String,
    /// The hosts that need no proxy.
    pub no_proxy: String,
    /// The name of the config map with private certificate authorities.
    pub private_ca_config_map: String,
    /// The cluster that is deployed to.
    pub cluster: Option<Arc<dyn AskCluster>>,
}

impl Surroundings {
    /// What the environment of this process says, by the original's names.
    pub(crate) fn of_environment() -> Self {
        let read = |name: &str| env::read(name).unwrap_or_default();
        Self {
            http_proxy: read(env::HTTP_PROXY),
            https_proxy: read(env::HTTPS_PROXY),
            no_proxy: read(env::NO_PROXY),
            private_ca_config_map: read(env::SSL_CERT_CONFIGMAP),
            cluster: None,
        }
    }

    /// A world that knows this and nothing else.
    pub(crate) fn world(&self) -> World {
        World {
            kots_version: KOTS_VERSION.to_owned(),
            http_proxy: self.http_proxy.clone(),
            https_proxy: self.https_proxy.clone(),
            no_proxy: self.no_proxy.clone(),
            private_ca_config_map: self.private_ca_config_map.clone(),
            cluster: self.cluster.clone(),
            ..World::default()
        }
    }
}

/// Whether the operator wants preflights. Strict ones run all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preflights {
    /// They run before the version may be deployed.
    Run,
    /// They are passed over unless an analyzer is strict.
    Skip,
}
