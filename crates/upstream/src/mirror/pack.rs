//! Turns a release of the folder into the bytes that are served.
//!
//! A `.tar.gz` is served as it is. A folder is packed: sorted, without times and owners, without a
//! top-level `userdata/` (that belongs to an installation, not to a release), and with every chart
//! source (a folder with a `Chart.yaml`) packed as `<name>-<version>.tgz`, as `helm package` names it and
//! without what its `.helmignore` names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use airgap::BundleWriter;
use serde::Deserialize;

use super::folder::{App, MirrorError, Release, read_text};
use super::ignore::Ignore;

/// The most bytes of files a folder release may have; larger ones are given as `.tar.gz`.
const FOLDER_BYTES: u64 = 256 * 1024 * 1024;
/// The most files a folder release may have.
const FOLDER_FILES: usize = 20_000;
/// The deepest folder in a folder release.
const FOLDER_DEPTH: usize = 32;

/// The bytes of a release.
#[derive(Debug)]
pub(super) enum Content {
    /// Packed from a folder.
    Packed(Vec<u8>),
    /// A file to be sent as it is.
    File(PathBuf),
}

/// Returns what is served for a release.
pub(super) fn content(app: &App, release: &Release) -> Result<Content, MirrorError> {
    let path = app.release_path(release);
    if path.is_dir() {
        pack_release(&path).map(Content::Packed)
    } else {
        archive(&path).map(Content::File)
    }
}

/// Says whether a release can be served: a folder is packed, an archive is looked at.
pub(super) fn check(app: &App, release: &Release) -> Result<(), MirrorError> {
    content(app, release).map(drop)
}

/// Returns the text of the release's Application kind.
pub(super) fn application(app: &App, release: &Release) -> Result<Option<String>, MirrorError> {
    let path = app.release_path(release);
    let files: Vec<(String, Vec<u8>)> = match content(app, release)? {
        Content::Packed(_) => collect(&path)?.into_iter().collect(),
        Content::File(file) => {
            let source = fs::File::open(&file).map_err(MirrorError::io(&file))?;
            airgap::release::read(source, &airgap::Limits::default())
                .map_err(|error| MirrorError::content(&file, error.to_string()))?
                .into_iter()
                .map(|it| (it.path, it.bytes))
                .collect()
        }
    };
    let is_yaml = |name: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|it| it.eq_ignore_ascii_case("yaml") || it.eq_ignore_ascii_case("yml"))
    };
    for (_, bytes) in files.iter().filter(|(name, _)| is_yaml(name)) {
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        for document in kinds::yaml::split_documents(text) {
            if is_application(document.text) {
                return Ok(Some(document.text.to_owned()));
            }
        }
    }
    Ok(None)
}

fn is_application(text: &str) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        api_version: String,
        kind: String,
    }
    // A document that is not YAML before its templates are rendered is not metadata either.
    kinds::yaml::from_str::<Head>(text)
        .is_ok_and(|head| head.api_version == "kots.io/v1beta1" && head.kind == "Application")
}

fn archive(path: &Path) -> Result<PathBuf, MirrorError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if !path.is_file() || !(name.ends_with(".tar.gz") || name.ends_with(".tgz")) {
        return Err(MirrorError::content(path, "a release is a folder or a `.tar.gz` file"));
    }
    let mut magic = [0; 2];
    fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic))
        .map_err(MirrorError::io(path))?;
    if magic != [0x1f, 0x8b] {
        return Err(MirrorError::content(path, "it is not compressed with gzip"));
    }
    Ok(path.to_owned())
}

/// Packs a folder as a release archive: what the mirror serves for it.
///
/// # Errors
///
/// The folder holds something that a release cannot hold, is empty or too large, or cannot be read.
pub fn pack_release(root: &Path) -> Result<Vec<u8>, MirrorError> {
    let files = collect(root)?;
    if files.is_empty() {
        return Err(MirrorError::content(root, "the folder has no files to release"));
    }
    write(root, files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())))
}

/// Reads a folder as the release it stands for: the files that [`pack_release`] packs, by path, chart
/// sources packed.
///
/// # Errors
///
/// The folder holds something that a release cannot hold, is too large, or cannot be read.
pub fn release_files(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, MirrorError> {
    collect(root)
}

fn write<'a>(
    root: &Path,
    files: impl Iterator<Item = (String, &'a [u8])>,
) -> Result<Vec<u8>, MirrorError> {
    let mut writer = BundleWriter::new(Vec::new());
    for (name, bytes) in files {
        writer
            .bytes(&name, bytes)
            .map_err(|error| MirrorError::content(root, error.to_string()))?;
    }
    writer.finish().map_err(|error| MirrorError::content(root, error.to_string()))
}

/// Reads a release folder: files by their path in the archive.
fn collect(root: &Path) -> Result<BTreeMap<String, Vec<u8>>, MirrorError> {
    let mut walk = Walk {
        root,
        charts: Charts::Packed,
        ignore: Ignore::default(),
        files: BTreeMap::new(),
        bytes: 0,
    };
    walk.folder(root, "", 0)?;
    Ok(walk.files)
}

/// What happens to chart sources on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charts {
    /// They become packages: charts of a release.
    Packed,
    /// They stay as they are: charts inside a chart.
    Kept,
}

struct Walk<'a> {
    root: &'a Path,
    charts: Charts,
    /// What is left out, by its path below `root`.
    ignore: Ignore,
    files: BTreeMap<String, Vec<u8>>,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), MirrorError> {
        if FOLDER_DEPTH < depth {
            return Err(MirrorError::content(
                dir,
                format!("folders are nested deeper than {FOLDER_DEPTH} levels"),
            ));
        }
        let mut entries: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(dir).map_err(MirrorError::io(dir))? {
            entries.push(entry.map_err(MirrorError::io(dir))?.path());
            if FOLDER_FILES < entries.len() {
                return Err(self.too_many());
            }
        }
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default();
            let Some(name) = name.to_str() else {
                return Err(MirrorError::content(&path, "its name is not UTF-8"));
            };
            // What macOS leaves in folders is never a part of a release.
            if name.starts_with("._") || name == ".DS_Store" {
                continue;
            }
            let kind = fs::symlink_metadata(&path).map_err(MirrorError::io(&path))?;
            let below = path.strip_prefix(self.root).ok().and_then(Path::to_str);
            if below.is_some_and(|it| self.ignore.ignores(it, kind.is_dir())) {
                continue;
            }
            if kind.is_dir() {
                if depth == 0 && prefix.is_empty() && name == "userdata" {
                    continue;
                }
                let chart = path.join("Chart.yaml");
                if self.charts == Charts::Packed && chart.is_file() {
                    let (name, bytes) = pack_chart(&path, &chart)?;
                    self.add(&path, format!("{prefix}{name}"), bytes)?;
                } else {
                    self.folder(&path, &format!("{prefix}{name}/"), depth + 1)?;
                }
            } else if kind.is_file() {
                if FOLDER_BYTES < self.bytes.saturating_add(kind.len()) {
                    return Err(self.too_large());
                }
                let bytes = fs::read(&path).map_err(MirrorError::io(&path))?;
                self.add(&path, format!("{prefix}{name}"), bytes)?;
            } else {
                return Err(MirrorError::content(
                    &path,
                    "a release folder may hold only files and folders, no links or devices",
                ));
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String, bytes: Vec<u8>) -> Result<(), MirrorError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if FOLDER_BYTES < self.bytes {
            return Err(self.too_large());
        }
        if FOLDER_FILES <= self.files.len() {
            return Err(self.too_many());
        }
        if let Some(old) = self.files.get(&name)
            && *old != bytes
        {
            return Err(MirrorError::content(
                path,
                format!("it becomes `{name}`, which the release has already with other content"),
            ));
        }
        self.files.insert(name, bytes);
        Ok(())
    }

    fn too_many(&self) -> MirrorError {
        MirrorError::content(self.root, format!("it has more than {FOLDER_FILES} files"))
    }

    fn too_large(&self) -> MirrorError {
        MirrorError::content(
            self.root,
            format!("it has more than {FOLDER_BYTES} bytes; pack it as a `.tar.gz`"),
        )
    }
}

/// Packs a chart's source as `helm package` would: everything below a folder named like the chart.
fn pack_chart(dir: &Path, chart: &Path) -> Result<(String, Vec<u8>), MirrorError> {
    #[derive(Deserialize)]
    struct Chart {
        name: String,
        version: String,
    }
    let meta: Chart = kinds::yaml::from_str(&read_text(chart)?)
        .map_err(|error| MirrorError::content(chart, format!("not a chart: {error}")))?;
    for (field, value) in [("name", &meta.name), ("version", &meta.version)] {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
        if value.is_empty() || value.starts_with('.') || !value.chars().all(allowed) {
            return Err(MirrorError::content(
                chart,
                format!(
                    "its {field} is `{value}`; letters, digits, `-`, `_`, `.` and `+` are allowed"
                ),
            ));
        }
    }
    let rules = dir.join(".helmignore");
    let ignore = match fs::symlink_metadata(&rules) {
        Ok(it) if it.is_file() => read_text(&rules)?,
        _ => String::new(),
    };
    let ignore = Ignore::parse(&ignore).map_err(|why| MirrorError::content(&rules, why))?;
    let charts = Charts::Kept;
    let mut walk = Walk { root: dir, charts, ignore, files: BTreeMap::new(), bytes: 0 };
    walk.folder(dir, &format!("{}/", meta.name), 1)?;
    let bytes =
        write(dir, walk.files.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice())))?;
    Ok((format!("{}-{}.tgz", meta.name, meta.version), bytes))
}
