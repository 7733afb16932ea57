//! Unfinished uploads, remembered across runs: one line of JSON for each thing learnt, added as it is learnt.
//!
//! The lines reach the kernel, so a killed process loses none; they are not forced to the disk, since a line that is
//! lost or torn costs no more than sending a blob again: how much of an upload is there is always asked of the registry,
//! and whether it is right is decided by the digest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use url::Url;

use super::error::PushError;
use super::plan::Place;
use crate::client::Session;

/// The most bytes that are read of the file.
const LIMIT_BYTES: u64 = 16 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    repository: String,
    digest: String,
    /// Where the upload goes on; none when it is over.
    location: Option<Url>,
    #[serde(default)]
    confirmed: u64,
    #[serde(default)]
    chunk_min: u64,
}

/// The file. Without one nothing is remembered.
#[derive(Debug)]
pub(super) struct Memory {
    file: Option<(PathBuf, Mutex<File>)>,
    sessions: BTreeMap<(String, String), Session>,
}

impl Memory {
    /// Opens the file, alone.
    ///
    /// # Errors
    ///
    /// When another push has it open, or it cannot be used.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, PushError> {
        let Some(path) = path else { return Ok(Self { file: None, sessions: BTreeMap::new() }) };
        let failed = |source| PushError::Memory { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // The places of uploads may hold signatures that let anyone write there.
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(PushError::Running { path: path.to_owned() });
            }
            Err(error) => return Err(failed(error.into())),
        }
        let mut text = Vec::new();
        (&file).take(LIMIT_BYTES).read_to_end(&mut text).map_err(failed)?;
        let sessions = read(&text);
        // Begins anew with what is still of use.
        file.set_len(0).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        for ((repository, digest), session) in &sessions {
            write(&mut file, &line(repository, digest, Some(session)));
        }
        Ok(Self { file: Some((path.to_owned(), Mutex::new(file))), sessions })
    }

    /// The upload that an earlier run left behind.
    pub(super) fn session(&self, place: &Place) -> Option<&Session> {
        self.sessions.get(&(place.repository.to_string(), place.digest.to_string()))
    }

    /// Remembers where an upload is.
    pub(super) fn note(&self, place: &Place, session: &Session) {
        self.add(place, Some(session));
    }

    /// Forgets an upload that is over.
    pub(super) fn forget(&self, place: &Place) {
        self.add(place, None);
    }

    fn add(&self, place: &Place, session: Option<&Session>) {
        if let Some((_, file)) = &self.file {
            let line = line(&place.repository, &place.digest.to_string(), session);
            write(&mut file.lock().unwrap_or_else(PoisonError::into_inner), &line);
        }
    }

    /// Removes the file: nothing is unfinished.
    pub(super) fn finish(&self) {
        if let Some((path, _)) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn line(repository: &str, digest: &str, session: Option<&Session>) -> Line {
    Line {
        repository: repository.to_owned(),
        digest: digest.to_owned(),
        location: session.map(|it| it.location.clone()),
        confirmed: session.and_then(|it| it.confirmed).unwrap_or_default(),
        chunk_min: session.map(|it| it.chunk_min).unwrap_or_default(),
    }
}

/// One write for a line. A full disk costs the memory of an upload, not the upload.
fn write(file: &mut File, line: &Line) {
    if let Ok(mut text) = serde_json::to_vec(line) {
        text.push(b'\n');
        let _ = file.write_all(&text);
    }
}

/// What lines say in the end. Lines that cannot be read say nothing.
fn read(text: &[u8]) -> BTreeMap<(String, String), Session> {
    let mut sessions = BTreeMap::new();
    for line in text.split(|it| *it == b'\n') {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { continue };
        let key = (line.repository, line.digest);
        match line.location {
            Some(location) => {
                let session = Session {
                    location,
                    confirmed: Some(line.confirmed),
                    chunk_min: line.chunk_min,
                };
                sessions.insert(key, session);
            }
            None => drop(sessions.remove(&key)),
        }
    }
    sessions
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use airgap::Digest;

    fn place(name: &str) -> Place {
        Place { repository: name.into(), digest: Digest::of(name.as_bytes()) }
    }

    fn session(at: u64) -> Session {
        let location = Url::parse("https://localhost/v2/a/blobs/uploads/1?_state=x").expect("one");
        Session { location, confirmed: Some(at), chunk_min: 0 }
    }

    #[test]
    fn what_was_begun_is_found_by_the_next_run() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("deep/push.jsonl");
        let memory = Memory::open(Some(&path)).expect("new");
        memory.note(&place("a"), &session(0));
        memory.note(&place("a"), &session(7));
        memory.note(&place("b"), &session(3));
        memory.forget(&place("b"));
        assert!(matches!(Memory::open(Some(&path)), Err(PushError::Running { .. })));
        drop(memory);
        let memory = Memory::open(Some(&path)).expect("again");
        assert_eq!(memory.session(&place("a")), Some(&session(7)));
        assert_eq!(memory.session(&place("b")), None);
        memory.finish();
        assert!(!path.exists());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&text);
        }

        #[test]
        fn a_torn_line_hides_no_other(cut in 0_usize..200) {
            let mut text = serde_json::to_vec(&line("a", "d", Some(&session(1)))).expect("JSON");
            text.push(b'\n');
            let whole = text.len();
            let second = serde_json::to_vec(&line("b", "d", Some(&session(2)))).expect("JSON");
            text.extend(&second[..cut.min(second.len() - 1)]);
            prop_assert_eq!(read(&text).len(), 1);
            prop_assert!(whole > 0);
        }
    }
}
