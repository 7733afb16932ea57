//! Air-gap bundles.

use std::{
    fs::File,
    io::{self, Seek},
    path::Path,
};

use airgap::{AIRGAP_YAML, APP_ARCHIVE, BundleWriter, ReleaseFile};
use anyhow::{Context, Result, ensure};
use kinds::airgap::Airgap;

use crate::images::Images;
use crate::{APP_SLUG, STABLE_ID, STABLE_NAME, VERSIONS, noise::Noise, release};

/// A bundle to be written.
#[derive(Debug, Clone)]
pub struct BundleSpec {
    /// What its `airgap.yaml` says.
    pub airgap: Airgap,
    /// The text of `airgap.yaml` instead of `airgap`.
    pub airgap_yaml: Option<String>,
    /// The files of the release.
    pub files: Vec<ReleaseFile>,
    /// Bytes that do not compress, put into the release as `large.bin`; 0 is no such file.
    pub large: u64,
    /// Further entries of the bundle, after the release.
    pub extra: Vec<ReleaseFile>,
    /// Images, written blob by blob after the release.
    pub images: Option<Images>,
}

impl BundleSpec {
    /// The bundle of a release of the sample application on its stable channel.
    ///
    /// # Errors
    ///
    /// Returns an error for another version than those of [`VERSIONS`], or when the folder cannot be read.
    pub fn sample(version: &str) -> Result<Self> {
        let at = VERSIONS.iter().position(|it| *it == version);
        let at = at.with_context(|| format!("found version {version}, there are {VERSIONS:?}"))?;
        let files = release::sample_files(version)?;
        let size: usize = files.iter().map(|it| it.bytes.len()).sum();
        let airgap = Airgap {
            app_slug: APP_SLUG.to_owned(),
            channel_id: STABLE_ID.to_owned(),
            channel_name: STABLE_NAME.to_owned(),
            version_label: version.to_owned(),
            update_cursor: (at + 1).to_string(),
            release_notes: format!("Release {version} of the sample application."),
            format: "docker-archive".to_owned(),
            uncompressed_size: i64::try_from(size).ok(),
            ..Airgap::default()
        };
        Ok(Self { airgap, airgap_yaml: None, files, large: 0, extra: Vec::new(), images: None })
    }

    /// Any other change to what `airgap.yaml` says.
    pub fn edit(mut self, edit: impl FnOnce(&mut Airgap)) -> Self {
        edit(&mut self.airgap);
        self
    }

    /// With `bytes` bytes that do not compress in the release.
    pub fn large(mut self, bytes: u64) -> Self {
        self.large = bytes;
        self
    }

    /// Writes the bundle, replacing what is there. Memory stays small however large the bundle; beside it a temporary
    /// file of the size of its release is needed.
    ///
    /// # Errors
    ///
    /// Returns an error when writing fails, or for names a bundle cannot hold.
    pub fn write(&self, path: &Path) -> Result<()> {
        let context = || format!("failed to write {}", path.display());
        let folder = path.parent().context("a bundle needs a folder")?;
        std::fs::create_dir_all(folder).with_context(context)?;
        // Noise does not get smaller, only slower: programs that compress well store it, too.
        let level = if self.large == 0 && self.images.is_none() { 6 } else { 0 };
        let mut app = tempfile::tempfile_in(folder).with_context(context)?;
        let mut writer = BundleWriter::with_level(io::BufWriter::new(&mut app), level);
        for file in &self.files {
            writer.bytes(&file.path, &file.bytes)?;
        }
        if self.large > 0 {
            writer.file("large.bin", self.large, &mut Noise::new(1, self.large))?;
        }
        writer
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .with_context(context)?;
        let size = app.stream_position().with_context(context)?;
        app.rewind().with_context(context)?;

        let sink = File::create(path).with_context(context)?;
        let mut writer = BundleWriter::with_level(io::BufWriter::new(sink), level);
        let yaml = self.airgap_yaml.clone().unwrap_or_else(|| self.airgap.to_yaml());
        writer.bytes(AIRGAP_YAML, yaml.as_bytes())?;
        writer.file(APP_ARCHIVE, size, &mut app)?;
        for entry in &self.extra {
            writer.bytes(&entry.path, &entry.bytes)?;
        }
        if let Some(images) = &self.images {
            images.write(&mut writer)?;
        }
        writer
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .with_context(context)?;
        Ok(())
    }
}

/// Writes the bundles of both releases of the sample application as `sample-app-VERSION.airgap` into `folder`.
///
/// # Errors
///
/// Returns an error when reading the releases or writing the bundles fails.
pub fn write_sample(folder: &Path) -> Result<()> {
    for version in VERSIONS {
        let path = folder.join(format!("{APP_SLUG}-{version}.airgap"));
        BundleSpec::sample(version)?.write(&path)?;
        let size = std::fs::metadata(&path)?.len();
        ensure!(size > 0, "{} is empty", path.display());
    }
    Ok(())
}
