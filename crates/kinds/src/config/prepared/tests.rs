use proptest::prelude::*;

use super::super::{ConfigValue, ConfigValues, Generated, Validation, resolve, validate};
use super::*;
use crate::config::{ChildItem, RegexRule};
use crate::context::Contexts;
use crate::multitype::QuotedBool;

const N_ITEMS: usize = 6;

/// Texts that ask for other items in every way there is; `N` stands for an item's number.
const TEMPLATES: [&str; 12] = [
    "",
    "plain",
    "{{repl ConfigOption \"iN\" }}",
    "repl{{ ConfigOption \"iN\" | upper }}",
    "{{repl ConfigOption \"iN\" }}/repl{{ ConfigOption \"iN\" }}",
    "{{repl if ConfigOptionEquals \"iN\" \"x\" }}true{{repl else }}false{{repl end }}",
    "{{repl ConfigOption (print \"i\" \"N\") }}",
    "{{repl ConfigOption \"iN\" }}-{{repl RandomString 8 }}",
    "repl{{ RandomString 4 }}",
    "{{repl Namespace }} {{repl Sequence }}",
    "{{repl ConfigOptionFilename \"iN\" }}{{repl ConfigOptionData \"iN\" }}",
    "{{repl fail \"iN is wrong\" }}",
];

/// What an operator may give, a template among it.
const ANSWERS: [&str; 6] = ["", "x", "y", "QUJD", "repl{{ Namespace }}", "{{repl Namespace }}"];

fn text() -> impl Strategy<Value = String> {
    // The last one fails: rarely, or nothing else is seen.
    let which = prop_oneof![40 => 0..TEMPLATES.len() - 1, 1 => Just(TEMPLATES.len() - 1)];
    (which, 0..N_ITEMS).prop_map(|(which, n)| TEMPLATES[which].replace('N', &n.to_string()))
}

fn item(number: usize) -> impl Strategy<Value = ConfigItem> {
    let kind = proptest::sample::select(vec!["text", "password", "file", "bool", "label"]);
    let texts = proptest::collection::vec(text(), 6);
    (kind, texts, any::<bool>(), any::<bool>()).prop_map(
        move |(kind, texts, repeatable, readonly)| {
            let [default, value, title, when, pattern, child] =
                <[String; 6]>::try_from(texts).expect("six texts");
            ConfigItem {
                name: format!("i{number}"),
                kind: kind.to_owned(),
                default: default.into(),
                value: value.into(),
                title,
                when: QuotedBool(when),
                repeatable,
                readonly,
                items: vec![ChildItem {
                    name: format!("c{number}"),
                    default: child.into(),
                    ..Default::default()
                }],
                validation: Some(Validation {
                    regex: Some(RegexRule { pattern, message: String::new() }),
                }),
                ..ConfigItem::default()
            }
        },
    )
}

fn config() -> impl Strategy<Value = Config> {
    let items: Vec<_> = (0..N_ITEMS).map(item).collect();
    (items, 0..N_ITEMS, text()).prop_map(|(mut items, split, when)| {
        let second = items.split_off(split);
        let group = |name: &str, when: &str, items| ConfigGroup {
            name: name.to_owned(),
            when: QuotedBool(when.to_owned()),
            items,
            ..ConfigGroup::default()
        };
        Config { groups: vec![group("one", "", items), group("two", &when, second)] }
    })
}

/// Edits: which item, what it gets, and for which repeatable item that is an answer.
fn edits() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    proptest::collection::vec((0..N_ITEMS + 2, 0..=ANSWERS.len(), 0..N_ITEMS * 3), 1..8)
}

proptest! {
    /// A config that is kept shows what one that is read anew shows, whatever was shown before.
    #[test]
    fn a_kept_config_resolves_as_a_new_one(config in config(), edits in edits()) {
        let (kept, mut made, mut values) =
            (Prepared::new(config.clone()), Generated::default(), ConfigValues::default());
        for (round, (item, answer, repeated)) in (0_u8..).zip(edits) {
            let name = format!("i{item}");
            match ANSWERS.get(answer) {
                Some(text) => {
                    let value = ConfigValue {
                        value: (*text).to_owned(),
                        filename: if answer == 3 { "f".to_owned() } else { String::new() },
                        repeatable_item: if repeated < N_ITEMS { format!("i{repeated}") } else { String::new() },
                        ..ConfigValue::default()
                    };
                    values.values.insert(name, value);
                }
                None => {
                    values.values.remove(&name);
                }
            }
            let mut contexts = Contexts::default();
            contexts.world.seed = [round; 32];
            contexts.world.namespace = format!("ns{round}");
            contexts.version.sequence = i64::from(round);
            let (mut made_new, mut made_kept) = (made.clone(), made.clone());
            let new = resolve(&config, &values, &contexts, &[], &mut made_new);
            let again = match &kept {
                Ok(kept) => kept.resolve(&values, &contexts, &[], &mut made_kept),
                Err(error) => Err(error.clone()),
            };
            prop_assert_eq!(&again, &new);
            if let (Ok(new), Ok(again)) = (&new, &again) {
                prop_assert_eq!(format!("{:?}", validate(&again.config)), format!("{:?}", validate(&new.config)));
                prop_assert_eq!(&made_kept, &made_new);
                made = made_kept;
            }
        }
    }
}
