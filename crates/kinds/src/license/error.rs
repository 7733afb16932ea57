//! Why a licence is refused.

use thiserror::Error;

use crate::gvk::KindError;

/// Why a licence text is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LicenseError {
    /// The text is too long.
    #[error("the license is {found} bytes long, at most {allowed} are allowed")]
    TooLong {
        /// The length found, in bytes.
        found: usize,
        /// The most that is allowed, in bytes.
        allowed: usize,
    },
    /// The text is not a licence document.
    #[error("the text is not a license")]
    NotALicense {
        /// What it is instead.
        source: KindError,
    },
    /// The licence has no signature.
    #[error("the license has no signature, `spec.signature` must hold one")]
    NoSignature,
    /// A part of the signature cannot be read.
    #[error("the license signature is not valid: {part} is not {allowed}: {found}")]
    Malformed {
        /// The part of the signature.
        part: &'static str,
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The licence names a root key that is not trusted here, and none that is has signed its application key.
    #[error(
        "the license was signed under the root key `{found}`, and not by a key that is trusted here: {allowed}"
    )]
    UntrustedRoot {
        /// The id of the root key that the licence names.
        found: String,
        /// The ids of the keys that are trusted.
        allowed: String,
    },
    /// The application key of the licence does not bear the root key's signature.
    #[error(
        "the license signature is not valid: its application key was not signed by the root key `{root}`"
    )]
    KeySignature {
        /// The id of the root key that the licence names.
        root: String,
    },
    /// The licence's data does not bear the application key's signature.
    #[error("the license signature is not valid: the signed data was changed after it was signed")]
    DataSignature,
    /// The value of an entitlement does not bear the application key's signature.
    #[error(
        "the license signature is not valid: the value of the entitlement `{name}` was not signed by the vendor"
    )]
    EntitlementSignature {
        /// The entitlement's name.
        name: String,
    },
}
