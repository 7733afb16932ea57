//! What a version is: one tree on disk, made from a release's files, a licence, config values and
//! the facts of the installation.
//!
//! ```text
//! upstream/            the vendor's files as they came, and userdata/{config,license,installation}.yaml
//! kotsKinds/           the rendered kinds of KOTS itself (Application, Config, Preflight, …)
//! base/                the rendered manifests, one document a file, and kustomization.yaml
//! base/charts/<name>/  charts that are rendered here, a folder for each sub-chart
//! overlays/midstream/  what this installation puts over base/: image names, secrets, labels
//! overlays/downstreams/<name>/   what the operator puts over that
//! rendered/<name>/     what is deployed, by downstream; usually only this-cluster
//! helm/<release>/      a chart as the vendor packed it, and its rendered values.yaml
//! skippedFiles/        documents that are not YAML
//! ```
//!
//! A version that still needs config has no `base/`, `rendered/` and `helm/`, as in the original.
//!
//! [`build`] makes everything but the vendor's files, and makes it again when the licence or the
//! values change; it never reads what an earlier build derived. [`Version::open`] reads a tree back.
//!
//! Deliberately absent: HTTP, SQL, the clock, randomness beyond what templates ask for, and packing
//! or naming archives (`store/` does that).

mod build;
pub(crate) mod contexts;
mod deliver;
mod error;
mod facts;
mod ingest;
mod input;
mod stage;
pub(crate) mod tree;
pub(crate) mod vendor;
mod version;

pub use crate::render::charts::lacking::{Dependency, Lacking};
pub use crate::render::programs::{ProgramError, Programs};
pub use build::{Built, Status, build};
pub(crate) use deliver::VENDORS_USER;
pub use error::ReleaseError;
pub use facts::{Chart, Facts};
pub(crate) use input::KOTS_VERSION;
pub use input::{Broken, Input, Preflights, Surroundings};
pub use tree::{BASE, DOWNSTREAM, HELM, KOTS_KINDS, RENDERED, UPSTREAM, USERDATA};
pub use version::{KotsVersions, Version, kots_versions};

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod chart_tests;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod overlay_tests;
#[cfg(test)]
mod tests;
