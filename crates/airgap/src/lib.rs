//! Air-gap bundles and release archives: inspect, verify, stream, write.
//!
//! A bundle (`.airgap`) is a gzip-compressed tar that holds `airgap.yaml`, the release as `app.tar.gz`, and images. This
//! crate reads both archives with a reader of its own: streaming, in constant memory, against a list of what is allowed
//! ([`tar`]). It never writes a temporary copy, and it knows nothing of registries, clusters or HTTP.
//!
//! * [`Bundle::check`] reads a bundle once and says what it is or precisely why it cannot be used.
//! * [`Bundle::open_app`] gives the bytes of `app.tar.gz` for sending.
//! * [`Index`] is everything in a bundle with its place and digest, from one pass; [`IndexStore`] keeps it.
//! * [`Sections`] gives the bytes of parts of a bundle, for sending.
//! * [`make`] makes bundles, and patches that lead from one to the next.
//! * [`release`] reads, extracts and packs release archives.
//! * [`write::BundleWriter`] writes reproducible archives.

pub mod bundle;
pub mod digest;
pub mod gzip;
pub mod index;
pub mod limits;
pub mod make;
mod pipe;
pub mod reference;
pub mod release;
mod sections;
pub mod tar;
pub mod write;

pub use bundle::{AppReader, Bundle, BundleCheck, BundleError, Document, Progress};
pub use digest::Digest;
pub use gzip::{Gunzip, GzipError};
pub use index::{Image, ImageFault, ImageKind, Index, IndexStore, Manifest, Section};
pub use limits::{ArchiveLimits, Limits};
pub use reference::Reference;
pub use release::{ReleaseError, ReleaseFile};
pub use sections::Sections;
pub use tar::{ArchiveError, Entry, EntryKind, TarReader};
pub use write::BundleWriter;

/// Name of the metadata entry of a bundle.
pub const AIRGAP_YAML: &str = "airgap.yaml";
/// Name of the release entry of a bundle.
pub const APP_ARCHIVE: &str = "app.tar.gz";
/// Name of the entry that marks a patch bundle.
pub const PATCH_JSON: &str = "patch.json";

/// Bytes read from a file or handed from one thread to the next at once.
const CHUNK: usize = 256 * 1024;

/// The callback was told to stop; travels through `io::Error` from the innermost reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
struct Cancelled;
