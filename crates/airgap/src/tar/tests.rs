//! Hostile and unusual archives, built block by block.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::*;
use crate::limits::Limits;

/// An archive under construction. Fields are written as given, true or not; checksums are right.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn header(mut self, name: &[u8], kind: u8, size: &[u8], edit: impl FnOnce(&mut [u8])) -> Self {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name);
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        edit(&mut block);
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|it| u64::from(*it)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
        self
    }

    fn entry(self, name: &str, kind: u8, data: &[u8]) -> Self {
        let size = format!("{:011o}", data.len());
        self.header(name.as_bytes(), kind, size.as_bytes(), |_| ()).data(data)
    }

    /// A long name as GNU writes it.
    fn long_name(self, name: &str) -> Self {
        let name = format!("{name}\0");
        let size = format!("{:011o}", name.len());
        self.header(b"././@LongLink", b'L', size.as_bytes(), |it| {
            it[257..265].copy_from_slice(b"ustar  \0");
        })
        .data(name.as_bytes())
    }

    fn file(self, name: &str) -> Self {
        self.entry(name, b'0', name.as_bytes())
    }

    fn pax(self, records: &[&str]) -> Self {
        let records: String = records.iter().map(|it| record(it)).collect();
        self.entry("PaxHeaders/x", b'x', records.as_bytes())
    }

    fn data(mut self, data: &[u8]) -> Self {
        self.0.extend(data);
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 2 * BLOCK]);
        self.0
    }
}

fn record(text: &str) -> String {
    (text.len() + 3..text.len() + 8)
        .map(|len| format!("{len} {text}\n"))
        .find(|it| it.starts_with(&format!("{} ", it.len())))
        .expect("some length fits")
}

fn check_with(archive: &[u8], limits: &ArchiveLimits) -> String {
    let mut tar = TarReader::new(archive, limits);
    let mut out = String::new();
    loop {
        match tar.next_entry() {
            Ok(Some(entry)) => {
                let mut data = Vec::new();
                let read = tar.data().read_to_end(&mut data).map_err(ArchiveError::from);
                let slash = if entry.kind == EntryKind::Directory { "/" } else { "" };
                let _ = write!(out, "{}{slash} {}", entry.name, entry.size);
                if let Err(error) = read {
                    let _ = write!(out, "\nerror: {error}");
                    return out;
                }
                out.push('\n');
            }
            Ok(None) => return out.trim_end().to_owned(),
            Err(error) => {
                let _ = write!(out, "error: {error}");
                return out;
            }
        }
    }
}

fn check(archive: &[u8]) -> String {
    check_with(archive, &Limits::default().bundle)
}

#[test]
fn spellings_of_names_are_one() {
    let archive = Tar::default()
        .entry("./", b'5', b"")
        .file("./airgap.yaml")
        .entry("images/", b'5', b"")
        .entry("images", b'5', b"")
        .file("images//a/./b")
        .end();
    assert_snapshot!(check(&archive), @r"
    airgap.yaml 13
    images/ 0
    images/ 0
    images/a/b 13
    ");
}

#[test]
fn a_ustar_prefix_and_gnu_and_pax_names_are_read() {
    let archive = Tar::default()
        .header(b"file", b'0', b"0", |it| it[345..351].copy_from_slice(b"folder"))
        .header(b"gnu", b'0', b"0", |it| it[257..265].copy_from_slice(b"ustar  \0"))
        .long_name(&"l".repeat(120))
        .file("cut")
        .pax(&["path=größe", "mtime=1.5", "SCHILY.xattr.com.apple.macl=x"])
        .file("cut")
        .entry("g", b'g', record("comment=abc").as_bytes())
        .file("last")
        .end();
    assert_snapshot!(check(&archive), @r"
    folder/file 0
    gnu 0
    llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll 3
    größe 3
    last 4
    ");
}

#[test]
fn a_name_that_some_programs_read_longer_is_refused() {
    // GNU keeps times of incremental archives in the place of the prefix; Python reads a prefix.
    let archive = Tar::default()
        .header(b"gnu", b'0', b"0", |it| {
            it[257..265].copy_from_slice(b"ustar  \0");
            it[345..348].copy_from_slice(b"137");
        })
        .end();
    assert_snapshot!(check(&archive), @"error: not a sound tar archive: at byte 0, a header that is not POSIX has something where POSIX has a part of the name");
}

#[test]
fn an_extension_that_some_programs_read_further_is_refused() {
    for (kind, magic) in [(b'L', b"ustar  \0"), (b'x', b"ustar\x0000")] {
        let tar = Tar::default();
        let tar = tar.header(b"x", kind, b"00000000010", |it| it[257..265].copy_from_slice(magic));
        let text = check(&tar.data(b"9 path=a\n and more").file("a").end());
        assert!(text.ends_with("an extension header goes on behind its end"), "{text}");
    }
}

#[test]
fn what_macos_adds_is_passed_over() {
    let archive = Tar::default()
        .pax(&["mtime=1.5", "LIBARCHIVE.xattr.com.apple.provenance=AQIA"])
        .file("._airgap.yaml")
        .file("airgap.yaml")
        .file("a/._b")
        .file("a/._b")
        .end();
    assert_snapshot!(check(&archive), @"airgap.yaml 11");
}

#[test]
fn a_folder_of_before_posix_is_a_folder() {
    assert_snapshot!(check(&Tar::default().entry("old/", 0, b"").entry("old/f", 0, b"1").end()), @r"
    old/ 0
    old/f 1
    ");
    assert_snapshot!(check(&Tar::default().entry("new/", b'0', b"").end()), @"error: refused entry `new/`: it is a regular file, but its name ends with a slash");
}

#[test]
fn two_names_of_which_one_is_a_folders_are_refused() {
    // Python asks the header's name whether it is a folder, GNU tar the record's.
    let old = |path: &str, name: &str| {
        let path = format!("path={path}");
        check(&Tar::default().pax(&[&path]).entry(name, 0, b"").end())
    };
    assert_snapshot!(old("long", "short/"), @"error: refused entry `long`: it is a regular file, but its name ends with a slash");
    assert_snapshot!(old("long/", "short"), @"error: refused entry `long/`: it is a regular file, but its name ends with a slash");
    assert_snapshot!(old("long/", "short/"), @"long/ 0");
    let long = Tar::default().long_name("long").entry("short/", 0, b"1").end();
    assert_snapshot!(check(&long), @"error: refused entry `long`: it is a regular file, but its name ends with a slash");
}

#[test]
fn an_archive_without_end_marker_ends_at_its_last_entry() {
    assert_snapshot!(check(&Tar::default().file("a").0), @"a 1");
    assert_snapshot!(check(b""), @"");
    // One block of zeros instead of two.
    assert_snapshot!(check(&[Tar::default().file("a").0, vec![0; BLOCK]].concat()), @"a 1");
}

#[test]
fn only_files_and_folders_are_allowed() {
    for (kind, word) in [
        (b'1', "hard link"),
        (b'2', "symbolic link"),
        (b'3', "character device"),
        (b'4', "block device"),
        (b'6', "named pipe"),
        (b'S', "sparse file"),
        (b'K', "symbolic link"),
        (b'7', "thing of unknown type"),
        (b'\xff', "thing of unknown type"),
    ] {
        let error = check(&Tar::default().entry("evil", kind, b"").end());
        assert_eq!(
            error,
            format!(
                "error: refused entry `evil`: it is a {word}, only regular files and folders are allowed"
            )
        );
    }
}

#[test]
fn extensions_of_one_format_do_not_count_in_another() {
    assert_snapshot!(check(&Tar::default().entry("l", b'L', b"b\0").file("c").end()), @"error: refused entry `l`: it is a thing of unknown type, only regular files and folders are allowed");
    assert_snapshot!(check(&Tar::default().long_name("a\0").file("c").end()), @"error: not a sound tar archive: at byte 1536, a GNU long name holds a zero byte");
    assert_snapshot!(check(&Tar::default().header(b"a", b'0', b"0", |it| it[262] = b'1').end()), @"error: not a sound tar archive: at byte 0, the header is of an unknown format");
}

#[test]
fn names_that_reach_out_are_refused_wherever_they_are_given() {
    let refused = "error: refused entry `../x`: its name holds `..`";
    assert_eq!(check(&Tar::default().file("../x").end()), refused);
    assert_eq!(check(&Tar::default().pax(&["path=../x"]).file("x").end()), refused);
    assert_eq!(check(&Tar::default().long_name("../x").file("x").end()), refused);
    assert_snapshot!(check(&Tar::default().header(b"x", b'0', b"0", |it| it[345..347].copy_from_slice(b"..")).end()), @"error: refused entry `../x`: its name holds `..`");
    assert_snapshot!(check(&Tar::default().file("/x").end()), @"error: refused entry `/x`: its name is absolute");
    assert_snapshot!(check(&Tar::default().pax(&["path=a\0b"]).file("x").end()), @r"error: refused entry `a\0b`: its name holds control characters");
    assert_snapshot!(check(&Tar::default().header(b"\xff\xfe", b'0', b"0", |_| ()).end()), @"error: refused entry `��`: its name is not UTF-8");
    assert_snapshot!(check(&Tar::default().header(b"", b'0', b"0", |_| ()).end()), @"error: refused entry ``: its name is empty");
    assert_snapshot!(check(&Tar::default().header(b".", b'0', b"0", |_| ()).end()), @"error: refused entry `.`: its name is empty");
}

#[test]
fn a_name_comes_once() {
    assert_snapshot!(check(&Tar::default().file("a").file("./a").end()), @r"
    a 1
    error: refused entry `a`: it is there twice
    ");
    assert_snapshot!(check(&Tar::default().file("a").file("a/b").end()), @r"
    a 1
    error: refused entry `a`: it is a file and a folder
    ");
    assert_snapshot!(check(&Tar::default().file("a/b").file("a").end()), @r"
    a/b 3
    error: refused entry `a`: it is a file and a folder
    ");
}

#[test]
fn two_ways_to_read_an_entry_are_one_too_many() {
    let two = Tar::default().pax(&["path=a"]).long_name("b").file("c").end();
    assert_snapshot!(check(&two), @"error: not a sound tar archive: at byte 2560, an entry has a PAX path and a GNU long name");
    let twice = Tar::default().pax(&["path=a"]).pax(&["path=b"]).file("c").end();
    assert_snapshot!(check(&twice), @"error: not a sound tar archive: at byte 1536, two extension headers of one kind describe one entry");
    let alone = Tar::default().file("a").pax(&["path=b"]).end();
    assert_snapshot!(check(&alone), @r"
    a 1
    error: not a sound tar archive: at byte 3072, an extension header has no entry
    ");
    let global = Tar::default().entry("g", b'g', record("size=0").as_bytes()).file("c").end();
    assert_snapshot!(check(&global), @"error: refused PAX header before byte 1024: `size` is not allowed in a global header");
}

#[test]
fn sizes_that_disagree_are_refused() {
    // The header's size would show a second entry inside the data of the first: the smuggling of CVE-2025-62518.
    let inner = Tar::default().file("hidden").0;
    let smuggled = |size: &str| {
        Tar::default()
            .pax(&[&format!("size={}", inner.len())])
            .header(b"a", b'0', size.as_bytes(), |_| ())
            .data(&inner)
            .end()
    };
    assert_snapshot!(check(&smuggled("00000000000")), @"a 1024");
    assert_snapshot!(check(&smuggled("00000000001")), @"error: refused entry `a`: its header says 1 bytes, its PAX record 1024");
}

#[test]
fn sizes_that_lie_are_refused() {
    let claims =
        |size: &[u8]| check(&Tar::default().header(b"a", b'0', size, |_| ()).data(b"12").end());
    assert_snapshot!(claims(b"77777777777"), @r"
    a 8589934591
    error: cut short: the tar ends after 2048 bytes, inside `a`
    ");
    assert_snapshot!(claims(b"777777777777"), @r"
    a 68719476735
    error: cut short: the tar ends after 2048 bytes, inside `a`
    ");
    assert_snapshot!(claims(b"-0000000001\0"), @"error: not a sound tar archive: at byte 0, a size is negative");
    assert_snapshot!(claims(&[0xff; 12]), @"error: not a sound tar archive: at byte 0, a size is negative");
    assert_snapshot!(claims(&[0x80, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0]), @"error: not a sound tar archive: at byte 0, a size is beyond what a file can have");
    assert_snapshot!(claims(&[0x80, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0]), @"error: refused entry `a`: it has 9151314442816847872 bytes, the limit is 274877906944");
    assert_snapshot!(check(&Tar::default().pax(&["size=9223372036854775807"]).entry("a", b'0', b"").end()), @"error: refused entry `a`: it has 9223372036854775807 bytes, the limit is 274877906944");
    assert_snapshot!(check(&Tar::default().entry("a", b'5', b"12").end()), @"error: refused entry `a`: it is a folder or link, but has 2 bytes of data");
    // Extension headers are held in memory, so theirs are bounded before anything is reserved.
    assert_snapshot!(check(&Tar::default().header(b"x", b'x', b"77777777777", |_| ()).end()), @"error: not a sound tar archive: at byte 512, an extension header is larger than 256 KiB");
}

#[test]
fn nothing_may_follow_the_end() {
    let archive = [Tar::default().file("a").end(), Tar::default().file("b").end()].concat();
    assert_snapshot!(check(&archive), @r"
    a 1
    error: data follows the end of the tar at byte 1536
    ");
    // Programs fill up to 10 KiB.
    let archive = [Tar::default().file("a").end(), vec![0; 20 * BLOCK]].concat();
    assert_snapshot!(check(&archive), @"a 1");
}

#[test]
fn a_cut_is_found_at_every_byte() {
    let archive = Tar::default().pax(&["path=a"]).file("cut").file("b").0;
    // A cut between two entries looks like an archive without an end marker: gzip has to find it.
    let whole = [0, 4 * BLOCK, 6 * BLOCK];
    for at in 0..=archive.len() {
        let found = check(&archive[..at]);
        let cut = found.contains("cut short") || found.contains("has no entry");
        assert_eq!(cut, !whole.contains(&at), "at {at}: {found}");
    }
}

#[test]
fn what_is_not_tar_is_named() {
    assert_snapshot!(check(&b"not a tar ".repeat(100)), @"error: not a sound tar archive: at byte 0, the header's checksum does not match");
    assert_snapshot!(check(b"short"), @"error: cut short: the tar ends after 5 bytes, inside a header");
}

#[test]
fn counts_are_capped() {
    let limits = ArchiveLimits { entries: 3, ..Limits::default().bundle };
    let check = |archive: Tar| check_with(&archive.end(), &limits);
    assert_snapshot!(check(Tar::default().file("a").file("b").file("c").file("d")), @r"
    a 1
    b 1
    c 1
    error: more than the allowed 3 entries
    ");
    // Folders that only a name implies take memory, too.
    assert_snapshot!(check(Tar::default().file("1/2/3/4/5")), @"error: more than the allowed 3 entries");
    // So do entries that are passed over, though only time.
    assert_snapshot!(check(Tar::default().file("._1").file("._2").file("._3").file("._4")), @"error: more than the allowed 3 entries");
}
