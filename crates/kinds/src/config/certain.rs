//! What is certainly wrong with given answers, for whoever knows the release and not the installation.
//!
//! A client with a bundle can tell most wrong answers before it sends anything. It must never refuse what the server
//! would take, so an item is passed over when its value, `when` or rule hangs on something that only the server knows:
//! the cluster, the clock, chance, stored answers of hidden items, encrypted passwords. An item also has to be wrong
//! under both readings of an item that is not answered: the vendor's default applies (as here), and it is empty (as in
//! the original, `pkg/handlers/config.go:1130`).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::generated::is_random;
use super::{
    ApplyError, Config, ConfigGroup, ConfigItem, ConfigValue, ConfigValues, Generated, Given,
    GroupErrors, ItemType, MissingItem, apply_values, missing_required, resolution_order, resolve,
    validate,
};
use crate::cipher::{Cipher, generate_key_text};
use crate::context::{Contexts, Renderer, is_template};

/// The shortest encrypted password, in bytes: the tag of an empty one.
const TAG_BYTES: usize = 16;

/// What is wrong wherever the release is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertainErrors {
    /// Items whose value breaks its rule.
    pub invalid: Vec<GroupErrors>,
    /// Required items without a value.
    pub missing: Vec<MissingItem>,
}

impl CertainErrors {
    /// Returns whether nothing is certainly wrong.
    pub fn is_empty(&self) -> bool {
        self.invalid.is_empty() && self.missing.is_empty()
    }
}

/// Judges the `given` answers, which are to be all of them. `contexts` holds the licence and the version as far as
/// the release itself tells them; its sequence, namespace and cluster are not looked at.
///
/// A config that cannot be rendered here is not judged: nothing is wrong then.
///
/// # Errors
///
/// [`ApplyError`] when a boolean is none.
pub fn certain_errors(
    config: &Config,
    given: &ConfigValues,
    contexts: &Contexts,
) -> Result<CertainErrors, ApplyError> {
    let Some(mut found) = judge(config, given, contexts)? else {
        return Ok(CertainErrors::default());
    };
    if found.is_empty() {
        return Ok(found);
    }
    let Some(other) = judge(&unanswered_emptied(config, given), given, contexts)? else {
        return Ok(CertainErrors::default());
    };
    let invalid: BTreeSet<&str> =
        other.invalid.iter().flat_map(|it| &it.item_errors).map(|it| it.name.as_str()).collect();
    for group in &mut found.invalid {
        group.item_errors.retain(|it| invalid.contains(it.name.as_str()));
    }
    found.invalid.retain(|it| !it.item_errors.is_empty());
    found.missing.retain(|it| other.missing.iter().any(|other| other.name == it.name));
    Ok(found)
}

/// The config in which an item that is not answered is empty.
fn unanswered_emptied(config: &Config, given: &ConfigValues) -> Config {
    let mut config = config.clone();
    for item in config.groups.iter_mut().flat_map(|it| &mut it.items) {
        if !given.values.contains_key(&item.name) {
            item.default = "".into();
            item.value = "".into();
        }
    }
    config
}

fn judge(
    config: &Config,
    given: &ConfigValues,
    contexts: &Contexts,
) -> Result<Option<CertainErrors>, ApplyError> {
    // Passwords are encrypted by the rules for storing answers; this key is forgotten at once.
    let cipher = Cipher::from_key_text(&generate_key_text()).expect("a new key is a good one");
    let ciphers = std::slice::from_ref(&cipher);
    let stored = ConfigValues::default();
    let values = apply_values(config, &stored, given, Given::All, ciphers)?.values;
    let known = Known::new(config, given, contexts);
    let Some(unknown) = known.unknown_values() else { return Ok(None) };
    let readable = known.readable();
    let Ok(resolution) = resolve(&readable, &values, contexts, ciphers, &mut Generated::default())
    else {
        return Ok(None);
    };
    let mut resolved = resolution.config;
    for (written, group) in config.groups.iter().zip(&mut resolved.groups) {
        let is_group_known = known.is_known(&written.when.0, &unknown);
        for (written, item) in written.items.iter().zip(&mut group.items) {
            let rule = written.validation.as_ref().and_then(|it| it.regex.as_ref());
            let is_known = is_group_known
                && !unknown.contains(written.name.as_str())
                && known.is_known(&written.when.0, &unknown)
                && rule.is_none_or(|it| known.is_known(&it.pattern, &unknown));
            if !is_known {
                item.required = false;
                item.validation = None;
            }
        }
    }
    // A rule of the vendor's that is no expression is for the server to tell.
    let invalid = validate(&resolved).unwrap_or_default();
    Ok(Some(CertainErrors { invalid, missing: missing_required(&resolved) }))
}

/// What can be known of a config without its installation.
struct Known<'a> {
    config: &'a Config,
    given: &'a ConfigValues,
    renderer: Renderer,
    /// Names that can be asked for: what others stand for is stored on the server, if anywhere.
    names: BTreeSet<&'a str>,
    sprig: BTreeSet<String>,
}

impl<'a> Known<'a> {
    fn new(config: &'a Config, given: &'a ConfigValues, contexts: &Contexts) -> Self {
        let items = config.items().map(|it| it.name.as_str());
        let children = config.items().flat_map(|it| &it.items).map(|it| it.name.as_str());
        let answers = given.values.keys().map(String::as_str);
        let sprig = gotemplate::sprig::funcs();
        Self {
            config,
            given,
            renderer: Renderer::new(contexts),
            names: items.chain(children).chain(answers).collect(),
            sprig: sprig.names().map(str::to_owned).collect(),
        }
    }

    /// Whether a text reads the same in every installation, given the items whose values do not.
    fn is_known(&self, text: &str, unknown: &BTreeSet<&str>) -> bool {
        if !is_template(text) {
            return true;
        }
        let Some(calls) = self.renderer.calls(text) else { return false };
        calls.iter().all(|call| {
            if call.function.starts_with("ConfigOption") {
                // Asked for by a name that is made up, it could be any item.
                let name = call.first_literal.as_deref();
                name.is_some_and(|it| self.names.contains(it) && !unknown.contains(it))
            } else {
                self.is_same_everywhere(&call.function)
            }
        })
    }

    /// Whether a function's answer depends on nothing but its arguments, the licence and the release.
    fn is_same_everywhere(&self, function: &str) -> bool {
        const RELEASE: [&str; 6] = [
            "LicenseFieldValue",
            "Cursor",
            "ChannelName",
            "VersionLabel",
            "IsRequired",
            "IsAirgap",
        ];
        const TEXT: [&str; 9] = [
            "ToLower",
            "ToUpper",
            "TrimSpace",
            "Trim",
            "UrlEncode",
            "Split",
            "Base64Encode",
            "Base64Decode",
            "YamlEscape",
        ];
        const NUMBER: [&str; 9] = [
            "Add",
            "Sub",
            "Mult",
            "Div",
            "ParseBool",
            "ParseFloat",
            "ParseInt",
            "ParseUint",
            "HumanSize",
        ];
        const GO: [&str; 18] = [
            "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice",
            "print", "printf", "println", "html", "js", "urlquery",
        ];
        const HOST_AND_CLOCK: [&str; 5] = ["env", "expandenv", "getHostByName", "now", "ago"];
        let is_pure_sprig = self.sprig.contains(function)
            && !HOST_AND_CLOCK.contains(&function)
            && !function.to_lowercase().contains("date")
            && !is_random(function);
        is_pure_sprig || [&RELEASE[..], &TEXT, &NUMBER, &GO].iter().any(|it| it.contains(&function))
    }

    /// The items whose values only the server knows; `None` when they ask for one another in a circle.
    fn unknown_values(&self) -> Option<BTreeSet<&'a str>> {
        let mut unknown = BTreeSet::new();
        for name in resolution_order(self.config).ok()? {
            let item = self.config.item(&name)?;
            let answer = self.given.values.get(&name).filter(|_| item.is_editable());
            let is_known = match answer {
                Some(answer) if is_sealed(item, answer) => false,
                Some(answer) if !plain(answer).is_empty() => !is_template(plain(answer)),
                // The original takes the default from the answer.
                Some(answer) if !answer.default.is_empty() => false,
                // Hidden items keep the answers they once got.
                None if item.hidden && item.is_editable() => false,
                _ => self.is_known(item.value.text(), &unknown),
            };
            if !is_known || !self.is_known(item.default.text(), &unknown) {
                unknown.insert(item.name.as_str());
            }
        }
        Some(unknown)
    }

    /// The config without the texts that read differently from installation to installation, so that the others can
    /// be resolved.
    fn readable(&self) -> Config {
        let none = BTreeSet::new();
        let keep = |text: &mut String| {
            if !self.is_known(text, &none) {
                text.clear();
            }
        };
        let mut config = self.config.clone();
        for ConfigGroup { title, description, when, items, .. } in &mut config.groups {
            [title, description, &mut when.0].into_iter().for_each(keep);
            for item in items {
                for text in [&mut item.default, &mut item.value] {
                    if !self.is_known(text.text(), &none) {
                        *text = "".into();
                    }
                }
                [
                    &mut item.title,
                    &mut item.help_text,
                    &mut item.when.0,
                    &mut item.error,
                    &mut item.data,
                    &mut item.affix,
                    &mut item.filename,
                ]
                .into_iter()
                .for_each(keep);
                for child in &mut item.items {
                    child.default = "".into();
                    child.value = "".into();
                    keep(&mut child.title);
                }
                if let Some(rule) = item.validation.as_mut().and_then(|it| it.regex.as_mut()) {
                    keep(&mut rule.pattern);
                    keep(&mut rule.message);
                }
            }
        }
        config
    }
}

fn plain(answer: &ConfigValue) -> &str {
    if answer.value.is_empty() { &answer.value_plaintext } else { &answer.value }
}

/// Whether a password may be the cipher text of one.
fn is_sealed(item: &ConfigItem, answer: &ConfigValue) -> bool {
    item.item_type() == ItemType::Password
        && STANDARD.decode(&answer.value).is_ok_and(|it| TAG_BYTES <= it.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items are written as in a Config; `given` as `name=value`.
    fn check(items: &str, given: &[&str]) -> String {
        let text = format!(
            "apiVersion: kots.io/v1beta1\nkind: Config\nspec:\n  groups:\n  - name: g\n    items:\n{items}\n"
        );
        let config = Config::parse(&text).expect("a config");
        let entry = |value: &str| ConfigValue { value: value.into(), ..ConfigValue::default() };
        let pairs = given.iter().filter_map(|it| it.split_once('='));
        let values = pairs.map(|(name, value)| (name.to_owned(), entry(value))).collect();
        match certain_errors(&config, &ConfigValues { values }, &Contexts::default()) {
            Ok(found) => {
                let invalid = found.invalid.iter().flat_map(|it| &it.item_errors);
                let invalid = invalid.map(|it| format!("invalid {}", it.name));
                let missing = found.missing.iter().map(|it| format!("missing {}", it.name));
                invalid.chain(missing).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        }
    }

    const RULE: &str = "validation: {regex: {pattern: '^[a-z]+$'}}";

    #[test]
    fn what_is_wrong_everywhere_is_told() {
        let items = format!(
            "    - {{name: a, type: text, required: true}}\n    - {{name: b, type: text, {RULE}}}\n    - {{name: c, type: password, {RULE}}}"
        );
        assert_eq!(check(&items, &["a=x", "b=y", "c=z"]), "");
        assert_eq!(check(&items, &["b=1", "c=2"]), "invalid b, invalid c, missing a");
        assert_eq!(
            check("    - {name: t, type: bool}", &["t=perhaps"]),
            "the value of the config item `t` is `perhaps`, `0`, `1`, `true` and `false` are allowed"
        );
    }

    #[test]
    fn what_only_the_server_knows_is_left_to_it() {
        let needed = |with: &str| check(&format!("    - {{name: a, required: true, {with}}}"), &[]);
        assert_eq!(needed("type: text"), "missing a");
        assert_eq!(needed("value: '{{repl Namespace }}'"), "");
        assert_eq!(needed("value: '{{repl RandomString 4 }}'"), "");
        assert_eq!(needed("when: '{{repl eq Distribution \"gke\" }}'"), "");
        assert_eq!(needed("when: 'repl{{ if IsKurl }}false repl{{ end }}'"), "");
        assert_eq!(needed("when: '{{repl (now).Year }}'"), "");
        assert_eq!(needed("when: '{{repl eq (upper \"a\") \"A\" }}'"), "missing a");
        assert_eq!(needed("when: '{{repl no such thing }}'"), "");
        assert_eq!(needed("when: '{{repl LicenseFieldValue \"x\" | eq \"y\" }}'"), "");
        // The title is only shown.
        assert_eq!(needed("title: '{{repl Namespace }}'"), "missing a");
    }

    #[test]
    fn what_hangs_on_it_is_left_too() {
        let chain = |first: &str| {
            check(
                &format!(
                    "    - {{name: x, type: text, {first}}}\n    - {{name: w, type: text, readonly: true, value: '{{{{repl ConfigOption \"x\" }}}}'}}\n    - {{name: z, required: true, when: '{{{{repl ConfigOptionEquals \"w\" \"\" }}}}'}}"
                ),
                &[],
            )
        };
        assert_eq!(chain("title: X"), "missing z");
        assert_eq!(chain("default: '{{repl Namespace }}'"), "");
        // A stored answer may be there.
        assert_eq!(chain("hidden: true"), "");
        // Asked for by a name that is made up, or that no item has any more.
        assert_eq!(chain("default: '{{repl ConfigOption (print \"w\" \"z\") }}'"), "");
        assert_eq!(chain("default: '{{repl ConfigOption \"gone\" }}'"), "");
    }

    #[test]
    fn both_readings_of_an_item_that_is_not_answered_count() {
        let items = "    - {name: mode, type: text, default: big}\n    - {name: host, required: true, when: '{{repl ConfigOptionEquals \"mode\" \"big\" }}'}\n    - {name: path, required: true, when: '{{repl ConfigOptionEquals \"mode\" \"\" }}'}";
        assert_eq!(check(items, &[]), "");
        assert_eq!(check(items, &["mode=big"]), "missing host");
        assert_eq!(check("    - {name: a, required: true, default: x}", &[]), "");
    }

    #[test]
    fn encrypted_passwords_and_templates_are_no_text_to_judge() {
        let items = format!("    - {{name: p, type: password, {RULE}}}");
        let sealed = Cipher::from_key_text(&generate_key_text()).expect("a key").encrypt("1");
        assert_eq!(check(&items, &[&format!("p={sealed}")]), "");
        assert_eq!(check(&items, &["p=A-1"]), "invalid p");
        let items = format!("    - {{name: t, type: text, {RULE}}}");
        assert_eq!(check(&items, &["t={{repl ConfigOption \"x\" }}"]), "");
    }

    #[test]
    fn a_config_that_cannot_be_resolved_is_not_judged() {
        let circle = "    - {name: a, value: '{{repl ConfigOption \"b\" }}'}\n    - {name: b, value: '{{repl ConfigOption \"a\" }}'}\n    - {name: c, required: true}";
        assert_eq!(check(circle, &[]), "");
        let twice = "    - {name: c, required: true}\n    - {name: c, required: true}";
        assert_eq!(check(twice, &[]), "");
    }
}
