//! The application's questions: what is shown, what is wrong, what is kept and what `kots` is given.
//!
//! What config means is in `kinds::config`; here are the rules of the installer's API
//! (`api/internal/managers/app/config`). Pure.

mod view;

use base64::Engine as _;
use kinds::config::{
    Config, ConfigGroup, ConfigItem, ConfigValue, ConfigValues, ItemType, Resolution,
    missing_required, validate,
};

use crate::http::types::{AppConfigValue, AppConfigValues};

pub(crate) use view::view;

/// What is shown instead of a password; sent back it means "unchanged".
pub(crate) const MASK: &str = "••••••••";

/// The answers after a request: `given` over `stored`, a mask meaning the stored answer.
pub(crate) fn merged(stored: &ConfigValues, given: &AppConfigValues) -> ConfigValues {
    let mut values = stored.values.clone();
    for (name, value) in given {
        if value.value == MASK {
            continue;
        }
        values.insert(
            name.clone(),
            ConfigValue {
                default: value.default.clone(),
                value: value.value.clone(),
                data: value.data.clone(),
                value_plaintext: String::new(),
                data_plaintext: value.data_plaintext.clone(),
                filename: value.filename.clone(),
                repeatable_item: value.repeatable_item.clone(),
            },
        );
    }
    ConfigValues { values }
}

/// The answers that are kept: those of items that are shown and not switched off, and their options.
pub(crate) fn kept(values: &ConfigValues, resolved: &Config) -> ConfigValues {
    let mut kept = ConfigValues::default();
    for item in shown_items(resolved) {
        let names = std::iter::once(&item.name).chain(item.items.iter().map(|it| &it.name));
        for name in names {
            if let Some(value) = values.values.get(name) {
                kept.values.insert(name.clone(), value.clone());
            }
        }
    }
    kept
}

/// The answers as they are given out, passwords masked.
pub(crate) fn given_out(values: &ConfigValues, config: &Config) -> AppConfigValues {
    let wire = |(name, value): (&String, &ConfigValue)| {
        let is_password = config.item(name).is_some_and(|it| it.item_type() == ItemType::Password);
        let mut text = value.value.clone();
        if is_password && !text.is_empty() {
            MASK.clone_into(&mut text);
        }
        let value = AppConfigValue {
            value: text,
            default: if is_password { String::new() } else { value.default.clone() },
            data: value.data.clone(),
            data_plaintext: value.data_plaintext.clone(),
            filename: value.filename.clone(),
            repeatable_item: value.repeatable_item.clone(),
        };
        (name.clone(), value)
    };
    values.values.iter().map(wire).collect()
}

/// What is wrong with the answers: field and words, in the order of the items.
///
/// As in the original hidden items count too, and those that are switched off do not.
pub(crate) fn problems(resolved: &Config) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    for (group, item) in enabled(resolved) {
        let alone = Config {
            groups: vec![ConfigGroup {
                name: group.name.clone(),
                // The rules of kinds pass over hidden items.
                items: vec![ConfigItem { hidden: false, ..item.clone() }],
                ..ConfigGroup::default()
            }],
        };
        for missing in missing_required(&alone) {
            problems.push((item.name.clone(), format!("{} is required", missing.title)));
        }
        let value = item.value.text();
        let is_file = item.item_type() == ItemType::File;
        let is_base64 =
            || base64::engine::general_purpose::STANDARD.decode(value.as_bytes()).is_ok();
        if is_file && !value.is_empty() && !is_base64() {
            let words = "value must be base64 encoded for file items".to_owned();
            problems.push((item.name.clone(), words));
        }
        match validate(&alone) {
            Ok(groups) => {
                let errors = groups.into_iter().flat_map(|it| it.item_errors);
                for error in errors.flat_map(|it| it.validation_errors) {
                    problems.push((item.name.clone(), error.message));
                }
            }
            Err(error) => {
                let words = format!("invalid regex pattern: {}", crate::refusal::chain(&error));
                problems.push((item.name.clone(), words));
            }
        }
    }
    problems
}

/// The document that `kots deploy` is given: every item that is shown, with its default and its
/// answer, else the vendor's value; files' options inherit the file's name.
pub(crate) fn for_kots(stored: &ConfigValues, resolution: &Resolution) -> ConfigValues {
    let mut values = ConfigValues::default();
    for item in shown_items(&resolution.config) {
        let answer = stored.values.get(&item.name);
        let text = answer.map_or_else(|| item.value.text().to_owned(), |it| it.value.clone());
        let filename = answer.map(|it| it.filename.clone()).unwrap_or_default();
        let mut value = ConfigValue {
            default: item.default.text().to_owned(),
            filename: filename.clone(),
            ..ConfigValue::default()
        };
        if item.item_type() == ItemType::Password {
            value.value_plaintext = text;
        } else {
            value.value = text;
        }
        values.values.insert(item.name.clone(), value);
        for child in &item.items {
            let answer = stored.values.get(&child.name);
            let text = answer.map_or_else(|| child.value.text().to_owned(), |it| it.value.clone());
            let value = ConfigValue {
                default: child.default.text().to_owned(),
                value: text,
                filename: filename.clone(),
                ..ConfigValue::default()
            };
            values.values.insert(child.name.clone(), value);
        }
    }
    values
}

/// Answers of a file or a secret: a plain password becomes the value.
pub(crate) fn opened(mut values: ConfigValues) -> ConfigValues {
    for value in values.values.values_mut() {
        let plain = std::mem::take(&mut value.value_plaintext);
        if value.value.is_empty() {
            value.value = plain;
        }
    }
    values
}

/// The passwords among the answers.
pub(crate) fn passwords(resolved: &Config) -> impl Iterator<Item = &str> {
    resolved
        .items()
        .filter(|item| item.item_type() == ItemType::Password)
        .flat_map(|item| [item.value.text(), item.default.text()])
        .filter(|text| !text.is_empty())
}

/// Items that are not switched off by `when`, hidden ones too.
fn enabled(config: &Config) -> impl Iterator<Item = (&ConfigGroup, &ConfigItem)> {
    let groups = config.groups.iter().filter(|group| !group.when.hides());
    groups.flat_map(|group| {
        group.items.iter().filter(|item| !item.when.hides()).map(move |item| (group, item))
    })
}

fn shown_items(config: &Config) -> impl Iterator<Item = &ConfigItem> {
    enabled(config).map(|(_, item)| item).filter(|item| !item.hidden)
}

#[cfg(test)]
mod tests;
