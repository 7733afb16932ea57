use proptest::prelude::*;

use super::*;
use crate::cipher::Cipher;
use crate::context::Contexts;
use crate::multitype::BoolOrString;
use crate::{real_data, yaml};

const CONFIG: &str = r#"
apiVersion: kots.io/v1beta1
kind: Config
spec:
  groups:
  - name: main
    title: Main {{repl Namespace }}
    items:
    - {name: url, type: text, default: 'https://repl{{ ConfigOption "host" }}'}
    - {name: host, type: text, title: Host, required: true}
    - {name: port, type: text, required: true, default: "8080"}
    - {name: tls, type: bool, default: true}
    - {name: size, type: select_one, default: small, items: [{name: small, title: S}, {name: big, title: B}]}
    - {name: mail, type: text, validation: {regex: {pattern: '@', message: no mail address}}}
    - {name: word, type: text, validation: {regex: {pattern: '^[a-z]+$'}}}
    - {name: secret, type: password, validation: {regex: {pattern: '.{4}'}}}
    - {name: cert, type: file, validation: {regex: {pattern: '^BEGIN'}}}
    - {name: made, type: text, hidden: true, value: '{{repl RandomString 12 }}'}
    - {name: key, type: text, default: '{{repl ConfigOption "host" }}-{{repl RandomString 6 }}'}
    - {name: fixed, type: text, readonly: true, value: '{{repl ConfigOption "port" }}'}
    - {name: note, type: label, title: 'at {{repl ConfigOption "host" }}'}
  - name: more
    title: More
    when: '{{repl ConfigOptionEquals "tls" "1" }}'
    items:
    - {name: needed, type: text, required: true}
    - {name: unneeded, type: text, required: true, when: "false"}
    - {name: buried, type: text, required: true, hidden: true}
"#;

fn config() -> Config {
    Config::parse(CONFIG).expect("the config is well formed")
}

fn values(pairs: &[(&str, &str)]) -> ConfigValues {
    let entry = |value: &str| ConfigValue { value: value.into(), ..ConfigValue::default() };
    ConfigValues { values: pairs.iter().map(|(k, v)| ((*k).to_owned(), entry(v))).collect() }
}

fn contexts(seed: u8) -> Contexts {
    let mut contexts = Contexts::default();
    contexts.world.seed = [seed; 32];
    contexts.world.namespace = "ns".into();
    contexts
}

fn key(byte: u8) -> Cipher {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode([byte; 36]);
    Cipher::from_key_text(&text).expect("a good key")
}

fn resolved(values: &ConfigValues) -> Resolution {
    resolve(&config(), values, &contexts(1), &[key(1)], &mut Generated::default())
        .expect("the config resolves")
}

/// `value/default` of an item.
fn shown(resolution: &Resolution, name: &str) -> String {
    let item = resolution.config.item(name).expect("the item is there");
    format!("{}/{}", item.value.text(), item.default.text())
}

#[test]
fn answers_that_no_screen_could_show_are_refused() {
    let item = |n: usize| ConfigItem {
        name: format!("i{n}"),
        repeatable: true,
        minimum_count: Some(i64::MAX),
        ..ConfigItem::default()
    };
    let group = ConfigGroup { items: (0..10_000).map(item).collect(), ..ConfigGroup::default() };
    let config = Config { groups: vec![group] };
    let resolved = resolve(&config, &values(&[]), &contexts(1), &[], &mut Generated::default());
    let error = resolved.expect_err("too many").to_string();
    insta::assert_snapshot!(error, @"the repeatable items of the config ask for more than 50000 answers together, at `i50`");
}

#[test]
fn items_are_resolved_in_the_order_they_ask_for_one_another() {
    let resolution =
        resolved(&values(&[("host", "a.example"), ("fixed", "mine"), ("size", "big")]));
    let check = |name: &str| shown(&resolution, name);
    assert_eq!(check("url"), "/https://a.example");
    assert_eq!(check("host"), "a.example/");
    assert_eq!(check("tls"), "/1");
    assert_eq!(check("size"), "big/small");
    // What an operator gives for a read-only item is not looked at.
    assert_eq!(check("fixed"), "8080/");
    assert_eq!(resolution.config.groups[0].title, "Main ns");
    assert_eq!(resolution.config.item("note").expect("a label").title, "at a.example");
    assert!(!resolution.config.groups[1].when.hides());
    assert!(resolved(&values(&[("tls", "0")])).config.groups[1].when.hides());
    assert_eq!(resolution.items["url"].effective(), "https://a.example");
}

#[test]
fn items_asked_for_by_a_made_up_name_are_resolved_first() {
    let text = r#"
groups:
- name: g
  items:
  - {name: a, default: '{{repl $n := "b" }}{{repl fromJson (ConfigOption $n) | len }}'}
  - {name: b, default: '{{repl ConfigOption (printf "%s" "c") }}'}
  - {name: c, default: '[1,2,3]'}
  - {name: d, type: password, default: '{{repl ConfigOption (print "e") }}'}
  - {name: e, type: password}
"#;
    let config: Config = yaml::from_str(text).expect("a config");
    let values = values(&[("e", &key(1).encrypt("open"))]);
    let mut generated = Generated::default();
    let resolution = resolve(&config, &values, &contexts(1), &[key(1)], &mut generated);
    let items = resolution.expect("it resolves").items;
    assert_eq!(items["a"].default, "3");
    assert_eq!(items["d"].default, "open");
}

#[test]
fn an_operators_value_is_text_and_nothing_else() {
    let evil = "{{repl Namespace }}repl{{ Namespace }}";
    let resolution = resolved(&values(&[("host", evil)]));
    assert_eq!(shown(&resolution, "host"), format!("{evil}/"));
    assert_eq!(shown(&resolution, "url"), format!("/https://{evil}"));
    assert_eq!(resolution.config.item("note").expect("a label").title, format!("at {evil}"));
}

#[test]
fn made_up_values_stay_until_what_they_are_made_from_changes() {
    let mut generated = Generated::default();
    let mut draw = |seed: u8, host: &str| {
        let values = values(&[("host", host)]);
        let resolution = resolve(&config(), &values, &contexts(seed), &[], &mut generated)
            .expect("the config resolves");
        // As after a restart.
        let stored = serde_json::to_string(&generated).expect("it has a JSON form");
        generated = serde_json::from_str(&stored).expect("it is read back");
        (shown(&resolution, "made"), shown(&resolution, "key"))
    };
    let first = draw(1, "a");
    assert_eq!(first.0.len(), 13);
    assert!(first.1.starts_with("/a-") && first.1.len() == 9, "{first:?}");
    assert_eq!(draw(2, "a"), first);
    let changed = draw(3, "b");
    assert_eq!(changed.0, first.0);
    assert!(changed.1.starts_with("/b-"), "{changed:?}");
}

#[test]
fn what_cannot_be_resolved_says_why() {
    let check = |items: &str| {
        let text = format!(
            "apiVersion: kots.io/v1beta1\nkind: Config\nspec:\n  groups:\n  - name: g\n    items: [{items}]\n"
        );
        let config = Config::parse(&text).expect("the config is well formed");
        let resolved = resolve(&config, &values(&[]), &contexts(1), &[], &mut Generated::default());
        resolved.expect_err("it cannot be resolved").to_string()
    };
    insta::assert_snapshot!(check(r#"{name: a, default: '{{repl ConfigOption "b"}}'}, {name: b, value: '{{repl ConfigOption "a"}}'}"#), @"the config items depend on one another in a circle: a → b → a");
    insta::assert_snapshot!(check("{name: a, default: '{{repl Frobnicate }}'}"), @"config item `a`, default:1:8: the template function `Frobnicate` does not exist");
    insta::assert_snapshot!(check("{name: a, when: 'repl{{ if }}'}"), @"config item `a`, when:1:1: missing value for if");
    insta::assert_snapshot!(check(r#"{name: a, default: '{{repl $n := "b" }}{{repl ConfigOption $n }}'}, {name: b, value: '{{repl ConfigOption (print "a") }}'}"#), @"the config items depend on one another in a circle: a → b → a");
    insta::assert_snapshot!(check("{name: a}, {name: a}"), @"the config has two items of the name `a`, one is allowed");
}

fn rules(pairs: &[(&str, &str)]) -> String {
    let errors = validate(&resolved(&values(pairs)).config).expect("the rules are well formed");
    let line = |group: &GroupErrors, item: &ItemErrors| {
        let said: Vec<_> = item.validation_errors.iter().map(|e| e.message.as_str()).collect();
        format!("{}.{} ({}): {}", group.name, item.name, item.kind, said.join(", "))
    };
    let lines: Vec<_> =
        errors.iter().flat_map(|g| g.item_errors.iter().map(move |i| line(g, i))).collect();
    lines.join("\n")
}

#[test]
fn values_are_checked_against_their_rules() {
    assert_eq!(rules(&[]), "");
    assert_eq!(rules(&[("mail", "a@b"), ("word", "abc"), ("secret", "12345")]), "");
    assert_eq!(rules(&[("cert", "QkVHSU4gLi4u")]), "");
    insta::assert_snapshot!(rules(&[("mail", "a"), ("word", "A"), ("secret", "123"), ("cert", "eA==")]), @r"
main.mail (text): no mail address
main.word (text): Value does not match regex
main.secret (password): Value does not match regex
main.cert (file): Value does not match regex
");
    let sealed = key(1).encrypt("long enough");
    assert_eq!(rules(&[("secret", &sealed)]), "");
    assert_ne!(rules(&[("secret", &key(1).encrypt("abc"))]), "");
}

#[test]
fn a_rule_that_is_no_expression_is_an_error_once_it_applies() {
    let mut config = config();
    config.groups[0].items[5].validation = Some(Validation {
        regex: Some(RegexRule { pattern: "(?=x)".into(), message: String::new() }),
    });
    assert_eq!(validate(&config), Ok(vec![]));
    config.groups[0].items[5].value = "x".into();
    insta::assert_snapshot!(validate(&config).expect_err("no such rule"), @"the rule of the config item `mail` is not a regular expression in RE2 syntax: `(?=x)`");
}

#[test]
fn a_rule_means_what_go_makes_of_it() {
    // A bracket, `&&` and `--` inside a class are plain characters to Go, not so to every engine.
    let mut config = config();
    config.groups[0].items[5].validation = Some(Validation {
        regex: Some(RegexRule { pattern: r"^[a-z[\]&&--]{3,5}$".into(), message: "no".into() }),
    });
    let mut check = |value: &str| {
        config.groups[0].items[5].value = value.into();
        validate(&config).expect("Go takes the rule").is_empty()
    };
    assert!(check("a[]&"));
    assert!(!check("a[]&ABC"));
}

#[test]
fn required_items_need_a_value_or_a_default() {
    let check = |pairs: &[(&str, &str)]| {
        required_message(&missing_required(&resolved(&values(pairs)).config))
    };
    assert_eq!(check(&[]), "The following fields are required: Host, needed");
    assert_eq!(check(&[("host", "x"), ("tls", "0")]), "The following fields are required: ");
    assert_eq!(
        check(&[("host", "x"), ("needed", "")]),
        "The following fields are required: needed"
    );
}

fn apply(stored: &[(&str, &str)], given: &str, mode: Given) -> String {
    let given: ConfigValues = yaml::from_str(&format!("values: {given}")).expect("well formed");
    match apply_values(&config(), &values(stored), &given, mode, &[key(1), key(2)]) {
        Ok(applied) => {
            let text = |(name, v): (&String, &ConfigValue)| {
                let value = key(1).decrypt(&v.value).map(|p| format!("sealed {p}"));
                let value = value.unwrap_or_else(|| v.value.clone());
                let filename = if v.filename.is_empty() { "" } else { " as " };
                format!("{name}={value}{filename}{}", v.filename)
            };
            let lines: Vec<_> = applied.values.values.iter().map(text).collect();
            format!("{} [{}]", lines.join("; "), applied.ignored.join(", "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn given_answers_replace_or_change_the_stored_ones() {
    use Given::{All, Changes};
    let stored = [("host", "old"), ("port", "1"), ("made", "kept"), ("gone", "stale")];
    assert_eq!(apply(&stored, "{host: {value: new}}", All), "gone=stale; host=new; made=kept []");
    assert_eq!(
        apply(&stored, "{host: {value: new}}", Changes),
        "gone=stale; host=new; made=kept; port=1 []"
    );
    assert_eq!(apply(&[], "{nobody: {value: x}}", All), " [nobody]");
    insta::assert_snapshot!(apply(&stored, "{nobody: {value: x}, nothing: {value: z}}", Changes), @"new values contain unknown keys: nobody, nothing");
    assert_eq!(
        apply(&stored, "{gone: {value: x}}", Changes),
        "gone=stale; host=old; made=kept; port=1 []"
    );
    assert_eq!(apply(&[], "{tls: {value: 'true'}}", All), "tls=1 []");
    assert_eq!(apply(&[], "{tls: {value: F}}", All), "tls=0 []");
    insta::assert_snapshot!(apply(&[], "{tls: {value: maybe}}", All), @"the value of the config item `tls` is `maybe`, `0`, `1`, `true` and `false` are allowed");
    assert_eq!(
        apply(&[], "{cert: {value: QQ==, filename: a.pem, data: d}}", All),
        "cert=QQ== as a.pem []"
    );
    assert_eq!(apply(&[], "{big: {value: '1'}}", All), "big=1 []");
}

#[test]
fn passwords_are_sealed_once() {
    assert_eq!(apply(&[], "{secret: {value: plain}}", Given::All), "secret=sealed plain []");
    assert_eq!(
        apply(&[], "{secret: {valuePlaintext: plain}}", Given::All),
        "secret=sealed plain []"
    );
    let sealed = key(1).encrypt("plain");
    let given = values(&[("secret", &sealed)]);
    let ciphers = [key(1)];
    let applied = |stored: &ConfigValues, given: &ConfigValues| {
        apply_values(&config(), stored, given, Given::All, &ciphers).expect("it applies").values
    };
    // Sealed text, and the plain text of what is stored, change nothing.
    assert_eq!(applied(&ConfigValues::default(), &given), given);
    assert_eq!(applied(&given, &values(&[("secret", "plain")])), given);
    assert_ne!(applied(&given, &values(&[("secret", "other")])), given);
    let no_key = apply_values(&config(), &given, &values(&[("secret", "x")]), Given::All, &[]);
    insta::assert_snapshot!(no_key.expect_err("nothing to seal with"), @"the password `secret` cannot be stored: there is no encryption key");
}

#[test]
fn repeated_answers_are_kept_by_group() {
    let text = "apiVersion: kots.io/v1beta1\nkind: Config\nspec: {groups: [{name: g, items: [{name: port, type: text, repeatable: true, minimumCount: 3, required: true}]}]}";
    let config = Config::parse(text).expect("well formed");
    let given: ConfigValues = yaml::from_str(
        "values: {port-1: {value: '80', repeatableItem: port}, port-2: {value: '81', repeatableItem: port}}",
    )
    .expect("well formed");
    let applied = apply_values(&config, &ConfigValues::default(), &given, Given::All, &[]);
    let applied = applied.expect("it applies").values;
    assert_eq!(applied, given);
    let mut generated = Generated::default();
    let resolution =
        resolve(&config, &applied, &contexts(1), &[], &mut generated).expect("it resolves");
    let item = resolution.config.item("port").expect("the item is there");
    assert_eq!(item.count_by_group["g"], 3);
    let answers: Vec<_> = item.values_by_group["g"].iter().collect();
    assert_eq!(answers[0], (&"port-1".to_owned(), &"80".to_owned()));
    assert!(item.values_by_group["g"].keys().all(|name| name.starts_with("port-")));
    assert_eq!(missing_required(&resolution.config), []);
    // The group's own count and the minimum are both a least number; without either it is one.
    let count = |fields: &str| {
        let text =
            format!("groups: [{{name: g, items: [{{name: port, repeatable: true{fields}}}]}}]");
        let config: Config = yaml::from_str(&text).expect("a config");
        let values = ConfigValues::default();
        let resolved = resolve(&config, &values, &contexts(1), &[], &mut Generated::default());
        resolved.expect("it resolves").config.groups[0].items[0].values_by_group["g"].len()
    };
    assert_eq!(count(""), 1);
    assert_eq!(count(", minimumCount: 0"), 1);
    assert_eq!(count(", countByGroup: {g: 4}, minimumCount: 2"), 4);
    assert_eq!(count(", countByGroup: {g: 1}, minimumCount: 2"), 2);
    assert_eq!(count(", countByGroup: {other: 4}"), 1);
}

#[test]
fn documents_are_written_and_read_back() {
    let config = config();
    assert_eq!(Config::parse(&config.to_yaml("shop")), Ok(config));
    let values = values(&[("a", "1"), ("b", "two\nlines\n"), ("c", "no"), ("d", "{{repl x}}")]);
    let text = values.to_yaml("shop");
    assert_eq!(ConfigValues::parse(&text).as_ref(), Ok(&values));
    assert_eq!(ConfigValues::parse(&text).expect("it is read").to_yaml("shop"), text);
}

#[test]
fn an_unquoted_number_is_named() {
    let text =
        "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec: {values: {port: {value: 80}}}";
    let error = ConfigValues::parse(text).expect_err("a number is no text");
    let source = std::error::Error::source(&error).expect("it has a cause").to_string();
    insta::assert_snapshot!(source, @"`spec.values.port.value`: invalid type: integer `80`, expected a string");
}

#[test]
fn real_configs_are_read_and_golden_ones_resolve() {
    let Some(dir) = real_data::dir() else {
        return real_data::skip("real configs");
    };
    for path in [
        "ec-app/release-1/config.yaml",
        "ec-app/release-2/config.yaml",
        "ec-kinds/kotskinds-config.yaml",
        "ec-airgap/tiny-airgap-noimages-app/kots-config.yaml",
    ] {
        let text = std::fs::read_to_string(dir.join(path)).expect("the file is there");
        let config = Config::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        resolution_order(&config).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    for case in ["configcontext", "licensecontext"] {
        let read = |path: &str| {
            real_data::text(&format!("kots-base-cases/{case}/{path}")).expect("it is there")
        };
        let config = Config::parse(&read("upstream/config.yaml")).expect("a Config");
        let values = ConfigValues::parse(&read("upstream/userdata/config.yaml")).expect("values");
        let resolution = resolve(&config, &values, &contexts(1), &[], &mut Generated::default())
            .expect("it resolves");
        let expected = Config::parse(&read("kotsKinds/config.yaml")).expect("a Config");
        assert_eq!(resolution.config, expected, "{case}");
    }
}

#[test]
fn the_real_application_resolves_and_its_certificates_stay() {
    let mut generated = Generated::default();
    let mut resolve_release = |release: u8, seed: u8, hostname: &str| {
        let config = real_data::text(&format!("ec-app/release-{release}/config.yaml"))?;
        let answers = real_data::text("ec-app/config-values.yaml")?;
        let config = Config::parse(&config).expect("a Config");
        let mut given = ConfigValues::parse(&answers).expect("values");
        given.values.extend(values(&[("hostname", hostname)]).values);
        let applied =
            apply_values(&config, &ConfigValues::default(), &given, Given::All, &[key(1)]);
        let answers = applied.expect("they apply").values;
        let resolution = resolve(&config, &answers, &contexts(seed), &[key(1)], &mut generated);
        let resolution = resolution.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(missing_required(&resolution.config), []);
        assert_eq!(validate(&resolution.config), Ok(vec![]));
        Some(resolution.items["tls_cert"].default.clone())
    };
    let Some(first) = resolve_release(1, 1, "a.example") else {
        return real_data::skip("the real application");
    };
    assert!(first.starts_with("-----BEGIN CERTIFICATE-----"), "{first}");
    assert_eq!(resolve_release(2, 2, "a.example").as_deref(), Some(first.as_str()));
    assert_ne!(resolve_release(2, 3, "b.example").as_deref(), Some(first.as_str()));
}

#[test]
fn real_values_are_judged_as_embedded_cluster_expects() {
    let read = |path: &str| real_data::text(&format!("ec-kinds/{path}"));
    let (Some(config), Some(good), Some(bad)) = (
        read("kotskinds-config.yaml"),
        read("kotskinds-config-values.yaml"),
        read("kotskinds-config-values-invalid.yaml"),
    ) else {
        return real_data::skip("real config values");
    };
    let config = Config::parse(&config).expect("a Config");
    let judge = |text: &str| {
        let given = ConfigValues::parse(text).expect("values");
        let applied =
            apply_values(&config, &ConfigValues::default(), &given, Given::All, &[key(1)]);
        let values = applied.expect("they apply").values;
        let resolution =
            resolve(&config, &values, &contexts(1), &[key(1)], &mut Generated::default());
        let config = resolution.expect("it resolves").config;
        let broken =
            validate(&config).expect("rules").iter().map(|g| g.item_errors.len()).sum::<usize>();
        format!("{broken} broken. {}", required_message(&missing_required(&config)))
    };
    assert_eq!(judge(&good), "0 broken. The following fields are required: ");
    insta::assert_snapshot!(judge(&bad), @"1 broken. The following fields are required: File Required");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_answers_are_applied_or_refused(
        answers in proptest::collection::btree_map("host|port|tls|secret|cert|nobody|big", "\\PC{0,20}", 0..6),
        whole in any::<bool>(),
    ) {
        let given: Vec<_> = answers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mode = if whole { Given::All } else { Given::Changes };
        if let Ok(applied) = apply_values(&config(), &values(&[]), &values(&given), mode, &[key(1)]) {
            let resolution = resolved(&applied.values);
            // An answer comes out as it went in.
            for name in ["host", "port"] {
                if let Some(answer) = answers.get(name).filter(|a| !a.is_empty()) {
                    prop_assert_eq!(resolution.items[name].value.as_str(), answer.as_str());
                }
            }
            prop_assert!(validate(&resolution.config).is_ok());
        }
    }

    #[test]
    fn any_config_text_is_read_or_refused(text in "[-a-z{}:'\"\n \\[\\]]{0,120}") {
        let document = format!("apiVersion: kots.io/v1beta1\nkind: Config\nspec:\n  groups:\n{text}");
        if let Ok(config) = Config::parse(&document) {
            let _ = resolve(&config, &ConfigValues::default(), &contexts(1), &[], &mut Generated::default());
        }
        let _ = ConfigValues::parse(&document.replace("Config\n", "ConfigValues\n"));
        let _ = BoolOrString::from(text.as_str());
    }
}
