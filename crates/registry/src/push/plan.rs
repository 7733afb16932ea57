//! What is to be in a registry: images, their manifests, their blobs. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;

use crate::name::Destination;
use airgap::Digest;
use airgap::reference::Version;

/// A blob of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// The content, when it is not in the source.
    pub inline: Option<Bytes>,
}

/// A manifest, to be put byte by byte as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// What it is made of, without what a registry need not have.
    pub blobs: Vec<Blob>,
}

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An image of the application.
    Application,
    /// An image of an embedded cluster.
    EmbeddedCluster,
    /// A file of an embedded cluster.
    Artifact,
}

/// An image, or an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it is for.
    pub kind: Kind,
    /// Its name where it comes from.
    pub name: String,
    /// Where it goes.
    pub destination: Destination,
    /// Its manifests, each after those it names: the last is the image's own.
    pub manifests: Vec<Manifest>,
}

impl Image {
    /// The image's own manifest.
    pub(super) fn top(&self) -> &Manifest {
        self.manifests.last().expect("a plan has no image without one")
    }
}

/// A blob in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) repository: Arc<str>,
    pub(super) digest: Digest,
}

/// Why images cannot be pushed together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// One would overwrite the other.
    #[error("`{one}` and `{other}` would both become `{destination}`")]
    Collision {
        /// An image.
        one: String,
        /// Another.
        other: String,
        /// Where both would go.
        destination: String,
    },
    /// Nothing to put.
    #[error("`{0}` has no manifest")]
    Empty(String),
    /// A name by digest that is not the content's.
    #[error("`{name}` is named by digest, but its manifest is {found}")]
    Digest {
        /// The image.
        name: String,
        /// The digest of what there is.
        found: Digest,
    },
}

/// Images that go into one registry.
#[derive(Debug, Clone)]
pub struct Plan {
    images: Vec<Image>,
    repositories: Vec<Arc<str>>,
    sizes: BTreeMap<Digest, u64>,
    inline: BTreeMap<Digest, Bytes>,
    users: BTreeMap<Place, Vec<usize>>,
}

impl Plan {
    /// Puts images together. The same image twice is once.
    ///
    /// # Errors
    ///
    /// Everything that makes it impossible.
    pub fn new(images: Vec<Image>) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        let mut kept: Vec<Image> = Vec::new();
        let mut by_destination: BTreeMap<Destination, usize> = BTreeMap::new();
        for image in images {
            let Some(top) = image.manifests.last() else {
                errors.push(PlanError::Empty(image.name));
                continue;
            };
            if let Version::Digest(digest) = image.destination.version
                && digest != top.digest
            {
                errors.push(PlanError::Digest { name: image.name, found: top.digest });
                continue;
            }
            let Some(at) = by_destination.get(&image.destination) else {
                by_destination.insert(image.destination.clone(), kept.len());
                kept.push(image);
                continue;
            };
            let other = &kept[*at];
            // By digest both are the same, whatever they are called.
            let same = matches!(image.destination.version, Version::Digest(_));
            if !same && other.name != image.name {
                errors.push(PlanError::Collision {
                    one: other.name.clone(),
                    other: image.name,
                    destination: image.destination.to_string(),
                });
            }
        }
        if errors.is_empty() { Ok(Self::index(kept)) } else { Err(errors) }
    }

    fn index(images: Vec<Image>) -> Self {
        let mut plan = Self {
            images: Vec::new(),
            repositories: Vec::new(),
            sizes: BTreeMap::new(),
            inline: BTreeMap::new(),
            users: BTreeMap::new(),
        };
        for (at, image) in images.iter().enumerate() {
            let name: Arc<str> = image.destination.repository.as_str().into();
            plan.repositories.push(Arc::clone(&name));
            for blob in image.manifests.iter().flat_map(|it| &it.blobs) {
                plan.sizes.insert(blob.digest, blob.size);
                if let Some(bytes) = &blob.inline {
                    plan.inline.insert(blob.digest, bytes.clone());
                }
                let place = Place { repository: Arc::clone(&name), digest: blob.digest };
                let users = plan.users.entry(place).or_default();
                if users.last() != Some(&at) {
                    users.push(at);
                }
            }
        }
        plan.images = images;
        plan
    }

    /// The images, in order.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Bytes of all blobs, each once.
    pub fn size(&self) -> u64 {
        self.sizes.values().sum()
    }

    /// The repository an image goes to.
    pub(super) fn repository(&self, image: usize) -> &Arc<str> {
        &self.repositories[image]
    }

    /// Bytes of a blob.
    pub(super) fn blob_size(&self, digest: Digest) -> u64 {
        self.sizes.get(&digest).copied().unwrap_or_default()
    }

    /// Content that is not in the source.
    pub(super) fn inline(&self, digest: Digest) -> Option<&Bytes> {
        self.inline.get(&digest)
    }

    /// The images that need a blob in a repository.
    pub(super) fn users(&self, place: &Place) -> Vec<usize> {
        self.users.get(place).cloned().unwrap_or_default()
    }

    /// Every blob in every repository that some images need.
    pub(super) fn needed(&self, images: &BTreeSet<usize>) -> BTreeSet<Place> {
        let used = |users: &Vec<usize>| users.iter().any(|it| images.contains(it));
        self.users.iter().filter(|(_, it)| used(it)).map(|(place, _)| place.clone()).collect()
    }

    /// Where the blobs of an image have to be.
    pub(super) fn places(&self, image: usize) -> impl Iterator<Item = Place> {
        let repository = self.repository(image);
        self.images[image]
            .manifests
            .iter()
            .flat_map(|it| &it.blobs)
            .map(|blob| Place { repository: Arc::clone(repository), digest: blob.digest })
    }

    /// Every blob in every repository, with its bytes and its images.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Place, u64, &[usize])> {
        self.users
            .iter()
            .map(|(place, users)| (place, self.blob_size(place.digest), users.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Endpoint, Scheme};
    use airgap::Reference;

    fn image(name: &str, content: &str) -> Image {
        let endpoint = Endpoint::parse("localhost:5000/ns", "", Scheme::Https).expect("one");
        let reference = Reference::parse(name).expect("a name");
        let bytes = Bytes::from(content.to_owned());
        let manifest = Manifest {
            digest: Digest::of(&bytes),
            media_type: "m".to_owned(),
            bytes,
            blobs: vec![Blob { digest: Digest::of(b"layer"), size: 5, inline: None }],
        };
        Image {
            kind: Kind::Application,
            name: reference.to_string(),
            destination: Destination::of(&reference, &endpoint),
            manifests: vec![manifest],
        }
    }

    fn check(images: Vec<Image>) -> String {
        match Plan::new(images) {
            Ok(plan) => format!("{} images, {} bytes", plan.images().len(), plan.size()),
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        }
    }

    #[test]
    fn two_images_never_become_one() {
        let pinned = format!("quay.io/a/web@{}", Digest::of(b"one"));
        let other = format!("quay.io/b/web@{}", Digest::of(b"one"));
        insta::assert_snapshot!(check(vec![image("quay.io/a/web:1", "one"), image("quay.io/b/web:1", "two")]), @"`quay.io/a/web:1` and `quay.io/b/web:1` would both become `localhost:5000/ns/web:1`");
        insta::assert_snapshot!(check(vec![image("quay.io/a/web:1", "one"), image("quay.io/b/web:1", "one")]), @"`quay.io/a/web:1` and `quay.io/b/web:1` would both become `localhost:5000/ns/web:1`");
        insta::assert_snapshot!(check(vec![image("alpine:3", "one"), image("docker.io/library/alpine:3", "one")]), @"1 images, 5 bytes");
        insta::assert_snapshot!(check(vec![image("quay.io/a/web:1", "one"), image("quay.io/b/web:2", "two")]), @"2 images, 5 bytes");
        insta::assert_snapshot!(check(vec![image(&pinned, "one"), image(&other, "one")]), @"1 images, 5 bytes");
        insta::assert_snapshot!(check(vec![image(&pinned, "two")]), @"`quay.io/a/web@sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed` is named by digest, but its manifest is sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3");
        let mut empty = image("alpine", "");
        empty.manifests.clear();
        insta::assert_snapshot!(check(vec![empty]), @"`docker.io/library/alpine:latest` has no manifest");
    }
}
