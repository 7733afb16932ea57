//! Reads the files a run is given, before anything is sent.
//!
//! Each is read once, bounded, and checked as far as it can be checked without a server; the original opens most of
//! them only when their step has come.

mod error;

use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airgap::{Bundle, BundleCheck, BundleError, Index, IndexStore, Limits};
use jiff::Timestamp;
use kinds::airgap::Airgap;
use kinds::config::ConfigValues;
use kinds::license::{RootKeys, VerifiedLicense, verify};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use super::args::StatError;
use super::values::Values;
pub use error::{FileError, InputError};

/// The most bytes of a document that is given by file.
const DOCUMENT_LIMIT_BYTES: u64 = 8 << 20;

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

/// Reads a bundle through once and checks that it is one, is whole, and `fits`, with a licence that allows bundles. What
/// it says of itself is looked at first, for all of it may take minutes to read.
///
/// # Errors
///
/// Says which of these it is not.
pub fn bundle(
    path: &Path,
    reading: &Reading,
    (license, license_path): (&VerifiedLicense, &Path),
    fits: &dyn Fn(&Airgap) -> Result<(), InputError>,
    on_progress: &mut dyn FnMut(airgap::Progress) -> ControlFlow<()>,
) -> Result<Read, InputError> {
    if !license.license.is_airgap_supported {
        return Err(InputError::AirgapNotAllowed { path: license_path.display().to_string() });
    }
    if let Some(airgap) = Bundle::peek(path, &Limits::default()) {
        fits(&airgap)?;
    }
    let read = match reading {
        Reading::Release => {
            let check = Bundle::check(path, &Limits::default(), on_progress).map_err(unread)?;
            Read { check, index: None }
        }
        Reading::Images(folder) => {
            let index = index(path, folder.as_deref(), on_progress)?;
            Read { check: index.check().map_err(unread)?, index: Some(index) }
        }
    };
    fits(&read.check.airgap)?;
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
    if let Some(airgap) = Bundle::peek(path, &limits) {
        supported(&airgap)?;
    }
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

/// Checks that a bundle is of `app` and of a channel `license` has.
///
/// # Errors
///
/// Says which of these it is not.
pub fn fits(airgap: &Airgap, license: &VerifiedLicense, app: &str) -> Result<(), InputError> {
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
/// When the file cannot be read, or holds no certificate.
pub fn registry_ca(path: &Path) -> Result<Vec<u8>, InputError> {
    let text = read_text(path).map_err(InputError::RegistryCa)?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(InputError::NoCertificate { path: path.display().to_string() });
    }
    Ok(text.into_bytes())
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
