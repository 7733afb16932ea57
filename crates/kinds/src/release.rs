//! Rules about releases: which may be installed, deployed or rolled back to, as pure functions.
//!
//! Sentences that the original shows to people are kept word for word: its clients search for
//! them. Deliberately absent: where the versions come from and what happens when a rule allows one.

mod airgap;
mod deployability;
mod kots_version;
mod license_sync;
mod order;
mod required;
mod same;

pub use airgap::{AirgapRefusal, check_airgap};
pub use deployability::{NotDeployable, VersionFacts, VersionStatus, deployability, newest_first};
pub use kots_version::{IncompatibleKots, Purpose, kots_version_gate};
pub use license_sync::{SyncDecision, SyncRefusal, license_sync};
pub use order::{Ordering as ReleaseOrdering, ReleaseId, compare, parse_tolerant};
pub use required::{RequiredError, RequiredFirst, missing_required_releases};
pub use same::{Downgrade, SameVersion, downgrade, same_version};
