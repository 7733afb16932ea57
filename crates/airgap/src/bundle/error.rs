//! Why a bundle cannot be deployed.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::{AIRGAP_YAML, APP_ARCHIVE, digest::Digest, gzip::GzipError, tar::ArchiveError};

/// How many names of what is there are told where something is missing.
const NAMES_TOLD: usize = 8;

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
        /// What is there instead: at most eight names, folders as one.
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

impl BundleError {
    /// `name` is not among `names`.
    pub(crate) fn missing<'a>(name: &'static str, names: impl Iterator<Item = &'a str>) -> Self {
        let mut others: Vec<String> = Vec::new();
        for it in names.filter(|it| ![AIRGAP_YAML, APP_ARCHIVE].contains(it)) {
            let told = told(name, it);
            if !others.contains(&told) {
                others.push(told);
            }
            if others.len() == NAMES_TOLD {
                break;
            }
        }
        Self::Missing { name, others }
    }

    /// With the entry that was being read, where the error names none itself.
    pub(crate) fn near(self, entry: Option<String>) -> Self {
        match (self, entry) {
            (
                Self::Archive(
                    source @ (ArchiveError::Gzip(_)
                    | ArchiveError::Header { .. }
                    | ArchiveError::Pax { .. }
                    | ArchiveError::DataAfterEnd { .. }
                    | ArchiveError::Cut { name: None, .. }),
                ),
                Some(entry),
            ) => Self::Near { entry, source },
            (other, _) => other,
        }
    }

    /// Says what a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Stat(_) | Self::Folder(_) | Self::NotAFile(_) => {
                "pass the path of an air-gap bundle"
            }
            Self::Open(_) => "check that the file may be read by this user",
            Self::Empty(_) => CUT_SHORT,
            // The bundle around it is sound.
            Self::SavedImage { source: error, .. } | Self::App(error) if error.is_cut_short() => {
                AS_PACKED
            }
            Self::Archive(error)
            | Self::Near { source: error, .. }
            | Self::SavedImage { source: error, .. }
            | Self::App(error) => archive_hint(error),
            Self::Content { .. } => DAMAGED,
            Self::Image { .. }
            | Self::ManifestsTooLarge { .. }
            | Self::AirgapYamlTooLarge { .. }
            | Self::AirgapYamlNotUtf8
            | Self::AirgapYaml(_) => AS_PACKED,
            Self::Missing { .. } => {
                "pass the air-gap bundle of a release, or ask the vendor for one that holds it"
            }
            Self::Changed => "run the same command again once nothing writes to the bundle",
            Self::Cancelled => "run the same command again",
        }
    }
}

/// How `name` is told where `wanted` is missing: a folder once, unless what is wanted is in it.
pub(super) fn told(wanted: &str, name: &str) -> String {
    match name.split_once('/') {
        Some((folder, _)) if name.rsplit('/').next() != Some(wanted) => format!("{folder}/"),
        _ => name.to_owned(),
    }
}

const CUT_SHORT: &str = "the file is not complete: download or copy the bundle again, and compare its size with the vendor's";
const DAMAGED: &str =
    "download the air-gap bundle again, and compare its size and digest with the vendor's";
const AS_PACKED: &str = "download the air-gap bundle again; if it is the same, it was packed like that: ask the vendor for another";

fn archive_hint(error: &ArchiveError) -> &'static str {
    match error {
        it if it.is_cut_short() => CUT_SHORT,
        ArchiveError::Read(_) => "check the disk the bundle is on, then run the same command again",
        ArchiveError::Gzip(GzipError::NotGzip(..)) => {
            "pass the path of an air-gap bundle: it is a gzip-compressed tar file"
        }
        ArchiveError::Gzip(GzipError::TooLarge { .. } | GzipError::Ratio { .. })
        | ArchiveError::Name { .. }
        | ArchiveError::Kind { .. }
        | ArchiveError::TwoSizes { .. }
        | ArchiveError::FolderWithData { .. }
        | ArchiveError::TooLarge { .. }
        | ArchiveError::Duplicate { .. }
        | ArchiveError::TooMany { .. }
        | ArchiveError::NoFiles
        | ArchiveError::Pax { .. } => AS_PACKED,
        _ => DAMAGED,
    }
}
