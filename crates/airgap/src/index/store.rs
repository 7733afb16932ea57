//! Indexes kept in a folder, so that a bundle is read through only once.
//!
//! An index is found by the digest of its bundle. Which digest a file has is known without reading it when device,
//! inode, size and the times of content and of inode are those of the file that was read, and were two seconds old by
//! then: no program can set the last of them, so such a file was not written to since. Were a clock turned back to
//! defeat that, nothing wrong could be sent all the same, for everything that is read from a bundle is compared with
//! the index, here or by the registry it is sent to.
//!
//! A file that only looks like a known bundle (a copy, or one that was too young) is digested, which takes a fraction of
//! a pass: nothing is decompressed. It looks like one when its size, its first and its last bytes are the same; the last
//! ones hold a checksum of the whole content.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    ops::ControlFlow,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use kinds::airgap::Airgap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Index,
    facts::Facts,
    points::{self, Points},
};
use crate::{
    bundle::{BundleError, Mark, Progress, digest_file, open},
    digest::Digest,
    limits::Limits,
};

/// The form of the files. Another number is another form, and is not read.
const VERSION: u64 = 4;
/// Seconds from a change of a file until its time tells it from the next.
const SETTLED_S: i64 = 2;
/// Bytes at the start and at the end of a file that say what it looks like.
const LOOK: usize = 64 << 10;

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

/// The bundle that a file of this look was.
#[derive(Serialize, Deserialize)]
struct Looked {
    version: u64,
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
    /// for [`Index::build`], and not called when the file need not be read.
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
        if let Some(index) = self.recognised(path, limits, on_progress)? {
            let _ = self.know(&index, begun);
            return Ok(index);
        }
        let index = Index::build(path, limits, on_progress)?;
        let _ = self.keep(path, &index, begun);
        Ok(index)
    }

    /// The kept index of a bundle that looks like a known one and has its digest.
    fn recognised(
        &self,
        path: &Path,
        limits: &Limits,
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Index>, BundleError> {
        let (file, mark) = open(path)?;
        let look = look(&file, mark.size).map_err(BundleError::Open)?;
        let index = self
            .read::<Looked>(&Self::look_name(look))
            .and_then(|it| self.load(it.sha256, mark, limits));
        let Some(index) = index else {
            return Ok(None);
        };
        let digest = digest_file(file, mark.size, on_progress)?;
        if open(path)?.1 != mark {
            return Err(BundleError::Changed);
        }
        Ok(Some(index).filter(|it| it.sha256 == digest))
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
        let points = Points::kept(self.folder.join(Self::points_name(sha256)));
        Index::from_facts(facts, airgap, mark, points, limits).ok()
    }

    fn keep(&self, path: &Path, index: &Index, begun_s: i64) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let sha256 = index.sha256;
        self.write_bytes(&Self::points_name(sha256), &points::encode(index.points.get()))?;
        let stored = Stored { version: VERSION, facts: index.facts.clone() };
        self.write(&format!("{}.index", sha256.hex()), &stored)?;
        // Were it another file by now, it would be digested before it is believed.
        let look = look(&File::open(path)?, index.size)?;
        self.write(&Self::look_name(look), &Looked { version: VERSION, sha256 })?;
        self.know(index, begun_s)
    }

    /// Remembers which bundle a file is, if it was old enough when reading it began.
    fn know(&self, index: &Index, begun_s: i64) -> io::Result<()> {
        let sha256 = index.sha256;
        if index.mark.changed.0 <= begun_s - SETTLED_S
            && index.mark.modified.0 <= begun_s - SETTLED_S
        {
            let known = Known { version: VERSION, mark: index.mark, sha256 };
            self.write(&Self::mark_name(&index.mark), &known)?;
        }
        Ok(())
    }

    fn points_name(sha256: Digest) -> String {
        format!("{}.points", sha256.hex())
    }

    fn look_name(look: Digest) -> String {
        format!("{}.look", look.hex())
    }

    fn mark_name(mark: &Mark) -> String {
        format!("{}-{}.bundle", mark.device, mark.inode)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let value: serde_json::Value = serde_json::from_slice(&self.read_bytes(name)?).ok()?;
        (value.get("version")?.as_u64()? == VERSION).then_some(())?;
        serde_json::from_value(value).ok()
    }

    fn write(&self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.write_bytes(name, &serde_json::to_vec(value)?)
    }

    fn read_bytes(&self, name: &str) -> Option<Vec<u8>> {
        read_whole(&self.folder.join(name))
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Of two runs at once each has a file of its own, and the last one stays.
        let new = self.folder.join(format!("{name}.{}.new", std::process::id()));
        let mut file = File::create(&new)?;
        writeln!(file, "{}", Digest::of(bytes).hex())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, self.folder.join(name))
    }
}

/// A file whose first line is the digest of the rest. One that is not sound is as good as none.
pub(super) fn read_whole(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()?;
    let line = bytes.iter().position(|it| *it == b'\n')?;
    let digest = Digest::from_hex(str::from_utf8(&bytes[..line]).ok()?)?;
    bytes.drain(..=line);
    (digest == Digest::of(&bytes)).then_some(bytes)
}

/// What a file looks like.
fn look(file: &File, size: u64) -> io::Result<Digest> {
    let mut bytes = vec![0; LOOK.min(usize::try_from(size).unwrap_or(LOOK))];
    let mut hash = Sha256::new();
    hash.update(size.to_le_bytes());
    for at in [0, size - bytes.len() as u64] {
        file.read_exact_at(&mut bytes, at)?;
        hash.update(&bytes);
    }
    Ok(Digest::finish(hash))
}

fn now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|it| i64::try_from(it.as_secs()).ok()).unwrap_or(0)
}
