//! What is wrong with the answers: rules of values and required items without one.

use std::fmt::Write as _;

use base64::Engine as _;
use gotemplate::sprig::Pattern;
use thiserror::Error;

use super::{Config, ConfigItem, ItemType};

/// What a value is told when the vendor gave no words.
const DEFAULT_MESSAGE: &str = "Value does not match regex";

/// A group with items that break their rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupErrors {
    /// The group's name.
    pub name: String,
    /// The group's title.
    pub title: String,
    /// The items.
    pub item_errors: Vec<ItemErrors>,
}

/// An item that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemErrors {
    /// The item's name.
    pub name: String,
    /// The item's type, as written.
    pub kind: String,
    /// What to say, one entry for each broken rule.
    pub validation_errors: Vec<RuleError>,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The vendor's words, or the default.
    pub message: String,
}

/// A rule of the vendor's that is no regular expression.
#[derive(Debug, Clone, PartialEq, Error)]
#[error(
    "the rule of the config item `{item}` is not a regular expression in RE2 syntax: `{pattern}`"
)]
pub struct PatternError {
    /// The item's name.
    pub item: String,
    /// The rule.
    pub pattern: String,
    /// What is wrong with it.
    #[source]
    pub source: gotemplate::sprig::PatternError,
}

/// A required item without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingItem {
    /// The item's name.
    pub name: String,
    /// The item's title, or its name when it has none.
    pub title: String,
}

/// Checks the values of resolved items against their rules.
///
/// Passwords must be in plain text. Checked are texts, passwords and files (their content) that
/// are shown and not empty; the expression need not match the whole value.
///
/// # Errors
///
/// [`PatternError`] when a rule that applies is itself wrong.
pub fn validate(resolved: &Config) -> Result<Vec<GroupErrors>, PatternError> {
    let mut groups = Vec::new();
    for group in resolved.groups.iter().filter(|group| !group.when.hides()) {
        let mut item_errors = Vec::new();
        for item in &group.items {
            let validation_errors = item_errors_of(item)?;
            if !validation_errors.is_empty() {
                let (name, kind) = (item.name.clone(), item.kind.clone());
                item_errors.push(ItemErrors { name, kind, validation_errors });
            }
        }
        if !item_errors.is_empty() {
            let (name, title) = (group.name.clone(), group.title.clone());
            groups.push(GroupErrors { name, title, item_errors });
        }
    }
    Ok(groups)
}

fn item_errors_of(item: &ConfigItem) -> Result<Vec<RuleError>, PatternError> {
    let rule = item.validation.as_ref().and_then(|validation| validation.regex.as_ref());
    let Some(rule) = rule.filter(|_| !item.hidden && !item.when.hides()) else {
        return Ok(vec![]);
    };
    let texts = texts_of(item);
    if texts.is_empty() {
        return Ok(vec![]);
    }
    let regex = Pattern::new(&rule.pattern).map_err(|source| PatternError {
        item: item.name.clone(),
        pattern: rule.pattern.clone(),
        source,
    })?;
    let message = if rule.message.is_empty() { DEFAULT_MESSAGE } else { &rule.message };
    let failing = texts.iter().filter(|text| !regex.is_match(text));
    Ok(failing.map(|_| RuleError { message: message.to_owned() }).take(1).collect())
}

/// The texts of an item that its rule applies to, repeated answers included.
fn texts_of(item: &ConfigItem) -> Vec<String> {
    let kind = item.item_type();
    if !matches!(kind, ItemType::Text | ItemType::Password | ItemType::File) {
        return vec![];
    }
    let repeated = item.values_by_group.values().flat_map(|group| group.values());
    let given = std::iter::once(item.value.text()).chain(repeated.map(String::as_str));
    given.filter(|text| !text.is_empty()).map(|text| content(kind, text)).collect()
}

fn content(kind: ItemType, text: &str) -> String {
    if kind != ItemType::File {
        return text.to_owned();
    }
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Returns the required items of a resolved config that have neither value nor default, in order.
///
/// Hidden items, items and groups whose `when` is `false`, and repeatable items that were answered
/// are not missing.
pub fn missing_required(resolved: &Config) -> Vec<MissingItem> {
    let shown = resolved.groups.iter().filter(|group| !group.when.hides());
    shown
        .flat_map(|group| &group.items)
        .filter(|item| item.required && !item.hidden && !item.when.hides())
        .filter(|item| item.value.is_empty() && item.default.is_empty())
        .filter(|item| item.count_by_group.values().all(|count| *count <= 0))
        .map(|item| MissingItem {
            name: item.name.clone(),
            title: if item.title.is_empty() { item.name.clone() } else { item.title.clone() },
        })
        .collect()
}

/// The original's words for missing items: `The following fields are required: A, B`.
pub fn required_message(missing: &[MissingItem]) -> String {
    let mut message = "The following fields are required: ".to_owned();
    for (index, item) in missing.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let _ = write!(message, "{separator}{}", item.title);
    }
    message
}
