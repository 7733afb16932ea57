//! What an upgrade does to each item: a three-way comparison of the vendor's old config, the
//! vendor's new one and the operator's answers.

use std::collections::BTreeMap;

use super::{Config, ConfigItem, ConfigValues, ItemType};

/// What an upgrade does to one item.
///
/// "Vendor" below is what applies without an answer: the resolved value of the item, else its
/// default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes: the answer stays, or there is none and the vendor's stays the same.
    Kept,
    /// The answer stays, although the vendor changed what it replaces.
    KeptOverNewDefault {
        /// What the vendor had before.
        old: String,
        /// What the vendor has now.
        new: String,
    },
    /// There is no answer, and what the vendor gives instead changes.
    NewDefault {
        /// What applied before.
        old: String,
        /// What applies now.
        new: String,
    },
    /// The answer no longer counts, because the vendor made the item read-only or of a kind that
    /// cannot be answered, or gave it a type the answer does not fit.
    ChangedByVendor {
        /// The old type.
        old: String,
        /// The new type.
        new: String,
    },
    /// The item must be answered before the upgrade: it is required and has neither an answer nor a
    /// default.
    NeedsAnswer,
    /// The item is new and needs no answer.
    Added,
    /// The item is gone.
    Removed {
        /// Whether it had an answer, which is kept in case the item returns.
        had_answer: bool,
    },
}

/// What an upgrade does to an item of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemVerdict {
    /// The item's name.
    pub name: String,
    /// What happens to it.
    pub verdict: Verdict,
}

/// Compares two resolved configs: `old` of the version there is, `new` of the one to come, both
/// resolved without the answers; `values` are the answers.
///
/// Items that only show something (labels, headings) are left out. The order is that of the new
/// config, then the removed items in the order of the old one.
pub fn upgrade_verdicts(old: &Config, new: &Config, values: &ConfigValues) -> Vec<ItemVerdict> {
    let asked = |config: &'_ Config| -> Vec<ConfigItem> {
        config.items().filter(|item| item.item_type() != ItemType::Shown).cloned().collect()
    };
    let before = asked(old);
    let by_name: BTreeMap<&str, &ConfigItem> =
        before.iter().map(|item| (item.name.as_str(), item)).collect();
    let mut verdicts: Vec<ItemVerdict> = new
        .groups
        .iter()
        .flat_map(|group| group.items.iter().map(move |item| (item, group.when.hides())))
        .filter(|(item, _)| {
            item.item_type() != ItemType::Shown || by_name.contains_key(item.name.as_str())
        })
        .map(|(item, is_group_hidden)| ItemVerdict {
            name: item.name.clone(),
            verdict: verdict(
                by_name.get(item.name.as_str()).copied(),
                item,
                is_group_hidden,
                has_answer(values, &item.name),
            ),
        })
        .collect();
    let removed = before.iter().filter(|item| new.item(&item.name).is_none());
    verdicts.extend(removed.map(|item| ItemVerdict {
        name: item.name.clone(),
        verdict: Verdict::Removed { had_answer: has_answer(values, &item.name) },
    }));
    verdicts
}

fn has_answer(values: &ConfigValues, name: &str) -> bool {
    let is_given = |text: &str| !text.is_empty();
    values.values.get(name).is_some_and(|v| is_given(&v.value) || is_given(&v.value_plaintext))
        || values.values.values().any(|v| v.repeatable_item == name && is_given(&v.value))
}

fn verdict(
    old: Option<&ConfigItem>,
    new: &ConfigItem,
    is_group_hidden: bool,
    has_answer: bool,
) -> Verdict {
    let is_asked = new.required && !new.hidden && !new.when.hides() && !is_group_hidden;
    let is_answered = has_answer && new.is_editable();
    if is_asked && !is_answered && vendors(new).is_empty() {
        return Verdict::NeedsAnswer;
    }
    let Some(old) = old else {
        return Verdict::Added;
    };
    if has_answer && old.is_editable() && !fits(old, new) {
        return Verdict::ChangedByVendor { old: described(old), new: described(new) };
    }
    let (before, after) = (vendors(old).to_owned(), vendors(new).to_owned());
    match (is_answered, before == after) {
        (_, true) => Verdict::Kept,
        (true, false) => Verdict::KeptOverNewDefault { old: before, new: after },
        (false, false) => Verdict::NewDefault { old: before, new: after },
    }
}

/// What applies without an answer.
fn vendors(item: &ConfigItem) -> &str {
    if item.value.is_empty() { item.default.text() } else { item.value.text() }
}

/// Whether an answer to the old item is one to the new item too.
fn fits(old: &ConfigItem, new: &ConfigItem) -> bool {
    let is_text =
        |item: &ConfigItem| matches!(item.item_type(), ItemType::Text | ItemType::Password);
    let is_same = old.item_type() == new.item_type() || (is_text(old) && is_text(new));
    new.is_editable() && is_same && old.repeatable == new.repeatable
}

fn described(item: &ConfigItem) -> String {
    let kind = if item.kind.is_empty() { "text" } else { &item.kind };
    let readonly = if item.readonly { "read-only " } else { "" };
    let repeated = if item.repeatable { " (repeatable)" } else { "" };
    format!("{readonly}{kind}{repeated}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    /// The verdict on item `a`, given as a YAML mapping or nothing, with an answer or without.
    fn check(old: &str, new: &str, answer: Option<&str>) -> String {
        let config = |item: &str| -> Config {
            let items =
                if item.is_empty() { String::new() } else { format!("{{name: a, {item}}}") };
            yaml::from_str(&format!("groups: [{{name: g, items: [{items}]}}]")).expect("a config")
        };
        let values = answer.map_or("{}".into(), |text| format!("{{a: {{value: '{text}'}}}}"));
        let values = yaml::from_str(&format!("values: {values}")).expect("values");
        let verdicts = upgrade_verdicts(&config(old), &config(new), &values);
        verdicts.into_iter().map(|v| format!("{:?}", v.verdict)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_table_of_verdicts() {
        let kept =
            |old: &str, new: &str| format!("KeptOverNewDefault {{ old: {old:?}, new: {new:?} }}");
        let default = |old: &str, new: &str| format!("NewDefault {{ old: {old:?}, new: {new:?} }}");
        let changed =
            |old: &str, new: &str| format!("ChangedByVendor {{ old: {old:?}, new: {new:?} }}");
        for (old, new, answer, expected) in [
            // There before and after.
            ("type: text", "type: text", None, "Kept".to_owned()),
            ("type: text", "type: text", Some("x"), "Kept".to_owned()),
            ("type: text, default: '1'", "type: text, default: '1'", None, "Kept".to_owned()),
            ("type: text, default: '1'", "type: text, default: '2'", None, default("1", "2")),
            ("type: text, default: '1'", "type: text, default: '2'", Some("x"), kept("1", "2")),
            ("type: text, value: '1'", "type: text, value: '2'", None, default("1", "2")),
            ("type: text, default: '1'", "type: text", None, default("1", "")),
            ("type: bool, default: '0'", "type: bool, default: true", None, default("0", "1")),
            // Required.
            ("type: text", "type: text, required: true", None, "NeedsAnswer".to_owned()),
            ("type: text", "type: text, required: true", Some("x"), "Kept".to_owned()),
            ("type: text", "type: text, required: true, default: d", None, default("", "d")),
            ("type: text", "type: text, required: true, hidden: true", None, "Kept".to_owned()),
            ("type: text", "type: text, required: true, when: 'false'", None, "Kept".to_owned()),
            // New.
            ("", "type: text", None, "Added".to_owned()),
            ("", "type: text, required: true, default: d", None, "Added".to_owned()),
            ("", "type: text, required: true", None, "NeedsAnswer".to_owned()),
            ("", "type: text, required: true", Some("x"), "Added".to_owned()),
            ("", "type: label", None, String::new()),
            // Gone.
            ("type: text", "", None, "Removed { had_answer: false }".to_owned()),
            ("type: text", "", Some("x"), "Removed { had_answer: true }".to_owned()),
            ("type: label", "", None, String::new()),
            // Of another type.
            ("type: text", "type: bool", Some("x"), changed("text", "bool")),
            ("type: text", "type: textarea", Some("x"), "Kept".to_owned()),
            ("type: text", "type: password", Some("x"), "Kept".to_owned()),
            (
                "type: text",
                "type: text, readonly: true",
                Some("x"),
                changed("text", "read-only text"),
            ),
            ("type: text", "type: label", Some("x"), changed("text", "label")),
            (
                "type: text",
                "type: text, repeatable: true",
                Some("x"),
                changed("text", "text (repeatable)"),
            ),
            (
                "type: text, readonly: true, value: '1'",
                "type: text, readonly: true, value: '2'",
                Some("x"),
                default("1", "2"),
            ),
            ("type: text", "type: bool, default: '1'", None, default("", "1")),
        ] {
            assert_eq!(check(old, new, answer), expected, "{old} → {new} with {answer:?}");
        }
    }
}
