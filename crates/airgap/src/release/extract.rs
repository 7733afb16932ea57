//! Extraction into a folder, in constant memory.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{ReleaseError, prefix};
use crate::{
    CHUNK,
    gzip::{Gunzip, read_some},
    limits::Limits,
    tar::{ArchiveError, EntryData, EntryKind, TarReader},
};

/// Where files go until the common prefix is known.
const UNPACK: &str = ".kots-unpack";

/// A file that was extracted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedFile {
    /// Its path below the folder, with the common prefix taken off.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

/// Extracts a release into `folder`, which is made if it does not exist and must otherwise be empty, and returns the
/// files ordered by path. Links are never made, so no path can lead out of `folder`; modes and times of the archive are
/// not used. On an error what was extracted is removed again.
///
/// # Errors
///
/// As [`super::read`] (without its cap on memory), or when writing fails.
pub fn extract_to(
    source: impl Read,
    folder: &Path,
    limits: &Limits,
) -> Result<Vec<ExtractedFile>, ReleaseError> {
    fs::create_dir_all(folder).map_err(at(folder))?;
    if fs::read_dir(folder).map_err(at(folder))?.next().is_some() {
        return Err(ReleaseError::NotEmpty(folder.to_owned()));
    }
    let unpack = folder.join(UNPACK);
    let extracted =
        unpack_to(source, &unpack, limits).and_then(|files| place(&unpack, folder, files));
    if extracted.is_err() {
        // The first error is the one to report.
        if let Ok(left) = fs::read_dir(folder) {
            for entry in left.flatten() {
                let path = entry.path();
                let _ =
                    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            }
        }
    }
    extracted
}

/// Every file under its name in the archive.
fn unpack_to(
    source: impl Read,
    unpack: &Path,
    limits: &Limits,
) -> Result<Vec<ExtractedFile>, ReleaseError> {
    fs::create_dir(unpack).map_err(at(unpack))?;
    let mut tar = TarReader::new(Gunzip::new(source, &limits.app), &limits.app);
    let mut buf = vec![0; CHUNK];
    let mut files = Vec::new();
    while let Some(entry) = tar.next_entry()? {
        if entry.kind == EntryKind::File {
            let path = unpack.join(&entry.name);
            write_file(&path, tar.data(), &mut buf)?;
            files.push(ExtractedFile { path: entry.name, size: entry.size });
        }
    }
    if files.is_empty() {
        return Err(ArchiveError::NoFiles.into());
    }
    Ok(files)
}

fn write_file<R: Read>(
    path: &Path,
    mut data: EntryData<'_, R>,
    buf: &mut [u8],
) -> Result<(), ReleaseError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(at(path))?;
    loop {
        let n = read_some(&mut data, buf).map_err(ArchiveError::from)?;
        if n == 0 {
            return Ok(());
        }
        io::Write::write_all(&mut file, &buf[..n]).map_err(at(path))?;
    }
}

/// Moves the files to where they belong.
fn place(
    unpack: &Path,
    folder: &Path,
    mut files: Vec<ExtractedFile>,
) -> Result<Vec<ExtractedFile>, ReleaseError> {
    let paths = prefix::strip(files.iter().map(|it| it.path.as_str()))?;
    if let Some(path) = paths.iter().find(|it| it.split('/').next() == Some(UNPACK)) {
        return Err(ReleaseError::Reserved(path.clone()));
    }
    for (file, path) in files.iter_mut().zip(paths) {
        let (from, to) = (unpack.join(&file.path), folder.join(&path));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::rename(&from, &to).map_err(at(&to))?;
        file.path = path;
    }
    fs::remove_dir_all(unpack).map_err(at(unpack))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ReleaseError {
    let path: PathBuf = path.to_owned();
    |source| ReleaseError::Write { path, source }
}
