//! The tree of a version as an archive.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use airgap::write::BundleWriter;
use sha2::{Digest as _, Sha256};

use super::{MakeError, file};
use crate::archives::Archives;
use crate::release::{UPSTREAM, USERDATA};

/// Packs everything of a tree but the vendor's own files, which are in the archives already.
pub(super) fn keep_tree(archives: &Archives, tree: &Path) -> Result<String, MakeError> {
    let temp = tempfile::Builder::new()
        .prefix("tree-")
        .tempfile_in(archives.temp())
        .map_err(file("make a file in", archives.temp()))?;
    let (temp, path) = temp.into_parts();
    let sink = Hashing { inner: BufWriter::with_capacity(1 << 16, temp), digest: Sha256::new() };
    // Charts are packed already; the rest is small.
    let mut writer = BundleWriter::with_level(sink, 1);
    pack(&mut writer, tree, "")?;
    let sink = writer.finish().map_err(MakeError::Pack)?;
    let Hashing { mut inner, digest } = sink;
    inner.flush().map_err(file("write", &path))?;
    drop(inner);
    let sha256 = hex::encode(digest.finalize());
    archives.keep(path, &sha256)?;
    Ok(sha256)
}

/// Adds the files below `folder`, in order of names.
fn pack<W: Write>(
    writer: &mut BundleWriter<W>,
    folder: &Path,
    below: &str,
) -> Result<(), MakeError> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(file("read", folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let own = entry.file_name();
        let own = own.to_string_lossy();
        let name = if below.is_empty() { own.into_owned() } else { format!("{below}/{own}") };
        if below == UPSTREAM && name != format!("{UPSTREAM}/{USERDATA}") {
            continue;
        }
        let meta = entry.metadata().map_err(file("read", &path))?;
        if meta.is_dir() {
            pack(writer, &path, &name)?;
        } else if meta.is_file() {
            let mut source = File::open(&path).map_err(file("open", &path))?;
            writer.file(&name, meta.len(), &mut source).map_err(MakeError::Pack)?;
        }
    }
    Ok(())
}

/// Unpacks a version's tree, without the vendor's files, into `folder`, which must not exist.
pub(crate) fn unpack_tree(
    archives: &Archives,
    sha256: &str,
    folder: &Path,
) -> Result<(), MakeError> {
    let path = archives.path(sha256);
    let source = File::open(&path).map_err(file("open", &path))?;
    airgap::release::extract_to(source, folder, &airgap::limits::Limits::default())
        .map_err(MakeError::Extract)?;
    Ok(())
}

/// Counts the digest of what is written.
struct Hashing<W> {
    inner: W,
    digest: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.digest.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
