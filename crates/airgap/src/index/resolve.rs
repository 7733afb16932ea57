//! Which images there are, what they are made of, and what is missing. Pure: the same facts give the same images.

use std::collections::{BTreeMap, BTreeSet};

use kinds::airgap::Airgap;

use super::{
    Descriptor, Image, ImageFault, ImageKind, Manifest, Section, facts::Facts, layout::LinkName,
    manifest::oci_index, patch::Patch,
};
use crate::{
    digest::Digest,
    reference::{Reference, Version},
    tar::clean,
};

/// How deep lists of lists are followed.
const DEPTH: usize = 4;

/// What is in the bundle, by digest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) manifests: &'a BTreeMap<Digest, Manifest>,
    pub(crate) blobs: &'a BTreeMap<Digest, Section>,
    pub(crate) patch: Option<&'a Patch>,
}

/// The parts of an image.
#[derive(Debug, Default)]
pub struct Parts<'a> {
    /// Its manifests in the order in which a registry takes them: those of a list before the list.
    pub manifests: Vec<&'a Manifest>,
    /// Its configs and layers, each once, but for those that are to be fetched from elsewhere.
    pub blobs: Vec<&'a Descriptor>,
    /// What is not in the bundle.
    pub(crate) faults: Vec<ImageFault>,
    seen: BTreeSet<Digest>,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(content: Content<'a>, root: Digest) -> Self {
        let mut parts = Self::default();
        parts.add(content, root, 0);
        parts
    }

    fn add(&mut self, content: Content<'a>, digest: Digest, depth: usize) {
        if !self.seen.insert(digest) {
            return;
        }
        let Some(manifest) = content.manifests.get(&digest) else {
            let is_there = content.blobs.contains_key(&digest);
            self.faults.push(if is_there {
                ImageFault::NotAManifest { digest }
            } else {
                ImageFault::ManifestMissing { digest }
            });
            return;
        };
        if depth > DEPTH {
            self.faults.push(ImageFault::TooDeep { digest });
            return;
        }
        for part in &manifest.manifests {
            self.add(content, part.digest, depth + 1);
        }
        for part in manifest.blobs.iter().filter(|it| !it.foreign) {
            if self.seen.insert(part.digest) {
                self.blobs.push(part);
            }
        }
        self.manifests.push(manifest);
    }
}

/// The images of a bundle: those that `airgap.yaml` lists, and saved ones that it does not.
pub(super) fn images(facts: &Facts, airgap: &Airgap, content: Content<'_>) -> Vec<Image> {
    let archives = archives(facts);
    let mut images = Vec::new();
    let mut saved = BTreeSet::new();
    for name in unique(&airgap.saved_images) {
        let found = match airgap.format.as_str() {
            "docker" => storage(facts, "images", name, content),
            "oci" => layout(facts, "images", name),
            _ => reference(name).and_then(|it| {
                saved.insert(it.clone());
                let absent = || absent(format!("images/docker-archive/{}", archive_path(&it)));
                archives.get(&it).copied().ok_or_else(absent)
            }),
        };
        images.push(image(name, ImageKind::App, found, content));
    }
    if !matches!(airgap.format.as_str(), "docker" | "oci") {
        // The original pushes whatever is saved, listed or not.
        for (name, digest) in archives.iter().filter(|(name, _)| !saved.contains(name)) {
            images.push(image(&name.to_string(), ImageKind::App, Ok(*digest), content));
        }
    }
    if let Some(registry) = airgap.embedded_cluster_artifacts.as_ref().map(|it| &it.registry)
        && let Ok((dir, _)) = clean(registry.dir.as_bytes())
    {
        for name in unique(&registry.saved_images) {
            let found = storage(facts, &dir, name, content)
                .or_else(|fault| layout(facts, &dir, name).map_err(|_| fault));
            images.push(image(name, ImageKind::EmbeddedCluster, found, content));
        }
    }
    images
}

fn unique(names: &[String]) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    names.iter().map(String::as_str).filter(move |it| seen.insert(*it))
}

fn image(
    name: &str,
    kind: ImageKind,
    found: Result<Digest, ImageFault>,
    content: Content<'_>,
) -> Image {
    let (manifest, mut faults) = match found {
        Ok(digest) => (Some(digest), Vec::new()),
        Err(fault) => (None, vec![fault]),
    };
    let mut expected = Vec::new();
    if let Some(root) = manifest {
        let parts = Parts::of(content, root);
        for part in parts.blobs {
            let is_left_out = content.patch.is_some_and(|it| it.blobs.contains_key(&part.digest));
            match content.blobs.get(&part.digest) {
                Some(section) if section.size != part.size => faults.push(ImageFault::Size {
                    digest: part.digest,
                    manifest: part.size,
                    bundle: section.size,
                }),
                Some(_) => {}
                None if is_left_out => expected.push(part.clone()),
                None => {
                    faults.push(ImageFault::BlobMissing { digest: part.digest, size: part.size });
                }
            }
        }
        faults.extend(parts.faults);
    }
    Image { reference: name.to_owned(), kind, manifest, expected, faults }
}

fn reference(name: &str) -> Result<Reference, ImageFault> {
    Reference::parse(name).map_err(ImageFault::Reference)
}

fn absent(place: String) -> ImageFault {
    ImageFault::Absent { place }
}

/// Registry storage keeps only the last part of an image's path.
fn storage(
    facts: &Facts,
    root: &str,
    name: &str,
    content: Content<'_>,
) -> Result<Digest, ImageFault> {
    let reference = reference(name)?;
    let repository = reference.base_name();
    let (wanted, shown) = match &reference.version {
        Version::Tag(tag) => (LinkName::Tag(tag.clone()), format!("tags/{tag}/current/link")),
        Version::Digest(digest) => {
            (LinkName::Revision(*digest), format!("revisions/sha256/{}/link", digest.hex()))
        }
    };
    let link = facts
        .links
        .iter()
        .find(|it| it.root == root && it.repository == repository && it.name == wanted);
    match (link, &reference.version) {
        (Some(link), _) => Ok(link.to),
        (None, Version::Digest(digest)) if content.manifests.contains_key(digest) => Ok(*digest),
        (None, _) => Err(absent(format!(
            "{root}/docker/registry/v2/repositories/{repository}/_manifests/{shown}"
        ))),
    }
}

/// An OCI layout names images in `index.json`: by their whole name, or by their tag if there is but one.
fn layout(facts: &Facts, root: &str, name: &str) -> Result<Digest, ImageFault> {
    let reference = reference(name)?;
    let place = || absent(format!("{root}/index.json"));
    let (_, text) = facts.oci_indexes.iter().find(|it| it.0 == root).ok_or_else(place)?;
    let all = oci_index(text.as_bytes()).ok_or_else(place)?;
    let is_named = |it: &Descriptor, what: &str| {
        it.names.iter().any(|it| it == what || Reference::parse(it).is_ok_and(|it| it == reference))
    };
    let by_digest = |it: &Descriptor| reference.version == Version::Digest(it.digest);
    let mut found: BTreeSet<Digest> =
        all.iter().filter(|it| is_named(it, name) || by_digest(it)).map(|it| it.digest).collect();
    if let ([only], Version::Tag(tag), true) = (&all[..], &reference.version, found.is_empty())
        && only.names.contains(tag)
    {
        found.insert(only.digest);
    }
    match (found.pop_first(), found.is_empty()) {
        (Some(digest), true) => Ok(digest),
        (Some(_), false) => Err(ImageFault::Ambiguous { place: format!("{root}/index.json") }),
        (None, _) => Err(place()),
    }
}

/// Saved images by the names that their paths stand for.
fn archives(facts: &Facts) -> BTreeMap<Reference, Digest> {
    let named = facts.archives.iter();
    named.filter_map(|(path, digest)| Some((archive_reference(path)?, *digest))).collect()
}

/// The name that the path of a saved image stands for: `HOST/PATH/TAG` or `HOST/PATH/sha256/HEX`.
pub(super) fn archive_reference(path: &str) -> Option<Reference> {
    let (name, version) = path.rsplit_once('/')?;
    // A host and a name at least, as the original.
    name.contains('/').then_some(())?;
    let text = match name.strip_suffix("/sha256") {
        Some(name) => format!("{name}@sha256:{version}"),
        None => format!("{name}:{version}"),
    };
    Reference::parse(&text).ok()
}

fn archive_path(reference: &Reference) -> String {
    let Reference { host, path, version } = reference;
    match version {
        Version::Tag(tag) => format!("{host}/{path}/{tag}"),
        Version::Digest(digest) => format!("{host}/{path}/sha256/{}", digest.hex()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_saved_images_stand_for_names() {
        let check = |path: &str| archive_reference(path).map(|it| it.to_string());
        let hex = "12".repeat(32);
        assert_eq!(
            check("quay.io/someorg/debian/0.1").as_deref(),
            Some("quay.io/someorg/debian:0.1")
        );
        assert_eq!(check("docker.io/alpine/3").as_deref(), Some("docker.io/library/alpine:3"));
        assert_eq!(
            check(&format!("quay.io/debian/sha256/{hex}")),
            Some(format!("quay.io/debian@sha256:{hex}"))
        );
        assert_eq!(check("debian/0.1"), None);
        assert_eq!(check("quay.io/debian/sha256/12"), None);
        let name = archive_reference("quay.io/someorg/debian/0.1").expect("a name");
        assert_eq!(archive_path(&name), "quay.io/someorg/debian/0.1");
    }
}
