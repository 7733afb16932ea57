//! A folder as a target: what a GitOps repository wants.
//!
//! ```text
//! PATH/<sequence>/…                the rendered manifests
//! PATH/<sequence>/helm/<release>/  each chart as packed, with its rendered values.yaml
//! PATH/current                     link to the deployed sequence, swapped atomically
//! PATH/.kotsadm/app                the application this folder belongs to
//! PATH/.kotsadm/<sequence>         digest of what PATH/<sequence> holds
//! PATH/.kotsadm/tmp-…              unfinished work
//! ```
//!
//! A reader that follows `current` sees one whole version or another, never a mixture. Older
//! sequences stay.

mod observe;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use wire::app::{DownstreamLogs, ResourceState};

use super::{Deployment, End, Look, Report, Target, TargetError};
use crate::faults;
use crate::release::{DOWNSTREAM, HELM, RENDERED};

/// Our own folder below the target.
const OWN: &str = ".kotsadm";
/// Bytes that are compared at once.
const COMPARED: usize = 64 * 1024;
/// The link to what is deployed.
const CURRENT: &str = "current";

/// A folder as a target.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the folder when there is none and removes unfinished work.
    pub(crate) fn open(path: &Path) -> Result<Self, TargetError> {
        let own = path.join(OWN);
        // Manifests hold secrets: a folder we make is ours alone. One that is there keeps its mode.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&own);
        made.map_err(|error| file("make", &own, error))?;
        let path = fs::canonicalize(path).map_err(|error| file("find", path, error))?;
        let own = path.join(OWN);
        for entry in fs::read_dir(&own).map_err(|error| file("read", &own, error))? {
            let entry = entry.map_err(|error| file("read", &own, error))?;
            if entry.file_name().to_string_lossy().starts_with("tmp-") {
                remove(&entry.path())?;
            }
        }
        Ok(Self { path })
    }

    fn own(&self, name: &str) -> PathBuf {
        self.path.join(OWN).join(name)
    }

    /// Claims the folder for the application, or finds it claimed by another.
    fn claim(&self, app_slug: &str) -> Result<(), TargetError> {
        let claim = self.own("app");
        match fs::read_to_string(&claim) {
            Ok(found) if found == app_slug => Ok(()),
            Ok(found) => Err(TargetError::OtherApp {
                target: format!("dir:{}", self.path.display()),
                found,
                wanted: app_slug.to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.replace_file(&claim, app_slug.as_bytes())
            }
            Err(error) => Err(file("read", &claim, error)),
        }
    }

    /// Writes a small file whole or not at all.
    fn replace_file(&self, path: &Path, bytes: &[u8]) -> Result<(), TargetError> {
        let temp = self.own(&format!("tmp-{}", uuid::Uuid::new_v4().simple()));
        let write = || -> io::Result<()> {
            fs::write(&temp, bytes)?;
            File::open(&temp)?.sync_all()?;
            fs::rename(&temp, path)?;
            File::open(self.path.join(OWN))?.sync_all()
        };
        write().map_err(|error| file("write", path, error))
    }

    /// Brings `PATH/<sequence>` into place.
    fn place(&self, deployment: &Deployment) -> Result<(), TargetError> {
        let place = self.path.join(deployment.sequence.to_string());
        let mark = self.own(&deployment.sequence.to_string());
        let rendered = deployment.tree.join(RENDERED).join(DOWNSTREAM);
        let helm = deployment.tree.join(HELM);
        // The mark alone proves nothing: somebody may have changed the files since.
        let is_there = fs::read_to_string(&mark).is_ok_and(|digest| digest == deployment.digest)
            && holds(&place, &rendered)
            && holds(&place.join(HELM), &helm);
        if is_there {
            return Ok(());
        }
        let temp = self.own(&format!("tmp-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&temp).map_err(|error| file("make", &temp, error))?;
        if rendered.is_dir() {
            copy_tree(&rendered, &temp)?;
        }
        if helm.is_dir() {
            let to = temp.join(HELM);
            fs::create_dir_all(&to).map_err(|error| file("make", &to, error))?;
            copy_tree(&helm, &to)?;
        }
        sync(&temp)?;
        faults::point("target-temp-written");
        if place.exists() {
            // Swapped, not removed first: `current` may point here.
            rustix::fs::renameat_with(
                rustix::fs::CWD,
                &temp,
                rustix::fs::CWD,
                &place,
                rustix::fs::RenameFlags::EXCHANGE,
            )
            .map_err(|error| file("put in place", &place, error.into()))?;
            remove(&temp)?;
        } else {
            fs::rename(&temp, &place).map_err(|error| file("put in place", &place, error))?;
        }
        sync(&self.path)?;
        faults::point("target-renamed");
        self.replace_file(&mark, deployment.digest.as_bytes())
    }

    /// Swaps `current` to the sequence.
    fn link(&self, sequence: i64) -> Result<(), TargetError> {
        let current = self.path.join(CURRENT);
        let wanted = sequence.to_string();
        if fs::read_link(&current).is_ok_and(|found| found == Path::new(&wanted)) {
            return Ok(());
        }
        let temp = self.own(&format!("tmp-{}", uuid::Uuid::new_v4().simple()));
        // The link is made elsewhere and moved, so its text is for where it ends up.
        symlink(&wanted, &temp).map_err(|error| file("make the link", &temp, error))?;
        fs::rename(&temp, &current).map_err(|error| file("swap the link", &current, error))?;
        sync(&self.path)?;
        faults::point("target-link-swapped");
        Ok(())
    }
}

impl Directory {
    fn carry(&self, deployment: &Deployment) -> Result<Report, TargetError> {
        self.claim(&deployment.app_slug)?;
        self.place(deployment)?;
        self.link(deployment.sequence)?;
        let place = self.path.join(CURRENT);
        let objects = observe::objects(&place, &deployment.namespace)?;
        let said = format!(
            "{} objects are in place in {}/{}",
            objects.len(),
            self.path.display(),
            deployment.sequence
        );
        let informers = &deployment.status_informers;
        let resources = observe::observe(informers, &objects, &deployment.namespace);
        let logs = DownstreamLogs { apply_stdout: said, ..DownstreamLogs::default() };
        Ok(Report { logs, resources: Some(resources) })
    }

    fn see(&self, look: &Look) -> Result<Option<Vec<ResourceState>>, TargetError> {
        let current = self.path.join(CURRENT);
        let wanted = look.sequence.to_string();
        if !fs::read_link(&current).is_ok_and(|found| found == Path::new(&wanted)) {
            return Ok(None);
        }
        let objects = if current.is_dir() {
            observe::objects(&current, &look.namespace)?
        } else {
            BTreeSet::new()
        };
        Ok(Some(observe::observe(&look.status_informers, &objects, &look.namespace)))
    }
}

#[async_trait]
impl Target for Directory {
    /// A copy takes moments: `stop` is not looked at.
    async fn deploy(&self, deployment: Deployment, _: &CancellationToken) -> (Report, End) {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || this.carry(&deployment)).await {
            Ok(Ok(report)) => (report, End::Carried),
            Ok(Err(error)) => (Report::default(), End::Failed(vec![error])),
            Err(_) => (Report::default(), End::Failed(vec![TargetError::Bug])),
        }
    }

    async fn look(&self, look: Look) -> Result<Option<Vec<ResourceState>>, TargetError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.see(&look)).await.unwrap_or(Err(TargetError::Bug))
    }
}

fn file(what: &'static str, path: &Path, source: io::Error) -> TargetError {
    TargetError::File { what, path: path.display().to_string(), source }
}

fn sync(folder: &Path) -> Result<(), TargetError> {
    File::open(folder).and_then(|open| open.sync_all()).map_err(|error| file("sync", folder, error))
}

fn remove(path: &Path) -> Result<(), TargetError> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|error| file("remove", path, error))
}

/// Whether every file below `from` is below `place`, with the same bytes.
fn holds(place: &Path, from: &Path) -> bool {
    let Ok(entries) = fs::read_dir(from) else { return !from.exists() };
    entries.flatten().all(|entry| {
        let (source, there) = (entry.path(), place.join(entry.file_name()));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => holds(&there, &source),
            Ok(kind) if kind.is_file() => same_bytes(&source, &there).unwrap_or(false),
            _ => true,
        }
    })
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; COMPARED], vec![0; COMPARED]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(true);
        }
        b.read_exact(&mut right[..n])?;
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}

/// Copies regular files and folders, each synced; anything else in a tree is not ours.
fn copy_tree(from: &Path, to: &Path) -> Result<(), TargetError> {
    for entry in fs::read_dir(from).map_err(|error| file("read", from, error))? {
        let entry = entry.map_err(|error| file("read", from, error))?;
        let (source, place) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|error| file("read", &source, error))?;
        if kind.is_dir() {
            if !place.is_dir() {
                fs::create_dir(&place).map_err(|error| file("make", &place, error))?;
            }
            copy_tree(&source, &place)?;
            sync(&place)?;
        } else if kind.is_file() {
            fs::copy(&source, &place)
                .and_then(|_| File::open(&place)?.sync_all())
                .map_err(|error| file("write", &place, error))?;
        }
    }
    Ok(())
}
