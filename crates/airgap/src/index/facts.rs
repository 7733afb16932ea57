//! What a pass over a bundle found, before anything is concluded from it. This is what a stored index holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::layout::LinkName;
use crate::{bundle::Document, digest::Digest};

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// SHA-256 of the bundle file.
    pub(super) sha256: Digest,
    /// Bytes of the bundle file.
    pub(super) size: u64,
    /// Bytes after decompression.
    pub(super) plain_size: u64,
    pub(super) airgap_yaml: String,
    /// `None` when there is no release in it, as in a bundle of the admin console's own images.
    pub(super) app: Option<AppFact>,
    pub(super) patch_json: Option<String>,
    pub(super) entries: Vec<EntryFact>,
    /// Content that is named by its digest, or is a part of a saved image.
    pub(super) blobs: Vec<SectionFact>,
    /// Manifests and lists, as text.
    pub(super) manifests: Vec<String>,
    pub(super) links: Vec<LinkFact>,
    /// `index.json` of OCI layouts, by folder.
    pub(super) oci_indexes: Vec<(String, String)>,
    /// Saved images: the path that names one, and the manifest made for it.
    pub(super) archives: Vec<(String, Digest)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AppFact {
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) files: u64,
    pub(super) documents: Vec<Document>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryFact {
    pub(super) name: String,
    pub(super) section: SectionFact,
}

/// Offset in the decompressed bundle, bytes, digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SectionFact(pub(super) u64, pub(super) u64, pub(super) Digest);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkFact {
    pub(super) root: String,
    pub(super) repository: String,
    pub(super) name: LinkName,
    pub(super) to: Digest,
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::from_hex(&hex).ok_or_else(|| D::Error::custom("not 64 hex digits"))
    }
}
