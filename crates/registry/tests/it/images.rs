//! Images to push, held in memory, and the order in which a bundle would give their blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};

use airgap::{Digest, Reference};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use registry::push::{Blob, Image, Kind, Manifest, Plan, Source, SourceError};
use registry::{Destination, Endpoint};
use serde_json::{Value, json};

pub(crate) const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

/// Images and their blobs.
#[derive(Default)]
pub(crate) struct Images {
    pub(crate) all: Vec<(String, Vec<Manifest>)>,
    blobs: Vec<(Digest, Bytes)>,
    noise: Option<StdRng>,
}

impl Images {
    pub(crate) fn new(seed: u64) -> Self {
        Self { noise: Some(StdRng::seed_from_u64(seed)), ..Self::default() }
    }

    /// A blob of noise.
    pub(crate) fn blob(&mut self, size: usize) -> Blob {
        let mut bytes = vec![0; size];
        self.noise.as_mut().expect("seeded").fill_bytes(&mut bytes);
        self.add(bytes.into())
    }

    pub(crate) fn add(&mut self, bytes: Bytes) -> Blob {
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        if !self.blobs.iter().any(|it| it.0 == digest) {
            self.blobs.push((digest, bytes));
        }
        Blob { digest, size, inline: None }
    }

    /// A manifest of docker over layers.
    pub(crate) fn docker(&mut self, layers: Vec<Blob>) -> Manifest {
        let kind = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        self.manifest(DOCKER, "application/vnd.docker.container.image.v1+json", kind, layers)
    }

    /// A manifest of OCI over zstd layers.
    pub(crate) fn oci(&mut self, layers: Vec<Blob>) -> Manifest {
        let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
        self.manifest(OCI, "application/vnd.oci.image.config.v1+json", kind, layers)
    }

    fn manifest(
        &mut self,
        kind: &str,
        config_kind: &str,
        layer_kind: &str,
        layers: Vec<Blob>,
    ) -> Manifest {
        let config = json!({ "architecture": "amd64", "os": "linux", "layers": layers.len(), "no": self.blobs.len() });
        let config = self.add(config.to_string().into());
        let part = |kind: &str, it: &Blob| json!({ "mediaType": kind, "size": it.size, "digest": it.digest.to_string() });
        let text = json!({
            "schemaVersion": 2,
            "mediaType": kind,
            "config": part(config_kind, &config),
            "layers": layers.iter().map(|it| part(layer_kind, it)).collect::<Vec<_>>(),
        });
        let blobs = std::iter::once(config).chain(layers).collect();
        of(kind, &text, blobs)
    }

    /// A list of manifests.
    pub(crate) fn list(kind: &str, of_each: &[Manifest]) -> Manifest {
        let each: Vec<Value> = of_each
            .iter()
            .zip(["amd64", "arm64", "s390x"])
            .map(|(it, architecture)| json!({ "mediaType": it.media_type, "size": it.bytes.len(), "digest": it.digest.to_string(), "platform": { "os": "linux", "architecture": architecture } }))
            .collect();
        let text = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": each });
        of(kind, &text, Vec::new())
    }

    pub(crate) fn image(&mut self, name: &str, manifests: Vec<Manifest>) {
        self.all.push((name.to_owned(), manifests));
    }

    pub(crate) fn plan(&self, endpoint: &Endpoint) -> Plan {
        let image = |(name, manifests): &(String, Vec<Manifest>)| {
            let reference = Reference::parse(name).expect("a name");
            let destination = Destination::of(&reference, endpoint);
            Image {
                kind: Kind::Application,
                name: name.clone(),
                destination,
                manifests: manifests.clone(),
            }
        };
        Plan::new(self.all.iter().map(image).collect()).expect("they fit together")
    }

    pub(crate) fn source(&self) -> Memory {
        Memory { blobs: self.blobs.clone(), passes: AtomicU32::new(0), cut: None }
    }

    /// Bytes of all blobs.
    pub(crate) fn size(&self) -> u64 {
        self.blobs.iter().map(|it| it.1.len() as u64).sum()
    }

    pub(crate) fn blob_count(&self) -> usize {
        self.blobs.len()
    }
}

fn of(kind: &str, text: &Value, blobs: Vec<Blob>) -> Manifest {
    // Not the shortest form, so that whoever writes it anew would be found out.
    let bytes = Bytes::from(serde_json::to_string_pretty(text).expect("JSON"));
    Manifest { digest: Digest::of(&bytes), media_type: kind.to_owned(), bytes, blobs }
}

/// A source in memory that is read in several places, in each in one order only.
pub(crate) struct Memory {
    blobs: Vec<(Digest, Bytes)>,
    pub(crate) passes: AtomicU32,
    /// Fails after so many bytes of every blob.
    pub(crate) cut: Option<usize>,
}

impl Memory {
    /// Leaves a blob out, as a patch does.
    pub(crate) fn leave_out(&mut self, digest: Digest) {
        self.blobs.retain(|it| it.0 != digest);
    }
}

impl Source for Memory {
    fn has(&self, digest: Digest) -> bool {
        self.blobs.iter().any(|it| it.0 == digest)
    }

    fn runs(&self, wanted: BTreeSet<Digest>, most: usize) -> Vec<BTreeSet<Digest>> {
        let all: Vec<Digest> =
            self.blobs.iter().map(|it| it.0).filter(|it| wanted.contains(it)).collect();
        all.chunks(all.len().div_ceil(most).max(1)).map(|it| it.iter().copied().collect()).collect()
    }

    fn pass(
        &self,
        wanted: &BTreeSet<Digest>,
        _is_compared: bool,
        give: &mut dyn FnMut(Digest, &mut dyn Read) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        self.passes.fetch_add(1, Ordering::Relaxed);
        for (digest, bytes) in self.blobs.iter().filter(|it| wanted.contains(&it.0)) {
            let end = self.cut.map_or(bytes.len(), |it| it.min(bytes.len()));
            let mut data = (&bytes[..end]).chain(Failing(self.cut.is_some()));
            if give(*digest, &mut data).is_break() {
                break;
            }
        }
        Ok(())
    }
}

struct Failing(bool);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        if self.0 { Err(std::io::Error::other("the bundle was changed")) } else { Ok(0) }
    }
}

/// A dozen images of every kind, with shared layers, small and large blobs.
pub(crate) fn mixed(seed: u64) -> Images {
    let mut images = Images::new(seed);
    let base = images.blob(700_000);
    let empty = images.add(Bytes::new());
    for at in 0..6 {
        let own = images.blob(40_000 * (at + 1));
        let large = images.blob(300_000);
        let manifest = images.docker(vec![base.clone(), own, large, empty.clone()]);
        images.image(&format!("quay.io/org/app-{at}:1.{at}"), vec![manifest]);
    }
    let zstd = images.blob(250_000);
    let manifest = images.oci(vec![zstd, base.clone()]);
    let pinned = format!("ghcr.io/org/pinned@{}", manifest.digest);
    images.image(&pinned, vec![manifest]);
    for (name, kind) in [("list", LIST), ("index", OCI_INDEX)] {
        let layers = [images.blob(90_000), images.blob(120_000)];
        let mut each = Vec::new();
        for layer in layers {
            let manifest = images.oci(vec![base.clone(), layer]);
            each.push(manifest);
        }
        let list = Images::list(kind, &each);
        each.push(list);
        images.image(&format!("docker.io/org/{name}:2"), each);
    }
    images
}

/// What a registry must hold of these images: digest and bytes of each manifest.
pub(crate) fn manifests(images: &Images) -> BTreeMap<Digest, Bytes> {
    let all = images.all.iter().flat_map(|it| &it.1);
    all.map(|it| (it.digest, it.bytes.clone())).collect()
}
