//! The folders of a version, and reading and writing them within limits.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::ReleaseError;

/// The vendor's files, and `userdata/`.
pub const UPSTREAM: &str = "upstream";
/// What belongs to the installation, below [`UPSTREAM`] and [`KOTS_KINDS`].
pub const USERDATA: &str = "userdata";
/// The rendered kinds of KOTS itself.
pub const KOTS_KINDS: &str = "kotsKinds";
/// The rendered manifests, one document a file.
pub const BASE: &str = "base";
/// What is deployed, by downstream.
pub const RENDERED: &str = "rendered";
/// Charts and their values, by Helm release.
pub const HELM: &str = "helm";
/// What is put over the manifests, for this installation and by its operator.
pub(crate) const OVERLAYS: &str = "overlays";
/// Files that could not be read as YAML, below no other folder, as in the original.
pub(crate) const SKIPPED: &str = "skippedFiles";
/// The one downstream there is.
pub const DOWNSTREAM: &str = "this-cluster";

/// Everything a build makes, beside `upstream/userdata`. An operator's own changes are in
/// `overlays/downstreams`, which stays.
pub(crate) const DERIVED: [&str; 6] =
    [KOTS_KINDS, BASE, RENDERED, HELM, SKIPPED, "overlays/midstream"];

/// The largest file that is rendered, in bytes.
pub(crate) const TEXT_BYTES: u64 = kinds::yaml::MAX_BYTES as u64;
/// The most files a release may have.
const MAX_FILES: usize = 200_000;
/// The deepest folder.
const MAX_DEPTH: usize = 64;

/// A file of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeFile {
    /// Path below the root, `/` between parts.
    pub(crate) path: String,
    /// Length, in bytes.
    pub(crate) size: u64,
}

impl TreeFile {
    /// The part after the last `.`, lower case.
    pub(crate) fn extension(&self) -> String {
        Path::new(&self.path)
            .extension()
            .map(|it| it.to_string_lossy().to_lowercase())
            .unwrap_or_default()
    }
}

/// Lists the vendor's files below `root`, sorted by path; `userdata/` at the top is left out.
pub(crate) fn vendor_files(root: &Path) -> Result<Vec<TreeFile>, ReleaseError> {
    let mut files = Vec::new();
    walk(root, "", 0, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(
    dir: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<TreeFile>,
) -> Result<(), ReleaseError> {
    for entry in fs::read_dir(dir).map_err(ReleaseError::disk("list", dir))? {
        let entry = entry.map_err(ReleaseError::disk("list", dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            return Err(ReleaseError::NotText {
                path: format!("{prefix}{}", name.to_string_lossy()),
            });
        };
        let path = format!("{prefix}{name}");
        let full = entry.path();
        let meta = fs::symlink_metadata(&full).map_err(ReleaseError::disk("read", &full))?;
        if meta.is_dir() {
            if path == USERDATA {
                continue;
            }
            if MAX_DEPTH <= depth {
                return Err(ReleaseError::NotAFile { path, found: "a folder nested too deep" });
            }
            walk(&full, &format!("{path}/"), depth + 1, files)?;
        } else if meta.is_file() {
            if MAX_FILES <= files.len() {
                return Err(ReleaseError::TooManyFiles { allowed: MAX_FILES });
            }
            files.push(TreeFile { path, size: meta.len() });
        } else {
            return Err(ReleaseError::NotAFile { path, found: "a link or a device" });
        }
    }
    Ok(())
}

/// Reads a text of the tree; `None` when it is not UTF-8.
pub(crate) fn read_text(root: &Path, path: &str) -> Result<Option<String>, ReleaseError> {
    let full = root.join(path);
    let file = fs::File::open(&full).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            ReleaseError::Missing { path: path.to_owned() }
        } else {
            ReleaseError::Disk { operation: "read", path: full.clone(), source }
        }
    })?;
    let mut bytes = Vec::new();
    file.take(TEXT_BYTES + 1).read_to_end(&mut bytes).map_err(ReleaseError::disk("read", &full))?;
    if TEXT_BYTES < bytes.len() as u64 {
        let size = fs::metadata(&full).map_or(bytes.len() as u64, |meta| meta.len());
        return Err(ReleaseError::TooLarge { path: path.to_owned(), size, allowed: TEXT_BYTES });
    }
    Ok(String::from_utf8(bytes).ok())
}

/// Reads a text that must be there and be UTF-8.
pub(crate) fn require_text(root: &Path, path: &str) -> Result<String, ReleaseError> {
    read_text(root, path)?.ok_or_else(|| ReleaseError::NotText { path: path.to_owned() })
}

/// Writes a file below `root`, making its folders.
pub(crate) fn write(root: &Path, path: &str, text: &str) -> Result<(), ReleaseError> {
    write_bytes(root, path, text.as_bytes())
}

/// Writes a file of bytes below `root`, making its folders.
pub(crate) fn write_bytes(root: &Path, path: &str, bytes: &[u8]) -> Result<(), ReleaseError> {
    let full = root.join(path);
    match fs::write(&full, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let full = make_parent(root, path)?;
            fs::write(&full, bytes).map_err(ReleaseError::disk("write", &full))
        }
        done => done.map_err(ReleaseError::disk("write", &full)),
    }
}

/// Puts the file `from` at `to`, both below `root`, sharing its bytes where the disk can.
pub(crate) fn link(root: &Path, from: &str, to: &str) -> Result<(), ReleaseError> {
    let full = make_parent(root, to)?;
    let source = root.join(from);
    if fs::hard_link(&source, &full).is_ok() {
        return Ok(());
    }
    fs::copy(&source, &full).map(drop).map_err(ReleaseError::disk("copy to", &full))
}

fn make_parent(root: &Path, path: &str) -> Result<PathBuf, ReleaseError> {
    let full = root.join(path);
    if let Some(parent) = full.parent() {
        fs::create_dir_all(parent).map_err(ReleaseError::disk("make", parent))?;
    }
    Ok(full)
}

/// Removes what an earlier build made.
pub(crate) fn clear(root: &Path) -> Result<(), ReleaseError> {
    let userdata = format!("{UPSTREAM}/{USERDATA}");
    for path in DERIVED.into_iter().chain([userdata.as_str()]) {
        let full = root.join(path);
        match fs::remove_dir_all(&full) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A vendor's *file* of that name is in our way.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                fs::remove_file(&full).map_err(ReleaseError::disk("remove", &full))?;
            }
            Err(source) => {
                return Err(ReleaseError::Disk { operation: "remove", path: full, source });
            }
        }
    }
    Ok(())
}
