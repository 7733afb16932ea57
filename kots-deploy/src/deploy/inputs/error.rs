//! Why a file that a run is given cannot be used, and what the person can do about it.

use airgap::BundleError;
use jiff::Timestamp;
use kinds::gvk::KindError;
use kinds::license::{ExpiryError, KeyError, LicenseError};
use thiserror::Error;

use super::DOCUMENT_LIMIT_BYTES;
use crate::deploy::answers::AnswersError;
use crate::deploy::args::StatError;

/// A file that cannot be used.
#[derive(Debug, Error)]
pub enum InputError {
    /// The config values file cannot be read.
    #[error("failed to read config values file")]
    ValuesFile(#[source] FileError),
    /// The config values file is not one.
    #[error("failed to decode config values file {path}")]
    Values {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: KindError,
    },
    /// The config values are not what the release in the bundle asks for.
    #[error(transparent)]
    Answers(#[from] AnswersError),
    /// The licence file cannot be read.
    #[error("failed to read license file")]
    LicenseFile(#[source] FileError),
    /// The certificates of a registry's authority cannot be read.
    #[error("failed to read --registry-ca file")]
    RegistryCa(#[source] FileError),
    /// The file of a registry's authority is something else.
    #[error("--registry-ca file {path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: String,
    },
    /// A root key file cannot be read.
    #[error("failed to read license root key file")]
    RootKeyFile(#[source] FileError),
    /// A root key file holds none.
    #[error("{path} is not a license root key")]
    RootKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The licence does not hold.
    #[error("license {path} is not valid")]
    License {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: LicenseError,
    },
    /// Fields of the licence were changed after it was signed.
    #[error("license {path} was changed after it was signed: {}", fields.join(", "))]
    LicenseEdited {
        /// The file.
        path: String,
        /// Dotted names of the fields.
        fields: Vec<String>,
    },
    /// The licence's expiry cannot be read.
    #[error("license {path} has an expiry that cannot be read")]
    Expiry {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: ExpiryError,
    },
    /// The licence has expired. The original's words.
    #[error("License is expired (since {since})")]
    Expired {
        /// When.
        since: Timestamp,
    },
    /// The licence is for another application.
    #[error("license is for app \"{found}\", not for \"{wanted}\"")]
    LicenseApp {
        /// What the licence says.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The licence allows no air-gapped installation.
    #[error("license {path} does not allow air-gapped installations")]
    AirgapNotAllowed {
        /// The file.
        path: String,
    },
    /// The bundle cannot be used.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle is of another application.
    #[error("airgap bundle is for app \"{found}\", not for \"{wanted}\"")]
    BundleApp {
        /// What `airgap.yaml` says.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// The bundle says not which release it is.
    #[error("airgap.yaml in airgap bundle has no `{field}`")]
    BundleField {
        /// The missing field.
        field: &'static str,
    },
    /// The bundle's channel is not one of the licence's. The original's words.
    #[error("Requested channel ({name}) not found in license.")]
    Channel {
        /// The channel's name, or its id.
        name: String,
    },
    /// An image format nobody knows. The original's words.
    #[error("Airgap bundle format '{0}' is not supported")]
    Format(String),
    /// `--channel-id` or `--channel-sequence` do not fit the bundle.
    #[error("airgap bundle is of {what} {found}, but --{flag} says {given}")]
    OtherTarget {
        /// `channel` or `sequence`.
        what: &'static str,
        /// What `airgap.yaml` says.
        found: String,
        /// The flag.
        flag: &'static str,
        /// What it says.
        given: String,
    },
    /// The auth string file cannot be read.
    #[error("failed to read auth string file")]
    AuthFile(#[source] FileError),
    /// No auth string at all.
    #[error("the admin console at a URL needs an auth string")]
    AuthMissing,
    /// It is empty.
    #[error("the auth string is empty")]
    AuthEmpty,
    /// The caller asked to stop.
    #[error("interrupted while the input files were read")]
    Interrupted,
}

/// `open PATH: no such file or directory`, as Go says it.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system said no.
    #[error(transparent)]
    System(#[from] StatError),
    /// Too large to be what it should be.
    #[error("{path} has more than {} bytes", DOCUMENT_LIMIT_BYTES)]
    TooLarge {
        /// The file.
        path: String,
    },
    /// Not text.
    #[error("{path} is not UTF-8 text")]
    NotText {
        /// The file.
        path: String,
    },
}

impl InputError {
    /// Says what the person can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ValuesFile(_) => {
                Some("pass the path of a ConfigValues manifest to --config-values")
            }
            Self::Values { .. } => Some(
                "it must be `apiVersion: kots.io/v1beta1`, `kind: ConfigValues` with text values under `spec.values`; `kots get config` prints one",
            ),
            Self::Answers(_) => Some("correct the items in the --config-values file"),
            Self::LicenseFile(_) => Some("pass the path of the license the vendor gave you"),
            Self::RootKeyFile(_) | Self::RootKey { .. } => {
                Some("pass the path of a PEM file with an RSA public key to --license-root-key")
            }
            Self::License { source: LicenseError::UntrustedRoot { .. }, .. } => {
                Some("a license of a test chain needs its root key: --license-root-key FILE")
            }
            Self::License { .. } | Self::LicenseEdited { .. } | Self::Expiry { .. } => {
                Some("download the license from the vendor again and pass it unchanged")
            }
            Self::Expired { .. } => Some("ask the vendor to renew the license"),
            Self::LicenseApp { .. } => {
                Some("pass the license of this application, or name the application it is for")
            }
            Self::AirgapNotAllowed { .. } => {
                Some("ask the vendor for a license that allows air-gapped installations")
            }
            Self::RegistryCa(_) | Self::NoCertificate { .. } => {
                Some("pass the path of a PEM file with certificates to --registry-ca")
            }
            Self::Bundle(error) => Some(error.hint()),
            Self::BundleApp { .. } => Some("pass the bundle of this application"),
            Self::BundleField { .. } | Self::Format(_) => {
                Some("ask the vendor for a bundle that KOTS can install")
            }
            Self::Channel { .. } => Some(
                "pass a bundle of a channel the license has, or the license that has the channel",
            ),
            Self::OtherTarget { .. } => Some(
                "leave out --channel-id and --channel-sequence: the bundle says which release it is",
            ),
            Self::AuthFile(_) | Self::AuthMissing | Self::AuthEmpty => Some(
                "pass --auth-string-file FILE with the whole `Kots …` value, or set KOTSADM_AUTHSTRING",
            ),
            Self::Interrupted => None,
        }
    }
}
