//! The index of a bundle: everything in it with its place and digest, and what the images are made of.
//!
//! One pass reads the whole bundle and checks it: gzip and tar to their ends, the release inside, content against the
//! digests in its name, configs against their layers. What is *missing* is no error of the pass, for a bundle may leave
//! images out; [`Image::faults`] lists it. Later passes ([`crate::Sections`]) read only what they need.
//!
//! Three layouts are read: registry storage (`format: docker`), images saved by docker (`format: docker-archive` or
//! none) and OCI layouts (`format: oci`, which the original does not know).

mod archive;
mod facts;
mod layout;
mod manifest;
mod pass;
mod patch;
mod points;
mod resolve;
mod store;

use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use facts::{EntryFact, Facts, SectionFact};
use kinds::airgap::Airgap;
pub(crate) use manifest::oci_index;
pub use manifest::{Descriptor, Manifest};
pub use patch::{Patch, PatchFrom};
use points::Points;
pub(crate) use resolve::Content;
pub use resolve::Parts;
pub use store::IndexStore;
use thiserror::Error;

use crate::{
    APP_ARCHIVE,
    bundle::{BundleCheck, BundleError, Mark, Progress, Watched, open},
    digest::Digest,
    gzip::{Gunzip, Point},
    limits::Limits,
    pipe,
    reference::ReferenceError,
    tar::clean,
};

/// A run of bytes in the decompressed bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section {
    /// Bytes before it.
    pub offset: u64,
    /// Its bytes.
    pub size: u64,
    /// SHA-256 of them.
    pub digest: Digest,
}

/// A file in a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedEntry {
    /// Its name, in the spelling of [`crate::Entry::name`].
    pub name: String,
    /// Its data.
    pub section: Section,
}

/// Whose an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// The application's: `spec.savedImages`, or a saved image that is not listed.
    App,
    /// An embedded cluster's: `spec.embeddedClusterArtifacts.registry.savedImages`.
    EmbeddedCluster,
}

/// An image of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name as `airgap.yaml` has it, or the one its path stands for.
    pub reference: String,
    /// Whose it is.
    pub kind: ImageKind,
    /// Its manifest or list; `None` when the bundle has nothing for it. For an image saved by docker it is made from
    /// the parts.
    pub manifest: Option<Digest>,
    /// Parts that a patch bundle leaves out: the registry must have them.
    pub expected: Vec<Descriptor>,
    /// Why it cannot be pushed from this bundle. Empty for a whole image.
    pub faults: Vec<ImageFault>,
}

/// Why an image cannot be pushed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageFault {
    /// Its name.
    #[error(transparent)]
    Reference(ReferenceError),
    /// Nothing is there for it.
    #[error("it is not in the bundle (`{place}` is missing)")]
    Absent {
        /// Where it would be.
        place: String,
    },
    /// Several are there for it.
    #[error("`{place}` has several images of that name")]
    Ambiguous {
        /// Where they are.
        place: String,
    },
    /// A manifest that a link or a list names.
    #[error("manifest {digest} is not in the bundle")]
    ManifestMissing {
        /// Which.
        digest: Digest,
    },
    /// Content where a manifest should be.
    #[error("{digest} is no image manifest of docker schema 2 or OCI")]
    NotAManifest {
        /// Which.
        digest: Digest,
    },
    /// Lists in lists in lists.
    #[error("manifest {digest} is inside too many lists")]
    TooDeep {
        /// Which.
        digest: Digest,
    },
    /// A config or a layer.
    #[error("blob {digest} of {size} bytes is not in the bundle")]
    BlobMissing {
        /// Which.
        digest: Digest,
        /// Bytes, by the manifest.
        size: u64,
    },
    /// A blob of another size than its manifest says.
    #[error("blob {digest} has {bundle} bytes, its manifest says {manifest}")]
    Size {
        /// Which.
        digest: Digest,
        /// Bytes, by the manifest.
        manifest: u64,
        /// Bytes there are.
        bundle: u64,
    },
}

/// A file of an embedded cluster that `airgap.yaml` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// `charts`, `imagesAmd64`, `binaryAmd64`, `metadata`, or the key among `additionalArtifacts`.
    pub key: String,
    /// Its path.
    pub path: String,
    /// Its data; `None` when it is not in the bundle.
    pub section: Option<Section>,
}

/// Everything in a bundle. See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// SHA-256 of the bundle file.
    pub sha256: Digest,
    /// Bytes of the bundle file.
    pub size: u64,
    /// Bytes after decompression.
    pub plain_size: u64,
    /// The text of `airgap.yaml`.
    pub airgap_yaml: String,
    /// What it says.
    pub airgap: Airgap,
    /// The files, in the order of the bundle.
    pub entries: Vec<IndexedEntry>,
    /// Content by digest: configs, layers and stored manifests. A manifest that was made here is not among them.
    pub blobs: BTreeMap<Digest, Section>,
    /// Manifests and lists by digest.
    pub manifests: BTreeMap<Digest, Manifest>,
    /// The images.
    pub images: Vec<Image>,
    /// The files of an embedded cluster.
    pub artifacts: Vec<Artifact>,
    /// What the bundle leaves out, if it is a patch.
    pub patch: Option<Patch>,
    /// Where the stream can be entered, in its order.
    pub(crate) points: Points,
    pub(crate) mark: Mark,
    facts: Facts,
    limits: Limits,
}

impl Index {
    /// Reads a bundle once, from start to end, and checks all of it. Memory is bounded by the caps of `limits`.
    /// The file's digest, decompression and the digests of what is in it take a thread each.
    ///
    /// `on_progress` is called after every read of the file; `Break` ends the pass with [`BundleError::Cancelled`].
    /// [`IndexStore::open`] does the same, but only if it is not known already.
    ///
    /// # Errors
    ///
    /// Returns the first reason why the bundle is not sound, with the entry it concerns.
    pub fn build(
        path: &Path,
        limits: &Limits,
        on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self, BundleError> {
        let (file, mark) = open(path)?;
        let mut source = Watched::new(file, mark.size, on_progress);
        let (read, (points, fed, result)) = pipe::split(&mut source, |piped| {
            let mut gunzip = Gunzip::noting(piped, &limits.bundle);
            let (fed, result) = pipe::split(&mut gunzip, |piped| pass::read(piped, limits));
            (gunzip.points(), fed, result)
        });
        // A file that cannot be read on looks cut to what follows.
        read.map_err(|error| BundleError::from_archive(error.into()))?;
        let (error, entry) = match (fed, result) {
            (Ok(()), Ok(pass)) => {
                let (sha256, read) = source.finish();
                if read != mark.size || open(path)?.1 != mark {
                    return Err(BundleError::Changed);
                }
                return Self::conclude(pass, sha256, mark, points, limits);
            }
            // What was read before the stream broke may be at fault because of that.
            (Err(error), Ok(pass)) => {
                let last = pass.entries.last().map(|it| it.name.clone());
                (BundleError::from_archive(error.into()), last)
            }
            (Err(error), Err((_, entry))) => (BundleError::from_archive(error.into()), entry),
            (Ok(()), Err(found)) => found,
        };
        Err(error.near(entry))
    }

    fn conclude(
        mut pass: pass::Pass,
        sha256: Digest,
        mark: Mark,
        points: Vec<Point>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        let (airgap_yaml, airgap) = pass.airgap()?;
        for (path, _) in &pass.archives {
            if resolve::archive_reference(path).is_none() {
                let name = format!("images/docker-archive/{path}");
                let fault =
                    "its path is not that of an image: HOST/PATH/TAG or HOST/PATH/sha256/HEX";
                return Err(BundleError::Image { name, fault: fault.to_owned() });
            }
        }
        let facts = Facts {
            sha256,
            size: mark.size,
            plain_size: pass.plain_size,
            airgap_yaml,
            app: pass.app,
            patch_json: pass.patch_json,
            entries: pass.entries,
            blobs: pass.blobs,
            manifests: pass.manifests,
            links: pass.links,
            oci_indexes: pass.oci_indexes,
            archives: pass.archives,
        };
        Self::from_facts(facts, airgap, mark, Points::found(points), limits)
    }

    fn from_facts(
        facts: Facts,
        airgap: Airgap,
        mark: Mark,
        points: Points,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        let patch =
            facts.patch_json.as_deref().map(Patch::parse).transpose().map_err(|fault| {
                BundleError::Image { name: crate::PATCH_JSON.to_owned(), fault }
            })?;
        let section = |it: &SectionFact| Section { offset: it.0, size: it.1, digest: it.2 };
        let mut blobs = BTreeMap::new();
        for blob in &facts.blobs {
            blobs.entry(blob.2).or_insert_with(|| section(blob));
        }
        let manifests: BTreeMap<_, _> = facts
            .manifests
            .iter()
            .filter_map(|text| {
                let digest = Digest::of(text.as_bytes());
                Some((digest, Manifest::parse(digest, text.clone().into_bytes())?))
            })
            .collect();
        let content = Content { manifests: &manifests, blobs: &blobs, patch: patch.as_ref() };
        let images = resolve::images(&facts, &airgap, content);
        let entries: Vec<_> = facts
            .entries
            .iter()
            .map(|EntryFact { name, section: it }| IndexedEntry {
                name: name.clone(),
                section: section(it),
            })
            .collect();
        let artifacts = artifacts(&airgap, &entries);
        Ok(Self {
            sha256: facts.sha256,
            size: facts.size,
            plain_size: facts.plain_size,
            airgap_yaml: facts.airgap_yaml.clone(),
            airgap,
            entries,
            blobs,
            manifests,
            images,
            artifacts,
            patch,
            points,
            mark,
            facts,
            limits: *limits,
        })
    }

    /// The manifests and blobs of an image.
    pub fn parts(&self, image: &Image) -> Parts<'_> {
        let content =
            Content { manifests: &self.manifests, blobs: &self.blobs, patch: self.patch.as_ref() };
        image.manifest.map(|it| Parts::of(content, it)).unwrap_or_default()
    }

    /// The file of this name.
    pub fn entry(&self, name: &str) -> Option<&IndexedEntry> {
        self.entries.iter().find(|it| it.name == name)
    }

    /// The release in it: `app.tar.gz` and the number of files in that. A bundle of images alone has none.
    pub fn release(&self) -> Option<(Section, u64)> {
        let files = self.facts.app.as_ref()?.files;
        Some((self.entry(APP_ARCHIVE)?.section, files))
    }

    /// What [`crate::Bundle::check`] would say.
    ///
    /// # Errors
    ///
    /// When there is no release in the bundle.
    pub fn check(&self) -> Result<BundleCheck, BundleError> {
        let Some(app) = &self.facts.app else {
            let names = self.entries.iter().map(|it| it.name.as_str());
            return Err(BundleError::missing(APP_ARCHIVE, names));
        };
        Ok(BundleCheck {
            airgap_yaml: self.airgap_yaml.clone(),
            airgap: self.airgap.clone(),
            app_size: app.size,
            app_sha256: app.sha256.clone(),
            app_files: app.files,
            documents: app.documents.clone(),
            size: self.size,
            sha256: self.sha256.hex(),
            limits: self.limits.bundle,
            mark: self.mark,
        })
    }
}

/// As `Total()` of the original's kinds: what has a path.
fn artifacts(airgap: &Airgap, entries: &[IndexedEntry]) -> Vec<Artifact> {
    let Some(spec) = &airgap.embedded_cluster_artifacts else {
        return Vec::new();
    };
    let fixed = [
        ("binaryAmd64", &spec.binary_amd64),
        ("charts", &spec.charts),
        ("imagesAmd64", &spec.images_amd64),
        ("metadata", &spec.metadata),
    ];
    let additional = spec.additional_artifacts.iter().map(|(key, path)| (key.as_str(), path));
    fixed
        .into_iter()
        .chain(additional)
        .filter(|(_, path)| !path.is_empty())
        .map(|(key, path)| {
            let name = clean(path.as_bytes()).map(|it| it.0).unwrap_or_default();
            let section = entries.iter().find(|it| it.name == name).map(|it| it.section);
            Artifact { key: key.to_owned(), path: path.clone(), section }
        })
        .collect()
}
