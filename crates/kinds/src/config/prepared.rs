//! A config that is read once and resolved many times.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::dependencies::{asked_for, resolution_order};
use super::generated::is_random;
use super::{Config, ConfigGroup, ConfigItem, ResolveError};
use crate::context::Text;

/// A config with the order of its items and its templates, which are parsed at their first rendering.
///
/// [`resolve`](Self::resolve) gives the same whether the value is new or was resolved before, with whatever values.
#[derive(Debug)]
pub struct Prepared {
    pub(super) config: Config,
    pub(super) groups: Vec<GroupTexts>,
    /// The items of all groups, in the order of the document.
    pub(super) items: Vec<ItemTexts>,
    /// Where each item is by its name.
    pub(super) places: HashMap<String, Place>,
    /// The names of the items, in an order in which each can be resolved.
    pub(super) order: Vec<String>,
}

/// Where an item is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    group: usize,
    in_group: usize,
    /// Its number among all items.
    pub(super) number: usize,
}

/// A text of the config: `None` when it has no templates and reads as it stands.
pub(super) type Template = Option<Text<'static>>;

/// The texts of a group.
#[derive(Debug)]
pub(super) struct GroupTexts {
    pub(super) title: Template,
    pub(super) description: Template,
    pub(super) when: Template,
}

/// The texts of an item.
#[derive(Debug)]
pub(super) struct ItemTexts {
    pub(super) default: Drawn,
    pub(super) value: Drawn,
    pub(super) title: Template,
    pub(super) help_text: Template,
    pub(super) when: Template,
    pub(super) error: Template,
    pub(super) data: Template,
    pub(super) affix: Template,
    pub(super) filename: Template,
    pub(super) children: Vec<ChildTexts>,
    pub(super) pattern: Template,
    pub(super) message: Template,
}

/// The texts of an option.
#[derive(Debug)]
pub(super) struct ChildTexts {
    pub(super) title: Template,
    pub(super) default: Template,
    pub(super) value: Template,
}

/// A default or a value.
#[derive(Debug)]
pub(super) struct Drawn {
    /// What it is called.
    pub(super) field: &'static str,
    pub(super) template: Template,
    /// The items it asks for, when what it makes up is to be kept.
    pub(super) asked: Option<Vec<String>>,
}

impl Prepared {
    /// Reads the order and the templates of a config.
    ///
    /// # Errors
    ///
    /// [`ResolveError::DuplicateItem`] and [`ResolveError::Cycle`].
    pub fn new(config: Config) -> Result<Self, ResolveError> {
        let mut places = HashMap::new();
        let mut number = 0;
        for (group, of_group) in config.groups.iter().enumerate() {
            for (in_group, item) in of_group.items.iter().enumerate() {
                match places.entry(item.name.clone()) {
                    Entry::Vacant(entry) => entry.insert(Place { group, in_group, number }),
                    Entry::Occupied(entry) => {
                        return Err(ResolveError::DuplicateItem { name: entry.key().clone() });
                    }
                };
                number += 1;
            }
        }
        let order = resolution_order(&config)?;
        let groups = config.groups.iter().map(GroupTexts::new).collect();
        let items = config.items().map(ItemTexts::new).collect();
        Ok(Self { config, groups, items, places, order })
    }

    /// The config as the vendor wrote it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn item(&self, place: Place) -> &ConfigItem {
        &self.config.groups[place.group].items[place.in_group]
    }
}

impl GroupTexts {
    fn new(group: &ConfigGroup) -> Self {
        let template = |field: &str, text: &str| template("group", &group.name, field, text);
        Self {
            title: template("title", &group.title),
            description: template("description", &group.description),
            when: template("when", &group.when.0),
        }
    }
}

impl ItemTexts {
    fn new(item: &ConfigItem) -> Self {
        let template = |field: &str, text: &str| template("item", &item.name, field, text);
        let drawn = |field: &'static str, text: &str| Drawn {
            field,
            template: template(field, text),
            asked: is_random(text).then(|| asked_for(text).into_iter().collect()),
        };
        let rule = item.validation.as_ref().and_then(|it| it.regex.as_ref());
        Self {
            default: drawn("default", item.default.text()),
            value: drawn("value", item.value.text()),
            title: template("title", &item.title),
            help_text: template("help_text", &item.help_text),
            when: template("when", &item.when.0),
            error: template("error", &item.error),
            data: template("data", &item.data),
            affix: template("affix", &item.affix),
            filename: template("filename", &item.filename),
            children: item
                .items
                .iter()
                .map(|child| ChildTexts {
                    title: template("items title", &child.title),
                    default: template("items default", child.default.text()),
                    value: template("items value", child.value.text()),
                })
                .collect(),
            pattern: rule.and_then(|it| template("validation pattern", &it.pattern)),
            message: rule.and_then(|it| template("validation message", &it.message)),
        }
    }
}

fn template(kind: &str, name: &str, field: &str, text: &str) -> Template {
    if !crate::context::is_template(text) {
        return None;
    }
    let name = format!("config {kind} `{name}`, {field}");
    Text::new(Cow::Owned(name), Cow::Owned(text.to_owned()))
}

#[cfg(test)]
mod tests;
