//! The answers of a repeatable item, and the objects that they repeat.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Config, ConfigItem, ConfigValues, RepeatTemplate};
use crate::yaml;

/// The answers of repeatable items by item, each with its name.
#[derive(Debug)]
pub(super) struct Given<'a>(HashMap<&'a str, Vec<(&'a str, &'a str)>>);

impl<'a> Given<'a> {
    pub(super) fn of(values: &'a ConfigValues) -> Self {
        let mut by_item: HashMap<&str, Vec<_>> = HashMap::new();
        for (name, value) in &values.values {
            if !value.repeatable_item.is_empty() {
                let answers = by_item.entry(&value.repeatable_item).or_default();
                answers.push((name.as_str(), value.value.as_str()));
            }
        }
        Self(by_item)
    }
}

/// Puts the stored answers of a repeatable item into it, and names for those that are missing to
/// its minimum or to the count it names for the group, at least one, as the original does. Returns how many it has.
pub(super) fn fill(item: &mut ConfigItem, group: &str, given: &Given<'_>, seed: [u8; 32]) -> usize {
    if !item.repeatable {
        return 0;
    }
    let answers = item.values_by_group.entry(group.to_owned()).or_default();
    for (name, value) in given.0.get(item.name.as_str()).into_iter().flatten() {
        answers.insert((*name).to_owned(), (*value).to_owned());
    }
    let count = item.count_by_group.get(group).copied().unwrap_or(0);
    let wanted = item.minimum_count.unwrap_or(0).max(count).clamp(1, MAX_COUNT);
    let minimum = usize::try_from(wanted).unwrap_or(1);
    let mut number: u64 = 0;
    while answers.len() < minimum {
        answers.entry(made_up_name(&item.name, number, seed)).or_default();
        number += 1;
    }
    let count = answers.len();
    item.count_by_group.insert(group.to_owned(), i64::try_from(count).unwrap_or(i64::MAX));
    count
}

/// The most answers an item may ask for.
const MAX_COUNT: i64 = 1000;

/// `ITEM-` and eight hexadecimal digits, as the original's names.
fn made_up_name(item: &str, number: u64, seed: [u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(seed)
        .chain_update(number.to_be_bytes())
        .chain_update(item)
        .finalize();
    format!("{item}-{}", hex::encode(&digest[..4]))
}

/// A document with what repeatable items made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The document itself, the entries of its lists repeated; its templates are not yet rendered.
    pub text: String,
    /// Further documents, one for each answer of an item that repeats the whole object.
    pub copies: Vec<RepeatedCopy>,
}

/// A copy of a document for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedCopy {
    /// The answer's name, which is also the object's name.
    pub name: String,
    /// The document; its templates are not yet rendered.
    pub text: String,
}

/// Why a document cannot be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RepeatError {
    /// The path of an item leads nowhere.
    #[error(
        "the config item `{item}` repeats `{path}`, which is not a list entry of the object: {what}"
    )]
    Path {
        /// The item's name.
        item: String,
        /// The path.
        path: String,
        /// Where it ends.
        what: String,
    },
}

/// Repeats a document, or entries of its lists, for every answer of the items whose `templates` name
/// the document.
///
/// `resolved` holds the answers by group. In a copy, a template whose first quoted text is the item's
/// name asks for the answer's name instead. A document that no item names, or that is not YAML before
/// it is rendered, is `None`: it stays as it is.
///
/// # Errors
///
/// [`RepeatError`].
pub fn expand_repeats(document: &str, resolved: &Config) -> Result<Option<Repeated>, RepeatError> {
    let repeats: Vec<_> = repeats(resolved).collect();
    if repeats.is_empty() {
        return Ok(None);
    }
    let Ok(mut object) = yaml::to_value(document) else {
        return Ok(None);
    };
    let mut is_named = false;
    let mut copies = Vec::new();
    for (item, template, answers) in repeats {
        if !names(template, &object) || answers.is_empty() {
            continue;
        }
        is_named = true;
        if template.yaml_path.is_empty() {
            let text = |name: &String| {
                let mut copy = with_name(&object, &item.name, name);
                copy["metadata"]["name"] = Value::String(name.clone());
                RepeatedCopy { name: name.clone(), text: written(&copy) }
            };
            copies.extend(answers.keys().map(text));
        } else {
            repeat_entry(&mut object, item, &template.yaml_path, answers)?;
        }
    }
    Ok(is_named.then(|| Repeated { text: written(&object), copies }))
}

type Answers = BTreeMap<String, String>;

fn repeats(config: &Config) -> impl Iterator<Item = (&ConfigItem, &RepeatTemplate, &Answers)> {
    config.groups.iter().flat_map(|group| {
        group.items.iter().filter(|item| item.repeatable).flat_map(|item| {
            let answers = item.values_by_group.get(&group.name).into_iter();
            answers.flat_map(move |answers| item.templates.iter().map(move |t| (item, t, answers)))
        })
    })
}

fn names(template: &RepeatTemplate, object: &Value) -> bool {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let metadata = object.get("metadata");
    text(object.get("apiVersion")) == template.api_version
        && text(object.get("kind")) == template.kind
        && text(metadata.and_then(|m| m.get("name"))) == template.name
        && text(metadata.and_then(|m| m.get("namespace"))) == template.namespace
}

/// Replaces the list entry at `path` (`spec.ports[0]`) by one for each answer, after the others.
fn repeat_entry(
    object: &mut Value,
    item: &ConfigItem,
    path: &str,
    answers: &Answers,
) -> Result<(), RepeatError> {
    let fail =
        |what: String| RepeatError::Path { item: item.name.clone(), path: path.into(), what };
    let path_steps: Vec<_> = path.split('.').map(step).collect::<Result<_, _>>().map_err(&fail)?;
    let Some(((last, index), parents)) = path_steps.split_last() else {
        return Err(fail("it is empty".to_owned()));
    };
    let Some(index) = index else {
        return Err(fail(format!("`{last}` has no index")));
    };
    let mut place = object;
    for (name, index) in parents {
        let found = place.get_mut(name).and_then(|value| match index {
            Some(index) => value.get_mut(index),
            None => Some(value),
        });
        place = found.ok_or_else(|| fail(format!("`{name}` is not there")))?;
    }
    let entries = place.get_mut(last).and_then(Value::as_array_mut);
    let entries = entries.filter(|entries| *index < entries.len());
    let entries = entries.ok_or_else(|| fail(format!("`{last}[{index}]` is not there")))?;
    let entry = entries.remove(*index);
    entries.extend(answers.keys().map(|name| with_name(&entry, &item.name, name)));
    Ok(())
}

/// A name with its index, if any: `ports[0]`.
fn step(text: &str) -> Result<(String, Option<usize>), String> {
    let Some((name, rest)) = text.split_once('[') else {
        return Ok((text.to_owned(), None));
    };
    let index = rest.strip_suffix(']').and_then(|index| index.parse().ok());
    index.map(|index| (name.to_owned(), Some(index))).ok_or_else(|| format!("`{text}` is no entry"))
}

/// The value with the item's name replaced by the answer's in every template that asks for it.
fn with_name(value: &Value, item: &str, answer: &str) -> Value {
    match value {
        Value::String(text) => Value::String(renamed(text, item, answer)),
        Value::Array(list) => list.iter().map(|value| with_name(value, item, answer)).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), with_name(value, item, answer))).collect()
        }
        other => other.clone(),
    }
}

fn renamed(text: &str, item: &str, answer: &str) -> String {
    let is_template = text.contains("repl{{") || text.contains("{{repl");
    let mut parts = text.splitn(3, '"');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(before), Some(name), Some(after)) if is_template && name == item => {
            format!("{before}\"{answer}\"{after}")
        }
        _ => text.to_owned(),
    }
}

fn written(value: &Value) -> String {
    yaml::to_template_string(value).expect("what was read from YAML has a YAML form")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "groups: [{name: g, items: [{name: port, repeatable: true, \
        templates: [{apiVersion: v1, kind: Service, name: web, namespace: ns, yamlPath: 'spec.ports[0]'}, \
                    {apiVersion: v1, kind: ConfigMap, name: one}, {apiVersion: v1, kind: Pod, name: bad, yamlPath: 'spec.x[1].y'}], \
        valuesByGroup: {g: {port-a: '1', port-b: '2'}}}]}]";

    fn check(document: &str) -> String {
        let config: Config = yaml::from_str(CONFIG).expect("a config");
        match expand_repeats(document, &config) {
            Ok(None) => "as it is".to_owned(),
            Ok(Some(repeated)) => {
                let copies = repeated.copies.iter().map(|c| format!("--- {}\n{}", c.name, c.text));
                repeated.text + &copies.collect::<String>()
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn entries_and_objects_are_repeated() {
        insta::assert_snapshot!(check(
            "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: ns}\nspec:\n  ports:\n  - port: repl{{ ConfigOption \"port\" | ParseInt }}\n    name: x\n  - port: 80\n"
        ), @r#"
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: ns
spec:
  ports:
  - port: 80
  - port: repl{{ ConfigOption "port-a" | ParseInt }}
    name: x
  - port: repl{{ ConfigOption "port-b" | ParseInt }}
    name: x
"#);
        insta::assert_snapshot!(check(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '{{repl ConfigOption \"port\" }}', b: '{{repl ConfigOption \"other\" }}'}\n"
        ), @r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: one
data:
  a: '{{repl ConfigOption "port" }}'
  b: '{{repl ConfigOption "other" }}'
--- port-a
apiVersion: v1
kind: ConfigMap
metadata:
  name: port-a
data:
  a: '{{repl ConfigOption "port-a" }}'
  b: '{{repl ConfigOption "other" }}'
--- port-b
apiVersion: v1
kind: ConfigMap
metadata:
  name: port-b
data:
  a: '{{repl ConfigOption "port-b" }}'
  b: '{{repl ConfigOption "other" }}'
"#);
        insta::assert_snapshot!(check("apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {}\n"), @"the config item `port` repeats `spec.x[1].y`, which is not a list entry of the object: `y` has no index");
        for other in [
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
            "{{repl if true}}\na: b: c",
            "",
        ] {
            assert_eq!(check(other), "as it is", "{other}");
        }
    }
}
