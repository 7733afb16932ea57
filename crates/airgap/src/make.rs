//! Making bundles: from a release and images, or as the difference of two.
//!
//! The same input gives the same bytes. A bundle is written beside its place and moved there when it is whole. Large
//! content begins a gzip member of its own, so that it can be read without what is before it; content that is
//! compressed already is stored.

mod create;
mod diff;
mod layout;
mod source;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

pub use create::create;
pub use diff::diff;
use kinds::{airgap::Airgap, gvk::KindError};
pub use layout::Layout;
use sha2::{Digest as _, Sha256};
pub use source::{ImageFolder, ImageSource, NoImages};
use thiserror::Error;

use crate::{
    BundleWriter, bundle::BundleError, digest::Digest, reference::ReferenceError, write::WriteError,
};

/// Bytes from which an entry begins a gzip member.
const MEMBER_FROM: u64 = 1 << 20;
/// Bytes of a manifest, an index or metadata.
const DOCUMENT_MAX: u64 = 4 << 20;
/// How well what compresses is compressed; gzip's own default.
const LEVEL: u32 = 6;

/// Why a bundle cannot be made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// A file or folder cannot be read.
    #[error("failed to read {path:?}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is there that a bundle cannot hold.
    #[error("{path:?} is neither a regular file nor a folder")]
    Kind {
        /// Which.
        path: PathBuf,
    },
    /// The release folder holds no files.
    #[error("release folder {0:?} holds no files")]
    NoFiles(PathBuf),
    /// More than is held in memory.
    #[error("{path:?} is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The cap.
        limit: u64,
    },
    /// The metadata is no `airgap.yaml`.
    #[error("{path:?} is no airgap.yaml")]
    Metadata {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: KindError,
    },
    /// A field of the metadata without which no bundle can be deployed.
    #[error("airgap.yaml has no `{0}`")]
    Field(&'static str),
    /// A folder that is no OCI layout.
    #[error("{path:?} is no OCI image layout: {fault}")]
    NoLayout {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// An image of an OCI layout without a whole name.
    #[error("image {digest} in {path:?} has no whole name")]
    Unnamed {
        /// The layout.
        path: PathBuf,
        /// The image.
        digest: Digest,
    },
    /// A name of an image.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Parts of an image are missing or wrong.
    #[error("image `{reference}` is not whole: {fault}")]
    Image {
        /// The image.
        reference: String,
        /// The first fault.
        fault: String,
    },
    /// Registry storage in a bundle has only the last part of an image's path.
    #[error("images `{0}` and `{1}` would be one in registry storage")]
    Collision(String, String),
    /// A config or layer has another size than its manifest says.
    #[error("{place} has {size} bytes, its manifest says {said}")]
    Size {
        /// Where it is.
        place: String,
        /// Bytes it has.
        size: u64,
        /// Bytes it should have.
        said: u64,
    },
    /// A config or layer cannot be read.
    #[error("failed to read {place}")]
    Blob {
        /// Where it is.
        place: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Content is not what its name says.
    #[error("{place} should be {named}, its content is {found}")]
    Content {
        /// Where it is.
        place: String,
        /// What it should be.
        named: Digest,
        /// What it is.
        found: Digest,
    },
    /// One of the two bundles.
    #[error("bundle {path:?} cannot be used")]
    Bundle {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: BundleError,
    },
    /// Two bundles of different applications.
    #[error("the bundles are of two applications, `{0}` and `{1}`")]
    Apps(String, String),
    /// The bundle would take the place of what it is made of.
    #[error("{0:?} is what the bundle is made of, and would be overwritten")]
    Overwrites(PathBuf),
    /// Writing failed.
    #[error("failed to write {path:?}")]
    Write {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: WriteError,
    },
}

impl MakeError {
    /// Says what a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check that the path is right and may be read",
            Self::Kind { .. } => "take it out: a bundle holds regular files and folders",
            Self::NoFiles(_) => "pass the folder with the manifests of the release to --release",
            Self::TooLarge { .. } | Self::Reference(_) => {
                "correct it, then run the same command again"
            }
            Self::Metadata { .. } => {
                "pass a file with `apiVersion: kots.io/v1beta1` and `kind: Airgap` to --airgap-yaml"
            }
            Self::Field(_) => "add it, then run the same command again",
            Self::NoLayout { .. } | Self::Unnamed { .. } => {
                "name images as `skopeo copy docker://NAME oci:FOLDER:NAME` does"
            }
            Self::Image { .. } => "`kots airgap inspect` lists what is missing",
            Self::Collision(..) => "pass --format oci, which keeps whole names",
            Self::Size { .. } | Self::Blob { .. } | Self::Content { .. } => {
                "copy the image there again, then run the same command again"
            }
            Self::Bundle { source, .. } => source.hint(),
            Self::Apps(..) => "pass two bundles of one application",
            Self::Overwrites(_) => "write the bundle to another path",
            Self::Write { .. } => {
                "check that its folder is there, may be written to and has room, then run the same command again"
            }
        }
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Bytes of the bundle.
    pub size: u64,
    /// SHA-256 of the bundle.
    pub sha256: Digest,
    /// Images it has.
    pub images: usize,
    /// Configs and layers in it.
    pub blobs: usize,
    /// Configs and layers that a patch leaves out.
    pub left_out: usize,
    /// Bytes of them.
    pub left_out_bytes: u64,
}

fn read_error(path: &Path) -> impl FnOnce(io::Error) -> MakeError {
    let path = path.to_owned();
    |source| MakeError::Read { path, source }
}

fn write_error(path: &Path) -> impl FnOnce(WriteError) -> MakeError {
    let path = path.to_owned();
    |source| MakeError::Write { path, source }
}

/// Device and inode of what is at `path`, if anything is.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
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

/// A source that ends when the caller asks to stop.
struct Stoppable<'a, R> {
    source: R,
    is_stopped: &'a dyn Fn() -> bool,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if (self.is_stopped)() {
            return Err(io::Error::other(BundleError::Cancelled));
        }
        self.source.read(buf)
    }
}

/// A bundle being written beside its place; removed again unless it is finished.
struct Output {
    writer: BundleWriter<BufWriter<Counted>>,
    part: Part,
    path: PathBuf,
    stored: bool,
}

/// A file that is removed when dropped.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A file with the digest and number of the bytes written.
struct Counted {
    file: File,
    hash: Sha256,
    size: u64,
}

impl Write for Counted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buf)?;
        self.hash.update(&buf[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output {
    /// Begins to write `path`, unless that is one of the `sources` (device and inode).
    fn create(path: &Path, sources: &[(u64, u64)]) -> Result<Self, MakeError> {
        if identity(path).is_some_and(|it| sources.contains(&it)) {
            return Err(MakeError::Overwrites(path.to_owned()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let file = File::create(&part).map_err(|it| write_error(path)(it.into()))?;
        let counted = Counted { file, hash: Sha256::new(), size: 0 };
        let writer = BundleWriter::with_level(BufWriter::new(counted), LEVEL);
        Ok(Self { writer, part: Part(part), path: path.to_owned(), stored: false })
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), MakeError> {
        self.file(name, bytes.len() as u64, &mut &*bytes)
    }

    /// Adds a file whose source tells its own faults.
    fn file(&mut self, name: &str, size: u64, source: &mut dyn Read) -> Result<(), MakeError> {
        self.add(name, size, source).map_err(write_error(&self.path))
    }

    fn add(&mut self, name: &str, size: u64, source: &mut dyn Read) -> Result<(), WriteError> {
        let mut start = Vec::new();
        let mut source = source;
        Read::by_ref(&mut source).take(4).read_to_end(&mut start)?;
        let is_large = size >= MEMBER_FROM;
        let is_compressed = start.starts_with(&[0x1f, 0x8b]) || start == [0x28, 0xb5, 0x2f, 0xfd];
        let stored = is_large && is_compressed;
        if is_large || stored != self.stored {
            self.writer.start_member(if stored { 0 } else { LEVEL })?;
            self.stored = stored;
        }
        self.writer.file(name, size, &mut start.chain(source))
    }

    fn finish(self) -> Result<(u64, Digest), MakeError> {
        let Self { writer, part, path, .. } = self;
        let error = |it: io::Error| write_error(&path)(it.into());
        let sink = writer.finish().map_err(write_error(&path))?;
        let counted = sink.into_inner().map_err(|it| error(it.into_error()))?;
        counted.file.sync_all().map_err(error)?;
        fs::rename(&part.0, &path).map_err(error)?;
        Ok((counted.size, Digest::finish(counted.hash)))
    }
}

/// The images that the file `airgap_yaml` lists, each once.
///
/// # Errors
///
/// When it cannot be read or is no `airgap.yaml`.
pub fn saved_images(airgap_yaml: &Path) -> Result<Vec<String>, MakeError> {
    let wrong = |source| MakeError::Metadata { path: airgap_yaml.to_owned(), source };
    let airgap = Airgap::parse(&text(airgap_yaml)?).map_err(wrong)?;
    let mut names = Vec::new();
    for name in airgap.saved_images {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A small file of text.
fn text(path: &Path) -> Result<String, MakeError> {
    String::from_utf8(document(path)?)
        .map_err(|it| read_error(path)(io::Error::new(io::ErrorKind::InvalidData, it)))
}

/// `airgap.yaml` with the format and the images a bundle has, and every other field as it was.
fn metadata(
    text: &str,
    path: &Path,
    layout: Layout,
    images: &[String],
) -> Result<(String, Airgap), MakeError> {
    let wrong = |source| MakeError::Metadata { path: path.to_owned(), source };
    let airgap = Airgap::parse(text).map_err(wrong)?;
    if airgap.format == layout.format() && airgap.saved_images == images {
        return Ok((text.to_owned(), airgap));
    }
    let unreadable = || MakeError::Field("spec");
    let mut document = kinds::yaml::to_value(text).map_err(|_| unreadable())?;
    let spec = document.get_mut("spec").and_then(|it| it.as_object_mut()).ok_or_else(unreadable)?;
    spec.insert("format".to_owned(), layout.format().into());
    spec.insert("savedImages".to_owned(), images.into());
    let text = kinds::yaml::to_string(&document).map_err(|_| unreadable())?;
    let airgap = Airgap::parse(&text).map_err(wrong)?;
    Ok((text, airgap))
}
