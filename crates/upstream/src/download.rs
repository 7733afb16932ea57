//! Downloads a release into a file.
//!
//! The bytes go to a file beside the final one, which gets its name only when it is whole and on
//! the disk. Whatever goes wrong, a file that has the final name is complete.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

use crate::client::{Asked, Client, Retry};
use crate::error::UpstreamError;
use crate::headers::{MetaError, ReleaseMeta};

/// A download that got at least this far before it broke off has shown that it can work.
const PROGRESS_BYTES: u64 = 1024 * 1024;

/// Which release is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseQuery {
    /// Its position in the channel.
    pub channel_sequence: i64,
    /// Its channel.
    pub channel_id: String,
    /// The channel's slug, when the installation was made with one.
    pub channel_slug: Option<String>,
    /// Its label, when it is known.
    pub version_label: Option<String>,
    /// Sequence of the licence in use.
    pub license_sequence: i64,
}

/// A release that is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What its headers say.
    pub meta: ReleaseMeta,
    /// Hex SHA-256 of the file.
    pub sha256: String,
    /// Length of the file, in bytes.
    pub size: u64,
}

/// What one attempt came to.
enum Attempt {
    Whole { sha256: String, size: u64 },
    Broken { size: u64, error: reqwest::Error },
}

impl Client {
    /// Downloads a release to `dest` (`pkg/upstream/replicated.go:368-483`).
    ///
    /// The release must be the one that was asked for, by channel and sequence. A body that ends
    /// before its announced length is a broken connection and is asked for again.
    ///
    /// # Errors
    ///
    /// See [`UpstreamError`]. Nothing is left on the disk, and an older `dest` stays as it was.
    pub async fn download_release(
        &self,
        query: &ReleaseQuery,
        dest: &Path,
    ) -> Result<Download, UpstreamError> {
        let mut pairs = vec![
            ("channelSequence", query.channel_sequence.to_string()),
            ("licenseSequence", query.license_sequence.to_string()),
            ("isSemverSupported", "true".to_owned()),
            ("isEmbeddedCluster", "false".to_owned()),
            ("selectedChannelId", query.channel_id.clone()),
        ];
        pairs.extend(query.version_label.clone().map(|label| ("versionLabel", label)));
        let url = self.target.url("release", query.channel_slug.as_deref(), &pairs);
        let asked = self.asked("downloading the release", &url);

        let part = Part::beside(dest);
        let mut retry = Retry::start(self.options.retry_for);
        loop {
            let response = self.ask(&asked, &[], &mut retry).await?;
            let headers = response.headers();
            let meta = ReleaseMeta::read(headers, query.channel_sequence, &query.channel_id)
                .map_err(|error| refuse(&asked, error))?;
            let attempt = save(&asked, response, &part, self.options.max_release_bytes).await?;
            match attempt {
                Attempt::Whole { sha256, size } => {
                    part.finish(dest).await?;
                    return Ok(Download { meta, sha256, size });
                }
                Attempt::Broken { size, error } => {
                    if PROGRESS_BYTES <= size {
                        retry.after_progress();
                    }
                    retry.after_break(&asked, error).await?;
                }
            }
        }
    }
}

fn refuse(asked: &Asked<'_>, error: MetaError) -> UpstreamError {
    match error {
        MetaError::Differs { field, asked: wanted, got } => {
            UpstreamError::WrongRelease { host: asked.host.clone(), field, asked: wanted, got }
        }
        MetaError::Unreadable(what) => asked.bad_answer(&what),
    }
}

/// Writes one answer to the part file, from its start.
async fn save(
    asked: &Asked<'_>,
    mut response: reqwest::Response,
    part: &Part,
    limit: u64,
) -> Result<Attempt, UpstreamError> {
    if limit < response.content_length().unwrap_or(0) {
        return Err(asked.too_large(limit));
    }
    let mut file = File::create(&part.path).await.map_err(part.failed("create"))?;
    let mut sha256 = Sha256::new();
    let mut size = 0_u64;
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Ok(Attempt::Broken { size, error }),
        };
        size += chunk.len() as u64;
        if limit < size {
            return Err(asked.too_large(limit));
        }
        sha256.update(&chunk);
        file.write_all(&chunk).await.map_err(part.failed("write"))?;
    }
    if size == 0 {
        return Err(asked.bad_answer("it is empty, a release was expected"));
    }
    file.flush().await.map_err(part.failed("write"))?;
    file.sync_all().await.map_err(part.failed("write"))?;
    Ok(Attempt::Whole { sha256: hex::encode(sha256.finalize()), size })
}

/// The file beside the final one. Removed when it is dropped without being finished.
struct Part {
    path: PathBuf,
}

impl Part {
    fn beside(dest: &Path) -> Self {
        let mut name = dest.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        Self { path: dest.with_file_name(name) }
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(std::io::Error) -> UpstreamError {
        let path = self.path.clone();
        move |source| UpstreamError::Disk { operation, path, source }
    }

    async fn finish(&self, dest: &Path) -> Result<(), UpstreamError> {
        fs::rename(&self.path, dest).await.map_err(self.failed("rename"))?;
        let folder = match dest.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let synced = match File::open(folder).await {
            Ok(folder) => folder.sync_all().await,
            Err(error) => Err(error),
        };
        synced.map_err(|source| UpstreamError::Disk {
            operation: "make lasting the name of",
            path: dest.to_owned(),
            source,
        })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After `finish` there is nothing left under this name.
        let _ = std::fs::remove_file(&self.path);
    }
}
