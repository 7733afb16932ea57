//! What is had from the vendor: the licence as it is now, the releases of its channel.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use kinds::license::{ApiVersion, RootKeys, VerifiedLicense, verify};
use upstream::{
    Client, LicenseFormat, Options as VendorOptions, Pending, PendingQuery, Proxies, ReleaseQuery,
};

use super::Request;
use crate::release::{self, Release, Source};
use crate::site;

/// How long transport faults are retried.
const RETRY_FOR: Duration = Duration::from_secs(30);
/// After how long a person is told what is waited for.
const SLOW: Duration = Duration::from_secs(5);

/// The vendor's endpoint: the environment's, else the licence's.
pub(super) fn endpoint(license: &VerifiedLicense) -> String {
    std::env::var("REPLICATED_APP_ENDPOINT")
        .ok()
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| license.license.endpoint_or_default().to_owned())
}

/// What children are told: the release's own host counts before the licence's.
pub(super) fn app_endpoint(endpoint: &str, release: &Release) -> String {
    let is_said = std::env::var("REPLICATED_APP_ENDPOINT").is_ok_and(|it| !it.is_empty());
    if is_said || release.app_domain.is_empty() {
        endpoint.to_owned()
    } else {
        format!("https://{}", release.app_domain)
    }
}

/// A client for the application of a licence.
pub(super) fn client(
    endpoint: &str,
    license: &VerifiedLicense,
    proxies: Option<Proxies>,
) -> Result<Client> {
    let license = &license.license;
    let url = url::Url::parse(endpoint)
        .with_context(|| format!("the vendor endpoint `{endpoint}` is not a URL"))?;
    let options = VendorOptions { retry_for: RETRY_FOR, proxies, ..VendorOptions::default() };
    Ok(Client::new(url, &license.app_slug, license.license_id.clone().into(), options)?)
}

/// Waits for the vendor, and says so when that takes long: who is behind an air gap has forgotten the bundle.
async fn patiently<T>(ask: impl Future<Output = T>) -> T {
    let mut ask = std::pin::pin!(ask);
    tokio::select! {
        answer = &mut ask => return answer,
        () = tokio::time::sleep(SLOW) => {}
    }
    tracing::warn!(
        "the vendor has not answered for {} s and is asked again for up to {} s; without a way there, pass --airgap-bundle",
        SLOW.as_secs(),
        RETRY_FOR.as_secs(),
    );
    ask.await
}

/// The licence as the vendor has it now. One that does not verify, or is another, is refused.
pub(super) async fn synced(
    vendor: &Client,
    license: VerifiedLicense,
    keys: &RootKeys,
) -> Result<VerifiedLicense> {
    let format = match license.license.api_version {
        ApiVersion::V1Beta1 => LicenseFormat::V1Beta1,
        ApiVersion::V1Beta2 => LicenseFormat::V1Beta2,
    };
    let (sequence, channel) =
        (license.license.license_sequence, license.license.channel_id.clone());
    let text = patiently(vendor.license(sequence, Some(&channel), format))
        .await
        .context("failed to sync the license")?;
    let synced = verify(&text, keys).context("the vendor's license cannot be used")?;
    if synced.license.license_id != license.license.license_id {
        bail!("the vendor answered with another license");
    }
    Ok(synced)
}

/// The release that is given, else the bundle's, else the vendor's; and the bundle's beside one that is
/// given, which it has to fit.
pub(super) async fn release(
    request: &Request,
    data_dir: &std::path::Path,
    is_begun: bool,
    vendor: Option<&Client>,
    license: &VerifiedLicense,
) -> Result<(Release, Option<Release>)> {
    let load = async |source: Source| -> Result<Release> {
        Ok(tokio::task::spawn_blocking(move || release::load(&source)).await??)
    };
    let of_bundle = match &request.airgap_bundle {
        Some(path) => Some(load(Source::Bundle(path.clone())).await?),
        None => None,
    };
    let of_files = match &request.release {
        Some(path) => Some(load(Source::Files(path.clone())).await?),
        None => None,
    };
    match (of_files, of_bundle, vendor) {
        (Some(mut files), Some(bundle), _) => {
            files.airgap.clone_from(&bundle.airgap);
            Ok((files, Some(bundle)))
        }
        (Some(release), None, _) | (None, Some(release), _) => Ok((release, None)),
        (None, None, Some(vendor)) => {
            Ok((download(request, data_dir, is_begun, vendor, license).await?, None))
        }
        (None, None, None) => bail!("release not found"),
    }
}

/// Refuses a bundle of another release than the one that is given.
pub(super) fn fits(files: &Release, bundle: &Release) -> Result<()> {
    let wrong = |what: &str, found: &str, allowed: &str| {
        anyhow!(
            "airgap bundle {what} {found} does not match binary {what} {allowed}, please provide the correct bundle"
        )
    };
    if bundle.app_slug != files.app_slug {
        return Err(wrong("app", &bundle.app_slug, &files.app_slug));
    }
    if bundle.channel_id != files.channel_id {
        return Err(wrong("channel", &bundle.channel_id, &files.channel_id));
    }
    if bundle.version_label != files.version_label {
        return Err(wrong("version", &bundle.version_label, &files.version_label));
    }
    Ok(())
}

/// The release of the channel that is named, else the one of the run that is begun, else the newest.
async fn download(
    request: &Request,
    data_dir: &std::path::Path,
    is_begun: bool,
    vendor: &Client,
    license: &VerifiedLicense,
) -> Result<Release> {
    let license = &license.license;
    let channel_id = license.channel_id.clone();
    let note = data_dir.join("channel-sequence");
    let noted = || std::fs::read_to_string(&note).ok().and_then(|it| it.trim().parse().ok());
    let sequence = match request.channel_sequence.or_else(|| is_begun.then(noted).flatten()) {
        Some(sequence) => sequence,
        None => pending(vendor, license, &channel_id, None)
            .await?
            .releases
            .iter()
            .map(|it| it.channel_sequence)
            .max()
            .context("the vendor has no release on the channel of the license")?,
    };
    site::write_private(&note, sequence.to_string().as_bytes())
        .with_context(|| format!("could not write {}", note.display()))?;
    let query = ReleaseQuery {
        channel_sequence: sequence,
        channel_id,
        license_sequence: license.license_sequence,
        ..ReleaseQuery::default()
    };
    let archive = data_dir.join("release.tar.gz");
    Ok(release::download(vendor, &license.app_slug, &query, archive).await?)
}

/// The releases after a place in a channel; all of them without one.
pub(super) async fn pending(
    vendor: &Client,
    license: &kinds::license::License,
    channel_id: &str,
    after: Option<i64>,
) -> Result<Pending> {
    let query = PendingQuery {
        channel_sequence: after,
        license_sequence: license.license_sequence,
        channel_id: channel_id.to_owned(),
        last_update_check_at: None,
    };
    vendor.pending(&query).await.context("failed to list the pending releases")
}
