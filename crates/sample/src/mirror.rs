//! Folders that `kotsadm mirror` serves.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{APP_SLUG, VERSIONS, release};

/// Writes the sample application below `mirror`: `sample-app/licenses`, `channels` and `releases`, with `license` as its
/// one licence.
///
/// # Errors
///
/// Returns an error when reading the fixtures or writing fails.
pub fn write_sample(mirror: &Path, license: &str) -> Result<()> {
    let app = mirror.join(APP_SLUG);
    write(&app.join("licenses/license.yaml"), license.as_bytes())?;
    for channel in release::plain_files(&crate::app_folder().join("channels"))? {
        write(&app.join("channels").join(channel.path), &channel.bytes)?;
    }
    for version in VERSIONS {
        let archive = release::sample_archive(version)?;
        write(&app.join(format!("releases/{version}.tar.gz")), &archive)?;
    }
    Ok(())
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("failed to write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    fs::write(path, bytes).with_context(context)
}
