//! Gzip, tar, releases and bundles.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    ops::ControlFlow,
};

use airgap::{
    ArchiveLimits, Bundle, EntryKind, Gunzip, Index, Limits, Sections, TarReader,
    release::{pack, read},
};

/// Small, so that a bomb ends a run early and memory stays flat.
const LIMITS: Limits = Limits {
    bundle: ArchiveLimits { entries: 1000, entry_size: 1 << 20, total_size: 4 << 20, ratio: 200 },
    app: ArchiveLimits { entries: 1000, entry_size: 1 << 20, total_size: 4 << 20, ratio: 200 },
    airgap_yaml: 1 << 16,
    manifests: 1 << 20,
    in_memory: 2 << 20,
};

/// A gzip stream is read to an end or an error, and never beyond the cap.
pub fn gzip(data: &[u8]) {
    let mut gunzip = Gunzip::new(data, &LIMITS.app);
    let mut buf = vec![0; 1 + data.len() % 5000];
    let mut total = 0;
    while let Ok(n) = gunzip.read(&mut buf) {
        if n == 0 {
            break;
        }
        total += n as u64;
        assert!(total <= LIMITS.app.total_size);
    }
}

/// The entries of a plain tar have safe names, each once, and as much data as they claim.
pub fn tar(data: &[u8]) {
    let mut tar = TarReader::new(data, &LIMITS.app);
    let mut files = std::collections::HashSet::new();
    while let Ok(Some(entry)) = tar.next_entry() {
        assert_safe(&entry.name);
        if entry.kind == EntryKind::File {
            assert!(files.insert(entry.name), "a file came twice");
        }
        let mut read = Vec::new();
        match tar.data().read_to_end(&mut read) {
            Ok(n) => assert_eq!(n as u64, entry.size),
            Err(_) => return,
        }
    }
}

/// A release that is read can be packed and read again, with the same content.
pub fn release(data: &[u8]) {
    let Ok(files) = read(data, &LIMITS) else { return };
    for file in &files {
        assert_safe(&file.path);
    }
    let packed = pack(&files).expect("names that were read can be written");
    let again = read(packed.as_slice(), &LIMITS).expect("what was written can be read");
    // Not the same paths: `userdata` may only stand at the top once a common folder is taken off, and then leaves
    // others with a common folder of their own.
    let content = |files: Vec<airgap::ReleaseFile>| {
        let mut content: Vec<_> = files.into_iter().map(|it| it.bytes).collect();
        content.sort();
        content
    };
    assert_eq!(content(files), content(again));
}

/// A bundle is described or refused; what is described can be sent, whole.
pub fn bundle(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("there is room");
    let Ok(check) = Bundle::check(file.path(), &LIMITS, &mut |_| ControlFlow::Continue(())) else {
        return;
    };
    assert_eq!(check.size, data.len() as u64);
    let mut app = Bundle::open_app(file.path(), &check).expect("nobody changed it");
    let sent = io::copy(&mut app, &mut io::sink()).expect("nobody changed it");
    assert_eq!(sent, check.app_size);
}

/// A bundle is indexed or refused; what is indexed can be read again, whole, and images are made of what is there.
pub fn index(data: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(data).expect("there is room");
    let Ok(index) = Index::build(file.path(), &LIMITS, &mut |_| ControlFlow::Continue(())) else {
        return;
    };
    for image in &index.images {
        let parts = index.parts(image);
        if image.faults.is_empty() && image.expected.is_empty() {
            assert!(parts.blobs.iter().all(|it| index.blobs.contains_key(&it.digest)));
            assert!(!parts.manifests.is_empty());
        }
    }
    let wanted = index.entries.iter().map(|it| it.section).chain(index.blobs.values().copied());
    let mut sections = Sections::open(file.path(), &index, wanted).expect("nobody changed it");
    while let Some(section) = sections.next_section().expect("nobody changed it") {
        let read = io::copy(&mut sections, &mut io::sink()).expect("nobody changed it");
        assert_eq!(read, section.size);
    }
}

/// What our reader accepts, the `tar` crate reads as the same files, or not at all.
pub fn two_readers(data: &[u8]) {
    let Some(ours) = by_ours(data) else { return };
    let Some(theirs) = by_the_crate(data) else { return };
    assert_eq!(ours, theirs);
}

/// Names of files and their contents.
type Files = BTreeMap<String, Vec<u8>>;

fn by_ours(data: &[u8]) -> Option<Files> {
    let mut tar = TarReader::new(data, &LIMITS.app);
    let mut files = Files::new();
    while let Some(entry) = tar.next_entry().ok()? {
        if entry.kind == EntryKind::File {
            let mut bytes = Vec::new();
            tar.data().read_to_end(&mut bytes).ok()?;
            files.insert(entry.name, bytes);
        }
    }
    Some(files)
}

fn by_the_crate(data: &[u8]) -> Option<Files> {
    let mut files = Files::new();
    for entry in tar::Archive::new(data).entries().ok()? {
        let mut entry = entry.ok()?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).ok()?;
        let parts: Vec<&str> = name.split('/').filter(|it| !matches!(*it, "" | ".")).collect();
        // Before POSIX a slash at the end made a folder; names of macOS' attributes are passed over.
        let is_other = name.ends_with('/') || parts.last().is_some_and(|it| it.starts_with("._"));
        if entry.header().entry_type().is_file() && !is_other {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).ok()?;
            files.insert(parts.join("/"), bytes);
        }
    }
    Some(files)
}

fn assert_safe(name: &str) {
    let safe = !name.is_empty()
        && !name.starts_with('/')
        && name.split('/').all(|it| !matches!(it, "" | "." | ".."))
        && !name.chars().any(char::is_control);
    assert!(safe, "an unsafe name came through: {name:?}");
}
