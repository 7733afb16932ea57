//! Charts whose sources a vendor keeps beside the release's folder.
//!
//! A release holds packed charts; in a vendor's repository they are often sources in `charts/`, a sibling
//! of the manifests' folder, and are packed when the release is made.

use std::collections::BTreeMap;
use std::path::Path;

use kinds::{gvk, yaml};
use serde_json::Value;
use upstream::mirror::{MirrorError, release_files};

/// Where the sources are, beside the release's folder.
const FOLDER: &str = "charts";

/// Packs the charts that HelmChart kinds of the release `files` at `root` name and the release lacks.
///
/// A release whose charts are all there reads nothing beside it.
///
/// # Errors
///
/// A source that is needed cannot be packed.
pub(super) fn beside(
    root: &Path,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, Vec<u8>>, MirrorError> {
    let wanted = missing(files);
    let Ok(root) = root.canonicalize() else { return Ok(BTreeMap::new()) };
    let Some(folder) = root.parent().map(|it| it.join(FOLDER)) else { return Ok(BTreeMap::new()) };
    if wanted.is_empty() || !folder.is_dir() || folder == root {
        return Ok(BTreeMap::new());
    }
    let mut packed = release_files(&folder)?;
    packed.retain(|path, _| wanted.iter().any(|it| it == path));
    Ok(packed)
}

/// File names of the archives that the release's HelmChart kinds need and it has not. Pure. A name that is
/// a template is left to the build, which says what is missing.
fn missing(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let has = |archive: &str| files.keys().any(|path| path.rsplit('/').next() == Some(archive));
    let is_yaml = |path: &str| {
        let extension = Path::new(path).extension().map(std::ffi::OsStr::to_ascii_lowercase);
        extension.is_some_and(|it| it == "yaml" || it == "yml")
    };
    files
        .iter()
        .filter(|(path, _)| is_yaml(path))
        .filter_map(|(_, bytes)| std::str::from_utf8(bytes).ok())
        .flat_map(yaml::split_documents)
        .filter(|it| gvk::sniff(it.text).is_some_and(|gvk| gvk.kind == "HelmChart"))
        .filter_map(|it| yaml::to_value(it.text).ok())
        .filter_map(|chart| archive(&chart))
        .filter(|it| !has(it))
        .collect()
}

/// The name `helm package` gives the chart of a HelmChart kind.
fn archive(kind: &Value) -> Option<String> {
    let chart = kind.get("spec")?.get("chart")?;
    let text = |field: &str| chart.get(field)?.as_str();
    Some(format!("{}-{}.tgz", text("name")?, text("chartVersion")?))
}
