//! Why a bundle cannot be deployed.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{digest::Digest, tar::ArchiveError};

/// Why a bundle cannot be deployed. Where the original has words for it, they are used.
#[derive(Debug, Error)]
pub enum BundleError {
    /// Nothing there, or no access to it.
    #[error("failed to stat airgap bundle")]
    Stat(#[source] io::Error),
    /// A folder instead of a file.
    #[error("airgap bundle {0:?} is a folder; expected a gzip-compressed tar file")]
    Folder(PathBuf),
    /// A pipe, device or socket: a bundle is read more than once.
    #[error("airgap bundle {0:?} is not a regular file")]
    NotAFile(PathBuf),
    /// No permission to read.
    #[error("failed to open airgap bundle")]
    Open(#[source] io::Error),
    /// No bytes at all.
    #[error("airgap bundle {0:?} is empty")]
    Empty(PathBuf),
    /// The bundle's own gzip or tar.
    #[error("failed to read airgap bundle")]
    Archive(#[source] ArchiveError),
    /// The same, with the last entry that was begun.
    #[error("failed to read airgap bundle at or after entry `{entry}`")]
    Near {
        /// Its name.
        entry: String,
        /// What is wrong.
        #[source]
        source: ArchiveError,
    },
    /// Content under another digest's name.
    #[error("refused entry `{name}` of airgap bundle: its name says sha256:{}, its content is {found}", named.hex())]
    Content {
        /// Its name.
        name: String,
        /// The digest in the name.
        named: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// Something of an image, or `patch.json`.
    #[error("refused entry `{name}` of airgap bundle: {fault}")]
    Image {
        /// Its name.
        name: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The tar of a saved image.
    #[error("failed to read image `{name}` in airgap bundle")]
    SavedImage {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ArchiveError,
    },
    /// More metadata of images than is held in memory.
    #[error("airgap bundle has more than the allowed {limit} bytes of image manifests")]
    ManifestsTooLarge {
        /// The cap.
        limit: u64,
    },
    /// The release inside it.
    #[error("failed to read app.tar.gz in airgap bundle")]
    App(#[source] ArchiveError),
    /// A sound archive without one of the two entries.
    #[error("failed to get file {name} from airgap: file not found in archive{}", found(others))]
    Missing {
        /// The entry that is missing.
        name: &'static str,
        /// Up to eight names of what is there instead.
        others: Vec<String>,
    },
    /// Larger than metadata can be.
    #[error("airgap.yaml in airgap bundle has {size} bytes, the limit is {limit}")]
    AirgapYamlTooLarge {
        /// Bytes it claims.
        size: u64,
        /// The cap.
        limit: u64,
    },
    /// Not text.
    #[error("failed to decode airgap data: airgap.yaml is not UTF-8")]
    AirgapYamlNotUtf8,
    /// Text, but not the kind `Airgap`.
    #[error("failed to decode airgap data")]
    AirgapYaml(#[source] kinds::gvk::KindError),
    /// Another file than the one that was checked.
    #[error("airgap bundle changed while it was being used")]
    Changed,
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

fn found(others: &[String]) -> String {
    if others.is_empty() {
        return String::new();
    }
    format!(" (it holds {})", others.join(", "))
}
