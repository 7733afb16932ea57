//! Answers of the mirror: what was found, or why not, in words.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::fs::File;
use tokio_util::io::ReaderStream;
use wire::upstream::PendingReleases;

use super::folder::{Channel, MirrorError, Release, Summary};
use super::pack::Content;
use crate::headers;

/// Bytes of a file that are read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a request is not answered with what it asks for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 400.
    Unusable(String),
    /// 401.
    Unauthorized(String),
    /// 403.
    Forbidden(String),
    /// 404.
    Absent(String),
    /// 500: the folder is not as it should be.
    Folder(MirrorError),
    /// 500: our own fault.
    Broken,
}

impl Refusal {
    pub(super) fn absent(what: impl Into<String>) -> Self {
        Self::Absent(what.into())
    }

    pub(super) fn unusable(what: impl Into<String>) -> Self {
        Self::Unusable(what.into())
    }
}

impl From<MirrorError> for Refusal {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::UnknownApp(_) => Self::Absent(error.to_string()),
            other => Self::Folder(other),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Unusable(text) => (StatusCode::BAD_REQUEST, text),
            Self::Unauthorized(text) => (StatusCode::UNAUTHORIZED, text),
            Self::Forbidden(text) => (StatusCode::FORBIDDEN, text),
            Self::Absent(text) => (StatusCode::NOT_FOUND, text),
            Self::Folder(error) => {
                tracing::error!(%error, source = ?std::error::Error::source(&error), "the mirror's folder is not as it should be");
                let text = match std::error::Error::source(&error) {
                    Some(source) => format!("the mirror cannot serve this: {error}: {source}"),
                    None => format!("the mirror cannot serve this: {error}"),
                };
                (StatusCode::INTERNAL_SERVER_ERROR, text)
            }
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "the mirror failed".to_owned()),
        };
        let mut response = (status, format!("{text}\n")).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"licence ID\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// A YAML document.
pub(super) fn yaml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], text).into_response()
}

/// The list of pending releases.
pub(super) fn pending(list: &PendingReleases, now: Timestamp) -> Response {
    // RFC 3339 to the second, as the vendor sends it.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
    let mut response = axum::Json(list).into_response();
    if let Ok(value) = HeaderValue::from_str(&now) {
        response.headers_mut().insert(HeaderName::from_static(headers::UPDATE_CHECK_AT), value);
    }
    response
}

/// What the folder serves.
pub(super) fn health(summary: &Summary) -> Response {
    axum::Json(serde_json::json!({
        "apps": summary.apps,
        "licenses": summary.n_licenses,
        "channels": summary.n_channels,
        "releases": summary.n_releases,
    }))
    .into_response()
}

/// What the headers of a release say.
pub(super) fn release_headers(channel: &Channel, release: &Release) -> HeaderMap {
    let released_at = release.created_at.map(|at| at.to_string()).unwrap_or_default();
    let mut map = HeaderMap::new();
    for (name, value) in [
        (headers::CHANNEL_SEQUENCE, &*release.channel_sequence.to_string()),
        (headers::CHANNEL_ID, &channel.id),
        (headers::CHANNEL_NAME, &channel.name),
        (headers::VERSION_LABEL, &release.version_label),
        (headers::IS_REQUIRED, if release.is_required { "true" } else { "false" }),
        (headers::RELEASED_AT, &released_at),
        (headers::CHART_NAMES, &release.replicated_chart_names.join(",")),
        (headers::APP_DOMAIN, &channel.replicated_app_domain),
        (headers::REGISTRY_DOMAIN, &channel.replicated_registry_domain),
        (headers::PROXY_DOMAIN, &channel.replicated_proxy_domain),
    ] {
        // Text of the folder that no header can carry is left out rather than cut.
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value.as_bytes())) {
            map.insert(HeaderName::from_static(name), value);
        }
    }
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    map
}

/// A release, with its length announced.
pub(super) async fn archive(mut headers: HeaderMap, content: Content) -> Result<Response, Refusal> {
    let (body, length) = match content {
        Content::Packed(bytes) => {
            let length = bytes.len() as u64;
            (Body::from(bytes), length)
        }
        Content::File(path) => {
            let failed = |source| MirrorError::Io { path: path.clone(), source };
            let file = File::open(&path).await.map_err(failed)?;
            let length = file.metadata().await.map_err(failed)?.len();
            (Body::from_stream(ReaderStream::with_capacity(file, CHUNK_BYTES)), length)
        }
    };
    headers.insert(header::CONTENT_LENGTH, length.into());
    Ok((headers, body).into_response())
}
