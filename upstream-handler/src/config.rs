//! The config of a version: how it is shown, and how given values become stored ones
//! (`h/config.go:807-1196`).
//!
//! Two rules differ from the original: `filename` and `data` are kept, and a vendor's default
//! satisfies a required item.

pub(crate) mod change;
pub(crate) mod given;
pub(crate) mod offline;
pub(crate) mod shown;

use std::collections::BTreeMap;

use kinds::config::{Config, ConfigItem, ConfigValues, GroupErrors, ItemType};
use wire::config::{
    ConfigChildItem, ConfigGroup, ConfigItem as WireItem, ConfigRegex, ConfigTemplate,
    ConfigValidation, GroupValidationError, ItemValidationError, ValidationMessage,
};

/// The wire form of a resolved config. Passwords travel as the cipher text that is stored, or not at
/// all.
pub(crate) fn screen(resolved: &Config, stored: &ConfigValues) -> Vec<ConfigGroup> {
    resolved
        .groups
        .iter()
        .map(|group| ConfigGroup {
            name: group.name.clone(),
            title: group.title.clone(),
            description: group.description.clone(),
            when: group.when.0.clone(),
            items: group.items.iter().map(|item| show(item, stored)).collect(),
        })
        .collect()
}

fn show(item: &ConfigItem, stored: &ConfigValues) -> WireItem {
    let is_password = item.item_type() == ItemType::Password;
    let sealed =
        |name: &str| stored.values.get(name).map(|value| value.value.clone()).unwrap_or_default();
    let values_by_group = item
        .values_by_group
        .iter()
        .map(|(group, values)| {
            let values: BTreeMap<String, String> = values
                .iter()
                .map(|(name, value)| {
                    let value = if is_password { sealed(name) } else { value.clone() };
                    (name.clone(), value)
                })
                .collect();
            (group.clone(), values)
        })
        .collect();
    WireItem {
        name: item.name.clone(),
        kind: item.kind.clone(),
        title: item.title.clone(),
        help_text: item.help_text.clone(),
        recommended: item.recommended,
        default: if is_password { String::new() } else { item.default.text().to_owned() },
        value: if is_password { sealed(&item.name) } else { item.value.text().to_owned() },
        data: item.data.clone(),
        error: item.error.clone(),
        multi_value: item.multi_value.clone(),
        readonly: item.readonly,
        write_once: item.write_once,
        when: item.when.0.clone(),
        multiple: item.multiple,
        hidden: item.hidden,
        affix: item.affix.clone(),
        required: item.required,
        items: item
            .items
            .iter()
            .map(|child| ConfigChildItem {
                name: child.name.clone(),
                title: child.title.clone(),
                recommended: child.recommended,
                default: child.default.text().to_owned(),
                value: child.value.text().to_owned(),
            })
            .collect(),
        filename: item.filename.clone(),
        repeatable: item.repeatable,
        minimum_count: item.minimum_count,
        count_by_group: item.count_by_group.clone(),
        templates: item
            .templates
            .iter()
            .map(|template| ConfigTemplate {
                api_version: template.api_version.clone(),
                kind: template.kind.clone(),
                name: template.name.clone(),
                namespace: template.namespace.clone(),
                yaml_path: template.yaml_path.clone(),
            })
            .collect(),
        values_by_group,
        validation: item.validation.as_ref().map(|validation| ConfigValidation {
            regex: validation.regex.as_ref().map(|regex| ConfigRegex {
                pattern: regex.pattern.clone(),
                message: regex.message.clone(),
            }),
        }),
    }
}

/// The wire form of broken rules.
pub(crate) fn group_errors(errors: &[GroupErrors]) -> Vec<GroupValidationError> {
    errors
        .iter()
        .map(|group| GroupValidationError {
            name: group.name.clone(),
            title: group.title.clone(),
            item_errors: group
                .item_errors
                .iter()
                .map(|item| ItemValidationError {
                    name: item.name.clone(),
                    kind: item.kind.clone(),
                    validation_errors: item
                        .validation_errors
                        .iter()
                        .map(|rule| ValidationMessage { message: rule.message.clone() })
                        .collect(),
                })
                .collect(),
        })
        .collect()
}
