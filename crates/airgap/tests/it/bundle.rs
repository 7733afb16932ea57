//! `Bundle::check` and `Bundle::open_app` on files.

use std::{io::Read, ops::ControlFlow};

use airgap::{Bundle, BundleError, Limits};
use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use crate::support::{
    AIRGAP_YAML, app, archive, bundle, chain, check_path, noise, on_disk, release_file, verdict,
    verdict_with,
};

#[test]
fn a_bundle_is_described_and_its_release_read_back() {
    let bytes = bundle();
    let file = on_disk(&bytes);
    let check = check_path(&file.path, &Limits::default()).expect("a good bundle");
    assert_eq!(check.airgap_yaml, AIRGAP_YAML);
    assert_eq!(check.airgap.channel_id, "stable-id");
    assert_eq!(check.size, bytes.len() as u64);
    assert_eq!(check.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(check.app_size, app().len() as u64);
    assert_eq!(check.app_sha256, hex::encode(Sha256::digest(app())));

    let mut reader = Bundle::open_app(&file.path, &check).expect("the same bundle");
    assert_eq!(reader.size(), check.app_size);
    let mut sent = Vec::new();
    reader.read_to_end(&mut sent).expect("the same bundle");
    assert_eq!(sent, app());
}

#[test]
fn what_the_release_asks_is_picked_out() {
    let config = "apiVersion: kots.io/v1beta1\nkind: Config\nspec: {}\n";
    let both = format!(
        "apiVersion: v1\nkind: Secret\n---\n{config}---\napiVersion: \"kots.io/v1beta1\"\nkind: 'Application'\n"
    );
    let large = format!("{config}# {}", "x".repeat(1 << 20));
    let app = airgap::release::pack(&[
        release_file("a/all.yaml", both.as_bytes()),
        release_file("a/binary", b"kots.io/v1beta1 \xff"),
        release_file("a/large.yaml", large.as_bytes()),
        release_file("a/other.yaml", b"apiVersion: kots.io/v1beta2\nkind: Config\n"),
        release_file("userdata/config.yaml", config.as_bytes()),
    ]);
    let app = app.expect("good names");
    let bytes = archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &app)]);
    let check = check_path(&on_disk(&bytes).path, &Limits::default()).expect("a good bundle");
    let found: Vec<_> =
        check.documents.iter().map(|it| format!("{} {}", it.path, it.kind)).collect();
    assert_eq!(found, ["a/all.yaml Config", "a/all.yaml Application"]);
    assert_eq!(check.documents[0].text, config);
}

/// Whatever a release holds, little of it is kept.
#[test]
fn a_thousand_configs_are_a_few() {
    let config = b"apiVersion: kots.io/v1beta1\nkind: Config\n";
    let files: Vec<_> = (0..1000).map(|at| release_file(&format!("a/{at}.yaml"), config)).collect();
    let app = airgap::release::pack(&files).expect("good names");
    let bytes = archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &app)]);
    let check = check_path(&on_disk(&bytes).path, &Limits::default()).expect("a good bundle");
    assert_eq!(check.documents.len(), 4);
}

#[test]
fn both_entries_are_found_in_either_order_and_under_either_spelling() {
    let (yaml, app) = (AIRGAP_YAML.as_bytes(), app());
    let good = "sample 1.1.0 with 2 files";
    assert_eq!(verdict(&archive(&[("airgap.yaml", yaml), ("app.tar.gz", &app)])), good);
    assert_eq!(verdict(&archive(&[("app.tar.gz", &app), ("airgap.yaml", yaml)])), good);
    let last =
        [("images/", &b""[..]), ("images/a", b"1"), ("app.tar.gz", &app), ("airgap.yaml", yaml)];
    assert_eq!(verdict(&archive(&last)), good);

    // As `tar -C folder .` writes it.
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::default(),
    ));
    for (name, bytes) in [("./airgap.yaml", yaml), ("./app.tar.gz", app.as_slice())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.as_gnu_mut().expect("made as GNU").name[..name.len()]
            .copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, bytes).expect("a vector takes all");
    }
    let packed = builder.into_inner().and_then(flate2::write::GzEncoder::finish);
    assert_eq!(verdict(&packed.expect("a vector takes all")), good);
}

#[test]
fn what_is_not_a_bundle_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused = |name: &str| {
        let error = check_path(&folder.path().join(name), &Limits::default()).expect_err("refused");
        chain(&error).replace(&folder.path().display().to_string(), "")
    };
    assert_snapshot!(refused("missing"), @"failed to stat airgap bundle: No such file or directory (os error 2)");
    assert_snapshot!(refused(""), @r#"airgap bundle "/" is a folder; expected a gzip-compressed tar file"#);
    assert_snapshot!(verdict(b""), @r#"airgap bundle "/app.airgap" is empty"#);
    assert_snapshot!(verdict(b"apiVersion: v1\n"), @"failed to read airgap bundle: not a gzip stream: it starts with 0x61 0x70, gzip with 0x1f 0x8b");
    assert_snapshot!(verdict(&[&[0x1f, 0x8b, 8][..], &[0; 7], &[3, 0], &[0; 8]].concat()), @"failed to get file airgap.yaml from airgap: file not found in archive");
}

#[test]
fn what_a_bundle_lacks_is_named_with_what_it_holds() {
    let (yaml, app) = (AIRGAP_YAML.as_bytes(), app());
    assert_snapshot!(verdict(&archive(&[("airgap.yaml", yaml), ("images/", b"")])), @"failed to get file app.tar.gz from airgap: file not found in archive (it holds images/)");
    assert_snapshot!(verdict(&archive(&[("app.tar.gz", &app)])), @"failed to get file airgap.yaml from airgap: file not found in archive");
    // A release archive given as a bundle.
    assert_snapshot!(verdict(&app), @"failed to get file airgap.yaml from airgap: file not found in archive (it holds manifests/)");
    // A bundle packed with its folder.
    assert_snapshot!(verdict(&archive(&[("b/airgap.yaml", yaml), ("b/app.tar.gz", &app)])), @"failed to get file airgap.yaml from airgap: file not found in archive (it holds b/airgap.yaml, b/)");
    assert_snapshot!(verdict(&archive(&[("airgap.yaml/", b""), ("app.tar.gz", &app)])), @"failed to get file airgap.yaml from airgap: file not found in archive (it holds airgap.yaml/)");
}

#[test]
fn metadata_that_is_not_metadata_is_refused() {
    let app = app();
    let with = |yaml: &[u8]| verdict(&archive(&[("airgap.yaml", yaml), ("app.tar.gz", &app)]));
    assert_snapshot!(with(b"\xff\xfe"), @"failed to decode airgap data: airgap.yaml is not UTF-8");
    assert!(with(b"a: [").starts_with("failed to decode airgap data: "), "{}", with(b"a: ["));
    let unquoted = AIRGAP_YAML.replace("\"2\"", "2");
    assert!(with(unquoted.as_bytes()).contains("pdateCursor"), "{}", with(unquoted.as_bytes()));
    let other = AIRGAP_YAML.replace("kind: Airgap", "kind: Config");
    assert!(with(other.as_bytes()).contains("Config"), "{}", with(other.as_bytes()));

    let limits = Limits { airgap_yaml: 10, ..Limits::default() };
    assert_snapshot!(verdict_with(&bundle(), &limits), @"airgap.yaml in airgap bundle has 130 bytes, the limit is 10");
}

#[test]
fn a_release_that_is_not_whole_is_found_before_anything_is_sent() {
    let with = |app: &[u8]| {
        verdict(&archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", app)]))
    };
    let app = app();
    assert_snapshot!(with(b""), @"failed to read app.tar.gz in airgap bundle: empty: not a gzip stream");
    assert_snapshot!(with(b"plain"), @"failed to read app.tar.gz in airgap bundle: not a gzip stream: it starts with 0x70 0x6c, gzip with 0x1f 0x8b");
    assert_snapshot!(with(&archive(&[("only/", b"")])), @"failed to read app.tar.gz in airgap bundle: it holds no files");
    assert_snapshot!(with(&[&app[..], b"x"].concat()), @"failed to read app.tar.gz in airgap bundle: bytes that are not gzip follow the stream at byte 154");
    for at in 1..app.len() {
        let verdict = with(&app[..at]);
        assert!(verdict.contains("cut short"), "at {at}: {verdict}");
    }
}

#[test]
fn a_bundle_cut_anywhere_is_cut_short_or_has_all_that_is_sent() {
    let (yaml, app) = (AIRGAP_YAML.as_bytes(), app());
    let noise: Vec<u8> = noise(60_000);
    let bytes = archive(&[("airgap.yaml", yaml), ("app.tar.gz", &app), ("images/a", &noise)]);
    for at in (1..64).map(|it| bytes.len() * it / 64) {
        let verdict = verdict(&bytes[..at]);
        assert!(
            verdict.starts_with("failed to read airgap bundle: cut short")
                || verdict.starts_with("sample"),
            "at {at}: {verdict}"
        );
    }
    let bytes = archive(&[("images/a", &noise), ("airgap.yaml", yaml), ("app.tar.gz", &app)]);
    for at in (1..64).map(|it| bytes.len() * it / 64) {
        assert!(verdict(&bytes[..at]).contains("cut short"), "at {at}");
    }
}

#[test]
fn a_large_release_crosses_the_threads_unchanged() {
    let noise: Vec<u8> = noise(5_000_000);
    let app = archive(&[("a.bin", &noise), ("b.yaml", b"b")]);
    let file = on_disk(&archive(&[("app.tar.gz", &app), ("airgap.yaml", AIRGAP_YAML.as_bytes())]));
    let mut last = 0;
    let check = Bundle::check(&file.path, &Limits::default(), &mut |progress| {
        assert!(last <= progress.read && progress.read <= progress.total);
        last = progress.read;
        ControlFlow::Continue(())
    })
    .expect("a good bundle");
    assert_eq!(last, check.size);
    assert_eq!(check.app_sha256, hex::encode(Sha256::digest(&app)));
    let mut sent = Vec::new();
    let mut reader = Bundle::open_app(&file.path, &check).expect("the same bundle");
    reader.read_to_end(&mut sent).expect("the same bundle");
    assert!(sent == app);
}

#[test]
fn a_check_can_be_stopped() {
    let file = on_disk(&bundle());
    let stopped = Bundle::check(&file.path, &Limits::default(), &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(BundleError::Cancelled)));
}

#[test]
fn a_bundle_that_changes_is_not_sent() {
    let file = on_disk(&bundle());
    let check = check_path(&file.path, &Limits::default()).expect("a good bundle");

    // While it is checked.
    let grow = Bundle::check(&file.path, &Limits::default(), &mut |_| {
        std::fs::write(&file.path, b"other").expect("the folder is ours");
        ControlFlow::Continue(())
    });
    let error = grow.expect_err("it changed");
    assert_snapshot!(chain(&error), @"airgap bundle changed while it was being used");

    // Between check and send.
    let error = Bundle::open_app(&file.path, &check).expect_err("it changed");
    assert_snapshot!(chain(&error), @"airgap bundle changed while it was being used");
}

#[test]
fn a_bundle_that_changes_while_it_is_sent_is_never_sent_whole() {
    // Stored, so that lengths do not depend on content.
    let stored = |app: &[u8]| {
        let mut writer = airgap::BundleWriter::with_level(Vec::new(), 0);
        writer.bytes("airgap.yaml", AIRGAP_YAML.as_bytes()).expect("a good name");
        writer.bytes("app.tar.gz", app).expect("a good name");
        writer.finish().expect("a vector takes all")
    };
    let mut writer = airgap::BundleWriter::with_level(Vec::new(), 0);
    writer.bytes("a.bin", &noise(1_000_000)).expect("a good name");
    let app = writer.finish().expect("a vector takes all");
    let mut other = app.clone();
    *other.last_mut().expect("it is not empty") ^= 1;
    let file = on_disk(&stored(&app));
    let check = check_path(&file.path, &Limits::default()).expect("a good bundle");
    let mut reader = Bundle::open_app(&file.path, &check).expect("the same bundle");
    // In place: a new file would not be seen by the reader.
    std::fs::write(&file.path, stored(&other)).expect("the folder is ours");
    let mut sent = Vec::new();
    let error = reader.read_to_end(&mut sent).expect_err("its content differs");
    assert_snapshot!(error, @"airgap bundle changed while it was being used");
    assert!((sent.len() as u64) < check.app_size);
}
