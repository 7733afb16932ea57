//! What a release's files lose when they are taken in: documents of `troubleshoot.sh/v1beta3`, which the
//! original drops too (`replicated.go:870-884`).

use std::fs;
use std::path::Path;

use kinds::gvk::{Gvk, sniff};
use kinds::yaml::split_documents;

use super::ReleaseError;
use super::tree::{require_text, write};
use crate::render::sources::Source;

const DROPPED: &str = "troubleshoot.sh/v1beta3";

/// Takes such documents out of the files at `root`, and files that hold nothing else. `sources` are
/// then those that are left. Returns what was done, in words.
///
/// # Errors
///
/// The disk failed.
pub(super) fn take_in(root: &Path, sources: &mut Vec<Source>) -> Result<Vec<String>, ReleaseError> {
    let is_dropped = |gvk: &Gvk| gvk.api_version == DROPPED;
    let mut notes = Vec::new();
    for source in sources.iter_mut().filter(|it| it.kinds.iter().any(is_dropped)) {
        source.kinds.retain(|it| !is_dropped(it));
        let text = require_text(root, &source.path)?;
        let documents = split_documents(&text);
        let left = documents.iter().filter(|it| !sniff(it.text).as_ref().is_some_and(is_dropped));
        let left: Vec<_> = left.map(|it| it.text.trim_end_matches('\n')).collect();
        let full = root.join(&source.path);
        // The file may share its bytes with one that must not change: it is replaced, not written.
        fs::remove_file(&full).map_err(ReleaseError::disk("remove", &full))?;
        if left.iter().all(|it| it.trim().is_empty()) {
            notes.push(format!("`{}` is left out: it is of {DROPPED}", source.path));
        } else {
            write(root, &source.path, &(left.join("\n---\n") + "\n"))?;
            notes.push(format!("a document of `{}` is left out: it is of {DROPPED}", source.path));
        }
    }
    sources.retain(|it| root.join(&it.path).is_file());
    Ok(notes)
}
