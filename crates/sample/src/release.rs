//! Release archives from folders.

use std::{fs, path::Path};

use airgap::{ReleaseFile, release::pack};
use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The files of a release of the sample application (see [`crate::VERSIONS`]), charts packed.
///
/// # Errors
///
/// Returns an error when the folder cannot be read.
pub fn sample_files(version: &str) -> Result<Vec<ReleaseFile>> {
    files(&crate::app_folder().join(version))
}

/// The release archive of a release of the sample application, byte for byte the same every time.
///
/// # Errors
///
/// Returns an error when the folder cannot be read.
pub fn sample_archive(version: &str) -> Result<Vec<u8>> {
    Ok(pack(&sample_files(version)?)?)
}

/// The files below `folder`, ordered by path. The folders in `charts/` are sources of Helm charts and become
/// `NAME-VERSION.tgz`.
///
/// # Errors
///
/// Returns an error when the folder cannot be read or a chart has no `Chart.yaml`.
pub fn files(folder: &Path) -> Result<Vec<ReleaseFile>> {
    let mut files = plain_files(folder)?;
    let mut charts: Vec<&str> = files
        .iter()
        .filter_map(|it| it.path.strip_prefix("charts/")?.split_once('/'))
        .map(|it| it.0)
        .collect();
    charts.sort_unstable();
    charts.dedup();
    let mut packed = Vec::new();
    for chart in charts {
        packed.push(pack_chart(&folder.join("charts").join(chart))?);
    }
    files.retain(|it| !it.path.starts_with("charts/"));
    files.extend(packed);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The files below `folder` as they are, ordered by path.
///
/// # Errors
///
/// Returns an error when the folder cannot be read, or for a name that is not UTF-8.
pub fn plain_files(folder: &Path) -> Result<Vec<ReleaseFile>> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<ReleaseFile>) -> Result<()> {
    let context = || format!("failed to read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            bail!("{} has a name that is not UTF-8", entry.path().display());
        };
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            let bytes = fs::read(entry.path()).with_context(context)?;
            files.push(ReleaseFile { path, bytes });
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Chart {
    name: String,
    version: String,
}

/// As `helm package` names and lays it out: everything in a folder of the chart's name.
fn pack_chart(folder: &Path) -> Result<ReleaseFile> {
    let path = folder.join("Chart.yaml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let chart: Chart =
        kinds::yaml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    let mut files = plain_files(folder)?;
    for file in &mut files {
        file.path = format!("{}/{}", chart.name, file.path);
    }
    let path = format!("{}-{}.tgz", chart.name, chart.version);
    Ok(ReleaseFile { path, bytes: pack(&files)? })
}
