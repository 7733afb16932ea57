//! Reaches the vendor for one application.

use std::time::Duration;

use kinds::license::{ApiVersion, License};
use thiserror::Error;
use upstream::{Client, LicenseFormat, Options, Reporting, UpstreamError};
use url::Url;

use crate::context::Context;
use crate::store::apps::AppRow;

/// How long transport faults are retried. A request waits for this.
const RETRY_FOR: Duration = Duration::from_secs(30);

/// Why the vendor was not reached or did not give what was asked.
#[derive(Debug, Error)]
pub(crate) enum VendorError {
    /// The endpoint is not a URL.
    #[error("the vendor endpoint `{endpoint}` is not a URL")]
    Endpoint {
        /// The text.
        endpoint: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// The exchange failed, or the vendor said no.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// A client for `app` with the licence it runs under.
///
/// The endpoint is the operator's, else the licence's for the channel, else the licence's own.
pub(crate) fn client(
    shared: &Context,
    license: &License,
    app: &AppRow,
) -> Result<Client, VendorError> {
    let of_channel = license
        .channel(&app.selected_channel_id)
        .ok()
        .map(|channel| channel.endpoint)
        .filter(|endpoint| !endpoint.is_empty());
    let endpoint = shared
        .release_endpoint
        .clone()
        .or(of_channel)
        .unwrap_or_else(|| license.endpoint_or_default().to_owned());
    let url = Url::parse(&endpoint)
        .map_err(|source| VendorError::Endpoint { endpoint: endpoint.clone(), source })?;
    let options = Options {
        retry_for: RETRY_FOR,
        max_release_bytes: shared.max_upload_bytes,
        reporting: Reporting { instance_id: Some(app.id.clone()), ..Reporting::default() },
        ..Options::default()
    };
    Ok(Client::new(url, &license.app_slug, license.license_id.clone().into(), options)?)
}

/// Which form of licence the vendor is to send.
pub(crate) fn format(license: &License) -> LicenseFormat {
    match license.api_version {
        ApiVersion::V1Beta1 => LicenseFormat::V1Beta1,
        ApiVersion::V1Beta2 => LicenseFormat::V1Beta2,
    }
}
