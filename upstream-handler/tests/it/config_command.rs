//! `kotsadm config`: the config of release folders, as a vendor's pipeline asks for it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::harness::kotsadm;

struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{}", self.whole()))
    }

    fn whole(&self) -> String {
        format!("{}{}-> {}", self.stdout, self.stderr, self.status)
    }
}

fn run(folder: &Path, args: &[&str]) -> Ran {
    let output = kotsadm()
        .arg("config")
        .args(args)
        .current_dir(folder)
        .env_remove("API_ENCRYPTION_KEY")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// A folder with the releases `old` and `new`, which have these items, and `values.yaml`.
fn releases(old: &str, new: &str, values: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, items) in [("old", old), ("new", new)] {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let config = format!(
            "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {{name: shop}}\nspec:\n  groups:\n  - name: main\n    title: Main\n    items:\n{items}"
        );
        std::fs::write(path.join("config.yaml"), config).unwrap();
    }
    let values =
        format!("apiVersion: kots.io/v1beta1\nkind: ConfigValues\nspec:\n  values:\n{values}");
    std::fs::write(folder.path().join("values.yaml"), values).unwrap();
    folder
}

const OLD: &str = r#"
    - {name: host, type: text, default: old.example}
    - {name: size, type: text, default: '1'}
    - {name: mail, type: text, validation: {regex: {pattern: '@', message: no mail address}}}
    - {name: secret, type: password, required: true}
    - {name: made, type: text, hidden: true, value: '{{repl RandomString 12 }}'}
    - {name: tls, type: bool, default: '1'}
    - {name: cert, type: text, when: '{{repl ConfigOptionEquals "tls" "1"}}'}
    - {name: gone, type: text}
    - {name: mode, type: text}
"#;

const NEW: &str = r#"
    - {name: host, type: text, default: new.example}
    - {name: size, type: text, default: '2'}
    - {name: mail, type: text, validation: {regex: {pattern: '@', message: no mail address}}}
    - {name: secret, type: password, required: true, default: pass}
    - {name: made, type: text, hidden: true, value: '{{repl RandomString 12 }}'}
    - {name: tls, type: bool, default: '1'}
    - {name: cert, type: text, required: true, when: '{{repl ConfigOptionEquals "tls" "1"}}'}
    - {name: added, type: text}
    - {name: needed, type: text, required: true}
    - {name: mode, type: bool}
"#;

const VALUES: &str = "    host: {value: mine.example}\n    secret: {valuePlaintext: open sesame}\n    tls: {value: '0'}\n    gone: {value: x}\n    mode: {value: fast}\n";

#[test]
fn an_upgrade_is_judged_item_by_item() {
    let values = VALUES.replace("    mode: {value: fast}\n", "    mode: {value: 'true'}\n");
    let folder = releases(OLD, NEW, &values);
    let args = ["new", "--config-values=values.yaml", "--previous=old"];
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"made \(text, not shown\): `\w{12,13}`",
        "made (text, not shown): `[made up]`",
    );
    let guard = settings.bind_to_scope();
    insta::assert_snapshot!(run(folder.path(), &args).whole(), @r"
main
  host (text): `mine.example`
  size (text): `2` by default
  mail (text)
  secret (password, required): `***HIDDEN***`
  made (text, not shown): `[made up]`
  tls (bool): `0`
  cert (text, required, not shown)
  added (text)
  needed (text, required)
  mode (bool): `1`

Problems:
  `needed` is required

Values that no item has:
  gone

What the upgrade does:
  host: kept, although the vendor's changes from `old.example` to `new.example`
  size: new default: `1` becomes `2`
  mail: kept
  secret: kept, although the vendor's changes from nothing to `***HIDDEN***`
  made: kept
  tls: kept
  cert: kept
  added: new
  needed: new and required: it needs a value
  mode: changed by the vendor from text to bool: the value no longer counts
  gone: removed; its value is kept in case it returns
Error: the config values do not fit the config: `needed` is required
-> 1
");
    drop(guard);
    let ran = run(folder.path(), &[&args[..], &["--output=json"]].concat());
    assert_eq!(ran.status, 1, "{}", ran.whole());
    assert!(!ran.whole().contains("open sesame"), "{}", ran.whole());
    let document = ran.document();
    assert_eq!(document["valid"], false);
    assert_eq!(document["requiredItems"], serde_json::json!(["needed"]));
    assert_eq!(document["unknownValues"], serde_json::json!(["gone"]));
    let verdicts: Vec<String> = document["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["verdict"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(verdicts.join("\n"), @r"
host kept
size newDefault
mail kept
secret kept
made kept
tls kept
cert kept
added added
needed newRequired
mode changedByVendor
gone removed
");
}

#[test]
fn values_that_do_not_fit_are_told() {
    let folder = releases(OLD, NEW, VALUES);
    // A value of a boolean item that is none.
    let args = ["new", "--config-values=values.yaml", "--output=json"];
    let document = run(folder.path(), &args).document();
    insta::assert_json_snapshot!(document["validationErrors"], @r#"
[
  {
    "name": "main",
    "title": "Main",
    "item_errors": [
      {
        "name": "mode",
        "type": "bool",
        "validation_errors": [
          {
            "message": "the value of the config item `mode` is `fast`, `0`, `1`, `true` and `false` are allowed"
          }
        ]
      }
    ]
  }
]
"#);
    let ran = run(folder.path(), &["new"]);
    // Nothing was given, so nothing is wrong.
    assert_eq!(ran.status, 0, "{}", ran.whole());
    let values =
        VALUES.replace("fast", "'1'") + "    mail: {value: nobody}\n    needed: {value: x}\n";
    let folder = releases(OLD, NEW, &values);
    let ran = run(folder.path(), &["new", "--config-values=values.yaml", "--output=json"]);
    assert_eq!(ran.status, 1);
    let errors = &ran.document()["validationErrors"];
    assert_eq!(errors[0]["item_errors"][0]["name"], "mail");
    insta::assert_snapshot!(ran.stderr, @"Error: the config values do not fit the config: `mail`: no mail address");
}

#[test]
fn templates_see_the_surroundings_and_nothing_else_of_the_host() {
    let item = "    - {name: a, default: '{{repl HTTPProxy }}|{{repl HTTPSProxy }}|{{repl NoProxy }}|{{repl PrivateCACert }}|{{repl env \"HOME\" }}'}\n";
    let folder = releases(OLD, item, VALUES);
    let output = kotsadm()
        .args(["config", "new", "--output=json"])
        .current_dir(folder.path())
        .envs([("HTTP_PROXY", "http://one"), ("HTTPS_PROXY", "http://two"), ("NO_PROXY", "three")])
        .env("SSL_CERT_CONFIGMAP", "own-ca")
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown = &document["groups"][0]["items"][0]["default"];
    assert_eq!(shown, "http://one|http://two|three|own-ca|");
}

#[test]
fn a_release_that_cannot_be_resolved_says_where() {
    let loops = "    - {name: a, default: '{{repl ConfigOption \"a\"}}'}\n";
    let folder = releases(OLD, loops, VALUES);
    insta::assert_snapshot!(run(folder.path(), &["new"]).whole(), @r"
Error: the release in `new`: could not resolve the config of `config.yaml`: the config items depend on one another in a circle: a → a
-> 1
");
    let document = run(folder.path(), &["new", "--output=json"]).document();
    assert!(document["error"].as_str().unwrap().ends_with("a → a"), "{document}");
    let broken = "    - {name: a, default: '{{repl Frobnicate }}'}\n";
    let folder = releases(OLD, broken, VALUES);
    insta::assert_snapshot!(run(folder.path(), &["new"]).whole(), @r"
Error: the release in `new`: could not resolve the config of `config.yaml`: config item `a`, default:1:8: the template function `Frobnicate` does not exist
-> 1
");
    insta::assert_snapshot!(run(folder.path(), &["missing"]).whole(), @r"
Error: the release in `missing`: could not list `missing`: No such file or directory (os error 2)
-> 1
");
    std::fs::remove_file(folder.path().join("new/config.yaml")).unwrap();
    let ran = run(folder.path(), &["new", "--output=json"]);
    assert_eq!((ran.status, &ran.document()["groups"]), (0, &serde_json::json!([])));
}

fn real(path: &str) -> Option<PathBuf> {
    let path = sample::real::folder()?.join(path);
    path.exists().then_some(path)
}

#[test]
fn the_real_application_keeps_its_values() {
    let Some(folder) = real("ec-app") else {
        return skipped::skipped!("there is no folder of real data");
    };
    let ran = run(
        &folder,
        &[
            "release-2",
            "--previous=release-1",
            "--config-values=config-values.yaml",
            "--output=json",
        ],
    );
    assert_eq!(ran.status, 0, "{}", ran.whole());
    let document = ran.document();
    assert_eq!(document["valid"], true);
    let verdicts = document["verdicts"].as_array().unwrap();
    assert!(verdicts.len() > 50);
    assert!(verdicts.iter().all(|it| it["verdict"] == "kept"), "{verdicts:?}");
    let items: Vec<&Value> = document["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["items"].as_array().into_iter().flatten())
        .collect();
    let item = |name: &str| items.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(item("text_required")["value"], "text required values");
    assert_eq!(item("hidden_required")["value"], "hidden required value");
    assert_eq!(item("password_required")["value"], "***HIDDEN***");
    assert_eq!(item("file_required")["filename"], "file_required.txt");
    assert_eq!(item("checkbox_with_default")["default"], "1");
}

#[test]
fn real_values_are_judged() {
    let Some(folder) = real("ec-kinds") else {
        return skipped::skipped!("there is no folder of real data");
    };
    // A folder with this one Config.
    let release = tempfile::tempdir().unwrap();
    std::fs::copy(folder.join("kotskinds-config.yaml"), release.path().join("config.yaml"))
        .unwrap();
    let judge = |values: &str| {
        let values = format!("--config-values={}", folder.join(values).display());
        run(release.path(), &[".", &values, "--output=json"])
    };
    let good = judge("kotskinds-config-values.yaml");
    assert_eq!((good.status, &good.document()["valid"]), (0, &Value::Bool(true)));
    let bad = judge("kotskinds-config-values-invalid.yaml");
    assert_eq!(bad.status, 1);
    insta::assert_snapshot!(bad.stderr, @"Error: the config values do not fit the config: `text_required_with_regex`: Please enter a valid email address; `file_required` is required");
}
