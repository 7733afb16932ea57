//! Bodies of answers, read against a limit.

use http::HeaderMap;

use crate::client::Asked;
use crate::error::UpstreamError;
use crate::fault::printable;

/// The most of a refusal that is read, in bytes.
pub(crate) const REASON_BYTES: u64 = 64 * 1024;
/// The most of a refusal that is shown, in characters.
const REASON_CHARS: usize = 8 * 1024;

/// Why a body was not read whole.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// More than allowed.
    TooLarge,
    /// The connection broke.
    Broken(reqwest::Error),
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(
    mut response: reqwest::Response,
    limit: u64,
) -> Result<Vec<u8>, ReadError> {
    let announced = response.content_length().unwrap_or(0);
    if limit < announced {
        return Err(ReadError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Broken)? {
        if limit < body.len() as u64 + chunk.len() as u64 {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads as much of a refusal as is shown; a body that breaks off is shown as far as it came.
pub(crate) async fn read_reason(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if REASON_BYTES <= body.len() as u64 {
            break;
        }
    }
    body.truncate(usize::try_from(REASON_BYTES).unwrap_or(usize::MAX));
    String::from_utf8_lossy(&body).into_owned()
}

/// Turns a final refusal into an error that keeps the vendor's words.
pub(crate) fn refusal(asked: &Asked<'_>, status: u16, body: &str) -> UpstreamError {
    let operation = asked.operation;
    let host = asked.host.clone();
    let reason = printable(&reason(body), REASON_CHARS);
    match status {
        401 => UpstreamError::Unauthorized { operation, host, reason },
        403 => UpstreamError::Forbidden { operation, host, reason },
        404 => {
            UpstreamError::NotFound { operation, host, path: asked.url.path().to_owned(), reason }
        }
        _ => UpstreamError::Rejected { operation, host, status, reason },
    }
}

/// The `error` of a JSON body, or the body as it is.
fn reason(body: &str) -> String {
    serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|value| Some(value.get("error")?.as_str()?.to_owned()))
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| body.to_owned())
}

/// Returns the seconds of `Retry-After`, as text.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<&str> {
    crate::headers::text(headers, "retry-after")
}
