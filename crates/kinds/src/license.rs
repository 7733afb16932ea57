//! Licences: `kots.io/v1beta1` and `kots.io/v1beta2` License, their signatures and what they allow.
//!
//! A licence text is worth nothing until [`verify`] has accepted it: only the *signed* fields are
//! handed out. The outer fields of the document are compared with the signed ones and the names of
//! those that differ are reported; the caller decides whether a difference is refused.
//!
//! Deliberately absent: reading a licence without verifying it. What is stored is the verified
//! text, and it is verified again when it is read back.

mod channels;
mod differences;
mod entitlement;
mod error;
mod fields;
mod keys;
mod pss;
mod spec;
mod verify;

pub use channels::{Channel, ChannelError};
pub use entitlement::{Entitlement, EntitlementSignature, EntitlementValue};
pub use error::LicenseError;
pub use fields::ExpiryError;
pub use keys::{KeyError, PRODUCTION_KEY_ID, RootKeys};
pub use spec::{ApiVersion, License};
pub use verify::{VerifiedLicense, verify};

/// The longest licence text that is read, in bytes.
pub const MAX_LICENSE_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
