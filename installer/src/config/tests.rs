use std::collections::BTreeMap;

use kinds::config::{Generated, resolve};
use kinds::context::Contexts;

use super::*;

const CONFIG: &str = r#"
apiVersion: kots.io/v1beta1
kind: Config
metadata: {name: config}
spec:
  groups:
  - name: database
    title: 'Database {{repl ConfigOption "kind" }}'
    items:
    - {name: kind, title: Kind, type: select_one, default: mysql, items: [{name: mysql, title: MySQL}, {name: postgres, title: Postgres}]}
    - {name: host, title: Host, type: text, required: true, validation: {regex: {pattern: '^[a-z.]+$', message: letters and dots only}}}
    - {name: port, title: Port, type: text, default: 'repl{{ if ConfigOptionEquals "kind" "postgres" }}5432repl{{ else }}3306repl{{ end }}'}
    - {name: secret, title: Secret, type: password, default: initial}
    - {name: cert, title: Certificate, type: file}
    - {name: token, title: Token, type: text, hidden: true, required: true, value: t0ken}
  - name: extra
    title: Extra
    when: 'repl{{ ConfigOptionEquals "kind" "postgres" }}'
    items:
    - {name: schema, title: Schema, type: text, required: true}
"#;

fn resolved(values: &ConfigValues) -> Resolution {
    let config = Config::parse(CONFIG).expect("the test's config");
    resolve(&config, values, &Contexts::default(), &[], &mut Generated::default())
        .expect("resolves")
}

fn given(values: &[(&str, &str)]) -> AppConfigValues {
    let value = |text: &str| AppConfigValue { value: text.to_owned(), ..AppConfigValue::default() };
    values.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

/// What is wrong with answers, a line each.
fn check(values: &[(&str, &str)]) -> String {
    let values = merged(&ConfigValues::default(), &given(values));
    let problems = problems(&resolved(&values).config);
    let lines: Vec<_> = problems.iter().map(|(field, words)| format!("{field}: {words}")).collect();
    lines.join("\n")
}

#[test]
fn what_is_wrong_is_said_in_order() {
    insta::assert_snapshot!(check(&[]), @"host: Host is required");
    insta::assert_snapshot!(check(&[("host", "A!"), ("cert", "no base64"), ("token", "")]), @r"
    host: letters and dots only
    cert: value must be base64 encoded for file items
    token: Token is required
    ");
    insta::assert_snapshot!(check(&[("host", "db"), ("kind", "postgres")]), @"schema: Schema is required");
    insta::assert_snapshot!(check(&[("host", "db"), ("cert", "Y2VydA==")]), @"");
}

#[test]
fn what_is_shown_is_rendered_and_masked() {
    let values = given(&[("kind", "postgres"), ("secret", "s3cr3t")]);
    let view = view(&resolved(&merged(&ConfigValues::default(), &values)).config);
    let mut lines = Vec::new();
    for group in &view.groups {
        lines.push(group.title.clone());
        for item in &group.items {
            lines.push(format!("  {} = {} ({})", item.name, item.value, item.default));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    Database postgres
      kind = postgres (mysql)
      host =  ()
      port =  (5432)
      secret = •••••••• (••••••••)
      cert =  ()
    Extra
      schema =  ()
    ");
}

#[test]
fn a_mask_means_unchanged_and_unknown_or_hidden_answers_are_not_kept() {
    let before = given(&[("secret", "s3cr3t"), ("host", "old")]);
    let stored = merged(&ConfigValues::default(), &before);
    let sent = given(&[
        ("secret", MASK),
        ("host", "new"),
        ("token", "x"),
        ("schema", "s"),
        ("nothing", "n"),
    ]);
    let values = merged(&stored, &sent);
    let kept = kept(&values, &resolved(&values).config);
    let texts: BTreeMap<_, _> =
        kept.values.iter().map(|(name, it)| (name.as_str(), it.value.as_str())).collect();
    assert_eq!(texts, BTreeMap::from([("host", "new"), ("secret", "s3cr3t")]));
    let out = given_out(&kept, &Config::parse(CONFIG).expect("the test's config"));
    assert_eq!(out["secret"].value, MASK);
    assert_eq!(out["host"].value, "new");
}

#[test]
fn kots_gets_every_shown_item() {
    let answers = given(&[("secret", "s3cr3t"), ("host", "db")]);
    let stored = merged(&ConfigValues::default(), &answers);
    insta::assert_snapshot!(for_kots(&stored, &resolved(&stored)).to_yaml("kots-app-config"));
}
