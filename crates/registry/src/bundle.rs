//! An air-gap bundle as what is to be pushed, and as where the bytes come from.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use airgap::index::{Artifact, ImageKind};
use airgap::reference::Version;
use airgap::{Digest, ImageFault, Index, Reference, Section, Sections};
use bytes::Bytes;
use serde_json::json;

use crate::endpoint::Endpoint;
use crate::name::{Destination, artifact_destination};
use crate::push::{Blob, Image, Kind, Manifest, Plan, Source, SourceError};

/// The kind of embedded-cluster's artifacts (`image/airgap.go: pushOCIArtifact`).
const ARTIFACT: &str = "application/vnd.embeddedcluster.artifact";
/// The kind of the file in one.
const FILE: &str = "application/vnd.embeddedcluster.file";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The images of the admin console itself.
const KOTSADM_IMAGES: [&str; 2] = ["kotsadm", "kotsadm-migrations"];
const TITLE: &str = "org.opencontainers.image.title";

/// Whether a bundle holds anything to be pushed. A bundle may leave all images out, and lists them all the same.
pub fn holds_images(index: &Index) -> bool {
    let there = |it: &airgap::Image| {
        it.manifest.is_some() || it.faults.iter().any(|it| !matches!(it, ImageFault::Absent { .. }))
    };
    index.images.iter().any(there) || index.artifacts.iter().any(|it| it.section.is_some())
}

/// Decides what of a bundle goes where: the application's images, those of an embedded cluster, then its artifacts.
///
/// # Errors
///
/// Everything that makes it impossible: images whose parts are not in the bundle, two that would become one, files that
/// are listed and not there.
pub fn plan(index: &Index, endpoint: &Endpoint) -> Result<Plan, Vec<String>> {
    plan_with_tag(index, endpoint, None)
}

/// As [`plan`], and the admin console's own images get `kotsadm_tag`, if there is one
/// (`image/airgap.go: PushImagesFromTempRegistry`).
///
/// # Errors
///
/// As [`plan`].
pub fn plan_with_tag(
    index: &Index,
    endpoint: &Endpoint,
    kotsadm_tag: Option<&str>,
) -> Result<Plan, Vec<String>> {
    let (mut planned, mut wrong) = (Vec::new(), Vec::new());
    for kind in [ImageKind::App, ImageKind::EmbeddedCluster] {
        for image in index.images.iter().filter(|it| it.kind == kind) {
            match of_image(index, image, endpoint) {
                Ok(it) => planned.push(tagged(it, kotsadm_tag)),
                Err(faults) => {
                    wrong.extend(faults.iter().map(|it| format!("{}: {it}", image.reference)));
                }
            }
        }
    }
    for artifact in &index.artifacts {
        match of_artifact(index, artifact, endpoint) {
            Ok(it) => planned.push(it),
            Err(fault) => wrong.push(fault),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Plan::new(planned).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn of_image(
    index: &Index,
    image: &airgap::Image,
    endpoint: &Endpoint,
) -> Result<Image, Vec<ImageFault>> {
    if !image.faults.is_empty() {
        return Err(image.faults.clone());
    }
    let reference =
        Reference::parse(&image.reference).map_err(|it| vec![ImageFault::Reference(it)])?;
    let (kind, destination) = match image.kind {
        ImageKind::App => (Kind::Application, Destination::of(&reference, endpoint)),
        ImageKind::EmbeddedCluster => {
            (Kind::EmbeddedCluster, Destination::of_embedded_cluster(&reference, endpoint))
        }
    };
    let manifest = |it: &&airgap::Manifest| Manifest {
        digest: it.digest,
        media_type: it.media_type.clone(),
        bytes: it.bytes.clone().into(),
        blobs: it
            .blobs
            .iter()
            .filter(|it| !it.foreign)
            .map(|it| Blob { digest: it.digest, size: it.size, inline: None })
            .collect(),
    };
    let manifests = index.parts(image).manifests.iter().map(manifest).collect();
    Ok(Image { kind, name: reference.to_string(), destination, manifests })
}

/// The image under the tag that was asked for, if it is the admin console's own.
fn tagged(mut image: Image, kotsadm_tag: Option<&str>) -> Image {
    let destination = &mut image.destination;
    let name = destination.repository.rsplit('/').next().unwrap_or_default();
    if image.kind == Kind::Application
        && KOTSADM_IMAGES.contains(&name)
        && let Some(tag) = kotsadm_tag
    {
        destination.version = Version::Tag(tag.to_owned());
    }
    image
}

/// An artifact holds one file. Unlike the original's, its manifest has no time, so the same file is the same artifact.
fn of_artifact(index: &Index, artifact: &Artifact, endpoint: &Endpoint) -> Result<Image, String> {
    let path = &artifact.path;
    let section =
        artifact.section.ok_or_else(|| format!("{path}: it is listed, but not in the bundle"))?;
    let airgap = &index.airgap;
    let (channel, cursor, label) =
        (&airgap.channel_id, &airgap.update_cursor, &airgap.version_label);
    let destination = artifact_destination(endpoint, path, channel, cursor, label)
        .ok_or_else(|| format!("{path}: no name of a repository can be made of it"))?;
    let title = path.rsplit('/').next().unwrap_or_default();
    let config = Bytes::from_static(b"{}");
    let text = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT,
        "config": {
            "mediaType": EMPTY,
            "digest": Digest::of(&config).to_string(),
            "size": config.len(),
            "data": "e30=",
        },
        "layers": [{
            "mediaType": FILE,
            "digest": section.digest.to_string(),
            "size": section.size,
            "annotations": { TITLE: title },
        }],
    });
    let bytes = Bytes::from(text.to_string());
    let size = config.len() as u64;
    let blobs = vec![
        Blob { digest: Digest::of(&config), size, inline: Some(config) },
        Blob { digest: section.digest, size: section.size, inline: None },
    ];
    let manifest =
        Manifest { digest: Digest::of(&bytes), media_type: OCI_MANIFEST.to_owned(), bytes, blobs };
    Ok(Image { kind: Kind::Artifact, name: path.clone(), destination, manifests: vec![manifest] })
}

/// The bytes of a bundle.
#[derive(Debug)]
pub struct BundleSource {
    path: PathBuf,
    index: Arc<Index>,
    sections: BTreeMap<Digest, Section>,
}

impl BundleSource {
    /// Of the bundle at `path`, which `index` describes.
    pub fn new(path: PathBuf, index: Arc<Index>) -> Self {
        let artifacts = index.artifacts.iter().filter_map(|it| it.section);
        let sections = index
            .blobs
            .iter()
            .map(|(digest, section)| (*digest, *section))
            .chain(artifacts.map(|it| (it.digest, it)))
            .collect();
        Self { path, index, sections }
    }
}

impl Source for BundleSource {
    fn has(&self, digest: Digest) -> bool {
        self.sections.contains_key(&digest)
    }

    fn runs(&self, wanted: BTreeSet<Digest>, most: usize) -> Vec<BTreeSet<Digest>> {
        let wanted = wanted.iter().filter_map(|it| self.sections.get(it)).copied();
        let runs = Sections::runs(&self.index, wanted, most);
        runs.into_iter().map(|run| run.into_iter().map(|it| it.digest).collect()).collect()
    }

    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let wanted = wanted.iter().filter_map(|it| self.sections.get(it)).copied();
        let mut sections = Sections::open(&self.path, &self.index, wanted)?;
        if !is_compared {
            sections = sections.compared_elsewhere();
        }
        while let Some(section) = sections.next_section()? {
            if give(section.digest, &mut sections).is_break() {
                break;
            }
        }
        Ok(())
    }
}
