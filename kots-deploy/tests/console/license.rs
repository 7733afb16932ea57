//! `kots license verify`: what it says of good and bad licences, and how it ends.

use std::path::Path;

use sample::license::Builder;

use crate::harness::{Ran, bare, run};

fn verify(folder: &Path, args: &[&str]) -> Ran {
    run(bare(folder, &[&["license", "verify"], args].concat()))
}

/// Runs the command on a licence text, trusting the test chain.
fn check(license: &str, args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("license.yaml"), license).unwrap();
    let key = sample::keys::root_public_path();
    let trust = ["license.yaml", "--license-root-key", key.to_str().unwrap()];
    verify(folder.path(), &[&trust, args].concat())
}

#[test]
fn a_good_one_says_who_what_and_until_when() {
    insta::assert_snapshot!(check(&Builder::new().yaml(), &[]).whole(), @r"
The signature of the license holds (kots.io/v1beta1).
  customer:    Sample Customer <customer@example.com>
  application: sample-app
  type:        prod, sequence 1
  channels:    Stable (2fVbTqW8hL0dYkXcRzM4uJpS1aN), Beta (2fVbTuE5gC7nQwHxLmB9oKiZ3rD)
  valid:       never expires
-> 0
");
    let expired = Builder::new().expires_at("2020-01-02T03:04:05Z").yaml();
    let ran = check(&expired, &["--output", "json"]);
    // It holds, which is what was asked; that it has expired is said.
    ran.assert(0);
    insta::assert_snapshot!(ran.stdout, @r#"
{
  "schema": 1,
  "valid": true,
  "signatureHolds": true,
  "differences": [],
  "apiVersion": "kots.io/v1beta1",
  "appSlug": "sample-app",
  "customerName": "Sample Customer",
  "customerEmail": "customer@example.com",
  "licenseType": "prod",
  "licenseSequence": 1,
  "channels": [
    {
      "id": "2fVbTqW8hL0dYkXcRzM4uJpS1aN",
      "name": "Stable",
      "slug": "stable"
    },
    {
      "id": "2fVbTuE5gC7nQwHxLmB9oKiZ3rD",
      "name": "Beta",
      "slug": "beta"
    }
  ],
  "expiresAt": "2020-01-02T03:04:05Z",
  "expired": true,
  "isAirgapSupported": true,
  "entitlements": {
    "expires_at": "2020-01-02T03:04:05Z",
    "region": "eu-central",
    "reports": true,
    "seats": 50
  }
}
"#);
}

#[test]
fn a_changed_one_names_what_differs() {
    let text = Builder::new().yaml();
    let changed = text
        .replacen("customerName: Sample Customer", "customerName: Somebody Else", 1)
        .replacen("isAirgapSupported: true", "isAirgapSupported: false", 1);
    assert_ne!(changed, text);
    let ran = check(&changed, &[]);
    insta::assert_snapshot!(ran.whole(), @r"
The signature of the license holds (kots.io/v1beta1).
  customer:    Sample Customer <customer@example.com>
  application: sample-app
  type:        prod, sequence 1
  channels:    Stable (2fVbTqW8hL0dYkXcRzM4uJpS1aN), Beta (2fVbTuE5gC7nQwHxLmB9oKiZ3rD)
  valid:       never expires
Error: license license.yaml was changed after it was signed: customerName, isAirgapSupported
hint: download the license from the vendor again and pass it unchanged
-> 1
");
    let document = check(&changed, &["-o", "json"]).document();
    assert_eq!(document["valid"], false);
    assert_eq!(document["signatureHolds"], true);
    assert_eq!(document["differences"], serde_json::json!(["customerName", "isAirgapSupported"]));
    // What is shown is what was signed.
    assert_eq!(document["customerName"], "Sample Customer");
}

#[test]
fn of_one_that_does_not_hold_nothing_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("license.yaml"), Builder::new().yaml()).unwrap();
    let ran = verify(folder.path(), &["license.yaml"]);
    insta::assert_snapshot!(ran.whole(), @r"
Error: license license.yaml is not valid: the license was signed under the root key `7465737420726f6f74206b6579000001`, and not by a key that is trusted here: `bdee56560cfb43c9b28bf98eacafa646`
hint: a license of a test chain needs its root key: --license-root-key FILE
-> 1
");
    let ran = verify(folder.path(), &["license.yaml", "--output=json"]);
    ran.assert(1);
    let document = ran.document();
    assert_eq!((&document["valid"], &document["signatureHolds"]), (&false.into(), &false.into()));
    assert!(document["customerName"].is_null() && document["error"]["what"].is_string());
    assert!(!ran.stdout.contains("Sample Customer"));
    insta::assert_snapshot!(verify(folder.path(), &["missing.yaml"]).whole(), @r"
Error: failed to read license file: open missing.yaml: no such file or directory
hint: pass the path of the license the vendor gave you
-> 1
");
    insta::assert_snapshot!(verify(folder.path(), &["license.yaml", "--license-root-key", "license.yaml"]).whole(), @r"
Error: license.yaml is not a license root key: the text is not an RSA public key in PEM form (`-----BEGIN PUBLIC KEY-----`)
hint: pass the path of a PEM file with an RSA public key to --license-root-key
-> 1
");
    insta::assert_snapshot!(verify(folder.path(), &[]).whole(), @r"
Error: accepts 1 arg(s), received 0
hint: run `kots license verify --help` for its flags
-> 1
");
}

#[test]
fn real_ones_are_judged_by_their_names() {
    let Some(data) = sample::real::folder() else {
        skipped::skipped!("the verdicts of real licences: ../shared/data is absent");
        return;
    };
    let folder = data.join("kots-licenses");
    let keys: Vec<String> = ["root-staging.pem", "root-dev.pem", "root-test.pem"]
        .iter()
        .map(|key| format!("--license-root-key={key}"))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut n_judged = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        let ran = verify(&folder, &[&[name.as_str(), "--output=json"], &keys[..]].concat());
        ran.assert(i32::from(!name.starts_with("valid")));
        let document = ran.document();
        let changed = name.trim_end_matches(".yaml").split("-changed-").nth(1);
        assert_eq!(
            document["signatureHolds"],
            !name.contains("-signature") || name.starts_with("valid"),
            "{name}"
        );
        assert_eq!(
            document["differences"],
            serde_json::json!(changed.into_iter().collect::<Vec<_>>()),
            "{name}"
        );
        n_judged += 1;
    }
    assert!(n_judged >= 10, "only {n_judged} licences are there");
}
