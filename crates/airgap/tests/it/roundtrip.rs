//! Archives written by us and by the `tar` crate are read back equal, and damage never panics.

use std::io::Read;

use airgap::{
    ArchiveError, ArchiveLimits, EntryKind, Gunzip, Limits, ReleaseFile, TarReader,
    release::{pack, read},
};
use flate2::{Compression, write::GzEncoder};
use proptest::{collection::vec, prelude::*};

use crate::support::release_file;

fn all(bytes: &[u8], limits: &ArchiveLimits) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let mut tar = TarReader::new(Gunzip::new(bytes, limits), limits);
    let mut files = Vec::new();
    while let Some(entry) = tar.next_entry()? {
        let mut data = Vec::new();
        tar.data().read_to_end(&mut data)?;
        assert_eq!(data.len() as u64, entry.size);
        if entry.kind == EntryKind::File {
            files.push((entry.name, data));
        }
    }
    Ok(files)
}

/// Files of a release: names short and long, ASCII and not, no two in each other's way.
fn files() -> impl Strategy<Value = Vec<ReleaseFile>> {
    let name = prop_oneof!["[a-z]{1,12}", "f[a-zäß €_.-]{1,40}x", "[a-z]{90,120}"];
    let path = vec(name, 1..4).prop_map(|it| it.join("/"));
    vec((path, 0_usize..2000), 1..8).prop_map(|files| {
        files
            .into_iter()
            .enumerate()
            // The number keeps a file from being where another's folder is.
            .map(|(at, (path, len))| {
                let bytes: Vec<u8> = path.bytes().cycle().take(len).collect();
                release_file(&format!("{at}-{path}"), &bytes)
            })
            .collect()
    })
}

fn by_tar_crate(files: &[ReleaseFile]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        // Without a type a long name that is cut after a slash would be a folder's to some readers.
        header.set_entry_type(tar::EntryType::Regular);
        builder
            .append_data(&mut header, &file.path, file.bytes.as_slice())
            .expect("a vector takes all");
    }
    builder.into_inner().and_then(GzEncoder::finish).expect("a vector takes all")
}

/// Files and their data as the `tar` crate sees them, names in our spelling; `None` where it finds a fault.
fn by_its_reader(plain: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(plain).entries().ok()? {
        let mut entry = entry.ok()?;
        let path = String::from_utf8(entry.path_bytes().into_owned()).ok()?;
        let mut data = Vec::new();
        entry.read_to_end(&mut data).ok()?;
        if entry.header().entry_type() != tar::EntryType::Directory && !path.ends_with('/') {
            let parts: Vec<_> = path.split('/').filter(|it| !matches!(*it, "" | ".")).collect();
            // What macOS adds is passed over by ours.
            if !parts.last().is_some_and(|it| it.starts_with("._")) {
                files.push((parts.join("/"), data));
            }
        }
    }
    Some(files)
}

fn by_our_reader(plain: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut tar = TarReader::new(plain, &Limits::default().app);
    let mut files = Vec::new();
    while let Some(entry) = tar.next_entry().ok()? {
        let mut data = Vec::new();
        tar.data().read_to_end(&mut data).ok()?;
        if entry.kind == EntryKind::File {
            files.push((entry.name, data));
        }
    }
    Some(files)
}

/// Makes the checksums of all headers right again, so that damage is not found by them.
fn sum_again(plain: &mut [u8]) {
    for block in plain.chunks_exact_mut(512).filter(|it| it[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|it| u64::from(*it)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn our_archives_come_back(files in files()) {
        let packed = pack(&files).expect("good names");
        prop_assert_eq!(&packed, &pack(&files).expect("good names"));
        let mut want: Vec<_> = files.into_iter().map(|it| (it.path, it.bytes)).collect();
        want.sort();
        prop_assert_eq!(all(&packed, &Limits::default().app).expect("it is sound"), want);
    }

    #[test]
    fn archives_of_the_tar_crate_come_back(files in files()) {
        let packed = by_tar_crate(&files);
        let want: Vec<_> = files.into_iter().map(|it| (it.path, it.bytes)).collect();
        prop_assert_eq!(all(&packed, &Limits::default().app).expect("it is sound"), want);
    }

    #[test]
    fn the_tar_crate_reads_ours(files in files()) {
        let packed = pack(&files).expect("good names");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().expect("it is sound") {
            let mut entry = entry.expect("it is sound");
            let path = String::from_utf8(entry.path_bytes().into_owned()).expect("we wrote UTF-8");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("it is sound");
            found.push((path, bytes));
        }
        let mut want: Vec<_> = files.into_iter().map(|it| (it.path, it.bytes)).collect();
        want.sort();
        prop_assert_eq!(found, want);
    }

    #[test]
    fn damage_is_refused_or_harmless(
        files in files(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        plain in any::<bool>(),
    ) {
        let mut bytes = by_tar_crate(&files);
        if plain {
            // Into the tar itself, past the checksum of gzip.
            let mut tar = Vec::new();
            Gunzip::new(bytes.as_slice(), &Limits::default().app).read_to_end(&mut tar).expect("it is sound");
            for (at, byte) in &damage {
                let at = at.index(tar.len());
                tar[at] = *byte;
            }
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            std::io::Write::write_all(&mut gzip, &tar).expect("a vector takes all");
            bytes = gzip.finish().expect("a vector takes all");
        } else {
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
        }
        if let Ok(files) = read(bytes.as_slice(), &Limits::default()) {
            for file in files {
                prop_assert!(!file.path.starts_with('/') && !file.path.split('/').any(|it| it == ".."));
            }
        }
    }

    #[test]
    fn two_readers_see_the_same_or_ours_refuses(
        files in files(),
        damage in vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), Just(0), Just(b'/'), Just(b'.'), Just(b'0'), Just(b'5'), Just(b'x'), Just(b'L'),
        ]), 1..4),
    ) {
        let mut plain = Vec::new();
        Gunzip::new(by_tar_crate(&files).as_slice(), &Limits::default().app)
            .read_to_end(&mut plain)
            .expect("it is sound");
        let headers: Vec<usize> = (0..plain.len() / 512)
            .filter(|it| plain[it * 512 + 257..it * 512 + 262] == *b"ustar")
            .collect();
        for (at, byte) in damage {
            // Where the name, the size, the type and the format stand.
            let at = at.index(headers.len() * 512);
            plain[headers[at / 512] * 512 + at % 512] = byte;
        }
        sum_again(&mut plain);
        if let Some(ours) = by_our_reader(&plain) {
            prop_assert_eq!(Some(ours), by_its_reader(&plain));
        }
    }
}
