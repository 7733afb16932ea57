//! The questions as they are given out.

use kinds::config::{ChildItem, Config, ConfigGroup as Group, ConfigItem as Item, ItemType};
use kinds::multitype::BoolOrString;

use super::MASK;
use crate::http::types::{
    AppConfig, ConfigChildItem, ConfigGroup, ConfigItem, ConfigRegex, ConfigRepeatTemplate,
    ConfigText, ConfigValidation,
};

/// The questions that are shown, passwords masked. Groups without any are left out; there is always one.
pub(crate) fn view(resolved: &Config) -> AppConfig {
    let groups = resolved.groups.iter().filter(|group| !group.when.hides()).map(group);
    let mut groups: Vec<_> = groups.filter(|group| !group.items.is_empty()).collect();
    if groups.is_empty() {
        groups.push(nothing_to_ask());
    }
    AppConfig { groups }
}

/// What is shown when there are no questions. The original's wizard has no way on from an empty page.
fn nothing_to_ask() -> ConfigGroup {
    let name = "no-questions";
    let label = Item {
        name: name.to_owned(),
        kind: "label".to_owned(),
        title: "This release asks for nothing. Go on with the next step.".to_owned(),
        ..Item::default()
    };
    ConfigGroup {
        name: name.to_owned(),
        title: "Configuration".to_owned(),
        description: String::new(),
        when: String::new(),
        items: vec![item(&label)],
    }
}

fn group(group: &Group) -> ConfigGroup {
    let shown = group.items.iter().filter(|item| !item.hidden && !item.when.hides());
    ConfigGroup {
        name: group.name.clone(),
        title: group.title.clone(),
        description: group.description.clone(),
        when: group.when.0.clone(),
        items: shown.map(item).collect(),
    }
}

fn item(item: &Item) -> ConfigItem {
    let is_password = item.item_type() == ItemType::Password;
    let masked = |text: &str| {
        if is_password && !text.is_empty() { MASK.to_owned() } else { text.to_owned() }
    };
    let passed = |value: &BoolOrString| match value {
        BoolOrString::Bool(value) => ConfigText::Bool(*value),
        BoolOrString::String(text) => ConfigText::Text(masked(text)),
    };
    let child = |child: &ChildItem| ConfigChildItem {
        name: child.name.clone(),
        title: child.title.clone(),
        recommended: child.recommended,
        default: passed(&child.default),
        value: passed(&child.value),
    };
    let validation = item.validation.as_ref().map(|it| ConfigValidation {
        regex: it
            .regex
            .as_ref()
            .map(|it| ConfigRegex { pattern: it.pattern.clone(), message: it.message.clone() }),
    });
    let templates = item.templates.iter().map(|it| ConfigRepeatTemplate {
        api_version: it.api_version.clone(),
        kind: it.kind.clone(),
        name: it.name.clone(),
        namespace: it.namespace.clone(),
        yaml_path: it.yaml_path.clone(),
    });
    ConfigItem {
        name: item.name.clone(),
        kind: item.kind.clone(),
        title: item.title.clone(),
        help_text: item.help_text.clone(),
        recommended: item.recommended,
        default: masked(item.default.text()),
        value: masked(item.value.text()),
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
        items: item.items.iter().map(child).collect(),
        filename: item.filename.clone(),
        repeatable: item.repeatable,
        minimum_count: item.minimum_count,
        count_by_group: item.count_by_group.clone(),
        templates: templates.collect(),
        values_by_group: item.values_by_group.clone(),
        validation,
    }
}
