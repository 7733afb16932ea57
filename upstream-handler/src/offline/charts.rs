//! Charts whose sources a vendor keeps beside the release's folder.
//!
//! A release holds packed charts; in a vendor's repository they are often sources in `charts/`, a sibling
//! of the manifests' folder, and are packed when the release is made. A sub-chart that sources lack and
//! that lies in the release or beside it, packed or as sources, is packed with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use airgap::{BundleWriter, EntryKind, Gunzip, TarReader};

use kinds::{gvk, yaml};
use serde_json::Value;
use upstream::mirror::{MirrorError, release_files};

use crate::render::charts::{lacking, packed};

/// Where the sources are, beside the release's folder.
const FOLDER: &str = "charts";

/// Files by path in the release.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The charts that HelmChart kinds of the release `files` at `root` name and the release lacks, packed;
/// and of all that were packed from sources, complete as far as that can be, the paths.
///
/// A release whose charts are all there reads nothing beside it.
///
/// # Errors
///
/// A source that is needed cannot be packed.
pub(super) fn beside(root: &Path, files: &Files) -> Result<(Files, BTreeSet<String>), MirrorError> {
    let is_archive = |path: &str| Path::new(path).extension().is_some_and(|it| it == "tgz");
    let is_packed_here =
        |folder: &Path, path: &str| is_archive(path) && !folder.join(path).is_file();
    let mut sources: BTreeSet<String> =
        files.keys().filter(|it| is_packed_here(root, it)).cloned().collect();
    let wanted = missing(files);
    let folder = root.canonicalize().ok().and_then(|it| {
        let folder = it.parent()?.join(FOLDER);
        (folder.is_dir() && folder != it).then_some(folder)
    });
    let is_needed = !wanted.is_empty() || !sources.is_empty();
    let all = match folder.as_ref().filter(|_| is_needed) {
        Some(folder) => release_files(folder)?,
        None => Files::new(),
    };
    let mut packed: Files = all.clone();
    packed.retain(|path, _| wanted.iter().any(|it| it == path));
    if let Some(folder) = &folder {
        sources.extend(packed.keys().filter(|it| is_packed_here(folder, it)).cloned());
    }
    let pool: Vec<&Vec<u8>> =
        files.iter().chain(&all).filter(|(path, _)| is_archive(path)).map(|(_, it)| it).collect();
    for path in &sources {
        let bytes = packed.get(path).or_else(|| files.get(path));
        if let Some(complete) = bytes.and_then(|it| completed(it, &pool)) {
            packed.insert(path.clone(), complete);
        }
    }
    Ok((packed, sources))
}

/// Adds to a packed chart what it lacks and `pool` has; `None` when that is nothing. Pure.
fn completed(chart: &[u8], pool: &[&Vec<u8>]) -> Option<Vec<u8>> {
    let (lacking, _) = lacking::of(&mut { chart }).ok()?;
    let named: Vec<_> = pool
        .iter()
        .filter_map(|bytes| Some((packed::read_meta(&bytes[..]).ok()?, *bytes)))
        .collect();
    let mut found = Vec::new();
    for dependency in &lacking {
        let of_name = named.iter().filter(|((name, _), _)| *name == dependency.name);
        let all: Vec<_> = of_name.collect();
        // The version that was chosen; a range leaves no choice where there is one chart of the name.
        let exact = all.iter().find(|((_, version), _)| *version == dependency.version);
        let only = all.first().filter(|_| all.len() == 1);
        if let Some(((name, version), bytes)) = exact.or(only) {
            found.push((format!("charts/{name}-{version}.tgz"), *bytes));
        }
    }
    if found.is_empty() { None } else { with(chart, &found) }
}

/// A packed chart with further files; `None` where it cannot be read.
fn with(chart: &[u8], more: &[(String, &Vec<u8>)]) -> Option<Vec<u8>> {
    let limits = airgap::Limits::default().app;
    let mut writer = BundleWriter::new(Vec::new());
    let mut tar = TarReader::new(Gunzip::new(chart, &limits), &limits);
    let mut folder = None;
    while let Some(entry) = tar.next_entry().ok()? {
        if entry.kind == EntryKind::Directory {
            continue;
        }
        folder = folder.or_else(|| entry.name.split('/').next().map(str::to_owned));
        writer.file(&entry.name, entry.size, &mut tar.data()).ok()?;
    }
    let folder = folder?;
    for (path, bytes) in more {
        writer.bytes(&format!("{folder}/{path}"), bytes).ok()?;
    }
    writer.finish().ok()
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
