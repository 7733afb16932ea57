//! In which order items are resolved: an item whose templates ask for another comes after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::{Config, ConfigItem};

/// Items that ask for one another in a circle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the config items depend on one another in a circle: {}", .names.join(" → "))]
pub struct CycleError {
    /// The items of the circle; the first is repeated at the end.
    pub names: Vec<String>,
}

/// The functions that read another item, as they stand in a template.
static ASKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        ConfigOption(?:Name|Index|Data|Filename|Equals|NotEquals)?\s+(?:"([^"]*)"|`([^`]*)`)
        |(?:"([^"]*)"|`([^`]*)`)\s*\|\s*ConfigOption"#,
    )
    .expect("the expression is well formed")
});

/// The names of the items that a template asks for.
pub(crate) fn asked_for(template: &str) -> BTreeSet<String> {
    ASKS.captures_iter(template)
        .filter_map(|found| (1..=4).find_map(|group| found.get(group)))
        .map(|name| name.as_str().to_owned())
        .collect()
}

/// The functions that make a certificate, and those that ask for one made elsewhere.
static MAKES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\b(TLSCert|TLSCACert|TLSCertFromCA|TLSKey|TLSKeyFromCA)\s+"([^"]*)""#)
        .expect("the expression is well formed")
});

/// Adds to each item that reads a certificate's key, or is signed by an authority, the items that
/// make them.
fn add_certificates<'a>(config: &'a Config, asks: &mut BTreeMap<&'a str, BTreeSet<String>>) {
    let mut calls = Vec::new();
    for item in config.items() {
        for template in [item.default.text(), item.value.text()] {
            for found in MAKES.captures_iter(template) {
                calls.push((item.name.as_str(), found[1].to_owned(), found[2].to_owned()));
            }
        }
    }
    for (reader, function, name) in &calls {
        let makers: &[&str] = match function.as_str() {
            "TLSKey" => &["TLSCert"],
            "TLSCertFromCA" => &["TLSCACert"],
            "TLSKeyFromCA" => &["TLSCACert", "TLSCertFromCA"],
            _ => &[],
        };
        for (maker, made_by, made) in &calls {
            if maker != reader && made == name && makers.contains(&made_by.as_str()) {
                asks.entry(reader).or_default().insert((*maker).to_owned());
            }
        }
    }
}

/// Returns the names of all items in an order in which each can be resolved: first those that ask
/// for nothing, else as in the document.
///
/// Names that no item has are left out: asking for one gives nothing.
///
/// # Errors
///
/// [`CycleError`] naming the items of one circle.
pub fn resolution_order(config: &Config) -> Result<Vec<String>, CycleError> {
    let mut asks: BTreeMap<&str, BTreeSet<String>> =
        config.items().map(|item| (item.name.as_str(), asked_by(item))).collect();
    add_certificates(config, &mut asks);
    let mut walk = Walk { asks: &asks, states: BTreeMap::new(), path: vec![], order: vec![] };
    for item in config.items() {
        walk.visit(&item.name)?;
    }
    Ok(walk.order)
}

fn asked_by(item: &ConfigItem) -> BTreeSet<String> {
    let mut names = asked_for(item.default.text());
    names.append(&mut asked_for(item.value.text()));
    names
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Entered,
    Done,
}

struct Walk<'a> {
    asks: &'a BTreeMap<&'a str, BTreeSet<String>>,
    states: BTreeMap<&'a str, State>,
    path: Vec<String>,
    order: Vec<String>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &str) -> Result<(), CycleError> {
        let mut stack: Vec<(&'a str, Vec<&'a str>)> = Vec::new();
        self.enter(name, &mut stack)?;
        // An explicit stack: a chain of items may be as long as the document.
        while let Some((name, pending)) = stack.last_mut() {
            let name = *name;
            if let Some(next) = pending.pop() {
                self.enter(next, &mut stack)?;
            } else {
                self.states.insert(name, State::Done);
                self.order.push(name.to_owned());
                self.path.pop();
                stack.pop();
            }
        }
        Ok(())
    }

    fn enter(
        &mut self,
        name: &str,
        stack: &mut Vec<(&'a str, Vec<&'a str>)>,
    ) -> Result<(), CycleError> {
        let Some((name, asks)) = self.asks.get_key_value(name) else {
            return Ok(());
        };
        match self.states.get(name) {
            Some(State::Done) => return Ok(()),
            Some(State::Entered) => {
                let start = self.path.iter().position(|seen| seen == name).unwrap_or(0);
                let mut names = self.path.split_off(start);
                names.push((*name).to_owned());
                return Err(CycleError { names });
            }
            None => {}
        }
        self.states.insert(name, State::Entered);
        self.path.push((*name).to_owned());
        stack.push((name, asks.iter().rev().map(String::as_str).collect()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfigGroup;
    use super::*;

    fn check(items: &[(&str, &str)]) -> String {
        let items = items.iter().map(|(name, default)| ConfigItem {
            name: (*name).to_owned(),
            default: (*default).into(),
            ..ConfigItem::default()
        });
        let group = ConfigGroup { items: items.collect(), ..ConfigGroup::default() };
        match resolution_order(&Config { groups: vec![group] }) {
            Ok(order) => order.join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_item_comes_after_those_it_asks_for() {
        assert_eq!(check(&[("a", ""), ("b", "")]), "a b");
        assert_eq!(
            check(&[
                ("a", r#"{{repl ConfigOption "c" }}"#),
                ("b", "repl{{ ConfigOptionEquals `a` \"x\" }}"),
                ("c", r#"{{repl "gone" | ConfigOptionData }}{{repl "d" | ConfigOption }}"#),
                ("d", ""),
            ]),
            "d c a b"
        );
    }

    #[test]
    fn a_key_comes_after_its_certificate() {
        assert_eq!(
            check(&[
                ("key", r#"{{repl TLSKey "web" }}"#),
                ("leaf", r#"{{repl TLSCertFromCA "ca" "leaf" "cn" nil nil 9 }}"#),
                ("cert", r#"{{repl TLSCert "web" "cn" nil nil 9 }}"#),
                ("ca", r#"{{repl TLSCACert "ca" 9 }}"#),
            ]),
            "cert key ca leaf"
        );
    }

    #[test]
    fn a_circle_is_named() {
        assert_eq!(
            check(&[
                ("x", r#"{{repl ConfigOption "a" }}"#),
                ("a", r#"{{repl ConfigOption "b" }}"#),
                ("b", r#"{{repl ConfigOption "a" }}"#),
            ]),
            "the config items depend on one another in a circle: a → b → a"
        );
        assert_eq!(
            check(&[("a", r#"{{repl ConfigOption "a" }}"#)]),
            "the config items depend on one another in a circle: a → a"
        );
    }

    #[test]
    fn a_long_chain_is_no_deep_recursion() {
        let names: Vec<String> = (0..50_000).map(|n| format!("i{n}")).collect();
        let defaults: Vec<String> =
            (1..=50_000).map(|n| format!("{{{{repl ConfigOption \"i{n}\" }}}}")).collect();
        let items: Vec<_> =
            names.iter().map(String::as_str).zip(defaults.iter().map(String::as_str)).collect();
        assert!(check(&items).starts_with("i49999 i49998"));
    }
}
