//! Puts given answers over stored ones, by the rules of the config values API.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::{Config, ConfigItem, ConfigValue, ConfigValues, ItemType};
use crate::cipher::{Cipher, decrypt_any};
use crate::gvk::go_bool;

/// What the given answers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// All answers: an item that is not among them has none (`merge` false).
    All,
    /// Changes to the stored ones (`merge` true).
    Changes,
}

/// The answers to store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// The answers, passwords encrypted.
    pub values: ConfigValues,
    /// Given names that no item has; they are not stored.
    pub ignored: Vec<String>,
}

/// Why given answers are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// Changes name items that there are none of. The sentence begins as the original's.
    #[error("new values contain unknown keys: {}", .names.join(", "))]
    UnknownKeys {
        /// The names.
        names: Vec<String>,
    },
    /// The answer of a boolean item is no boolean.
    #[error(
        "the value of the config item `{item}` is `{found}`, `0`, `1`, `true` and `false` are allowed"
    )]
    NotABool {
        /// The item's name.
        item: String,
        /// What was given.
        found: String,
    },
    /// A password is given and there is no key to encrypt it with.
    #[error("the password `{item}` cannot be stored: there is no encryption key")]
    NoKey {
        /// The item's name.
        item: String,
    },
}

/// Puts the `given` answers over the `stored` ones.
///
/// * `value` counts before `valuePlaintext`, which counts before `default`; `filename` and `data` are
///   kept (the original drops them).
/// * The answers of boolean items become `1` or `0`.
/// * Passwords are encrypted with the first of `ciphers` unless one of them opens them already.
/// * Stored answers of items that the config no longer has stay.
/// * With [`Given::All`] an item that is not given loses its answer, so that the vendor's value or
///   default applies again; a hidden one keeps it, since an operator cannot give it.
///
/// # Errors
///
/// [`ApplyError`].
pub fn apply_values(
    config: &Config,
    stored: &ConfigValues,
    given: &ConfigValues,
    mode: Given,
    ciphers: &[Cipher],
) -> Result<Applied, ApplyError> {
    let names = Names::of(config);
    let mut unknown: Vec<String> = given
        .values
        .iter()
        .filter(|(name, value)| !names.has(name) && !names.repeats(value))
        .map(|(name, _)| name.clone())
        .collect();
    if mode == Given::Changes {
        unknown.retain(|name| !stored.values.contains_key(name));
        if !unknown.is_empty() {
            return Err(ApplyError::UnknownKeys { names: unknown });
        }
    }
    let mut values = stored.values.clone();
    if mode == Given::All {
        values.retain(|name, value| {
            let is_hidden = names.items.get(name.as_str()).is_some_and(|item| item.hidden);
            let is_stale = !names.has(name) && !names.repeats(value);
            is_hidden || is_stale
        });
    }
    for (name, value) in &given.values {
        let repeated = names.items.get(value.repeatable_item.as_str());
        if let Some(item) = names.items.get(name.as_str()).or(repeated) {
            let before = stored.values.get(name);
            values.insert(name.clone(), answer(item, value, before, ciphers)?);
        } else if names.has(name) {
            values.insert(name.clone(), plain_answer(value));
        }
    }
    Ok(Applied { values: ConfigValues { values }, ignored: unknown })
}

/// The names that can be answered.
struct Names<'a> {
    items: BTreeMap<&'a str, &'a ConfigItem>,
    children: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(config: &'a Config) -> Self {
        let items = config.items().map(|item| (item.name.as_str(), item)).collect();
        let children = config.items().flat_map(|item| &item.items).map(|c| c.name.as_str());
        Self { items, children: children.collect() }
    }

    fn has(&self, name: &str) -> bool {
        self.items.contains_key(name) || self.children.contains(name)
    }

    fn repeats(&self, value: &ConfigValue) -> bool {
        self.items.get(value.repeatable_item.as_str()).is_some_and(|item| item.repeatable)
    }
}

fn plain_answer(given: &ConfigValue) -> ConfigValue {
    let value = if given.value.is_empty() { &given.value_plaintext } else { &given.value };
    ConfigValue { value: value.clone(), value_plaintext: String::new(), ..given.clone() }
}

fn answer(
    item: &ConfigItem,
    given: &ConfigValue,
    before: Option<&ConfigValue>,
    ciphers: &[Cipher],
) -> Result<ConfigValue, ApplyError> {
    let mut answer = plain_answer(given);
    match item.item_type() {
        ItemType::Bool if !answer.value.is_empty() => {
            let Some(value) = go_bool(&answer.value) else {
                let (item, found) = (item.name.clone(), answer.value);
                return Err(ApplyError::NotABool { item, found });
            };
            answer.value = u8::from(value).to_string();
        }
        ItemType::Password if !answer.value.is_empty() => {
            answer.value = encrypted(item, answer.value, before, ciphers)?;
        }
        ItemType::File if answer.filename.is_empty() => {
            // The same content without a name keeps the name it had.
            let kept = before.filter(|before| before.value == answer.value);
            answer.filename = kept.map(|before| before.filename.clone()).unwrap_or_default();
        }
        _ => {}
    }
    Ok(answer)
}

/// The cipher text of a password; an unchanged one keeps its cipher text, so that equal answers give
/// an equal document.
fn encrypted(
    item: &ConfigItem,
    given: String,
    before: Option<&ConfigValue>,
    ciphers: &[Cipher],
) -> Result<String, ApplyError> {
    if decrypt_any(ciphers, &given).is_some() {
        return Ok(given);
    }
    let before = before.map(|before| before.value.as_str()).filter(|text| !text.is_empty());
    if let Some(sealed) = before
        && decrypt_any(ciphers, sealed).as_deref() == Some(given.as_str())
    {
        return Ok(sealed.to_owned());
    }
    let Some(cipher) = ciphers.first() else {
        return Err(ApplyError::NoKey { item: item.name.clone() });
    };
    Ok(cipher.encrypt(&given))
}
