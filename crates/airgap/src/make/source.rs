//! Where the images of a new bundle come from.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{MakeError, document, read_error};
use crate::{
    digest::Digest,
    index::{Descriptor, Manifest, oci_index},
    reference::Reference,
};

/// Images that a bundle is made of.
pub trait ImageSource {
    /// Their names, as `airgap.yaml` is to list them, and the digests of their manifests.
    fn images(&self) -> &[(String, Digest)];

    /// All manifests, those of lists too.
    fn manifests(&self) -> &BTreeMap<Digest, Manifest>;

    /// Where a config or layer is, for people.
    fn place(&self, digest: Digest) -> String;

    /// The bytes of a config or layer.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    fn open(&self, digest: Digest) -> io::Result<Box<dyn Read + '_>>;

    /// Makes sure of a config or layer before anything is written.
    ///
    /// # Errors
    ///
    /// When it is not there, or has another size than its manifest says.
    fn check(&self, blob: &Descriptor) -> Result<(), MakeError>;
}

/// No images at all.
#[derive(Debug, Clone, Copy)]
pub struct NoImages;

impl ImageSource for NoImages {
    fn images(&self) -> &[(String, Digest)] {
        &[]
    }

    fn manifests(&self) -> &BTreeMap<Digest, Manifest> {
        static NONE: BTreeMap<Digest, Manifest> = BTreeMap::new();
        &NONE
    }

    fn place(&self, digest: Digest) -> String {
        digest.to_string()
    }

    fn open(&self, _: Digest) -> io::Result<Box<dyn Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn check(&self, _: &Descriptor) -> Result<(), MakeError> {
        Ok(())
    }
}

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

    fn add(&mut self, image: &Descriptor, depth: usize) -> Result<(), MakeError> {
        if self.manifests.contains_key(&image.digest) || depth > 8 {
            return Ok(());
        }
        let path = self.blob(image.digest);
        let bytes = document(&path)?;
        let found = Digest::of(&bytes);
        if found != image.digest {
            let place = path.display().to_string();
            return Err(MakeError::Content { place, named: image.digest, found });
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

impl ImageSource for ImageFolder {
    fn images(&self) -> &[(String, Digest)] {
        &self.images
    }

    fn manifests(&self) -> &BTreeMap<Digest, Manifest> {
        &self.manifests
    }

    fn place(&self, digest: Digest) -> String {
        self.blob(digest).display().to_string()
    }

    fn open(&self, digest: Digest) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(self.blob(digest))?))
    }

    fn check(&self, blob: &Descriptor) -> Result<(), MakeError> {
        let path = self.blob(blob.digest);
        let size = fs::metadata(&path).map_err(read_error(&path))?.len();
        if size == blob.size {
            return Ok(());
        }
        Err(MakeError::Size { place: path.display().to_string(), size, said: blob.size })
    }
}
