//! Names of images: where in a registry an image of a bundle goes.
//!
//! Mirrors `pkg/imageutil/image.go` of the original: of the repository only the last component is kept, and the
//! registry and its namespace are put before it; a tag stays a tag and a digest a digest, which wins over a tag. Unlike
//! there, paths are joined with `/` on every system, and a name that is no reference is refused.

mod artifact;

use std::fmt;

pub use artifact::{artifact_destination, sanitize_repository, sanitize_tag};

use crate::endpoint::Endpoint;
use airgap::reference::{Reference, Version};

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

#[cfg(test)]
mod tests;
