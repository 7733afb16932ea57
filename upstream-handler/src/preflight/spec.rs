//! What is checked: the Preflight documents of a version as one.

use std::path::Path;

use kinds::preflight::{is_preflight, merged};
use kinds::yaml::{self, split_documents};
use serde_json::Value;

use crate::release::tree::{require_text, vendor_files};
use crate::release::{KOTS_KINDS, ReleaseError};

/// Reads the Preflights of the version in `tree`, those of its charts included; `None` without any.
pub(crate) fn read(tree: &Path) -> Result<Option<Value>, ReleaseError> {
    let folder = tree.join(KOTS_KINDS);
    let mut found = Vec::new();
    for file in vendor_files(&folder)? {
        let text = require_text(&folder, &file.path)?;
        for document in split_documents(&text) {
            let broken = |what: String| ReleaseError::Broken {
                path: format!("{KOTS_KINDS}/{}", file.path),
                kind: "Preflight".to_owned(),
                what,
            };
            if !kinds::gvk::sniff(document.text).is_some_and(|gvk| is_preflight(&gvk)) {
                continue;
            }
            found.push(yaml::to_value(document.text).map_err(|error| broken(error.to_string()))?);
        }
    }
    Ok(merged(&found))
}
