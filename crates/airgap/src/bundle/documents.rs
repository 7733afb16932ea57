//! What a release asks of whoever installs it: its Config and Application, picked out while it is checked.

use std::io::Read;

use kinds::gvk::sniff;
use kinds::yaml::split_documents;
use serde::{Deserialize, Serialize};

use crate::tar::{ArchiveError, Entry};

/// The largest file that is looked into, in bytes.
const FILE_LIMIT_BYTES: u64 = 1 << 20;
/// The most documents that are kept: two of a kind are a mistake already.
const KEPT: usize = 4;
const API: &str = "kots.io/v1beta1";
/// An operator's own files in archives that KOTS has written itself.
const USERDATA: &str = "userdata/";

/// One document of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The file it is in, as the archive names it.
    pub path: String,
    /// `Config` or `Application`, of `kots.io/v1beta1`.
    pub kind: String,
    /// Its text, templates not rendered.
    pub text: String,
}

/// Picks documents out of the files of a release as they pass by. Holds one file at a time.
#[derive(Debug, Default)]
pub(super) struct Documents(Vec<Document>);

impl Documents {
    /// Reads a file if it may hold such documents.
    pub(super) fn look_into(
        &mut self,
        entry: &Entry,
        data: &mut dyn Read,
    ) -> Result<(), ArchiveError> {
        let is_full = KEPT <= self.0.len();
        if is_full || FILE_LIMIT_BYTES < entry.size || entry.name.starts_with(USERDATA) {
            return Ok(());
        }
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).map_err(ArchiveError::from)?;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if !text.contains(API) {
            return Ok(());
        }
        for document in split_documents(&text) {
            let kind = sniff(document.text).filter(|it| it.api_version == API).map(|it| it.kind);
            let Some(kind) = kind.filter(|it| ["Config", "Application"].contains(&it.as_str()))
            else {
                continue;
            };
            if self.0.len() < KEPT {
                let text = document.text.replace("\r\n", "\n");
                self.0.push(Document { path: entry.name.clone(), kind, text });
            }
        }
        Ok(())
    }

    /// What was found, in the order of the archive.
    pub(super) fn finish(self) -> Vec<Document> {
        self.0
    }
}
