//! Where the parts of images go in a bundle. Pure.

use std::collections::BTreeMap;

use serde_json::json;

use super::MakeError;
use crate::{
    digest::Digest,
    index::{Descriptor, Manifest},
    reference::{Reference, Version},
};

/// How a bundle keeps images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Registry storage; the original knows it.
    Storage,
    /// An OCI image layout; the original does not know it.
    Oci,
}

impl Layout {
    /// `spec.format` of `airgap.yaml`.
    pub fn format(self) -> &'static str {
        match self {
            Self::Storage => "docker",
            Self::Oci => "oci",
        }
    }
}

/// An image with its parts.
#[derive(Debug, Clone)]
pub(super) struct Planned<'a> {
    pub(super) reference: String,
    pub(super) root: Digest,
    pub(super) manifests: Vec<&'a Manifest>,
    pub(super) blobs: Vec<&'a Descriptor>,
}

/// The small files that describe images, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The name of a blob's entry below `root`.
pub(super) fn blob_name(layout: Layout, root: &str, digest: Digest) -> String {
    let hex = digest.hex();
    match layout {
        Layout::Storage => {
            format!("{root}/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])
        }
        Layout::Oci => format!("{root}/blobs/sha256/{hex}"),
    }
}

/// All files of `images` below `root` but for configs and layers.
pub(super) fn files(
    layout: Layout,
    root: &str,
    images: &[Planned<'_>],
) -> Result<Files, MakeError> {
    let mut files = Files::new();
    for manifest in images.iter().flat_map(|it| &it.manifests) {
        files.insert(blob_name(layout, root, manifest.digest), manifest.bytes.clone());
    }
    match layout {
        Layout::Storage => storage_links(root, images, &mut files)?,
        Layout::Oci => {
            let version = json!({"imageLayoutVersion": "1.0.0"});
            files.insert(format!("{root}/oci-layout"), version.to_string().into_bytes());
            files.insert(format!("{root}/index.json"), oci_index(images));
        }
    }
    Ok(files)
}

/// What the registry of the original looks for before it gives out a manifest or a blob.
fn storage_links(root: &str, images: &[Planned<'_>], files: &mut Files) -> Result<(), MakeError> {
    let mut tags: BTreeMap<(String, String), (Digest, &str)> = BTreeMap::new();
    for image in images {
        let reference = Reference::parse(&image.reference)?;
        let repository = reference.base_name();
        let folder = format!("{root}/docker/registry/v2/repositories/{repository}");
        let mut link = |path: String, digest: Digest| {
            files.insert(format!("{folder}/{path}/link"), digest.to_string().into_bytes());
        };
        if let Version::Tag(tag) = &reference.version {
            let other =
                tags.insert((repository.to_owned(), tag.clone()), (image.root, &image.reference));
            if let Some((_, name)) = other.filter(|it| it.0 != image.root) {
                return Err(MakeError::Collision(name.to_owned(), image.reference.clone()));
            }
            link(format!("_manifests/tags/{tag}/current"), image.root);
            link(format!("_manifests/tags/{tag}/index/sha256/{}", image.root.hex()), image.root);
        }
        for manifest in &image.manifests {
            link(format!("_manifests/revisions/sha256/{}", manifest.digest.hex()), manifest.digest);
        }
        for blob in &image.blobs {
            link(format!("_layers/sha256/{}", blob.digest.hex()), blob.digest);
        }
    }
    Ok(())
}

fn oci_index(images: &[Planned<'_>]) -> Vec<u8> {
    let manifests: Vec<_> = images
        .iter()
        .filter_map(|image| {
            let root = image.manifests.iter().find(|it| it.digest == image.root)?;
            Some(json!({
                "mediaType": root.media_type,
                "digest": root.digest.to_string(),
                "size": root.bytes.len(),
                "annotations": {"org.opencontainers.image.ref.name": image.reference},
            }))
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    index.to_string().into_bytes()
}
