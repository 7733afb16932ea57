//! The one pass: every entry is digested, content is compared with its name, and what describes images is kept.

use std::io::{self, Read};

use kinds::airgap::Airgap;
use sha2::{Digest as _, Sha256};

use super::{
    archive::{self, SavedFault},
    facts::{AppFact, EntryFact, LinkFact, SectionFact},
    layout::{Role, role},
    manifest::Manifest,
};
use crate::{
    AIRGAP_YAML, CHUNK,
    bundle::{BundleError, app, read_airgap_yaml},
    digest::Digest,
    gzip::read_some,
    limits::Limits,
    pipe::Piped,
    tar::{ArchiveError, Entry, EntryKind, TarReader},
};

/// Bytes of one JSON document. Registries take manifests of 4 MiB.
pub(super) const DOCUMENT_MAX: u64 = 4 << 20;
/// Bytes of a link: `sha256:` and 64 digits, with room for a line end.
const LINK_MAX: usize = 80;

/// What is known at the end of the pass.
#[derive(Debug, Default)]
pub(super) struct Pass {
    pub(super) airgap_yaml: Option<String>,
    pub(super) app: Option<AppFact>,
    pub(super) patch_json: Option<String>,
    pub(super) entries: Vec<EntryFact>,
    pub(super) blobs: Vec<SectionFact>,
    pub(super) manifests: Vec<String>,
    pub(super) links: Vec<LinkFact>,
    pub(super) oci_indexes: Vec<(String, String)>,
    pub(super) archives: Vec<(String, Digest)>,
    pub(super) plain_size: u64,
    held: u64,
}

/// Reads a whole decompressed bundle. An error comes with the last entry that was begun.
pub(super) fn read(source: Piped, limits: &Limits) -> Result<Pass, (BundleError, Option<String>)> {
    let mut tar = TarReader::new(source, &limits.bundle);
    let mut pass = Pass::default();
    let mut current = None;
    loop {
        match tar.next_entry() {
            Ok(Some(entry)) => {
                current = Some(entry.name.clone());
                pass.entry(entry, &mut tar, limits).map_err(|it| (it, current.clone()))?;
            }
            Ok(None) => break,
            Err(error) => return Err((BundleError::from_archive(error), current)),
        }
    }
    pass.plain_size = tar.position();
    Ok(pass)
}

impl Pass {
    /// `airgap.yaml`, without which a file is no bundle.
    pub(super) fn airgap(&mut self) -> Result<(String, Airgap), BundleError> {
        let Some(airgap_yaml) = self.airgap_yaml.take() else {
            let names = self.entries.iter().map(|it| it.name.as_str());
            return Err(BundleError::missing(AIRGAP_YAML, names));
        };
        let airgap = Airgap::parse(&airgap_yaml).map_err(BundleError::AirgapYaml)?;
        Ok((airgap_yaml, airgap))
    }

    fn entry(
        &mut self,
        entry: Entry,
        tar: &mut TarReader<Piped>,
        limits: &Limits,
    ) -> Result<(), BundleError> {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        let Entry { name, size, .. } = entry;
        let offset = tar.position();
        let role = role(&name);
        let digest = match &role {
            Role::App => {
                let found = app::inspect(&mut tar.data(), &limits.app)?;
                let digest = Digest::from_hex(&found.sha256).expect("it was made from one");
                self.app = Some(AppFact {
                    size,
                    sha256: found.sha256,
                    files: found.files,
                    documents: found.documents,
                });
                digest
            }
            Role::AirgapYaml => {
                let text = read_airgap_yaml(tar, size, limits.airgap_yaml)?;
                let digest = Digest::of(text.as_bytes());
                self.airgap_yaml = Some(text);
                digest
            }
            Role::Archive(path) => self.archive(&name, path, offset, tar, limits)?,
            _ => {
                let hashed = hash_all(&mut tar.data(), size)
                    .map_err(|error| BundleError::from_archive(error.into()))?;
                self.plain(&name, &role, offset, size, &hashed)?;
                if let Some(document) = hashed.document {
                    self.document(&name, role, hashed.digest, document, limits)?;
                }
                hashed.digest
            }
        };
        self.entries.push(EntryFact { name, section: SectionFact(offset, size, digest) });
        Ok(())
    }

    /// What follows from an entry's name and digest alone, or its short text.
    fn plain(
        &mut self,
        name: &str,
        role: &Role,
        offset: u64,
        size: u64,
        hashed: &Hashed,
    ) -> Result<(), BundleError> {
        match role {
            Role::Blob(named) if *named != hashed.digest => {
                let name = name.to_owned();
                Err(BundleError::Content { name, named: *named, found: hashed.digest })
            }
            Role::Blob(digest) => {
                self.blobs.push(SectionFact(offset, size, *digest));
                Ok(())
            }
            Role::Link { root, repository, to } => {
                let text = str::from_utf8(&hashed.start).ok().map(str::trim_end);
                let target = text.filter(|_| size < LINK_MAX as u64).and_then(Digest::parse);
                let target = target.ok_or_else(|| {
                    image(name, "it is a link of registry storage, but holds no SHA-256 digest")
                })?;
                self.links.push(LinkFact {
                    root: root.clone(),
                    repository: repository.clone(),
                    name: to.clone(),
                    to: target,
                });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn document(
        &mut self,
        name: &str,
        role: Role,
        digest: Digest,
        bytes: Vec<u8>,
        limits: &Limits,
    ) -> Result<(), BundleError> {
        match role {
            Role::Blob(_) => match Manifest::parse(digest, bytes) {
                Some(manifest) => self.manifest(manifest, limits),
                None => Ok(()),
            },
            Role::OciIndex { root } => {
                self.hold(bytes.len(), limits)?;
                let text = String::from_utf8(bytes).map_err(|_| image(name, "it is not UTF-8"))?;
                self.oci_indexes.push((root, text));
                Ok(())
            }
            Role::Patch => {
                self.hold(bytes.len(), limits)?;
                let text = String::from_utf8(bytes).map_err(|_| image(name, "it is not UTF-8"))?;
                self.patch_json = Some(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn manifest(&mut self, manifest: Manifest, limits: &Limits) -> Result<(), BundleError> {
        self.hold(manifest.bytes.len(), limits)?;
        let text = String::from_utf8(manifest.bytes).expect("it was read as JSON");
        self.manifests.push(text);
        Ok(())
    }

    fn hold(&mut self, bytes: usize, limits: &Limits) -> Result<(), BundleError> {
        self.held += bytes as u64;
        if self.held > limits.manifests {
            return Err(BundleError::ManifestsTooLarge { limit: limits.manifests });
        }
        Ok(())
    }

    fn archive(
        &mut self,
        name: &str,
        path: &str,
        offset: u64,
        tar: &mut TarReader<Piped>,
        limits: &Limits,
    ) -> Result<Digest, BundleError> {
        let read = archive::read(&mut tar.data(), offset, &limits.bundle);
        let (digest, saved) = read.map_err(|fault| match fault {
            SavedFault::Archive(ArchiveError::Cancelled) => BundleError::Cancelled,
            SavedFault::Archive(source) => {
                BundleError::SavedImage { name: name.to_owned(), source }
            }
            SavedFault::Shape(fault) => image(name, fault),
        })?;
        self.blobs.extend(saved.parts);
        self.archives.push((path.to_owned(), saved.manifest.digest));
        self.manifest(saved.manifest, limits)?;
        Ok(digest)
    }
}

fn image(name: &str, fault: impl Into<String>) -> BundleError {
    BundleError::Image { name: name.to_owned(), fault: fault.into() }
}

/// What is known of bytes that were read over.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) digest: Digest,
    /// The first bytes, no more than a link has.
    pub(super) start: Vec<u8>,
    /// All of them, if they may be a JSON document.
    pub(super) document: Option<Vec<u8>>,
}

/// Digests `source`, of which `size` bytes are expected, to its end.
pub(super) fn hash_all(source: &mut impl Read, size: u64) -> io::Result<Hashed> {
    let mut hash = Sha256::new();
    let mut buf = vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK)).max(1)];
    let (mut start, mut document) = (Vec::new(), Vec::new());
    let mut is_document = None;
    loop {
        let n = read_some(source, &mut buf)?;
        if n == 0 {
            break;
        }
        let bytes = &buf[..n];
        hash.update(bytes);
        start.extend(bytes.iter().take(LINK_MAX.saturating_sub(start.len())));
        if *is_document.get_or_insert(size <= DOCUMENT_MAX && is_json(bytes[0])) {
            document.extend_from_slice(bytes);
        }
    }
    let document = is_document.unwrap_or(false).then_some(document);
    Ok(Hashed { digest: Digest::finish(hash), start, document })
}

/// What a JSON object or list may begin with.
fn is_json(first: u8) -> bool {
    matches!(first, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n')
}
