//! A version's config with other values, nothing stored.

use std::sync::Arc;

use kinds::application::Application;
use kinds::config::{Config, ConfigValues, Generated, Prepared, ResolveError};
use kinds::installation::Installation;
use kinds::license::{LicenseError, VerifiedLicense};
use thiserror::Error;
use wire::config::{ConfigGroup, GroupValidationError};

use super::{group_errors, screen};
use crate::context::Context;
use crate::registry_settings::LockedPassword;
use crate::release::contexts::Screen;
use crate::release::vendor::Vendor;
use crate::release::{Broken, Input, Preflights, Programs, ReleaseError};
use crate::store::apps::AppRow;
use crate::store::versions::{VersionContent, VersionRow};
use crate::versions;

/// What the config of a version is shown with, read once.
#[derive(Debug)]
pub(crate) struct VersionConfig {
    /// `None` when the release has no Config.
    pub(crate) config: Option<Prepared>,
    /// What is stored, passwords encrypted.
    pub(crate) values: ConfigValues,
    /// The screen as it was when the version was built. JSON.
    pub(crate) screen: Option<String>,
    generated: Generated,
    installation: Installation,
    vendor: Vendor,
}

impl VersionConfig {
    /// Reads what a version was built from.
    pub(crate) fn read(
        shared: &Context,
        row: &VersionRow,
        content: VersionContent,
    ) -> Result<Self, ShowError> {
        let config = match &content.config {
            Some(text) => {
                let config: Config = serde_json::from_str(text)?;
                Some(Prepared::new(config).map_err(unresolved)?)
            }
            None => None,
        };
        let facts = row.facts();
        Ok(Self {
            config,
            values: serde_json::from_str(&content.config_values)?,
            generated: versions::generated(shared, &content),
            screen: content.config_screen,
            installation: serde_json::from_str(&content.installation)?,
            vendor: Vendor {
                name: String::new(),
                min_kots_version: facts.min_kots_version,
                target_kots_version: facts.target_kots_version,
                application: Some(Application {
                    proxy_public_images: facts.proxy_public_images,
                    replicated_registry_domain: facts.replicated_registry_domain,
                    proxy_registry_domain: facts.proxy_registry_domain,
                    ..Application::default()
                }),
                config: None,
            },
        })
    }
}

fn unresolved(source: ResolveError) -> ShowError {
    let path = "the release".to_owned();
    ShowError::Release(Box::new(ReleaseError::Config { path, source }))
}

/// What a screen shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) groups: Vec<ConfigGroup>,
    /// Items whose value breaks its rule.
    pub(crate) validation_errors: Vec<GroupValidationError>,
}

/// Why a config cannot be shown.
#[derive(Debug, Error)]
pub(crate) enum ShowError {
    /// The installed licence does not verify any more.
    #[error("the installed license cannot be read")]
    License(#[source] LicenseError),
    /// Stored text is not what this program writes.
    #[error("the version cannot be read")]
    Stored(#[from] serde_json::Error),
    /// The registry's password.
    #[error(transparent)]
    Registry(#[from] LockedPassword),
    /// A template fails.
    #[error(transparent)]
    Release(Box<ReleaseError>),
}

/// Resolves the config of a version with `values`. Passwords are shown as they stand in `values`.
///
/// `sequence` is what templates are told: the number that saving would get.
pub(crate) fn show(
    shared: &Context,
    app: &AppRow,
    version: &VersionConfig,
    values: &ConfigValues,
    sequence: i64,
) -> Result<Shown, ShowError> {
    let Some(config) = &version.config else {
        return Ok(Shown::default());
    };
    let license: Arc<VerifiedLicense> =
        shared.kept_configs.license(&app.license, &shared.root_keys).map_err(ShowError::License)?;
    let input = Input {
        app_slug: &app.slug,
        namespace: &app.namespace,
        console_namespace: &shared.namespace,
        app_id: &app.id,
        console_id: "",
        registry: &app.registry.settings(&shared.cipher)?,
        rewrite_images: app.registry.is_set(),
        downstreams: &[],
        identity_config: None,
        programs: &Programs::default(),
        is_airgap: app.is_airgap,
        sequence,
        license: &license,
        installation: &version.installation,
        values,
        generated: &version.generated,
        cipher: &shared.cipher,
        preflights: Preflights::Skip,
        surroundings: &shared.surroundings,
        now: jiff::Timestamp::now(),
        broken: Broken::Refused,
    };
    let (resolved, errors) =
        Screen::preview(config, &version.vendor, &input, rand::random()).map_err(unresolved)?;
    Ok(Shown { groups: screen(resolved, values), validation_errors: group_errors(&errors) })
}
