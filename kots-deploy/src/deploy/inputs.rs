//! Reads the files a run is given, before anything is sent.
//!
//! Each is read once, bounded, and checked as far as it can be checked without a server; the original opens most of
//! them only when their step has come.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airgap::{Bundle, BundleCheck, BundleError, Index, IndexStore, Limits};
use jiff::Timestamp;
use kinds::airgap::Airgap;
use kinds::config::ConfigValues;
use kinds::gvk::KindError;
use kinds::license::{ExpiryError, KeyError, LicenseError, RootKeys, VerifiedLicense, verify};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::answers::AnswersError;
use super::args::StatError;
use super::values::Values;

/// The most bytes of a document that is given by file.
const DOCUMENT_LIMIT_BYTES: u64 = 8 << 20;

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
            Self::RegistryCa(_) => {
                Some("pass the path of a PEM file with certificates to --registry-ca")
            }
            Self::Bundle(airgap::BundleError::NotAFile(_)) => {
                Some("pass the path of an air-gap bundle")
            }
            Self::Bundle(_) => Some(
                "download the air-gap bundle again, and compare its size and digest with the vendor's",
            ),
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

fn open_error(path: &Path, error: &std::io::Error) -> FileError {
    FileError::System(StatError::open(path, error))
}

fn read_text(path: &Path) -> Result<String, FileError> {
    let file = std::fs::File::open(path).map_err(|it| open_error(path, &it))?;
    let mut bytes = Vec::new();
    file.take(DOCUMENT_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|it| open_error(path, &it))?;
    let path = path.display().to_string();
    if bytes.len() as u64 > DOCUMENT_LIMIT_BYTES {
        return Err(FileError::TooLarge { path });
    }
    String::from_utf8(bytes).map_err(|_| FileError::NotText { path })
}

/// Reads a `ConfigValues` manifest.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn values(path: &Path) -> Result<Values, InputError> {
    let text = read_text(path).map_err(InputError::ValuesFile)?;
    let parsed = ConfigValues::parse(&text)
        .map_err(|source| InputError::Values { path: path.display().to_string(), source })?;
    let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
    Ok(Values { bytes: text.into_bytes(), parsed, sha256 })
}

/// Reads the root keys: the built-in one and those of `paths`.
///
/// # Errors
///
/// Names the file that holds none.
pub fn root_keys(paths: &[PathBuf]) -> Result<RootKeys, InputError> {
    let mut keys = RootKeys::production();
    for path in paths {
        let pem = read_text(path).map_err(InputError::RootKeyFile)?;
        keys.add_pem(&pem)
            .map_err(|source| InputError::RootKey { path: path.display().to_string(), source })?;
    }
    Ok(keys)
}

/// Reads a licence and checks that its signatures hold, and nothing else.
///
/// # Errors
///
/// It cannot be read, or they do not.
pub fn verified(path: &Path, keys: &RootKeys) -> Result<VerifiedLicense, InputError> {
    let text = read_text(path).map_err(InputError::LicenseFile)?;
    verify(&text, keys)
        .map_err(|source| InputError::License { path: path.display().to_string(), source })
}

/// Reads a licence and checks that it holds, was not changed, has not expired and is for `app`.
///
/// # Errors
///
/// Says which of these it does not.
pub fn license(
    path: &Path,
    keys: &RootKeys,
    app: &str,
    now: Timestamp,
) -> Result<VerifiedLicense, InputError> {
    let license = verified(path, keys)?;
    let path = path.display().to_string();
    if !license.differences.is_empty() {
        return Err(InputError::LicenseEdited { path, fields: license.differences });
    }
    let expires = license
        .license
        .expires_at()
        .map_err(|source| InputError::Expiry { path: path.clone(), source })?;
    if license.license.app_slug != app {
        let found = license.license.app_slug;
        return Err(InputError::LicenseApp { found, wanted: app.to_owned() });
    }
    if let Some(since) = expires.filter(|it| *it <= now) {
        return Err(InputError::Expired { since });
    }
    Ok(license)
}

/// How far a bundle is read.
#[derive(Debug, Clone)]
pub enum Reading {
    /// The release in it: images are not pushed.
    Release,
    /// All of it, unless an index of it is kept in this folder.
    Images(Option<PathBuf>),
}

/// What was read of a bundle.
#[derive(Debug)]
pub struct Read {
    /// The release.
    pub check: BundleCheck,
    /// Everything, if everything was read.
    pub index: Option<Arc<Index>>,
}

/// Reads a bundle through once and checks that it is one, is whole, is of `app` and of a channel `license` has.
///
/// # Errors
///
/// Says which of these it is not.
pub fn bundle(
    path: &Path,
    reading: &Reading,
    license: &VerifiedLicense,
    license_path: &Path,
    app: &str,
    on_progress: &mut dyn FnMut(airgap::Progress) -> ControlFlow<()>,
) -> Result<Read, InputError> {
    if !license.license.is_airgap_supported {
        return Err(InputError::AirgapNotAllowed { path: license_path.display().to_string() });
    }
    let read = match reading {
        Reading::Release => {
            let check = Bundle::check(path, &Limits::default(), on_progress).map_err(unread)?;
            Read { check, index: None }
        }
        Reading::Images(folder) => {
            let index = index(path, folder.as_deref(), on_progress)?;
            Read { check: index.check(), index: Some(index) }
        }
    };
    fits(&read.check.airgap, license, app)?;
    Ok(read)
}

/// Reads a whole bundle, unless an index of it is kept in `folder`.
///
/// # Errors
///
/// The first reason why it is not sound.
pub fn index(
    path: &Path,
    folder: Option<&Path>,
    on_progress: &mut dyn FnMut(airgap::Progress) -> ControlFlow<()>,
) -> Result<Arc<Index>, InputError> {
    let limits = Limits::default();
    let index = match folder {
        Some(folder) => IndexStore::new(folder).open(path, &limits, on_progress),
        None => Index::build(path, &limits, on_progress),
    };
    let index = index.map_err(unread)?;
    supported(&index.airgap)?;
    Ok(Arc::new(index))
}

fn unread(error: BundleError) -> InputError {
    match error {
        BundleError::Cancelled => InputError::Interrupted,
        other => InputError::Bundle(other),
    }
}

fn supported(airgap: &Airgap) -> Result<(), InputError> {
    if ["", "docker", "docker-archive", "oci"].contains(&airgap.format.as_str()) {
        return Ok(());
    }
    Err(InputError::Format(airgap.format.clone()))
}

fn fits(airgap: &Airgap, license: &VerifiedLicense, app: &str) -> Result<(), InputError> {
    // The field is optional; where it is there it must fit.
    if !airgap.app_slug.is_empty() && airgap.app_slug != app {
        return Err(InputError::BundleApp {
            found: airgap.app_slug.clone(),
            wanted: app.to_owned(),
        });
    }
    if airgap.channel_id.is_empty() {
        return Err(InputError::BundleField { field: "channelID" });
    }
    if airgap.update_cursor.is_empty() {
        return Err(InputError::BundleField { field: "updateCursor" });
    }
    supported(airgap)?;
    let name =
        if airgap.channel_name.is_empty() { &airgap.channel_id } else { &airgap.channel_name };
    license
        .license
        .channel(&airgap.channel_id)
        .map(drop)
        .map_err(|_| InputError::Channel { name: name.clone() })
}

/// Reads the certificates of a registry's authority.
///
/// # Errors
///
/// When the file cannot be read.
pub fn registry_ca(path: &Path) -> Result<Vec<u8>, InputError> {
    read_text(path).map(String::into_bytes).map_err(InputError::RegistryCa)
}

/// Reads an auth string from a file; the whole `Kots …` value, a trailing newline is trimmed.
///
/// # Errors
///
/// When there is none in it.
pub fn auth_file(path: &Path) -> Result<SecretString, InputError> {
    let text = read_text(path).map_err(InputError::AuthFile)?;
    let text = text.trim_end();
    if text.is_empty() { Err(InputError::AuthEmpty) } else { Ok(text.into()) }
}
