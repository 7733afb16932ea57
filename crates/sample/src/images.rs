//! Images as `format: docker` has them in a bundle: the storage of a registry, every blob of noise.

use std::collections::BTreeMap;
use std::io::{self, Write};

use airgap::{BundleWriter, ReleaseFile};
use anyhow::Result;
use kinds::airgap::Airgap;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::noise::Noise;

const ROOT: &str = "images/docker/registry/v2";
const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// A layer: bytes of noise. The same seed and size are the same layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Which noise.
    pub seed: u64,
    /// Bytes.
    pub size: u64,
}

/// An image.
#[derive(Debug, Clone)]
pub struct ImageSpec {
    /// As `airgap.yaml` lists it, with a tag.
    pub name: String,
    /// Its layers.
    pub layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Parts {
    hex: String,
    manifest: Vec<u8>,
    config: Vec<u8>,
    blobs: Vec<String>,
}

/// Images that are ready to be written.
#[derive(Debug, Clone)]
pub struct Images {
    names: Vec<String>,
    layers: BTreeMap<Layer, String>,
    small: Vec<ReleaseFile>,
    parts: Vec<Parts>,
    /// Digest of each image's manifest in hex, by name.
    pub manifests: BTreeMap<String, String>,
}

impl Images {
    /// Prepares images. Reads all noise once for its digest; holds none of it.
    ///
    /// # Panics
    ///
    /// When a name has no tag.
    pub fn new(specs: &[ImageSpec]) -> Self {
        let mut images = Self {
            names: specs.iter().map(|it| it.name.clone()).collect(),
            layers: BTreeMap::new(),
            small: Vec::new(),
            parts: Vec::new(),
            manifests: BTreeMap::new(),
        };
        for spec in specs {
            images.add(spec);
        }
        images
    }

    fn add(&mut self, spec: &ImageSpec) {
        for layer in &spec.layers {
            self.layers.entry(*layer).or_insert_with(|| digest_of(*layer));
        }
        let config = json!({ "architecture": "amd64", "os": "linux", "image": spec.name });
        let config = config.to_string().into_bytes();
        let part = |kind: &str, size: u64, hex: &str| json!({ "mediaType": kind, "size": size, "digest": format!("sha256:{hex}") });
        let layers: Vec<_> =
            spec.layers.iter().map(|it| part(LAYER, it.size, &self.layers[it])).collect();
        let config_hex = hex_of(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": part(CONFIG, config.len() as u64, &config_hex),
            "layers": layers,
        });
        let manifest = serde_json::to_vec_pretty(&manifest).expect("JSON");
        let manifest_hex = hex_of(&manifest);
        let mut blobs = vec![config_hex.clone()];
        blobs.extend(spec.layers.iter().map(|it| self.layers[it].clone()));
        self.parts.push(Parts {
            hex: manifest_hex.clone(),
            manifest: manifest.clone(),
            config: config.clone(),
            blobs,
        });
        let base = spec.name.rsplit('/').next().unwrap_or_default();
        let (repository, tag) = base.split_once(':').expect("a name with a tag");
        let link = format!("sha256:{manifest_hex}").into_bytes();
        let manifests = format!("{ROOT}/repositories/{repository}/_manifests");
        self.small.extend([
            ReleaseFile { path: blob_path(&config_hex), bytes: config },
            ReleaseFile { path: blob_path(&manifest_hex), bytes: manifest },
            ReleaseFile {
                path: format!("{manifests}/tags/{tag}/current/link"),
                bytes: link.clone(),
            },
            ReleaseFile {
                path: format!("{manifests}/revisions/sha256/{manifest_hex}/link"),
                bytes: link,
            },
        ]);
        self.manifests.insert(spec.name.clone(), manifest_hex);
    }

    /// Says in `airgap.yaml` that they are there.
    pub fn list(&self, airgap: &mut Airgap) {
        "docker".clone_into(&mut airgap.format);
        airgap.saved_images.clone_from(&self.names);
    }

    /// Writes them, layer by layer.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write<W: Write>(&self, writer: &mut BundleWriter<W>) -> Result<()> {
        for (layer, hex) in &self.layers {
            writer.file(&blob_path(hex), layer.size, &mut Noise::new(layer.seed, layer.size))?;
        }
        for file in &self.small {
            writer.bytes(&file.path, &file.bytes)?;
        }
        Ok(())
    }

    /// Every config and layer: the hex digits of its digest, and its bytes.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, Box<dyn io::Read + '_>)> {
        let layers = self.layers.iter().map(|(layer, hex)| {
            let noise: Box<dyn io::Read> = Box::new(Noise::new(layer.seed, layer.size));
            (hex.as_str(), noise)
        });
        let configs = self.parts.iter().map(|it| {
            let config: Box<dyn io::Read> = Box::new(it.config.as_slice());
            (it.blobs[0].as_str(), config)
        });
        layers.chain(configs)
    }

    /// Each image: its manifest, and the hex digits of its config and layers.
    pub fn parts(&self) -> impl Iterator<Item = (&[u8], &[String])> {
        self.parts.iter().map(|it| (it.manifest.as_slice(), it.blobs.as_slice()))
    }

    /// The bytes of a manifest, by the hex digits of its digest.
    pub fn manifest(&self, hex: &str) -> Option<&[u8]> {
        let at = self.parts.iter().find(|it| it.hex == hex)?;
        Some(&at.manifest)
    }
}

fn blob_path(hex: &str) -> String {
    format!("{ROOT}/blobs/sha256/{}/{hex}/data", &hex[..2])
}

fn hex_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn digest_of(layer: Layer) -> String {
    struct Sink(Sha256);
    impl Write for Sink {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.update(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sink = Sink(Sha256::new());
    let copied = io::copy(&mut Noise::new(layer.seed, layer.size), &mut sink);
    debug_assert!(copied.is_ok());
    hex::encode(sink.0.finalize())
}
