//! Renders a config: every item's default and value in the order they ask for one another, then all
//! texts.

use std::collections::BTreeMap;

use thiserror::Error;

use super::dependencies::{CycleError, asked_for, resolution_order};
use super::generated::{Generated, is_random};
use super::repeat;
use super::{Config, ConfigGroup, ConfigItem, ConfigValue, ConfigValues, ItemType};
use crate::cipher::{Cipher, decrypt_any};
use crate::context::{Contexts, ItemText, RenderError, Renderer};
use crate::multitype::{BoolOrString, QuotedBool};

/// A resolved item, as templates read it.
pub type Item = ItemText;

/// A config with every template rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The config: defaults and values are final, passwords in plain text.
    pub config: Config,
    /// The items by name, for the contexts of other texts.
    pub items: BTreeMap<String, Item>,
}

/// Why a config cannot be resolved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// Items ask for one another in a circle.
    #[error(transparent)]
    Cycle(#[from] CycleError),
    /// A template of an item or group fails.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Two items have one name.
    #[error("the config has two items of the name `{name}`, one is allowed")]
    DuplicateItem {
        /// The name.
        name: String,
    },
}

/// Resolves `config` with the operator's `values`.
///
/// * A default is rendered each time. So is the value of an item that is read-only or not editable.
/// * An operator's value of an editable item is taken as it is, never rendered, decrypted if it is a
///   password that one of `ciphers` opens.
/// * The vendor's value of an editable item applies while the operator has given none.
/// * What a template makes up is drawn once and kept in `generated`, certificates too.
///
/// The items and certificates of `contexts` are not looked at; `contexts.world.seed` must differ from render to
/// render.
///
/// # Errors
///
/// [`ResolveError`].
pub fn resolve(
    config: &Config,
    values: &ConfigValues,
    contexts: &Contexts,
    ciphers: &[Cipher],
    generated: &mut Generated,
) -> Result<Resolution, ResolveError> {
    let by_name = items_by_name(config)?;
    let order = resolution_order(config)?;
    let stored = stored_items(values);
    let tls = generated.certificates();
    let base = Contexts { items: stored.clone(), tls: tls.clone(), ..contexts.clone() };
    let renderer = Renderer::new(&base);
    renderer.set_pending(order.iter().cloned().collect());
    let mut resolver = Resolver { renderer, values, ciphers, generated, items: stored };
    let mut path = Vec::new();
    for name in &order {
        resolver.item(name, &by_name, &mut path)?;
    }
    let seed = contexts.world.seed;
    let mut groups = Vec::with_capacity(config.groups.len());
    for group in &config.groups {
        groups.push(resolver.group(group, seed)?);
    }
    let is_kept = |key: &str| {
        let name = key.rsplit_once('.').map_or(key, |(name, _)| name);
        by_name.contains_key(name)
    };
    resolver.generated.retain(is_kept);
    resolver.generated.keep_certificates(&tls);
    Ok(Resolution { config: Config { groups }, items: resolver.items })
}

fn items_by_name(config: &Config) -> Result<BTreeMap<&str, &ConfigItem>, ResolveError> {
    let mut by_name = BTreeMap::new();
    for item in config.items() {
        if by_name.insert(item.name.as_str(), item).is_some() {
            return Err(ResolveError::DuplicateItem { name: item.name.clone() });
        }
    }
    Ok(by_name)
}

/// Stored answers are read by name even when no item has it: options of a choice and repeated
/// answers are such names.
fn stored_items(values: &ConfigValues) -> BTreeMap<String, Item> {
    let item = |value: &ConfigValue| Item {
        value: value.value.clone(),
        default: value.default.clone(),
        filename: value.filename.clone(),
    };
    values.values.iter().map(|(name, value)| (name.clone(), item(value))).collect()
}

struct Resolver<'a> {
    renderer: Renderer,
    values: &'a ConfigValues,
    ciphers: &'a [Cipher],
    generated: &'a mut Generated,
    items: BTreeMap<String, Item>,
}

/// The longest chain of items that ask for one another by names that only rendering tells.
const MAX_CHAIN: usize = 100;

impl Resolver<'_> {
    /// Resolves an item, first those that it asks for and that [`resolution_order`] could not see
    /// because their names are made up by the template.
    fn item(
        &mut self,
        name: &str,
        by_name: &BTreeMap<&str, &ConfigItem>,
        path: &mut Vec<String>,
    ) -> Result<(), ResolveError> {
        let Some(item) = by_name.get(name).filter(|_| self.renderer.is_pending(name)) else {
            return Ok(());
        };
        let is_circle = path.iter().any(|seen| seen == name);
        path.push(name.to_owned());
        if is_circle || path.len() > MAX_CHAIN {
            let start = path.iter().position(|seen| seen == name).unwrap_or(0);
            return Err(CycleError { names: path.split_off(start) }.into());
        }
        loop {
            let resolved = self.item_text(item);
            let missed = self.renderer.take_missed();
            if missed.is_empty() {
                let resolved = resolved?;
                self.renderer.set_item(name, resolved.clone());
                self.items.insert(name.to_owned(), resolved);
                path.pop();
                return Ok(());
            }
            // What was rendered, or failed, without them does not count.
            for name in missed {
                self.item(&name, by_name, path)?;
            }
        }
    }

    fn item_text(&mut self, item: &ConfigItem) -> Result<Item, RenderError> {
        let default = self.drawn_once(item, "default", item.default.text())?;
        let answer = self.values.values.get(&item.name).filter(|_| item.is_editable());
        let value = match answer.and_then(|answer| self.answer(item, answer)) {
            Some(value) => value,
            None => self.drawn_once(item, "value", item.value.text())?,
        };
        let filename = match answer.map(|answer| answer.filename.as_str()) {
            Some(filename) if !filename.is_empty() => filename.to_owned(),
            _ => item.filename.clone(),
        };
        Ok(Item { value, default, filename })
    }

    /// The operator's value; `None` when there is none and the vendor's applies.
    fn answer(&self, item: &ConfigItem, answer: &ConfigValue) -> Option<String> {
        let is_password = item.item_type() == ItemType::Password;
        if !answer.value.is_empty() {
            let plain = if is_password { decrypt_any(self.ciphers, &answer.value) } else { None };
            return Some(plain.unwrap_or_else(|| answer.value.clone()));
        }
        if !answer.value_plaintext.is_empty() {
            return Some(answer.value_plaintext.clone());
        }
        // An entry without anything is a value that was emptied; one that only remembers the
        // default is no answer.
        answer.default.is_empty().then(String::new)
    }

    /// Renders a template of an item; what it makes up is kept.
    fn drawn_once(
        &mut self,
        item: &ConfigItem,
        field: &str,
        template: &str,
    ) -> Result<String, RenderError> {
        if !is_random(template) {
            return self.render(item, field, template);
        }
        let key = format!("{}.{field}", item.name);
        let asked: Vec<String> = asked_for(template)
            .iter()
            .map(|name| self.items.get(name).map(Item::effective).unwrap_or_default().to_owned())
            .collect();
        let sources: Vec<&str> =
            std::iter::once(template).chain(asked.iter().map(String::as_str)).collect();
        if let Some(kept) = self.generated.get(&key, &sources) {
            return Ok(kept.to_owned());
        }
        let drawn = self.render(item, field, template)?;
        if !self.renderer.has_missed() {
            self.generated.set(&key, &sources, &drawn);
        }
        Ok(drawn)
    }

    fn render(&self, item: &ConfigItem, field: &str, text: &str) -> Result<String, RenderError> {
        self.renderer.render(&format!("config item `{}`, {field}", item.name), text)
    }

    fn group(&mut self, group: &ConfigGroup, seed: [u8; 32]) -> Result<ConfigGroup, RenderError> {
        let place = format!("config group `{}`", group.name);
        let render =
            |field: &str, text: &str| self.renderer.render(&format!("{place}, {field}"), text);
        let mut resolved = ConfigGroup {
            name: group.name.clone(),
            title: render("title", &group.title)?,
            description: render("description", &group.description)?,
            when: QuotedBool(render("when", &group.when.0)?),
            items: Vec::with_capacity(group.items.len()),
        };
        for item in &group.items {
            let mut item = self.shown(item)?;
            repeat::fill(&mut item, &group.name, self.values, seed);
            resolved.items.push(item);
        }
        Ok(resolved)
    }

    /// The item with its texts rendered and its default and value put in.
    fn shown(&self, item: &ConfigItem) -> Result<ConfigItem, RenderError> {
        let mut shown = item.clone();
        let fields: [(&str, &mut String); 7] = [
            ("title", &mut shown.title),
            ("help_text", &mut shown.help_text),
            ("when", &mut shown.when.0),
            ("error", &mut shown.error),
            ("data", &mut shown.data),
            ("affix", &mut shown.affix),
            ("filename", &mut shown.filename),
        ];
        for (field, text) in fields {
            *text = self.render(item, field, text)?;
        }
        for child in &mut shown.items {
            child.title = self.render(item, "items title", &child.title)?;
            child.default = self.render(item, "items default", child.default.text())?.into();
            child.value = match self.values.values.get(&child.name) {
                Some(answer) => answer.value.clone().into(),
                None => self.render(item, "items value", child.value.text())?.into(),
            };
        }
        if let Some(rule) = shown.validation.as_mut().and_then(|v| v.regex.as_mut()) {
            rule.pattern = self.render(item, "validation pattern", &rule.pattern)?;
            rule.message = self.render(item, "validation message", &rule.message)?;
        }
        if let Some(resolved) = self.items.get(&item.name) {
            shown.default = final_text(&item.default, &resolved.default);
            shown.value = final_text(&item.value, &resolved.value);
            shown.filename.clone_from(&resolved.filename);
        }
        Ok(shown)
    }
}

/// Keeps a boolean a boolean when its text did not change.
fn final_text(written: &BoolOrString, text: &str) -> BoolOrString {
    if written.text() == text { written.clone() } else { text.into() }
}
