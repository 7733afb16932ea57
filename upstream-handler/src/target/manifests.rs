//! The documents below a folder of manifests.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::TargetError;

/// Largest manifest that is read, in bytes.
const MAX_BYTES: u64 = kinds::yaml::MAX_BYTES as u64;

/// Calls `visit` with every text below `folder`, in order of names; folders of the names `skip` at
/// the top are left out.
///
/// # Errors
///
/// The disk failed, a file is too large, or `visit` says so.
pub(crate) fn files(
    folder: &Path,
    skip: &[&str],
    visit: &mut dyn FnMut(&Path, &str) -> Result<(), TargetError>,
) -> Result<(), TargetError> {
    let read = |error| TargetError::File {
        what: "read",
        path: folder.display().to_string(),
        source: error,
    };
    let mut entries =
        fs::read_dir(folder).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(read)?;
        if kind.is_dir() {
            if skip.iter().all(|skip| entry.file_name() != *skip) {
                files(&path, &[], visit)?;
            }
            continue;
        }
        // A rendered manifest may have any name; a packed chart is none.
        let is_packed = path.extension().is_some_and(|end| end == "tgz" || end == "gz");
        if !kind.is_file() || is_packed {
            continue;
        }
        let size = entry.metadata().map_err(read)?.len();
        if size > MAX_BYTES {
            return Err(TargetError::TooLarge {
                path: path.display().to_string(),
                size,
                allowed: MAX_BYTES,
            });
        }
        let bytes = fs::read(&path).map_err(|source| TargetError::File {
            what: "read",
            path: path.display().to_string(),
            source,
        })?;
        if let Ok(text) = String::from_utf8(bytes) {
            visit(&path, &text)?;
        }
    }
    Ok(())
}

/// Calls `visit` with every document that is a map, and the file it is from. Lists are taken apart.
///
/// # Errors
///
/// As [`files`]; a document that is not YAML.
pub(crate) fn documents(
    folder: &Path,
    skip: &[&str],
    visit: &mut dyn FnMut(&Path, Value),
) -> Result<(), TargetError> {
    files(folder, skip, &mut |path, text| {
        for document in kinds::yaml::split_documents(text) {
            let value = kinds::yaml::to_value(document.text).map_err(|source| {
                TargetError::Manifest { path: path.display().to_string(), source }
            })?;
            items(value, &mut |value| visit(path, value));
        }
        Ok(())
    })
}

fn items(mut value: Value, visit: &mut dyn FnMut(Value)) {
    let is_list = value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    if is_list && let Some(Value::Array(list)) = value.get_mut("items").map(Value::take) {
        for item in list {
            items(item, visit);
        }
        return;
    }
    if value.is_object() {
        visit(value);
    }
}

/// As [`files`], for a folder that may not be there.
///
/// # Errors
///
/// As [`files`].
pub(crate) fn files_if_any(
    folder: &Path,
    visit: &mut dyn FnMut(&Path, &str) -> Result<(), TargetError>,
) -> Result<(), TargetError> {
    if folder.is_dir() { files(folder, &[], visit) } else { Ok(()) }
}
