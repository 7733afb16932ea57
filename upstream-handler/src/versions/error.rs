//! Why a version was not made.

use std::io;
use std::path::{Path, PathBuf};

use airgap::write::WriteError;
use kinds::release::IncompatibleKots;
use thiserror::Error;

use crate::archives::ArchiveError;
use crate::config::change::ChangeError;
use crate::images::ImagesError;
use crate::registry_settings::LockedPassword;
use crate::release::ReleaseError;
use crate::store::StoreError;

/// Why a version was not made.
#[derive(Debug, Error)]
pub(crate) enum MakeError {
    /// The release's archive is damaged or not of the allowed shape.
    #[error("failed to extract app files")]
    Extract(#[source] airgap::release::ReleaseError),
    /// It asks for another kotsadm.
    #[error(transparent)]
    Kots(#[from] IncompatibleKots),
    /// The release cannot be rendered.
    #[error("failed to render the release")]
    Build(#[source] ReleaseError),
    /// The values that come with it, or next, do not fit it.
    #[error(transparent)]
    Values(Box<ChangeError>),
    /// The tree cannot be packed.
    #[error("failed to pack the version")]
    Pack(#[source] WriteError),
    /// A file of the work folder cannot be read or written.
    #[error("failed to {what} {path}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The archives cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The registry's password.
    #[error(transparent)]
    Registry(#[from] LockedPassword),
    /// Its images are not in the operator's registry.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// What was stored cannot be read back.
    #[error("failed to encode what the version was built from")]
    Encode(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The building thread died.
    #[error("building the version ended in a bug of this server")]
    Bug,
}

pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MakeError {
    let path = path.to_owned();
    move |source| MakeError::File { what, path, source }
}
