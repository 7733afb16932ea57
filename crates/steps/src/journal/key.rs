//! What makes two runs the same run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What a run is about: the caller's fields, such as app, channel and digest of the bundle. Runs
/// with equal fields are one run and share a journal; any difference makes another run.
///
/// The fields are written into the journal so that a person can tell what it is for: give digests
/// of secrets, never the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    fields: Vec<(String, String)>,
}

impl RunKey {
    /// Begins the key of runs of this kind, such as `deploy`.
    pub fn new(run: impl Into<String>) -> Self {
        Self { fields: vec![("run".to_owned(), run.into())] }
    }

    /// Adds a field. The order counts.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// The fields in order, the first being `run`.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The sha256 of all fields, in 64 hex digits: the name of the journal without its ending.
    pub fn id(&self) -> String {
        let mut digest = Sha256::new();
        for text in self.fields.iter().flat_map(|(name, value)| [name, value]) {
            // With its length before it, no text can run over into the next.
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
        hex::encode(digest.finalize())
    }

    /// Where the journal of this key is in the folder `dir`.
    pub fn path_in(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.{}", self.id(), super::file::ENDING))
    }

    /// The fields in one line, for messages.
    pub(super) fn describe(fields: &[(String, String)]) -> String {
        fields.iter().fold(String::new(), |mut line, (name, value)| {
            let comma = if line.is_empty() { "" } else { ", " };
            let _ = write!(line, "{comma}{name} `{value}`");
            line
        })
    }
}
