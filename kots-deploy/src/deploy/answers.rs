//! Compares the config values with the release in a bundle, before anything is sent.
//!
//! The rules are the server's (`kinds::config`). What they cannot tell without the installation is left to the server.

use std::path::Path;

use airgap::{BundleCheck, Document};
use jiff::Timestamp;
use kinds::application::Application;
use kinds::config::{ApplyError, CertainErrors, Config, certain_errors};
use kinds::context::{Contexts, VersionInfo, World};
use kinds::license::VerifiedLicense;
use thiserror::Error;

use super::values::Values;
use crate::fault::{invalid_item, missing_item};

/// Values that the release does not take.
#[derive(Debug, Error)]
#[error("config values file {path} does not fit {release}")]
pub struct AnswersError {
    /// The file.
    path: String,
    /// The release.
    release: String,
    /// What is wrong.
    #[source]
    what: Wrong,
}

#[derive(Debug, Error)]
enum Wrong {
    /// A value is not of its item's type.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Values break their rules, or required items have none; a line for each.
    #[error("{}", lines(.0).join("\n"))]
    Items(CertainErrors),
}

fn lines(found: &CertainErrors) -> Vec<String> {
    let invalid = found.invalid.iter().flat_map(|group| {
        group.item_errors.iter().map(|item| {
            let rules = item.validation_errors.iter().map(|it| it.message.as_str());
            invalid_item(&item.name, &group.name, rules)
        })
    });
    let missing = found.missing.iter().map(|item| missing_item(&item.name));
    invalid.chain(missing).collect()
}

/// Checks `values`, which were read from `path`, against the one Config of the release, if there is one.
///
/// # Errors
///
/// What the server would say after it has made a version of the release.
pub fn check(
    path: &Path,
    values: &Values,
    bundle: &BundleCheck,
    license: &VerifiedLicense,
    app: &str,
    now: Timestamp,
) -> Result<(), AnswersError> {
    wrong(values, bundle, license, app, now).map_or(Ok(()), |what| {
        let label = &bundle.airgap.version_label;
        let release =
            if label.is_empty() { "the release in the bundle".to_owned() } else { label.clone() };
        Err(AnswersError { path: path.display().to_string(), release, what })
    })
}

fn wrong(
    values: &Values,
    bundle: &BundleCheck,
    license: &VerifiedLicense,
    app: &str,
    now: Timestamp,
) -> Option<Wrong> {
    let of_kind =
        |kind| -> Vec<&Document> { bundle.documents.iter().filter(|it| it.kind == kind).collect() };
    // A release with two of them, or with one that cannot be read, is for the server to refuse.
    let [document] = of_kind("Config")[..] else { return None };
    let config = Config::parse(&document.text).ok()?;
    let application = match of_kind("Application")[..] {
        [it] => Application::parse(&it.text).ok(),
        _ => None,
    };
    let airgap = &bundle.airgap;
    let contexts = Contexts {
        world: World { now, seed: rand::random(), ..World::default() },
        app_slug: app.to_owned(),
        license: Some(license.license.clone()),
        version: VersionInfo {
            cursor: airgap.update_cursor.clone(),
            channel_name: airgap.channel_name.clone(),
            version_label: airgap.version_label.clone(),
            is_required: airgap.is_required,
            is_airgap: true,
            ..VersionInfo::default()
        },
        application,
        ..Contexts::default()
    };
    match certain_errors(&config, &values.parsed, &contexts) {
        Ok(found) if found.is_empty() => None,
        Ok(found) => Some(Wrong::Items(found)),
        Err(error) => Some(error.into()),
    }
}
