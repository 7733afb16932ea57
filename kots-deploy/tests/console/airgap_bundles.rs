//! `kots airgap`: bundles made, looked at, checked and compared by the real program.

use std::fs;
use std::path::Path;

use airgap::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Ran, bare, run};

/// A release with two images in an OCI layout; `changed` is the content of one layer.
fn site(changed: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        put(&format!("images/blobs/sha256/{}", digest.hex()), bytes);
        format!(r#""digest":"{digest}","size":{}"#, bytes.len())
    };
    let base = "base ".repeat(1000);
    let mut all = Vec::new();
    for (name, own) in [("quay.io/org/api:1.0", "api"), ("redis:7", changed)] {
        let (config, base, own) = (blob(b"{}"), blob(base.as_bytes()), blob(own.as_bytes()));
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"c",{config}}},"layers":[{{"mediaType":"l",{base}}},{{"mediaType":"l",{own}}}]}}"#
        );
        let root = blob(manifest.as_bytes());
        all.push(format!(
            r#"{{"mediaType":"m",{root},"annotations":{{"org.opencontainers.image.ref.name":"{name}"}}}}"#
        ));
    }
    put(
        "images/index.json",
        format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, all.join(",")).as_bytes(),
    );
    put("images/oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    put("release/app.yaml", b"kind: Application\n");
    put(
        "airgap.yaml",
        b"apiVersion: kots.io/v1beta1\nkind: Airgap\nspec:\n  appSlug: shop\n  channelID: c1\n  channelName: Stable\n  updateCursor: \"7\"\n  versionLabel: 1.2.3\n",
    );
    folder
}

fn kots(folder: &Path, line: &str) -> Ran {
    let words: Vec<&str> = line.split_whitespace().collect();
    run(bare(folder, &words))
}

const CREATE: &str =
    "airgap create --airgap-yaml airgap.yaml --release release --images images -o app.airgap";

#[test]
fn a_bundle_is_made_inspected_and_verified() {
    let site = site("redis");
    let check = |line: &str| format!("$ kots {line}\n{}", kots(site.path(), line).whole());
    insta::assert_snapshot!(check(CREATE), @r"
    $ kots airgap create --airgap-yaml airgap.yaml --release release --images images -o app.airgap
    app.airgap: 1.5 KiB, 2 images with 4 blobs, sha256:9292a68d5ffd71d540afad907c0027f839abdbc2173256679de44ee9b89625b7
    -> 0
    ");
    insta::assert_snapshot!(check("airgap inspect app.airgap"), @r"
    $ kots airgap inspect app.airgap
    Bundle:       app.airgap (1.5 KiB, sha256:9292a68d5ffd71d540afad907c0027f839abdbc2173256679de44ee9b89625b7)
    Application:  shop
    Version:      1.2.3
    Channel:      c1 (Stable)
    Sequence:     7
    Release:      1 file, 106 B
    Format:       docker
    Images:       2 with 4 blobs of 4.8 KiB, 2 of them shared

      IMAGE                      SIZE      SHARED   BLOBS  STATE
      quay.io/org/api:1.0     4.8 KiB     4.8 KiB       3  whole
      redis:7                 4.8 KiB     4.8 KiB       3  whole
    -> 0
    ");
    insta::assert_snapshot!(check("airgap verify app.airgap"), @r"
    $ kots airgap verify app.airgap
    app.airgap: sound and whole, sha256:9292a68d5ffd71d540afad907c0027f839abdbc2173256679de44ee9b89625b7
    -> 0
    ");
    let ran = kots(site.path(), "airgap inspect app.airgap --output json");
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["airgap"]["savedImages"][1], "redis:7");
    assert_eq!(document["images"][0]["digest"].as_str().map(str::len), Some(71));
    assert_eq!(document["images"][0]["sharedSize"], 5002);
    assert_eq!(document["missing"], serde_json::json!([]));

    let mut bytes = fs::read(site.path().join("app.airgap")).unwrap();
    bytes.truncate(bytes.len() - 30);
    fs::write(site.path().join("cut.airgap"), bytes).unwrap();
    insta::assert_snapshot!(check("airgap verify cut.airgap"), @r"
    $ kots airgap verify cut.airgap
    Error: bundle cut.airgap cannot be used: failed to read airgap bundle at or after entry `images/docker/registry/v2/blobs/sha256/ae/aedf1c111f08237d0d63f781ce93b223b0080b74335516cbacb2dc69ecfafd10/data`: cut short: the gzip stream ends after 1551 bytes, before its end
    hint: the file is not complete: download or copy the bundle again, and compare its size with the vendor's
    -> 1
    ");
    let ran = kots(site.path(), "airgap verify cut.airgap --output json");
    ran.assert(1);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["error"]["what"], "bundle cut.airgap cannot be used");
    assert!(document["error"]["next"].as_str().unwrap().starts_with("the file is not complete"));
    insta::assert_snapshot!(check("airgap inspect missing.airgap"), @r"
    $ kots airgap inspect missing.airgap
    Error: bundle missing.airgap cannot be used: failed to stat airgap bundle: No such file or directory (os error 2)
    hint: pass the path of an air-gap bundle
    -> 1
    ");
}

#[test]
fn a_patch_is_made_of_what_changed() {
    let (old, new) = (site("redis"), site("redis, but newer"));
    kots(old.path(), CREATE).assert(0);
    kots(new.path(), CREATE).assert(0);
    let old = old.path().join("app.airgap").display().to_string();
    let ran = kots(new.path(), &format!("airgap diff {old} app.airgap -o patch.airgap"));
    insta::assert_snapshot!(ran.whole(), @r"
    patch.airgap: 1.6 KiB, 2 images with 2 blobs, sha256:9e588130a2a32a19d43b2b4dbdb30f610bca102c83146890d61bd06769070124
    left out 2 layers of 4.8 KiB, which the registry must have
    -> 0
    ");
    let before = fs::read(new.path().join("app.airgap")).unwrap();
    let over = kots(new.path(), &format!("airgap diff {old} app.airgap -o ./app.airgap"));
    insta::assert_snapshot!(over.whole(), @r#"
    Error: no bundle was made: "./app.airgap" is what the bundle is made of, and would be overwritten
    hint: write the bundle to another path
    -> 1
    "#);
    assert_eq!(fs::read(new.path().join("app.airgap")).unwrap(), before);
    let nowhere = kots(new.path(), &format!("airgap diff {old} app.airgap -o no/where"));
    insta::assert_snapshot!(nowhere.whole(), @r#"
    Error: no bundle was made: failed to write "no/where": failed to write the archive: No such file or directory (os error 2)
    hint: check that its folder is there, may be written to and has room, then run the same command again
    -> 1
    "#);
    kots(new.path(), "airgap verify patch.airgap").assert(0);
    let text = kots(new.path(), "airgap inspect patch.airgap").whole();
    insta::assert_snapshot!(text, @r"
    Bundle:       patch.airgap (1.6 KiB, sha256:9e588130a2a32a19d43b2b4dbdb30f610bca102c83146890d61bd06769070124)
    Application:  shop
    Version:      1.2.3
    Channel:      c1 (Stable)
    Sequence:     7
    Release:      1 file, 106 B
    Format:       docker
    Patch of:     1.2.3 (sha256:9292a68d5ffd71d540afad907c0027f839abdbc2173256679de44ee9b89625b7)
    Left out:     2 layers of 4.8 KiB
    Images:       2 with 4 blobs of 18 B, 2 of them shared

      IMAGE                      SIZE      SHARED   BLOBS  STATE
      quay.io/org/api:1.0     4.8 KiB     4.8 KiB       3  2 left out
      redis:7                 4.9 KiB     4.8 KiB       3  1 left out
    -> 0
    ");
}

#[test]
fn mistakes_are_told() {
    let site = site("redis");
    let all = [
        "airgap",
        "airgap nope",
        "airgap inspect",
        "airgap create -o x",
        "airgap diff a b",
        "airgap diff a b -o c",
        "airgap create --airgap-yaml airgap.yaml --release gone -o x",
        "airgap create --airgap-yaml airgap.yaml --release release --images release -o x",
        "airgap create --airgap-yaml airgap.yaml --release release --format zip -o x",
    ]
    .map(|line| format!("$ kots {line}\n{}", kots(site.path(), line).whole()));
    insta::assert_snapshot!(all.join("\n"), @r#"
    $ kots airgap
    Error: airgap needs a command: inspect, verify, create or diff
    hint: run `kots airgap --help` for its flags
    -> 1
    $ kots airgap nope
    Error: unknown command "nope" for "kots airgap"
    hint: run `kots --help` for usage
    -> 1
    $ kots airgap inspect
    Error: accepts 1 arg(s), received 0
    hint: run `kots airgap inspect --help` for its flags
    -> 1
    $ kots airgap create -o x
    Error: required flag(s) "airgap-yaml", "release" not set
    hint: run `kots airgap create --help` for its flags
    -> 1
    $ kots airgap diff a b
    Error: required flag(s) "out" not set
    hint: run `kots airgap diff --help` for its flags
    -> 1
    $ kots airgap diff a b -o c
    Error: bundle a cannot be used: failed to stat airgap bundle: No such file or directory (os error 2)
    hint: pass the path of an air-gap bundle
    -> 1
    $ kots airgap create --airgap-yaml airgap.yaml --release gone -o x
    Error: no bundle was made: failed to read "gone": No such file or directory (os error 2)
    hint: check that the path is right and may be read
    -> 1
    $ kots airgap create --airgap-yaml airgap.yaml --release release --images release -o x
    Error: no bundle was made: failed to read "release/index.json": No such file or directory (os error 2)
    hint: check that the path is right and may be read
    -> 1
    $ kots airgap create --airgap-yaml airgap.yaml --release release --format zip -o x
    Error: invalid argument "zip" for "--format" flag: must be one of docker, oci
    hint: run `kots airgap create --help` for its flags
    -> 1
    "#);
    assert!(!site.path().join("x").exists());
}
