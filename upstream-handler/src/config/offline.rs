//! The config of a release folder without a server: what it becomes with given values, and what an
//! upgrade from another release does to them.

use std::collections::BTreeSet;
use std::path::Path;

use kinds::cipher::Cipher;
use kinds::config::{
    Applied, ApplyError, Config, ConfigValue, ConfigValues, Generated, Given, GroupErrors,
    ItemType, ItemVerdict, Resolution, Verdict, apply_values, missing_required, resolve,
    upgrade_verdicts, validate,
};
use kinds::context::{Contexts, World};
use kinds::license::License;
use thiserror::Error;
use wire::config::{ConfigGroup, GroupValidationError};

use super::{group_errors, screen};
use crate::release::contexts::{broken_rule, item_error};
use crate::release::vendor::{Vendor, VendorConfig};
use crate::release::{ReleaseError, Surroundings, tree};
use crate::render::sources;

/// What a password is shown as, the original's mask.
pub(crate) const MASK: &str = "***HIDDEN***";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// Folder of the release.
    pub(crate) release: &'a Path,
    /// Folder of the release before it.
    pub(crate) previous: Option<&'a Path>,
    /// The operator's values.
    pub(crate) values: ConfigValues,
    /// The licence templates read.
    pub(crate) license: Option<License>,
    pub(crate) namespace: &'a str,
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) now: jiff::Timestamp,
    /// Opens passwords of the values.
    pub(crate) cipher: Cipher,
}

/// What is told. Passwords are masked everywhere.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The resolved groups.
    pub(crate) groups: Vec<ConfigGroup>,
    /// Items whose value breaks its rule.
    pub(crate) validation_errors: Vec<GroupValidationError>,
    /// Names of required items without value and default.
    pub(crate) required_items: Vec<String>,
    /// Names of given values that no item has.
    pub(crate) unknown_values: Vec<String>,
    /// What the upgrade does to each item; empty without a release before.
    pub(crate) verdicts: Vec<ItemVerdict>,
}

/// Why nothing can be told.
#[derive(Debug, Error)]
pub(crate) enum OfflineError {
    /// A release cannot be read, or its config not resolved.
    #[error("the release in `{folder}`")]
    Release {
        /// The folder.
        folder: String,
        /// What is wrong with it.
        #[source]
        source: Box<ReleaseError>,
    },
    /// A value is not of its item's type.
    #[error(transparent)]
    Values(#[from] ApplyError),
}

/// Answers the question.
pub(crate) fn answer(question: &Question<'_>) -> Result<Answer, OfflineError> {
    let mut generated = Generated::default();
    // The older release first: what its templates made up is kept by the newer one.
    let old = question.previous.map(|folder| look(question, folder, &mut generated)).transpose()?;
    let new = look(question, question.release, &mut generated)?;
    let verdicts = old.map(|old| {
        let passwords: BTreeSet<&str> =
            passwords(&old.vendors).chain(passwords(&new.vendors)).collect();
        upgrade_verdicts(&old.vendors, &new.vendors, &question.values)
            .into_iter()
            .map(|it| if passwords.contains(it.name.as_str()) { masked(it) } else { it })
            .collect()
    });
    Ok(Answer {
        groups: screen(new.resolution, &new.shown_values),
        validation_errors: new.validation_errors,
        required_items: new.required_items,
        unknown_values: new.unknown_values,
        verdicts: verdicts.unwrap_or_default(),
    })
}

/// One release's config with the values.
struct Look {
    resolution: Config,
    /// The same, with what the vendor gives in place of the operator's answers.
    vendors: Config,
    shown_values: ConfigValues,
    validation_errors: Vec<GroupValidationError>,
    required_items: Vec<String>,
    unknown_values: Vec<String>,
}

fn look(
    question: &Question<'_>,
    folder: &Path,
    generated: &mut Generated,
) -> Result<Look, OfflineError> {
    let vendor = read(folder)?;
    let nothing = Config::default();
    let config = vendor.config.as_ref().map_or(&nothing, |it| &it.config);
    let ciphers = std::slice::from_ref(&question.cipher);
    let (applied, mut errors) = fitting(config, &question.values, ciphers)?;
    let mut resolve = |values: &ConfigValues| -> Result<Resolution, OfflineError> {
        let contexts = contexts(question, &vendor);
        resolve(config, values, &contexts, ciphers, generated).map_err(|source| {
            let path = vendor.config.as_ref().map(|it: &VendorConfig| it.path.clone());
            let path = path.unwrap_or_default();
            release_error(folder, ReleaseError::Config { path, source })
        })
    };
    let resolution = resolve(&applied.values)?.config;
    // Without the answers a template may lack what it reads; then the vendor gives no value.
    let bare = resolve(&ConfigValues::default()).map(|it| it.config).unwrap_or_default();
    errors.extend(validate(&resolution).unwrap_or_else(|error| broken_rule(config, &error)));
    Ok(Look {
        vendors: without_answers(&resolution, &bare, &applied.values),
        shown_values: hidden(config, &applied.values),
        validation_errors: group_errors(&errors),
        required_items: missing_required(&resolution).into_iter().map(|it| it.name).collect(),
        unknown_values: applied.ignored,
        resolution,
    })
}

fn read(folder: &Path) -> Result<Vendor, OfflineError> {
    tree::vendor_files(folder)
        .and_then(|files| sources::find(folder, &files))
        .and_then(|sources| Vendor::read(folder, &sources))
        .map_err(|source| release_error(folder, source))
}

fn release_error(folder: &Path, source: ReleaseError) -> OfflineError {
    OfflineError::Release { folder: folder.display().to_string(), source: Box::new(source) }
}

fn contexts(question: &Question<'_>, vendor: &Vendor) -> Contexts {
    let license = question.license.clone();
    Contexts {
        world: World {
            now: question.now,
            seed: rand::random(),
            namespace: question.namespace.to_owned(),
            ..question.surroundings.world()
        },
        app_slug: license.as_ref().map(|it| it.app_slug.clone()).unwrap_or_default(),
        license,
        application: vendor.application.clone(),
        ..Contexts::default()
    }
}

/// The values as they would be stored; those that are not of their item's type are left out and
/// told.
fn fitting(
    config: &Config,
    values: &ConfigValues,
    ciphers: &[Cipher],
) -> Result<(Applied, Vec<GroupErrors>), ApplyError> {
    let mut values = values.clone();
    let mut errors = Vec::new();
    loop {
        let stored = ConfigValues::default();
        match apply_values(config, &stored, &values, Given::All, ciphers) {
            Ok(applied) => return Ok((applied, errors)),
            Err(error) => {
                let ApplyError::NotABool { item, .. } = &error else {
                    return Err(error);
                };
                values.values.remove(item);
                errors.extend(item_error(config, item, error.to_string()));
            }
        }
    }
}

/// The resolved config with the vendor's value in place of every answer.
fn without_answers(resolved: &Config, bare: &Config, answers: &ConfigValues) -> Config {
    let mut config = resolved.clone();
    for item in config.groups.iter_mut().flat_map(|group| &mut group.items) {
        if item.is_editable() && answers.values.contains_key(&item.name) {
            item.value = bare.item(&item.name).map(|it| it.value.clone()).unwrap_or_default();
        }
    }
    config
}

/// The values with a mask in place of every password.
fn hidden(config: &Config, values: &ConfigValues) -> ConfigValues {
    let passwords: BTreeSet<&str> = passwords(config).collect();
    let is_password = |name: &str, value: &ConfigValue| {
        passwords.contains(name) || passwords.contains(value.repeatable_item.as_str())
    };
    let mut values = values.clone();
    for (name, value) in &mut values.values {
        if is_password(name, value) && !value.value.is_empty() {
            MASK.clone_into(&mut value.value);
        }
    }
    values
}

fn passwords(config: &Config) -> impl Iterator<Item = &str> {
    config.items().filter(|it| it.item_type() == ItemType::Password).map(|it| it.name.as_str())
}

fn masked(verdict: ItemVerdict) -> ItemVerdict {
    let mask = |text: String| if text.is_empty() { text } else { MASK.to_owned() };
    let ItemVerdict { name, verdict } = verdict;
    let verdict = match verdict {
        Verdict::KeptOverNewDefault { old, new } => {
            Verdict::KeptOverNewDefault { old: mask(old), new: mask(new) }
        }
        Verdict::NewDefault { old, new } => Verdict::NewDefault { old: mask(old), new: mask(new) },
        other => other,
    };
    ItemVerdict { name, verdict }
}
