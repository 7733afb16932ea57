//! An image as `docker save` and `skopeo` write it: a tar with `manifest.json`, a config and layers.
//!
//! It has no manifest of a registry. One is made here from its parts, the same every time, with the layers as they are:
//! a registry takes plain layers, and compressing them would give other bytes with every version of the compressor.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    facts::SectionFact,
    manifest::Manifest,
    pass::{DOCUMENT_MAX, hash_all},
};
use crate::{
    digest::Digest,
    gzip::Gunzip,
    limits::ArchiveLimits,
    tar::{ArchiveError, EntryKind, TarReader},
};

/// Bytes of JSON documents of one image that are held until its `manifest.json` is seen.
const DOCUMENTS_MAX: u64 = 16 << 20;
/// How gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How many links may follow one another.
const HOPS: usize = 8;

/// A saved image.
#[derive(Debug)]
pub(super) struct SavedImage {
    pub(super) manifest: Manifest,
    /// The config and the layers, where they are in the bundle.
    pub(super) parts: Vec<SectionFact>,
}

/// Why a saved image cannot be used.
#[derive(Debug)]
pub(super) enum SavedFault {
    Archive(ArchiveError),
    Shape(String),
}

impl From<ArchiveError> for SavedFault {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

fn shape(what: impl Into<String>) -> SavedFault {
    SavedFault::Shape(what.into())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedManifest {
    config: String,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<String>>,
}

/// A file of the image.
struct Part {
    section: SectionFact,
    /// SHA-256 after decompression.
    content: Digest,
    is_gzip: bool,
}

#[derive(Default)]
struct Parts {
    files: BTreeMap<String, Part>,
    links: BTreeMap<String, Option<String>>,
    documents: BTreeMap<String, Vec<u8>>,
    held: u64,
}

/// Reads the image in `data`, which begins `offset` bytes into the decompressed bundle, to its end.
pub(super) fn read(
    data: &mut impl Read,
    offset: u64,
    limits: &ArchiveLimits,
) -> Result<(Digest, SavedImage), SavedFault> {
    let mut source = Tee::new(data);
    let mut parts = Parts::default();
    if let Err(fault) = parts.read(&mut source, offset, limits) {
        let is_gzip = source.start.starts_with(&GZIP);
        return Err(if is_gzip { shape("it is compressed a second time") } else { fault });
    }
    Ok((Digest::finish(source.hash), parts.image()?))
}

impl Parts {
    fn read(
        &mut self,
        source: &mut impl Read,
        offset: u64,
        limits: &ArchiveLimits,
    ) -> Result<(), SavedFault> {
        let mut tar = TarReader::new(source, limits).with_links();
        while let Some(entry) = tar.next_entry()? {
            match entry.kind {
                EntryKind::Directory => {}
                EntryKind::Link => drop(self.links.insert(entry.name, entry.link)),
                EntryKind::File => {
                    let at = offset + tar.position();
                    self.add(entry.name, at, entry.size, &mut tar.data(), limits)?;
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: String,
        offset: u64,
        size: u64,
        data: &mut impl Read,
        limits: &ArchiveLimits,
    ) -> Result<(), SavedFault> {
        let mut start = Vec::new();
        data.take(GZIP.len() as u64).read_to_end(&mut start).map_err(ArchiveError::from)?;
        let is_gzip = start == GZIP;
        let mut whole = start.chain(data);
        let (digest, content) = if is_gzip {
            let mut tee = Tee::new(&mut whole);
            let content = hash_all(&mut Gunzip::new(&mut tee, limits), u64::MAX)
                .map_err(|error| in_file(&name, error))?
                .digest;
            // Zeros after the end of a gzip stream belong to the file, too.
            io::copy(&mut tee, &mut io::sink()).map_err(ArchiveError::from)?;
            (Digest::finish(tee.hash), content)
        } else {
            let hashed = hash_all(&mut whole, size).map_err(ArchiveError::from)?;
            if let Some(document) = hashed.document {
                self.held += document.len() as u64;
                if self.held > DOCUMENTS_MAX {
                    return Err(shape(format!("it holds more than {DOCUMENTS_MAX} bytes of JSON")));
                }
                self.documents.insert(name.clone(), document);
            }
            (hashed.digest, hashed.digest)
        };
        let named = name.strip_prefix("blobs/sha256/").and_then(Digest::from_hex);
        if named.is_some_and(|it| it != digest) {
            return Err(shape(format!("`{name}` in it has the content of {digest}")));
        }
        let section = SectionFact(offset, size, digest);
        self.files.insert(name, Part { section, content, is_gzip });
        Ok(())
    }

    /// The name of the file that a name leads to.
    fn follow<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let mut name = name.strip_prefix("./").unwrap_or(name);
        for _ in 0..HOPS {
            if self.files.contains_key(name) {
                return Some(name);
            }
            name = self.links.get(name)?.as_deref()?;
        }
        None
    }

    fn part(&self, name: &str) -> Result<&Part, SavedFault> {
        self.follow(name).and_then(|it| self.files.get(it)).ok_or_else(|| {
            shape(format!("its manifest.json names `{}`, which is not in it", shown(name)))
        })
    }

    fn image(&self) -> Result<SavedImage, SavedFault> {
        let list = self
            .documents
            .get("manifest.json")
            .ok_or_else(|| shape("it holds no manifest.json: not an image saved by docker"))?;
        let list: Vec<SavedManifest> = serde_json::from_slice(list)
            .map_err(|error| shape(format!("its manifest.json cannot be read: {error}")))?;
        let [saved] = list.as_slice() else {
            return Err(shape(format!("it holds {} images, allowed is one", list.len())));
        };
        let config = self.part(&saved.config)?;
        let text =
            self.follow(&saved.config).and_then(|it| self.documents.get(it)).ok_or_else(|| {
                shape(format!("its config is no JSON of at most {DOCUMENT_MAX} bytes"))
            })?;
        let parsed: Config = serde_json::from_slice(text)
            .map_err(|error| shape(format!("its config cannot be read: {error}")))?;
        let names = saved.layers.clone().unwrap_or_default();
        let layers = names.iter().map(|it| self.part(it)).collect::<Result<Vec<_>, _>>()?;
        let ids = parsed.rootfs.diff_ids.unwrap_or_default();
        if ids.len() != layers.len() {
            return Err(shape(format!(
                "its config names {} layers, its manifest.json {}",
                ids.len(),
                layers.len()
            )));
        }
        for ((name, layer), id) in names.iter().zip(&layers).zip(&ids) {
            if Digest::parse(id) != Some(layer.content) {
                return Err(shape(format!(
                    "its config says layer `{}` is {}, its content is {}",
                    shown(name),
                    shown(id),
                    layer.content
                )));
            }
        }
        let manifest = manifest(config, &layers);
        let parts = std::iter::once(config).chain(layers).map(|it| it.section).collect();
        Ok(SavedImage { manifest, parts })
    }
}

fn shown(text: &str) -> String {
    crate::tar::shown(text.as_bytes())
}

/// A docker schema 2 manifest.
fn manifest(config: &Part, layers: &[&Part]) -> Manifest {
    let part = |it: &Part, media_type: &str| {
        let SectionFact(_, size, digest) = it.section;
        format!(r#"{{"mediaType":"{media_type}","size":{size},"digest":"{digest}"}}"#)
    };
    let layer = |it: &&Part| {
        let plain = "application/vnd.docker.image.rootfs.diff.tar";
        if it.is_gzip { part(it, &format!("{plain}.gzip")) } else { part(it, plain) }
    };
    let layers: Vec<_> = layers.iter().map(layer).collect();
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{},"layers":[{}]}}"#,
        part(config, "application/vnd.docker.container.image.v1+json"),
        layers.join(",")
    );
    let bytes = text.into_bytes();
    Manifest::parse(Digest::of(&bytes), bytes).expect("it has the shape of one")
}

/// A fault of the stream inside `name`, told from one of the bundle around it.
fn in_file(name: &str, error: io::Error) -> SavedFault {
    match ArchiveError::from(error) {
        ArchiveError::Gzip(fault) => shape(format!("`{name}` in it: {fault}")),
        other => other.into(),
    }
}

/// Digests what passes, and keeps its first two bytes.
struct Tee<R> {
    source: R,
    hash: Sha256,
    start: Vec<u8>,
}

impl<R> Tee<R> {
    fn new(source: R) -> Self {
        Self { source, hash: Sha256::new(), start: Vec::new() }
    }
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.hash.update(&buf[..n]);
        let missing = GZIP.len() - self.start.len();
        self.start.extend(buf[..n].iter().take(missing));
        Ok(n)
    }
}
