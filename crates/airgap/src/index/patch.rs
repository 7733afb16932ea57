//! `patch.json`: marks a bundle that leaves out what an older one had.
//!
//! The original does not know the file and passes over it. Its own push of such a bundle works where the repository in
//! the registry has the layers already, for it asks there before it reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a patch bundle leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The bundle it is made against.
    pub from: PatchFrom,
    /// What must be in the registry already, with its bytes.
    pub blobs: BTreeMap<Digest, u64>,
}

/// The bundle a patch is made against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatchFrom {
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Its version label.
    pub version_label: String,
    /// Its channel.
    #[serde(rename = "channelID")]
    pub channel_id: String,
    /// Its channel sequence.
    pub update_cursor: String,
}

const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    from: PatchFrom,
    blobs: Vec<Blob>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    sha256: Digest,
    size: u64,
}

impl Patch {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Document = serde_json::from_str(text).map_err(|it| it.to_string())?;
        if document.version != VERSION {
            return Err(format!("its version is {}, known is {VERSION}", document.version));
        }
        let blobs = document.blobs.into_iter().map(|it| (it.sha256, it.size)).collect();
        Ok(Self { from: document.from, blobs })
    }

    /// The text of `patch.json`.
    pub fn to_json(&self) -> String {
        let blobs = self.blobs.iter().map(|(sha256, size)| Blob { sha256: *sha256, size: *size });
        let document =
            Document { version: VERSION, from: self.from.clone(), blobs: blobs.collect() };
        serde_json::to_string_pretty(&document).expect("text and numbers have a JSON form") + "\n"
    }
}
