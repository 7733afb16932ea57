//! What a person asked to install, typed exactly as it was given.

use std::path::PathBuf;

use crate::deploy::args::{ArgsError, ImageArgs, Reach, RunArgs, check_bundle_path, check_slug};

/// `kots install`, as typed.
#[derive(Debug, Clone)]
pub struct InstallArgs {
    /// The application.
    pub slug: String,
    /// Path of the licence.
    pub license: PathBuf,
    /// Id or slug of a channel of the licence; empty for its default one.
    pub channel: String,
    /// Label of a release; empty for the newest.
    pub version_label: String,
    /// Path of an air-gap bundle.
    pub airgap_bundle: Option<PathBuf>,
    /// `--airgap`.
    pub airgap: bool,
    /// Path of a `ConfigValues` manifest.
    pub config_values: Option<PathBuf>,
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

impl InstallArgs {
    /// Checks what needs no file to be read.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be meant.
    pub fn check(&self) -> Result<(), ArgsError> {
        check_slug(&self.slug)?;
        if let Some(path) = &self.airgap_bundle {
            check_bundle_path(path)?;
        } else if self.airgap {
            return Err(ArgsError::BundleNeeded);
        }
        self.run.check()
    }
}
