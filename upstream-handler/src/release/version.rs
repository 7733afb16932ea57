//! Reads a version's tree back.

use std::path::Path;

use kinds::config::{Config, ConfigValues, GroupErrors, MissingItem, Resolution};
use kinds::gvk::KindError;
use kinds::installation::Installation;

use super::contexts::Screen;
use super::tree::{self, UPSTREAM, USERDATA, require_text};
use super::vendor::Vendor;
use super::{Input, ReleaseError};
use crate::render::sources;

/// What a tree holds besides manifests: enough to show its config and to build it again.
#[derive(Debug)]
pub struct Version {
    /// The stored values.
    pub values: ConfigValues,
    /// Which release it is.
    pub installation: Installation,
    /// The licence's text.
    pub license: String,
    /// The vendor's Config, templates not rendered; `None` without one.
    pub config: Option<Config>,
    vendor: Vendor,
}

/// Which KOTS a release needs, as far as can be told before it is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KotsVersions {
    /// The oldest that may deploy it; empty for any.
    pub min: String,
    /// The one it was made for; empty for any.
    pub target: String,
}

/// Reads which KOTS the release in `dir/upstream` needs, so that a program that is too old says so
/// instead of failing at a template function it does not know.
///
/// # Errors
///
/// The release has two Applications or a Config that cannot be read; or the disk failed.
pub fn kots_versions(dir: &Path) -> Result<KotsVersions, ReleaseError> {
    let vendor = read_vendor(dir)?;
    Ok(KotsVersions { min: vendor.min_kots_version, target: vendor.target_kots_version })
}

fn read_vendor(dir: &Path) -> Result<Vendor, ReleaseError> {
    let root = dir.join(UPSTREAM);
    let files = tree::vendor_files(&root)?;
    Vendor::read(&root, &sources::find(&root, &files)?)
}

impl Version {
    /// Reads the tree at `dir`.
    ///
    /// # Errors
    ///
    /// A file is missing, too large, or not what its name says.
    pub fn open(dir: &Path) -> Result<Self, ReleaseError> {
        let read = |name: &str| {
            let path = format!("{UPSTREAM}/{USERDATA}/{name}");
            Ok((require_text(dir, &path)?, path))
        };
        let unreadable = |path: String, kind: &str| {
            let kind = kind.to_owned();
            move |source: KindError| ReleaseError::Kind { path, kind, source }
        };
        let (values, path) = read("config.yaml")?;
        let values = ConfigValues::parse(&values).map_err(unreadable(path, "ConfigValues"))?;
        let (installation, path) = read("installation.yaml")?;
        let installation =
            Installation::parse(&installation).map_err(unreadable(path, "Installation"))?;
        let (license, _) = read("license.yaml")?;
        let vendor = read_vendor(dir)?;
        let config = vendor.config.as_ref().map(|it| it.config.clone());
        Ok(Self { values, installation, license, config, vendor })
    }

    /// What is wrong with `input.values`, without writing: items that break their rules, and required ones without a
    /// value.
    ///
    /// # Errors
    ///
    /// A template of the Config fails.
    pub fn judge(
        &self,
        input: &Input<'_>,
    ) -> Result<(Vec<GroupErrors>, Vec<MissingItem>), ReleaseError> {
        let screen = Screen::resolve(&self.vendor, input, rand::random())?;
        Ok((screen.validation_errors, screen.required_items))
    }

    /// Resolves the config screen for `input.values` (not the stored ones), without writing.
    ///
    /// # Errors
    ///
    /// A template of the Config fails.
    pub fn resolve_config(&self, input: &Input<'_>) -> Result<Option<Resolution>, ReleaseError> {
        Ok(Screen::resolve(&self.vendor, input, rand::random())?.resolution)
    }
}
