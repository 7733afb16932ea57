//! Indexes kept in a folder, so that a bundle is read through only once.
//!
//! An index is found by the digest of its bundle. Which digest a file has is known without reading it when device,
//! inode, size and the times of content and of inode are those of the file that was read, and were two seconds old by
//! then: no program can set the last of them, so such a file was not written to since. Were a clock turned back to
//! defeat that, nothing wrong could be sent all the same, for everything that is read from a bundle is compared with
//! the index.

use std::{
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use kinds::airgap::Airgap;
use serde::{Deserialize, Serialize};

use super::{Index, facts::Facts};
use crate::{
    bundle::{BundleError, Mark, Progress, open},
    digest::Digest,
    limits::Limits,
};

/// The form of the files. Another number is another form, and is not read.
const VERSION: u64 = 2;
/// Seconds from a change of a file until its time tells it from the next.
const SETTLED_S: i64 = 2;

/// A folder of indexes.
#[derive(Debug, Clone)]
pub struct IndexStore {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Known {
    version: u64,
    mark: Mark,
    sha256: Digest,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    facts: Facts,
}

impl IndexStore {
    /// Keeps indexes in `folder`, which is made when there is something to keep.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The index of a bundle: the kept one, or one from a pass over the bundle, which is then kept. `on_progress` is as
    /// for [`Index::build`], and not called for a kept one.
    ///
    /// # Errors
    ///
    /// As [`Index::build`]. Failing to keep an index is no error: the next run makes it again.
    pub fn open(
        &self,
        path: &Path,
        limits: &Limits,
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Index, BundleError> {
        if let Some(index) = self.kept(path, limits)? {
            return Ok(index);
        }
        let begun = now_s();
        let index = Index::build(path, limits, on_progress)?;
        let _ = self.keep(&index, begun);
        Ok(index)
    }

    /// The kept index of a bundle that is known and was not changed since; no pass is made.
    ///
    /// # Errors
    ///
    /// Returns an error when the bundle cannot be looked at.
    pub fn kept(&self, path: &Path, limits: &Limits) -> Result<Option<Index>, BundleError> {
        let (_, mark) = open(path)?;
        let known = self.read::<Known>(&Self::mark_name(&mark)).filter(|it| it.mark == mark);
        Ok(known.and_then(|known| self.load(known.sha256, mark, limits)))
    }

    fn load(&self, sha256: Digest, mark: Mark, limits: &Limits) -> Option<Index> {
        let stored: Stored = self.read(&format!("{}.index", sha256.hex()))?;
        let facts = Some(stored.facts).filter(|it| it.sha256 == sha256 && it.size == mark.size)?;
        let airgap = Airgap::parse(&facts.airgap_yaml).ok()?;
        Index::from_facts(facts, airgap, mark, limits).ok()
    }

    fn keep(&self, index: &Index, begun_s: i64) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let sha256 = index.sha256;
        let stored = Stored { version: VERSION, facts: index.facts.clone() };
        self.write(&format!("{}.index", sha256.hex()), &stored)?;
        if index.mark.changed.0 <= begun_s - SETTLED_S
            && index.mark.modified.0 <= begun_s - SETTLED_S
        {
            let known = Known { version: VERSION, mark: index.mark, sha256 };
            self.write(&Self::mark_name(&index.mark), &known)?;
        }
        Ok(())
    }

    fn mark_name(mark: &Mark) -> String {
        format!("{}-{}.bundle", mark.device, mark.inode)
    }

    /// A file whose first line is the digest of the rest. One that is not sound is as good as none.
    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        let (digest, rest) = text.split_once('\n')?;
        (Digest::from_hex(digest)? == Digest::of(rest.as_bytes())).then_some(())?;
        let value: serde_json::Value = serde_json::from_str(rest).ok()?;
        (value.get("version")?.as_u64()? == VERSION).then_some(())?;
        serde_json::from_value(value).ok()
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        let text = format!("{}\n{text}", Digest::of(text.as_bytes()).hex());
        // Of two runs at once each has a file of its own, and the last one stays.
        let new = self.folder.join(format!("{name}.{}.new", std::process::id()));
        fs::write(&new, text)?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, self.folder.join(name))
    }
}

fn now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|it| i64::try_from(it.as_secs()).ok()).unwrap_or(0)
}
