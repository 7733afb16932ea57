//! The values that a config screen sends back, over the stored ones (`h/config.go:265-310`,
//! `pkg/kotsadmconfig/config.go:90-150`).

use std::collections::{BTreeMap, BTreeSet};

use kinds::config::{Config, ConfigItem, ConfigValue, ConfigValues, ItemType};
use sha2::{Digest as _, Sha256};
use wire::config::{ConfigGroup, ConfigItem as WireItem};

/// Puts the values of a screen's groups over the `stored` ones.
///
/// * An item that the screen does not have keeps its value, and so does an option of a choice.
/// * A read-only item, a label and an item the Config does not have give none.
/// * An empty value is no answer, unless the vendor gives a value: then the operator has emptied it.
/// * The answers of a repeatable item are those of its groups; others are gone.
pub(crate) fn of_screen(
    groups: &[ConfigGroup],
    config: &Config,
    stored: &ConfigValues,
) -> ConfigValues {
    let items: BTreeMap<&str, &ConfigItem> =
        config.items().map(|item| (item.name.as_str(), item)).collect();
    let options: BTreeSet<&str> =
        config.items().flat_map(|item| &item.items).map(|it| it.name.as_str()).collect();
    let mut values = stored.values.clone();
    values.retain(|name, value| {
        [name.as_str(), value.repeatable_item.as_str()].iter().any(|it| items.contains_key(it))
            || options.contains(name.as_str())
    });
    for item in groups.iter().flat_map(|group| &group.items) {
        let Some(vendors) = items.get(item.name.as_str()).filter(|it| it.is_editable()) else {
            continue;
        };
        if vendors.repeatable {
            values.retain(|_, value| value.repeatable_item != item.name);
            values.extend(repeated(item));
        } else if let Some(value) = answer(item, vendors) {
            values.insert(item.name.clone(), value);
        } else {
            values.remove(&item.name);
        }
    }
    ConfigValues { values }
}

fn answer(item: &WireItem, vendors: &ConfigItem) -> Option<ConfigValue> {
    if item.value.is_empty() {
        return (!vendors.value.is_empty()).then(ConfigValue::default);
    }
    let is_file = vendors.item_type() == ItemType::File;
    let filename = if is_file { item.filename.clone() } else { String::new() };
    Some(ConfigValue { value: item.value.clone(), filename, ..ConfigValue::default() })
}

/// The most answers a screen may ask for in one group.
const MAX_COUNT: i64 = 1000;

/// The answers of a repeatable item; a group that counts more than it has gets empty ones.
fn repeated(item: &WireItem) -> BTreeMap<String, ConfigValue> {
    let mut values = BTreeMap::new();
    for (name, value) in item.values_by_group.values().flatten() {
        let filename = if item.filename.is_empty() { String::new() } else { name.clone() };
        let value = ConfigValue {
            value: value.clone(),
            filename,
            repeatable_item: item.name.clone(),
            ..ConfigValue::default()
        };
        values.insert(name.clone(), value);
    }
    let wanted: i64 = item.count_by_group.values().map(|it| (*it).clamp(0, MAX_COUNT)).sum();
    let wanted = usize::try_from(wanted.min(MAX_COUNT)).unwrap_or(0);
    let mut number: u64 = 0;
    while values.len() < wanted {
        let digest = Sha256::new().chain_update(number.to_be_bytes()).chain_update(&item.name);
        let name = format!("{}-{}", item.name, hex::encode(&digest.finalize()[..4]));
        let empty = ConfigValue { repeatable_item: item.name.clone(), ..ConfigValue::default() };
        values.entry(name).or_insert(empty);
        number += 1;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "groups: [{name: g, items: [{name: host, type: text}, {name: made, type: text, value: x}, \
        {name: fixed, type: text, readonly: true, value: y}, {name: note, type: label}, {name: cert, type: file}, \
        {name: size, type: select_many, items: [{name: big}]}, {name: port, type: text, repeatable: true}]}]";

    /// The values of a screen with these items over stored ones, as `name=value`.
    fn check(items: &str, stored: &[(&str, &str)]) -> String {
        let config = kinds::yaml::from_str(CONFIG).expect("a config");
        let groups = format!("[{{name: g, items: {items}}}]");
        let groups: Vec<ConfigGroup> = kinds::yaml::from_str(&groups).expect("groups");
        let value = |text: &str| ConfigValue { value: text.into(), ..ConfigValue::default() };
        let values = stored.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        let found = of_screen(&groups, &config, &ConfigValues { values });
        let line = |(name, it): (&String, &ConfigValue)| {
            let aside = [&it.filename, &it.repeatable_item]
                .map(|text| if text.is_empty() { String::new() } else { format!(" ({text})") });
            format!("{name}={}{}", it.value, aside.concat())
        };
        found.values.iter().map(line).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_screen_gives_the_values_it_shows() {
        assert_eq!(check("[{name: host, value: a}, {name: gone, value: b}]", &[]), "host=a");
        // What the screen does not show stays; what the config does not have goes.
        assert_eq!(check("[]", &[("host", "a"), ("big", "1"), ("stale", "x")]), "big=1; host=a");
        assert_eq!(check("[{name: host, value: ''}]", &[("host", "a")]), "");
        assert_eq!(check("[{name: made, value: ''}]", &[]), "made=");
        assert_eq!(check("[{name: fixed, value: b}, {name: note, value: b}]", &[]), "");
        assert_eq!(
            check(
                "[{name: cert, value: QQ==, filename: a.pem}, {name: host, value: b, filename: c}]",
                &[]
            ),
            "cert=QQ== (a.pem); host=b"
        );
        assert_eq!(check("[{name: host, value: true}]", &[]), "host=1");
        assert_eq!(
            check("[{name: port, valuesByGroup: {g: {port-1: '80', port-2: ''}}}]", &[]),
            "port-1=80 (port); port-2= (port)"
        );
        // One more was asked for.
        let more = "[{name: port, countByGroup: {g: 2}, valuesByGroup: {g: {port-1: '80'}}}]";
        assert_eq!(check(more, &[]), "port-1=80 (port); port-61754e2b= (port)");
    }

    #[test]
    fn repeated_answers_that_are_gone_are_gone() {
        let config = kinds::yaml::from_str(CONFIG).expect("a config");
        let stored = kinds::yaml::from_str(
            "values: {port-1: {value: '80', repeatableItem: port}, port-2: {value: '81', repeatableItem: port}}",
        )
        .expect("values");
        let groups: Vec<ConfigGroup> = kinds::yaml::from_str(
            "[{name: g, items: [{name: port, valuesByGroup: {g: {port-2: '82'}}}]}]",
        )
        .expect("groups");
        let found = of_screen(&groups, &config, &stored);
        assert_eq!(found.values.keys().collect::<Vec<_>>(), ["port-2"]);
        assert_eq!(found.values["port-2"].value, "82");
    }
}
