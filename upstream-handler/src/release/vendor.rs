//! What has to be known of a release before its templates can be rendered.

use std::path::Path;

use kinds::application::Application;
use kinds::config::Config;
use kinds::gvk::sniff;
use kinds::yaml::{self, split_documents};
use serde_json::{Value, json};

use super::ReleaseError;
use super::tree::require_text;
use crate::render::sources::Source;

/// The name of an application that does not say one (`replicated-kots-app` in the original).
const DEFAULT_NAME: &str = "replicated-kots-app";
const API: &str = "kots.io/v1beta1";

/// What a release says without rendering.
#[derive(Debug)]
pub(crate) struct Vendor {
    /// `metadata.name` of the Application; names ConfigValues and Installation.
    pub(crate) name: String,
    /// Oldest KOTS that may deploy it; empty for any.
    pub(crate) min_kots_version: String,
    /// The KOTS it was made for; empty for any.
    pub(crate) target_kots_version: String,
    /// The Application, as far as it can be read without rendering.
    pub(crate) application: Option<Application>,
    /// The Config; `None` without one.
    pub(crate) config: Option<VendorConfig>,
}

/// The Config as the vendor wrote it.
#[derive(Debug)]
pub(crate) struct VendorConfig {
    /// Path in the release.
    pub(crate) path: String,
    /// The document's `metadata`.
    pub(crate) metadata: Value,
    /// The questions, templates not rendered.
    pub(crate) config: Config,
}

impl Vendor {
    /// Reads Application and Config of the release at `root`.
    pub(crate) fn read(root: &Path, sources: &[Source]) -> Result<Self, ReleaseError> {
        let mut vendor = Self {
            name: DEFAULT_NAME.to_owned(),
            min_kots_version: String::new(),
            target_kots_version: String::new(),
            application: None,
            config: None,
        };
        if let Some((_, text)) = only(root, sources, "Application")? {
            // The Application may hold templates that are no YAML yet; then it has these defaults.
            let value = yaml::to_value(&text).unwrap_or_default();
            let field = |path: &str| {
                value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let name = field("/metadata/name");
            if !name.is_empty() {
                vendor.name = name;
            }
            vendor.application = Application::parse(&text).ok();
            vendor.min_kots_version = field("/spec/minKotsVersion");
            vendor.target_kots_version = field("/spec/targetKotsVersion");
        }
        if let Some((path, text)) = only(root, sources, "Config")? {
            let config = Config::parse(&text).map_err(|source| ReleaseError::Kind {
                path: path.clone(),
                kind: "Config".to_owned(),
                source,
            })?;
            let metadata = yaml::to_value(&text)
                .ok()
                .and_then(|mut value| value.get_mut("metadata").map(Value::take))
                .unwrap_or_else(|| json!({}));
            vendor.config = Some(VendorConfig { path, metadata, config });
        }
        Ok(vendor)
    }
}

/// Finds the one document of a kind; two are an error.
fn only(
    root: &Path,
    sources: &[Source],
    kind: &'static str,
) -> Result<Option<(String, String)>, ReleaseError> {
    let mut found: Option<(String, String)> = None;
    for source in sources.iter().filter(|it| it.holds(API, kind)) {
        let text = require_text(root, &source.path)?;
        for document in split_documents(&text) {
            if sniff(document.text).is_none_or(|gvk| gvk.api_version != API || gvk.kind != kind) {
                continue;
            }
            if let Some((first, _)) = found {
                return Err(ReleaseError::Twice { kind, first, second: source.path.clone() });
            }
            found = Some((source.path.clone(), document.text.replace("\r\n", "\n")));
        }
    }
    Ok(found)
}
