//! Names of images: where in a registry an image of a bundle goes.
//!
//! Mirrors `pkg/imageutil/image.go` of the original: of the repository only the last component is kept, and the
//! registry and its namespace are put before it; a tag stays a tag and a digest a digest, which wins over a tag. Unlike
//! there, paths are joined with `/` on every system, and a name that is no reference is refused.

mod artifact;

use std::fmt;

use thiserror::Error;

pub use artifact::{artifact_destination, sanitize_repository, sanitize_tag};

use crate::endpoint::Endpoint;
use crate::reference::{Reference, ReferenceError, Version};

/// Below the namespace: what embedded-cluster needs (`imageutil.go: DestECImage`).
pub(crate) const EMBEDDED_CLUSTER: &str = "embedded-cluster";

/// Where an image goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Destination {
    /// The registry, as people write it.
    pub host: String,
    /// The repository within it.
    pub repository: String,
    /// The tag or the digest.
    pub version: Version,
}

impl Destination {
    /// Where an image goes (`imageutil.go: DestImage`).
    pub fn of(image: &Reference, endpoint: &Endpoint) -> Self {
        endpoint.at(&[image.base_name()], image.version.clone())
    }

    /// Where an image goes that embedded-cluster needs (`imageutil.go: DestECImage`).
    pub fn of_embedded_cluster(image: &Reference, endpoint: &Endpoint) -> Self {
        endpoint.at(&[EMBEDDED_CLUSTER, image.base_name()], image.version.clone())
    }

    /// The tag or digest as it stands in a path of the distribution API.
    pub fn version_text(&self) -> String {
        match &self.version {
            Version::Tag(tag) => tag.clone(),
            Version::Digest(digest) => digest.to_string(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        match &self.version {
            Version::Tag(tag) => write!(f, ":{tag}"),
            Version::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// A path of an image file in a bundle that does not name an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchivePathError {
    /// Too short. The original's words.
    #[error("not enough parts in image name: {0:?}")]
    Parts(Vec<String>),
    /// Not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

/// Understands the path of an image file below `images/docker-archive/`: `HOST/…/NAME/TAG` or
/// `HOST/…/NAME/sha256/HEX` (`imageutil.go: RewriteDockerArchiveImage`).
///
/// # Errors
///
/// When it has fewer than three parts or is no reference.
pub fn of_archive_path(path: &str) -> Result<Reference, ArchivePathError> {
    let parts: Vec<&str> = path.split('/').collect();
    let name = match parts.as_slice() {
        [] | [_] | [_, _] => {
            let parts = parts.iter().map(|it| (*it).to_owned()).collect();
            return Err(ArchivePathError::Parts(parts));
        }
        [name @ .., "sha256", hex] => format!("{}@sha256:{hex}", name.join("/")),
        [name @ .., tag] => format!("{}:{tag}", name.join("/")),
    };
    Ok(Reference::parse(&name)?)
}

#[cfg(test)]
mod tests;
