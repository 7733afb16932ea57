//! Files that are given to a run: a licence, further root keys, answers.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use kinds::config::ConfigValues;
use kinds::license::{RootKeys, VerifiedLicense, verify};

use super::Request;

/// The largest file with answers or a licence, in bytes.
const FILE_BYTES: u64 = 64 << 20;

/// Reads a `ConfigValues` document.
pub(crate) async fn values(path: &Path) -> Result<ConfigValues> {
    let read = text(path).await.with_context(|| format!("could not read {}", path.display()))?;
    ConfigValues::parse(&read).with_context(|| format!("{} cannot be used", path.display()))
}

/// The licence that is given, verified.
pub(super) async fn license(request: &Request, keys: &RootKeys) -> Result<VerifiedLicense> {
    let path = request.license.display();
    let read = text(&request.license)
        .await
        .with_context(|| format!("failed to read the license file at \"{path}\""))?;
    verify(&read, keys).with_context(|| {
        format!("failed to parse the license file at \"{path}\", please ensure it is not corrupt")
    })
}

pub(super) async fn text(path: &Path) -> Result<String> {
    let size = tokio::fs::metadata(path).await?.len();
    if FILE_BYTES < size {
        bail!("it is {size} bytes long, at most {FILE_BYTES} are allowed");
    }
    Ok(tokio::fs::read_to_string(path).await?)
}

pub(super) async fn root_keys(request: &Request) -> Result<RootKeys> {
    let mut keys = RootKeys::production();
    if let Some(path) = &request.license_root_key {
        let pem = text(path)
            .await
            .with_context(|| format!("could not read the license root key {}", path.display()))?;
        keys.add_pem(&pem)
            .with_context(|| format!("{} is not a license root key", path.display()))?;
    }
    Ok(keys)
}
