//! Bundles made to harm: each is refused with its reason, in bounded time and memory.

use std::io::Write;

use airgap::{ArchiveLimits, Limits};
use flate2::{Compression, write::GzEncoder};
use insta::assert_snapshot;

use crate::support::{AIRGAP_YAML, app, archive, verdict, verdict_with};

/// A gzip tar as another program would write it: names and types as given.
fn foreign(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, kind, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(bytes.len() as u64);
        if matches!(kind, tar::EntryType::Link | tar::EntryType::Symlink) {
            header.set_link_name("/etc/passwd").expect("it fits");
        }
        header.set_cksum();
        builder.append(&header, *bytes).expect("a vector takes all");
    }
    builder.into_inner().and_then(GzEncoder::finish).expect("a vector takes all")
}

/// What a check says about a bundle with `evil` first, and about one whose release has it.
fn check(evil: &[(&str, tar::EntryType, &[u8])]) -> String {
    let app = app();
    let file = tar::EntryType::Regular;
    let good = [("airgap.yaml", file, AIRGAP_YAML.as_bytes()), ("app.tar.gz", file, &app)];
    let outside = verdict(&foreign(&[evil, &good].concat()));
    let release = foreign(&[evil, &[("a.yaml", file, b"a")]].concat());
    let inside =
        verdict(&archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &release)]));
    format!("{outside}\n{inside}")
}

#[test]
fn links_devices_and_names_that_reach_out() {
    use tar::EntryType as Type;
    assert_snapshot!(check(&[("x", Type::Symlink, b"")]), @r"
    failed to read airgap bundle: refused entry `x`: it is a symbolic link, only regular files and folders are allowed
    failed to read app.tar.gz in airgap bundle: refused entry `x`: it is a symbolic link, only regular files and folders are allowed
    ");
    assert_snapshot!(check(&[("x", Type::Link, b"")]), @r"
    failed to read airgap bundle: refused entry `x`: it is a hard link, only regular files and folders are allowed
    failed to read app.tar.gz in airgap bundle: refused entry `x`: it is a hard link, only regular files and folders are allowed
    ");
    assert_snapshot!(check(&[("x", Type::Block, b"")]), @r"
    failed to read airgap bundle: refused entry `x`: it is a block device, only regular files and folders are allowed
    failed to read app.tar.gz in airgap bundle: refused entry `x`: it is a block device, only regular files and folders are allowed
    ");
    assert_snapshot!(check(&[("../../etc/cron.d/x", Type::Regular, b"x")]), @r"
    failed to read airgap bundle: refused entry `../../etc/cron.d/x`: its name holds `..`
    failed to read app.tar.gz in airgap bundle: refused entry `../../etc/cron.d/x`: its name holds `..`
    ");
    assert_snapshot!(check(&[("/etc/cron.d/x", Type::Regular, b"x")]), @r"
    failed to read airgap bundle: refused entry `/etc/cron.d/x`: its name is absolute
    failed to read app.tar.gz in airgap bundle: refused entry `/etc/cron.d/x`: its name is absolute
    ");
    assert_snapshot!(check(&[("a", Type::Regular, b"1"), ("./a", Type::Regular, b"2")]), @r"
    failed to read airgap bundle: refused entry `a`: it is there twice
    failed to read app.tar.gz in airgap bundle: refused entry `a`: it is there twice
    ");
    assert_snapshot!(check(&[("a", Type::Regular, b"1"), ("a/b", Type::Regular, b"2")]), @r"
    failed to read airgap bundle: refused entry `a`: it is a file and a folder
    failed to read app.tar.gz in airgap bundle: refused entry `a`: it is a file and a folder
    ");
}

#[test]
fn airgap_yaml_twice_is_refused_before_the_release_is_known() {
    let app = app();
    let file = tar::EntryType::Regular;
    let yaml = AIRGAP_YAML.as_bytes();
    let twice = foreign(&[
        ("airgap.yaml", file, yaml),
        ("./airgap.yaml", file, yaml),
        ("app.tar.gz", file, &app),
    ]);
    assert_snapshot!(verdict(&twice), @"failed to read airgap bundle: refused entry `airgap.yaml`: it is there twice");
}

#[test]
fn bombs() {
    let zeros = vec![0; 100 << 20];
    let bomb = |name: &str| {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
        let mut header = tar::Header::new_ustar();
        header.set_size(zeros.len() as u64);
        builder.append_data(&mut header, name, zeros.as_slice()).expect("a vector takes all");
        builder.into_inner().and_then(GzEncoder::finish).expect("a vector takes all")
    };
    assert_snapshot!(verdict(&bomb("images/a")), @"failed to read airgap bundle: decompresses to more than 200 times its size, more than is allowed");
    let bundle =
        archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &bomb("a.yaml"))]);
    assert_snapshot!(verdict(&bundle), @"failed to read app.tar.gz in airgap bundle: decompresses to more than 200 times its size, more than is allowed");

    let defaults = Limits::default();
    let app = ArchiveLimits { total_size: 1 << 20, ..defaults.app };
    assert_snapshot!(verdict_with(&bundle, &Limits { app, ..defaults }), @"failed to read app.tar.gz in airgap bundle: decompresses to more than the allowed 1048576 bytes");
    let app = ArchiveLimits { entry_size: 1 << 20, ..defaults.app };
    assert_snapshot!(verdict_with(&bundle, &Limits { app, ..defaults }), @"failed to read app.tar.gz in airgap bundle: refused entry `a.yaml`: it has 104857600 bytes, the limit is 1048576");
}

#[test]
fn a_million_entries() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = tar::Header::new_ustar();
    header.set_size(0);
    header.set_path("images/0000000").expect("it fits");
    header.set_cksum();
    let zero = header.cksum().expect("just set");
    let mut block = *header.as_bytes();
    for at in 0..1_000_000_u32 {
        // By hand: a million formatted headers take most of a minute in a test build.
        let mut sum = zero;
        for (digit, place) in block[7..14].iter_mut().rev().zip(0..) {
            let value = at / 10_u32.pow(place) % 10;
            *digit = b"0123456789"[value as usize];
            sum += value;
        }
        for (digit, place) in block[148..155].iter_mut().rev().zip(0..) {
            *digit = b"01234567"[(sum >> (3 * place) & 7) as usize];
        }
        gzip.write_all(&block).expect("a vector takes all");
    }
    let bytes = gzip.finish().expect("a vector takes all");
    assert_snapshot!(verdict(&bytes), @"failed to read airgap bundle: more than the allowed 200000 entries");
}

#[test]
fn gzip_members_and_what_follows_them() {
    let whole = archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &app())]);
    // The rest of a bundle is only digested once both entries are seen.
    assert_snapshot!(verdict(&[&whole[..], b"garbage"].concat()), @"sample 1.1.0 with 2 files");

    // The tar in two members.
    let mut plain = Vec::new();
    std::io::Read::read_to_end(
        &mut airgap::Gunzip::new(whole.as_slice(), &Limits::default().bundle),
        &mut plain,
    )
    .expect("it is sound");
    let (a, b) = plain.split_at(700);
    let member = |bytes: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("a vector takes all")
    };
    assert_snapshot!(verdict(&[member(a), member(b)].concat()), @"sample 1.1.0 with 2 files");
    assert_snapshot!(verdict(&[&member(a)[..], b"garbage"].concat()), @"failed to read airgap bundle: bytes that are not gzip follow the stream at byte 213");
    assert_snapshot!(verdict(&member(a)), @"failed to read airgap bundle: cut short: the tar ends after 700 bytes, inside `airgap.yaml`");
}

#[test]
fn a_flipped_bit_before_the_end_of_the_release_never_passes_unseen() {
    let app = app();
    let bytes = archive(&[("airgap.yaml", AIRGAP_YAML.as_bytes()), ("app.tar.gz", &app)]);
    let good = "sample 1.1.0 with 2 files";
    for at in 10..bytes.len() - 8 {
        let mut damaged = bytes.clone();
        damaged[at] ^= 4;
        let verdict = verdict(&damaged);
        // What is not covered: fields of headers that mean nothing here, and texts in airgap.yaml, which the outer
        // checksum covers only for a reader that goes to the end.
        assert!(
            verdict.starts_with("failed")
                || verdict.starts_with("airgap")
                || verdict.ends_with("with 2 files"),
            "at {at}: {verdict}"
        );
    }
    assert_eq!(verdict(&bytes), good);
}
