//! Renders a config: every item's default and value in the order they ask for one another, then all
//! texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::dependencies::CycleError;
use super::generated::Generated;
use super::prepared::{Drawn, GroupTexts, ItemTexts, Prepared, Template};
use super::repeat::{self, Given};
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
    /// The repeatable items ask for more answers than any screen could show.
    #[error(
        "the repeatable items of the config ask for more than {MAX_ANSWERS} answers together, at `{item}`"
    )]
    TooManyAnswers {
        /// The item with which they are too many.
        item: String,
    },
}

/// The most answers that repeatable items may have together.
const MAX_ANSWERS: usize = 50_000;

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
    Prepared::new(config.clone())?.resolve(values, contexts, ciphers, generated)
}

impl Prepared {
    /// As [`resolve()`], for a config that was read before.
    ///
    /// # Errors
    ///
    /// [`ResolveError`].
    pub fn resolve(
        &self,
        values: &ConfigValues,
        contexts: &Contexts,
        ciphers: &[Cipher],
        generated: &mut Generated,
    ) -> Result<Resolution, ResolveError> {
        let stored = stored_items(values);
        let tls = generated.certificates();
        let base = Contexts { items: stored, tls: tls.clone(), ..contexts.clone() };
        let renderer = Renderer::new(&base);
        renderer.set_pending(self.order.iter().cloned().collect());
        let stored = base.items.into_iter().map(|(name, item)| (name, Arc::new(item))).collect();
        let mut resolver = Resolver {
            prepared: self,
            renderer,
            values,
            ciphers,
            generated,
            items: stored,
            n_answers: 0,
        };
        let mut path = Vec::new();
        for name in &self.order {
            resolver.item(name, &mut path)?;
        }
        let repeated = Given::of(values);
        let seed = contexts.world.seed;
        let mut groups = Vec::with_capacity(self.config.groups.len());
        let mut items = self.items.iter();
        for (group, texts) in self.config.groups.iter().zip(&self.groups) {
            groups.push(resolver.group(group, texts, &mut items, &repeated, seed)?);
        }
        let is_kept = |key: &str| {
            let name = key.rsplit_once('.').map_or(key, |(name, _)| name);
            self.places.contains_key(name)
        };
        let Resolver { renderer, generated, items, .. } = resolver;
        generated.retain(is_kept);
        generated.keep_certificates(&tls);
        drop(renderer);
        let items =
            items.into_iter().map(|(name, item)| (name, Arc::unwrap_or_clone(item))).collect();
        Ok(Resolution { config: Config { groups }, items })
    }
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
    prepared: &'a Prepared,
    renderer: Renderer,
    values: &'a ConfigValues,
    ciphers: &'a [Cipher],
    generated: &'a mut Generated,
    items: BTreeMap<String, Arc<Item>>,
    /// Answers of repeatable items so far.
    n_answers: usize,
}

/// The longest chain of items that ask for one another by names that only rendering tells.
const MAX_CHAIN: usize = 100;

impl Resolver<'_> {
    /// Resolves an item, first those that it asks for and that
    /// [`resolution_order`](super::resolution_order) could not see because their names are made up by the template.
    fn item(&mut self, name: &str, path: &mut Vec<String>) -> Result<(), ResolveError> {
        let place = self.prepared.places.get(name).copied();
        let Some(place) = place.filter(|_| self.renderer.is_pending(name)) else {
            return Ok(());
        };
        let (item, texts) = (self.prepared.item(place), &self.prepared.items[place.number]);
        let is_circle = path.iter().any(|seen| seen == name);
        path.push(name.to_owned());
        if is_circle || path.len() > MAX_CHAIN {
            let start = path.iter().position(|seen| seen == name).unwrap_or(0);
            return Err(CycleError { names: path.split_off(start) }.into());
        }
        loop {
            let resolved = self.item_text(item, texts);
            let missed = self.renderer.take_missed();
            if missed.is_empty() {
                let resolved = Arc::new(resolved?);
                self.renderer.set_item(name, Arc::clone(&resolved));
                self.items.insert(name.to_owned(), resolved);
                path.pop();
                return Ok(());
            }
            // What was rendered, or failed, without them does not count.
            for name in missed {
                self.item(&name, path)?;
            }
        }
    }

    fn item_text(&mut self, item: &ConfigItem, texts: &ItemTexts) -> Result<Item, RenderError> {
        let default = self.drawn_once(item, &texts.default, item.default.text())?;
        let answer = self.values.values.get(&item.name).filter(|_| item.is_editable());
        let value = match answer.and_then(|answer| self.answer(item, answer)) {
            Some(value) => value,
            None => self.drawn_once(item, &texts.value, item.value.text())?,
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
        drawn: &Drawn,
        text: &str,
    ) -> Result<String, RenderError> {
        let Some(asked) = &drawn.asked else {
            return self.render(&drawn.template, text);
        };
        let key = format!("{}.{}", item.name, drawn.field);
        let answers = asked.iter().map(|name| self.items.get(name).map_or("", |it| it.effective()));
        let sources: Vec<String> =
            std::iter::once(text).chain(answers).map(str::to_owned).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        if let Some(kept) = self.generated.get(&key, &sources) {
            return Ok(kept.to_owned());
        }
        let made = self.render(&drawn.template, text)?;
        if !self.renderer.has_missed() {
            self.generated.set(&key, &sources, &made);
        }
        Ok(made)
    }

    fn render(&self, template: &Template, text: &str) -> Result<String, RenderError> {
        match template {
            Some(template) => self.renderer.render_parsed(template),
            None => Ok(text.to_owned()),
        }
    }

    /// The group with its texts rendered; `items` gives those of its items and moves past them.
    fn group(
        &mut self,
        group: &ConfigGroup,
        texts: &GroupTexts,
        items: &mut std::slice::Iter<'_, ItemTexts>,
        repeated: &Given<'_>,
        seed: [u8; 32],
    ) -> Result<ConfigGroup, ResolveError> {
        let mut resolved = ConfigGroup {
            name: group.name.clone(),
            title: self.render(&texts.title, &group.title)?,
            description: self.render(&texts.description, &group.description)?,
            when: QuotedBool(self.render(&texts.when, &group.when.0)?),
            items: Vec::with_capacity(group.items.len()),
        };
        for (item, texts) in group.items.iter().zip(items) {
            let mut item = self.shown(item, texts)?;
            self.n_answers += repeat::fill(&mut item, &group.name, repeated, seed);
            if self.n_answers > MAX_ANSWERS {
                return Err(ResolveError::TooManyAnswers { item: item.name });
            }
            resolved.items.push(item);
        }
        Ok(resolved)
    }

    /// The item with its texts rendered and its default and value put in.
    fn shown(&self, item: &ConfigItem, texts: &ItemTexts) -> Result<ConfigItem, RenderError> {
        let mut shown = item.clone();
        let fields: [(&Template, &mut String); 7] = [
            (&texts.title, &mut shown.title),
            (&texts.help_text, &mut shown.help_text),
            (&texts.when, &mut shown.when.0),
            (&texts.error, &mut shown.error),
            (&texts.data, &mut shown.data),
            (&texts.affix, &mut shown.affix),
            (&texts.filename, &mut shown.filename),
        ];
        for (template, text) in fields {
            if let Some(template) = template {
                *text = self.renderer.render_parsed(template)?;
            }
        }
        for (child, texts) in shown.items.iter_mut().zip(&texts.children) {
            child.title = self.render(&texts.title, &child.title)?;
            child.default = self.render(&texts.default, child.default.text())?.into();
            child.value = match self.values.values.get(&child.name) {
                Some(answer) => answer.value.clone().into(),
                None => self.render(&texts.value, child.value.text())?.into(),
            };
        }
        if let Some(rule) = shown.validation.as_mut().and_then(|v| v.regex.as_mut()) {
            rule.pattern = self.render(&texts.pattern, &rule.pattern)?;
            rule.message = self.render(&texts.message, &rule.message)?;
        }
        if let Some(resolved) = self.items.get(&item.name) {
            put(&mut shown.default, &resolved.default);
            put(&mut shown.value, &resolved.value);
            shown.filename.clone_from(&resolved.filename);
        }
        Ok(shown)
    }
}

/// Puts a text in; a boolean stays a boolean when its text did not change.
fn put(shown: &mut BoolOrString, text: &str) {
    if shown.text() != text {
        *shown = text.into();
    }
}
