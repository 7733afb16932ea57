//! A version's config with other values, nothing stored.

use kinds::application::Application;
use kinds::config::{Config, ConfigValues};
use kinds::installation::Installation;
use kinds::license::{LicenseError, verify};
use thiserror::Error;
use wire::config::{ConfigGroup, GroupValidationError};

use super::{group_errors, screen};
use crate::context::Context;
use crate::registry_settings::LockedPassword;
use crate::release::contexts::Screen;
use crate::release::vendor::{Vendor, VendorConfig};
use crate::release::{Broken, Input, Preflights, Programs, ReleaseError};
use crate::store::apps::AppRow;
use crate::store::versions::{VersionContent, VersionRow};
use crate::versions;

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
    row: &VersionRow,
    content: &VersionContent,
    values: &ConfigValues,
    sequence: i64,
) -> Result<Shown, ShowError> {
    let Some(config) = &content.config else {
        return Ok(Shown::default());
    };
    let config: Config = serde_json::from_str(config)?;
    let installation: Installation = serde_json::from_str(&content.installation)?;
    let license = verify(&app.license, &shared.root_keys).map_err(ShowError::License)?;
    let facts = row.facts();
    let vendor = Vendor {
        name: String::new(),
        min_kots_version: facts.min_kots_version,
        target_kots_version: facts.target_kots_version,
        application: Some(Application {
            proxy_public_images: facts.proxy_public_images,
            replicated_registry_domain: facts.replicated_registry_domain,
            proxy_registry_domain: facts.proxy_registry_domain,
            ..Application::default()
        }),
        config: Some(VendorConfig {
            path: "the release".to_owned(),
            metadata: serde_json::Value::Null,
            config,
        }),
    };
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
        installation: &installation,
        values,
        generated: &versions::generated(shared, content),
        cipher: &shared.cipher,
        preflights: Preflights::Skip,
        surroundings: &shared.surroundings,
        now: jiff::Timestamp::now(),
        broken: Broken::Refused,
    };
    let resolved = Screen::resolve(&vendor, &input, rand::random())
        .map_err(|error| ShowError::Release(Box::new(error)))?;
    Ok(Shown {
        groups: resolved.resolution.map(|it| screen(&it.config, values)).unwrap_or_default(),
        validation_errors: group_errors(&resolved.validation_errors),
    })
}
