//! The same bytes through other programs' readers: what ours accepts, they read as the same files, or not at all.
//!
//! The `tar` crate, GNU tar and Python's tarfile (the last two where they are installed) get sound archives of several
//! formats and archives with some bytes changed, most of them with their checksums put right again. `fuzz` does the same
//! with the `tar` crate at length.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use airgap::{Digest, EntryKind, Limits, TarReader};

/// Names of files with the digests of their contents.
type Files = BTreeMap<String, String>;

/// How many changed archives are tried.
const CHANGED: u64 = 300;

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).expect("48 bits") % below
    }
}

fn ours(bytes: &[u8]) -> Option<Files> {
    let limits = Limits::default().app;
    let mut tar = TarReader::new(bytes, &limits);
    let mut files = Files::new();
    while let Some(entry) = tar.next_entry().ok()? {
        if entry.kind == EntryKind::File {
            let mut data = Vec::new();
            tar.data().read_to_end(&mut data).ok()?;
            files.insert(entry.name, Digest::of(&data).hex());
        }
    }
    Some(files)
}

/// The one spelling that ours gives a name.
fn spelled(name: &str) -> String {
    name.split('/').filter(|it| !matches!(*it, "" | ".")).collect::<Vec<_>>().join("/")
}

fn is_apple_double(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|it| it.starts_with("._"))
}

/// What the `tar` crate reads; `None` when it refuses.
fn by_crate(bytes: &[u8]) -> Option<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(bytes).entries().ok()? {
        let mut entry = entry.ok()?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8(entry.path_bytes().into_owned()).ok()?;
        let mut data = Vec::new();
        entry.read_to_end(&mut data).ok()?;
        // Before POSIX a slash at the end made a folder.
        if !name.ends_with('/') && !is_apple_double(&name) {
            files.insert(spelled(&name), Digest::of(&data).hex());
        }
    }
    Some(files)
}

/// What GNU tar extracts; `None` when it refuses or is not there.
fn by_gnu(bytes: &Path, folder: &Path) -> Option<Files> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).expect("the folder is ours");
    let ran = Command::new("tar")
        .args(["--extract", "--no-same-owner", "--no-same-permissions", "--file"])
        .arg(bytes)
        .arg("--directory")
        .arg(folder)
        .stderr(Stdio::null())
        .status();
    ran.ok().filter(std::process::ExitStatus::success)?;
    let mut files = Files::new();
    walk(folder, "", &mut files);
    Some(files)
}

fn walk(folder: &Path, below: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).expect("it is ours") {
        let entry = entry.expect("it is ours");
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("it is ours").is_dir() {
            walk(&entry.path(), &format!("{name}/"), files);
        } else if !is_apple_double(&name) {
            let bytes = fs::read(entry.path()).expect("it is ours");
            files.insert(name, Digest::of(&bytes).hex());
        }
    }
}

/// Reads all archives of a folder: a line each, with what tarfile finds or nothing.
const PYTHON: &str = r#"
import hashlib, json, os, sys, tarfile
for number in range(int(sys.argv[2])):
    files = {}
    try:
        with tarfile.open(os.path.join(sys.argv[1], f"{number}.tar"), "r:") as archive:
            for member in archive:
                if member.isreg():
                    data = archive.extractfile(member).read()
                    if len(data) != member.size:
                        raise ValueError
                    files[member.name] = hashlib.sha256(data).hexdigest()
    except Exception:
        files = None
    print(json.dumps(files))
"#;

/// What Python's tarfile reads; `None` when there is no Python.
fn by_python(folder: &Path, count: usize) -> Option<Vec<Option<Files>>> {
    let ran = Command::new("python3")
        .args(["-c", PYTHON])
        .arg(folder)
        .arg(count.to_string())
        .output()
        .ok()
        .filter(|it| it.status.success())?;
    let text = String::from_utf8(ran.stdout).expect("JSON is text");
    let all: Vec<Option<Files>> =
        text.lines().map(|it| serde_json::from_str(it).expect("it is JSON")).collect();
    let clean = |files: Files| {
        let kept = files.into_iter().filter(|it| !is_apple_double(&it.0));
        kept.map(|(name, digest)| (spelled(&name), digest)).collect()
    };
    Some(all.into_iter().map(|it| it.map(clean)).collect())
}

/// Archives in the formats there are, with names short and long.
fn sound() -> Vec<Vec<u8>> {
    let long = format!("{}/{}", "folder".repeat(15), "name".repeat(20));
    let longest = format!("{}/{}", "f".repeat(120), "n".repeat(120));
    let names = ["a", "./b/c.yaml", "b/d", &long];
    let with = |header: fn() -> tar::Header, names: &[&str]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (at, name) in names.iter().enumerate() {
            let mut header = header();
            let data = name.repeat(1 + at * 9);
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, data.as_bytes()).expect("a vector takes all");
        }
        builder.into_inner().expect("a vector takes all")
    };
    let mut paxed = tar::Builder::new(Vec::new());
    paxed
        .append_pax_extensions([
            ("mtime", b"1.5".as_slice()),
            ("path", longest.as_bytes()),
            ("size", b"4"),
        ])
        .expect("a vector takes all");
    let mut header = tar::Header::new_ustar();
    header.set_size(4);
    header.set_path("short").expect("it fits");
    header.set_cksum();
    paxed.append(&header, &b"data"[..]).expect("a vector takes all");
    header.set_path("next").expect("it fits");
    header.set_cksum();
    paxed.append(&header, &b"more"[..]).expect("a vector takes all");
    vec![
        with(tar::Header::new_gnu, &[&names[..], &[longest.as_str()]].concat()),
        with(tar::Header::new_ustar, &names),
        with(tar::Header::new_old, &names[..3]),
        paxed.into_inner().expect("a vector takes all"),
    ]
}

/// One to three changed bytes, in headers more often than elsewhere.
fn changed(seeds: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = seeds[numbers.next(seeds.len())].clone();
    for _ in 0..=numbers.next(3) {
        let block = numbers.next(bytes.len() / 512) * 512;
        // Fields whose bytes matter: the name, the size, the type, the magic, the prefix.
        let (start, len) =
            [(0, 100), (124, 12), (156, 1), (157, 4), (257, 8), (345, 155), (0, 512)]
                [numbers.next(7)];
        let at = block + start + numbers.next(len);
        let value = [0, b'0', b'/', b'.', b'x', b'7', 0x80, 0xff, b'L', b'g', b' ', b'1'];
        bytes[at] = value[numbers.next(value.len())];
        if numbers.next(5) > 0 {
            put_right(&mut bytes[block..block + 512]);
        }
    }
    bytes
}

/// The checksum of what looks like a header.
fn put_right(block: &mut [u8]) {
    let sum: u32 =
        block[..148].iter().chain(&block[156..]).map(|it| u32::from(*it)).sum::<u32>() + 256;
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// `KOTS_TEST_TAR_ROUNDS` says how often, each time with other archives; once when it does not.
#[test]
fn what_is_accepted_is_read_by_others_as_the_same_or_not_at_all() {
    let rounds = std::env::var("KOTS_TEST_TAR_ROUNDS").ok().and_then(|it| it.parse().ok());
    for round in 0..rounds.unwrap_or(1) {
        compare(0x1234_5678_9abc_def1_u64.wrapping_add(round * 0x9e37_79b9));
    }
}

fn compare(seed: u64) {
    let seeds = sound();
    let mut numbers = Numbers(seed);
    let mut all = seeds.clone();
    all.extend((0..CHANGED).map(|_| changed(&seeds, &mut numbers)));
    let accepted: Vec<(Vec<u8>, Files)> =
        all.into_iter().filter_map(|it| ours(&it).map(|files| (it, files))).collect();
    assert!(accepted.len() > seeds.len() + 50, "{} are too few to compare", accepted.len());
    for (bytes, files) in &accepted[..seeds.len()] {
        assert_eq!(by_crate(bytes).as_ref(), Some(files));
    }

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |at: usize| folder.path().join(format!("{at}.tar"));
    for (at, (bytes, _)) in accepted.iter().enumerate() {
        fs::write(path(at), bytes).expect("the folder is ours");
    }
    let python = by_python(folder.path(), accepted.len());
    if python.is_none() {
        skipped::skipped!("the comparison with Python: there is no program `python3`");
    }
    for (at, (bytes, files)) in accepted.iter().enumerate() {
        let keep = |who: &str, found: &Files| {
            if found != files {
                let kept = std::env::temp_dir().join(format!("differs-{who}-{at}.tar"));
                fs::write(&kept, bytes).expect("there is room");
                panic!("{who} reads {found:?}, ours {files:?}: see {}", kept.display());
            }
        };
        if let Some(found) = by_crate(bytes) {
            keep("the crate", &found);
        }
        if let Some(found) = by_gnu(&path(at), &folder.path().join("out")) {
            keep("GNU tar", &found);
        }
        if let Some(Some(found)) = python.as_ref().map(|it| &it[at]) {
            keep("Python", found);
        }
    }
}
