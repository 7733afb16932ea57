//! A bundle from a release folder and images in an OCI layout.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{
    Layout, Made, MakeError, Output,
    layout::{Planned, blob_name, files},
    metadata, read_error,
};
use crate::{
    AIRGAP_YAML, APP_ARCHIVE,
    digest::Digest,
    index::{Content, Descriptor, Manifest, Parts, Section, oci_index},
    limits::Limits,
    reference::Reference,
    release::{ReleaseFile, pack},
};

/// Blobs are files here, and not in a bundle.
static NOTHING: BTreeMap<Digest, Section> = BTreeMap::new();
/// Bytes of a manifest, an index or metadata.
const DOCUMENT_MAX: u64 = 4 << 20;

/// Images in an OCI layout on disk.
#[derive(Debug)]
pub struct ImageFolder {
    path: PathBuf,
    images: Vec<(String, Digest)>,
    manifests: BTreeMap<Digest, Manifest>,
}

impl ImageFolder {
    /// Reads an OCI layout: its index and all manifests, but neither configs nor layers. Every image must have its
    /// whole name as `org.opencontainers.image.ref.name` or `io.containerd.image.name`, as
    /// `skopeo copy docker://NAME oci:FOLDER:NAME` and containerd write it.
    ///
    /// # Errors
    ///
    /// Says which file is missing or not what it should be, or which image has no name.
    pub fn open(path: &Path) -> Result<Self, MakeError> {
        let no_layout =
            |fault: &str| MakeError::NoLayout { path: path.to_owned(), fault: fault.to_owned() };
        let index = path.join("index.json");
        let bytes = document(&index)?;
        let listed = oci_index(&bytes).ok_or_else(|| no_layout("its index.json is not one"))?;
        let mut folder =
            Self { path: path.to_owned(), images: Vec::new(), manifests: BTreeMap::new() };
        for image in &listed {
            let name = image.names.iter().find(|it| is_whole(it));
            let unnamed = || MakeError::Unnamed { path: path.to_owned(), digest: image.digest };
            let name = name.ok_or_else(unnamed)?;
            Reference::parse(name)?;
            folder.add(image, 0)?;
            folder.images.push((name.clone(), image.digest));
        }
        folder.images.sort();
        folder.images.dedup();
        if let Some(pair) = folder.images.windows(2).find(|it| it[0].0 == it[1].0) {
            return Err(no_layout(&format!("its index.json has `{}` twice", pair[0].0)));
        }
        Ok(folder)
    }

    /// No images at all.
    pub fn none() -> Self {
        Self { path: PathBuf::new(), images: Vec::new(), manifests: BTreeMap::new() }
    }

    fn add(&mut self, image: &Descriptor, depth: usize) -> Result<(), MakeError> {
        if self.manifests.contains_key(&image.digest) || depth > 8 {
            return Ok(());
        }
        let path = self.blob(image.digest);
        let bytes = document(&path)?;
        let found = Digest::of(&bytes);
        if found != image.digest {
            return Err(MakeError::Content { path, named: image.digest, found });
        }
        let manifest = Manifest::parse(found, bytes).ok_or_else(|| MakeError::NoLayout {
            path: self.path.clone(),
            fault: format!("{found} is no image manifest of docker schema 2 or OCI"),
        })?;
        let parts = manifest.manifests.clone();
        self.manifests.insert(found, manifest);
        parts.iter().try_for_each(|it| self.add(it, depth + 1))
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        self.path.join("blobs/sha256").join(digest.hex())
    }
}

/// Whether a name is more than a tag.
fn is_whole(name: &str) -> bool {
    name.contains(['/', ':', '@'])
}

/// Makes a bundle at `out`, replacing what is there: the release in the folder `release`, the `images`, and what the
/// file `airgap_yaml` says. Its `format` and `savedImages` are set to what the bundle has.
///
/// # Errors
///
/// Says what is missing or wrong; then `out` is as it was.
pub fn create(
    airgap_yaml: &Path,
    release: &Path,
    images: &ImageFolder,
    layout: Layout,
    out: &Path,
) -> Result<Made, MakeError> {
    let text = String::from_utf8(document(airgap_yaml)?)
        .map_err(|it| read_error(airgap_yaml)(io::Error::new(io::ErrorKind::InvalidData, it)))?;
    let names: Vec<_> = images.images.iter().map(|it| it.0.clone()).collect();
    let (text, airgap) = metadata(&text, airgap_yaml, layout, &names)?;
    for (field, value) in [
        ("spec.channelID", &airgap.channel_id),
        ("spec.updateCursor", &airgap.update_cursor),
        ("spec.versionLabel", &airgap.version_label),
    ] {
        if value.is_empty() {
            return Err(MakeError::Field(field));
        }
    }
    let app = app_archive(release)?;
    let planned = plan(images)?;
    let described = files(layout, "images", &planned)?;

    let mut output = Output::create(out)?;
    output.bytes(AIRGAP_YAML, text.as_bytes())?;
    output.bytes(APP_ARCHIVE, &app)?;
    for (name, bytes) in &described {
        output.bytes(name, bytes)?;
    }
    let blobs: BTreeMap<Digest, u64> =
        planned.iter().flat_map(|it| &it.blobs).map(|it| (it.digest, it.size)).collect();
    for (digest, size) in &blobs {
        let path = images.blob(*digest);
        let file = File::open(&path).map_err(read_error(&path))?;
        let mut source = Hashing { source: file, hash: Sha256::new() };
        output.file(&blob_name(layout, "images", *digest), *size, &mut source)?;
        let found = Digest::finish(source.hash);
        if found != *digest {
            return Err(MakeError::Content { path, named: *digest, found });
        }
    }
    let (size, sha256) = output.finish()?;
    let (images, blobs) = (planned.len(), blobs.len());
    Ok(Made { size, sha256, images, blobs, left_out: 0, left_out_bytes: 0 })
}

/// The images with their parts; all of them must be there, with the sizes their manifests say.
fn plan(images: &ImageFolder) -> Result<Vec<Planned<'_>>, MakeError> {
    let content = Content { manifests: &images.manifests, blobs: &NOTHING, patch: None };
    let plan_one = |(reference, root): &(String, Digest)| {
        let parts = Parts::of(content, *root);
        let wrong = |fault: String| MakeError::Image { reference: reference.clone(), fault };
        if let Some(fault) = parts.faults.first() {
            return Err(wrong(fault.to_string()));
        }
        for blob in &parts.blobs {
            let path = images.blob(blob.digest);
            let size = fs::metadata(&path).map_err(read_error(&path))?.len();
            if size != blob.size {
                return Err(wrong(format!(
                    "{} has {size} bytes, its manifest says {}",
                    blob.digest, blob.size
                )));
            }
        }
        let Parts { manifests, blobs, .. } = parts;
        Ok(Planned { reference: reference.clone(), root: *root, manifests, blobs })
    };
    images.images.iter().map(plan_one).collect()
}

/// A small file.
fn document(path: &Path) -> Result<Vec<u8>, MakeError> {
    let file = File::open(path).map_err(read_error(path))?;
    let mut bytes = Vec::new();
    file.take(DOCUMENT_MAX + 1).read_to_end(&mut bytes).map_err(read_error(path))?;
    if bytes.len() as u64 > DOCUMENT_MAX {
        return Err(MakeError::TooLarge { path: path.to_owned(), limit: DOCUMENT_MAX });
    }
    Ok(bytes)
}

/// `app.tar.gz` of the files in a folder.
fn app_archive(folder: &Path) -> Result<Vec<u8>, MakeError> {
    let mut files = Vec::new();
    let mut left = Limits::default().in_memory;
    add_files(folder, "", &mut files, &mut left)?;
    if files.is_empty() {
        return Err(MakeError::NoFiles(folder.to_owned()));
    }
    pack(&files).map_err(super::write_error(folder))
}

fn add_files(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<ReleaseFile>,
    left: &mut u64,
) -> Result<(), MakeError> {
    for entry in fs::read_dir(folder).map_err(read_error(folder))? {
        let entry = entry.map_err(read_error(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(read_error(&path))?;
        let name = entry.file_name().into_string().map_err(|_| {
            read_error(&path)(io::Error::new(io::ErrorKind::InvalidData, "its name is not UTF-8"))
        })?;
        let name = format!("{prefix}{name}");
        if kind.is_dir() {
            add_files(&path, &format!("{name}/"), files, left)?;
        } else if kind.is_file() {
            let size = entry.metadata().map_err(read_error(&path))?.len();
            let limit = Limits::default().in_memory;
            let too_large = || MakeError::TooLarge { path: folder.to_owned(), limit };
            *left = left.checked_sub(size).ok_or_else(too_large)?;
            let bytes = fs::read(&path).map_err(read_error(&path))?;
            files.push(ReleaseFile { path: name, bytes });
        } else {
            return Err(MakeError::Kind { path });
        }
    }
    Ok(())
}

struct Hashing<R> {
    source: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        self.hash.update(&buf[..n]);
        Ok(n)
    }
}
