//! A release folder rendered without a server: what `kotsadm render` does.
//!
//! ```text
//! RELEASE_DIR (+ userdata/) ─► options ─► upstream/ in a folder beside OUT ─► release::build ─► OUT
//! ```
//!
//! The tree replaces what an earlier run wrote to OUT; an operator's `overlays/downstreams` there stay.
//! Nothing is sent anywhere and nothing outside OUT is written.

#[cfg(test)]
mod cases;
mod charts;
mod input;
mod options;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::release::{
    self, Broken, Built, Input, Preflights, Programs, ReleaseError, Surroundings, UPSTREAM,
};
use input::Given;
pub use options::Options;

/// Folders of a rendered release.
const TREE: [&str; 7] =
    ["upstream", "base", "overlays", "rendered", "kotsKinds", "helm", "skippedFiles"];
/// What an operator puts over a release.
const DOWNSTREAMS: &str = "overlays/downstreams";

/// What is rendered, and where to.
#[derive(Debug, Default)]
pub struct Job {
    /// The release's files; or a version's tree, which has them in `upstream/`.
    pub release: PathBuf,
    /// Where the trees go.
    pub out: PathBuf,
    /// The licence; else `userdata/license.yaml` of the release.
    pub license: Option<PathBuf>,
    /// Files with root keys to trust besides the production key.
    pub license_root_keys: Vec<PathBuf>,
    /// The operator's values; else `userdata/config.yaml` of the release.
    pub config_values: Option<PathBuf>,
    /// Namespace, slug, images, downstreams, ….
    pub options: Options,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The version in OUT.
    pub built: Built,
    /// What does not render and documents that are not YAML, a sentence each: all of them are left out.
    pub problems: Vec<String>,
    /// What a vendor should look at.
    pub notes: Vec<String>,
    /// What is as it should be and yet worth a word.
    pub facts: Vec<String>,
}

/// Why nothing was rendered.
#[derive(Debug, Error)]
pub enum OfflineError {
    /// A file or folder cannot be read or written.
    #[error("could not {what} {}", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The release's folder is none.
    #[error(transparent)]
    Release(#[from] upstream::mirror::MirrorError),
    /// The place for the trees is taken.
    #[error(
        "{} holds `{found}`, which no rendered release has; name an empty or a new folder",
        path.display()
    )]
    Taken {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        found: String,
    },
    /// The release does not render.
    #[error(transparent)]
    Build(#[from] ReleaseError),
}

fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OfflineError {
    let path = path.to_owned();
    move |source| OfflineError::File { what, path, source }
}

/// Renders a release.
///
/// # Errors
///
/// [`OfflineError`]; OUT is as it was before.
pub fn render(job: &Job) -> Result<Outcome, OfflineError> {
    check_out(&job.out)?;
    // A version's tree has the release's files in a folder of their own.
    let inner = job.release.join(UPSTREAM);
    let is_tree = inner.join(release::USERDATA).is_dir();
    let root = if is_tree { &inner } else { &job.release };
    let given = Given::read(job, root)?;

    let parent = job.out.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(file("make", parent))?;
    let work = tempfile::Builder::new()
        .prefix(".kotsadm-render-")
        .tempdir_in(parent)
        .map_err(file("make a folder in", parent))?;
    let tree = work.path().join("tree");
    let upstream = tree.join(UPSTREAM);
    fs::create_dir_all(&upstream).map_err(file("make", &upstream))?;
    let files = upstream::mirror::release_files(root)?;
    let (packed, sources) = charts::beside(root, &files)?;
    for (path, bytes) in files.iter().chain(&packed) {
        release::tree::write_bytes(&upstream, path, bytes)?;
    }
    let changes = [Some(&job.out), Some(&job.release).filter(|_| is_tree)];
    for from in changes.into_iter().flatten().map(|it| it.join(DOWNSTREAMS)) {
        if from.is_dir() {
            copy(&from, &tree.join(DOWNSTREAMS))?;
        }
    }

    let options = &job.options;
    let pod_namespace = crate::env::read(crate::env::POD_NAMESPACE);
    let namespace = options
        .namespace
        .clone()
        .or_else(|| crate::env::read(crate::env::KOTSADM_TARGET_NAMESPACE))
        .or_else(|| pod_namespace.clone())
        .unwrap_or_else(|| "default".to_owned());
    let console_namespace = pod_namespace.unwrap_or_else(|| namespace.clone());
    let built = release::build(
        &tree,
        &Input {
            app_slug: options.app_slug.as_deref().unwrap_or(&given.license.license.app_slug),
            namespace: &namespace,
            console_namespace: &console_namespace,
            app_id: &options.app_id,
            console_id: "",
            is_airgap: options.is_airgap,
            sequence: options.sequence,
            license: &given.license,
            installation: &given.installation,
            registry: &options.registry,
            rewrite_images: options.rewrite_images,
            downstreams: &options.downstreams,
            identity_config: given.identity_config.as_deref(),
            programs: &Programs::find(),
            values: &given.values,
            generated: &kinds::config::Generated::default(),
            cipher: &given.cipher,
            preflights: Preflights::Run,
            surroundings: &Surroundings::of_environment(),
            now: jiff::Timestamp::now(),
            broken: Broken::LeftOut,
        },
    )?;
    if let (true, Some(text)) = (options.keeps_values, &given.values_text) {
        for folder in [UPSTREAM, release::KOTS_KINDS] {
            let path = format!("{folder}/{}/config.yaml", release::USERDATA);
            release::tree::write_bytes(&tree, &path, text.as_bytes())?;
        }
    }
    put(&tree, &job.out)?;
    let problem = |it: &wire::app::YamlError| format!("{}: {}", it.path, it.error);
    let failed = built.failures.iter().map(ReleaseError::told);
    let problems = failed.chain(built.yaml_errors.iter().map(problem)).collect();
    let (mut facts, mut notes) = (Vec::new(), given.notes);
    if given.is_unlicensed && files.values().any(|it| reads_license(it)) {
        notes.push("there is no licence: templates read empty fields".to_owned());
    }
    for lacking in &built.lacking {
        if lacking.is_locked && sources.contains(&lacking.archive) {
            facts.push(lacking.told_of_sources());
        } else {
            notes.push(lacking.told());
        }
    }
    notes.extend(built.notes.iter().cloned());
    if !built.required_items.is_empty() {
        notes.push(format!(
            "the release waits for its config, so base/, overlays/ and rendered/ were not made: {}",
            kinds::config::required_message(&built.required_items)
        ));
    }
    Ok(Outcome { built, problems, notes, facts })
}

/// Whether a file's templates read the licence.
fn reads_license(file: &[u8]) -> bool {
    let text = String::from_utf8_lossy(file);
    ["LicenseFieldValue", "LicenseDockerCfg"].iter().any(|it| text.contains(it))
}

/// Refuses a place that holds anything but an earlier run's trees.
fn check_out(out: &Path) -> Result<(), OfflineError> {
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file("list", out)(error)),
    };
    for entry in entries {
        let found = entry.map_err(file("list", out))?.file_name().to_string_lossy().into_owned();
        if !TREE.contains(&&*found) {
            return Err(OfflineError::Taken { path: out.to_owned(), found });
        }
    }
    Ok(())
}

/// Puts the trees in the place of earlier ones.
fn put(tree: &Path, out: &Path) -> Result<(), OfflineError> {
    fs::create_dir_all(out).map_err(file("make", out))?;
    for name in TREE {
        let (from, to) = (tree.join(name), out.join(name));
        match fs::remove_dir_all(&to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(file("remove", &to)(error));
            }
            _ => {}
        }
        if from.exists() {
            fs::rename(&from, &to).map_err(file("put in place", &to))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), OfflineError> {
    fs::create_dir_all(to).map_err(file("make", to))?;
    for entry in fs::read_dir(from).map_err(file("list", from))? {
        let entry = entry.map_err(file("list", from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(file("read", &from))?;
        if kind.is_dir() {
            copy(&from, &to)?;
        } else if kind.is_file() {
            fs::copy(&from, &to).map_err(file("copy to", &to))?;
        }
    }
    Ok(())
}
