//! The config of a version: how it is shown, and how given values become stored ones
//! (`h/config.go:807-1196`).
//!
//! Two rules differ from the original: `filename` and `data` are kept, and a vendor's default
//! satisfies a required item.

pub(crate) mod change;
pub(crate) mod given;
pub(crate) mod kept;
pub(crate) mod offline;
pub(crate) mod shown;

use kinds::config::{Config, ConfigItem, ConfigValues, GroupErrors, ItemType};
use wire::config::{
    ConfigChildItem, ConfigGroup, ConfigItem as WireItem, ConfigRegex, ConfigTemplate,
    ConfigValidation, GroupValidationError, ItemValidationError, ValidationMessage,
};

/// The wire form of a resolved config. Passwords travel as the cipher text that is stored, or not at
/// all.
pub(crate) fn screen(resolved: Config, stored: &ConfigValues) -> Vec<ConfigGroup> {
    resolved
        .groups
        .into_iter()
        .map(|group| ConfigGroup {
            name: group.name,
            title: group.title,
            description: group.description,
            when: group.when.0,
            items: group.items.into_iter().map(|item| show(item, stored)).collect(),
        })
        .collect()
}

fn show(item: ConfigItem, stored: &ConfigValues) -> WireItem {
    let is_password = item.item_type() == ItemType::Password;
    let sealed =
        |name: &str| stored.values.get(name).map(|value| value.value.clone()).unwrap_or_default();
    let seal = |(name, value): (String, String)| {
        let value = if is_password { sealed(&name) } else { value };
        (name, value)
    };
    let values_by_group = item
        .values_by_group
        .into_iter()
        .map(|(group, values)| (group, values.into_iter().map(seal).collect()))
        .collect();
    WireItem {
        default: if is_password { String::new() } else { item.default.into_text() },
        value: if is_password { sealed(&item.name) } else { item.value.into_text() },
        name: item.name,
        kind: item.kind,
        title: item.title,
        help_text: item.help_text,
        recommended: item.recommended,
        data: item.data,
        error: item.error,
        multi_value: item.multi_value,
        readonly: item.readonly,
        write_once: item.write_once,
        when: item.when.0,
        multiple: item.multiple,
        hidden: item.hidden,
        affix: item.affix,
        required: item.required,
        items: item
            .items
            .into_iter()
            .map(|child| ConfigChildItem {
                name: child.name,
                title: child.title,
                recommended: child.recommended,
                default: child.default.into_text(),
                value: child.value.into_text(),
            })
            .collect(),
        filename: item.filename,
        repeatable: item.repeatable,
        minimum_count: item.minimum_count,
        count_by_group: item.count_by_group,
        templates: item
            .templates
            .into_iter()
            .map(|template| ConfigTemplate {
                api_version: template.api_version,
                kind: template.kind,
                name: template.name,
                namespace: template.namespace,
                yaml_path: template.yaml_path,
            })
            .collect(),
        values_by_group,
        validation: item.validation.map(|validation| ConfigValidation {
            regex: validation
                .regex
                .map(|regex| ConfigRegex { pattern: regex.pattern, message: regex.message }),
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
