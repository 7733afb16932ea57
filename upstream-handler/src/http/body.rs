//! Small request bodies, read against a limit.

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::reply::Failure;

/// The largest body that is held in memory, in bytes: config values may carry files.
pub(crate) const MAX_BYTES: usize = 32 << 20;

/// Reads a body whole.
pub(crate) async fn read(body: Body) -> Result<Bytes, Failure> {
    match Limited::new(body, MAX_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request body is larger than {MAX_BYTES} bytes"),
        )),
        Err(error) => {
            Err(Failure::bad_request("the request body did not arrive").cause(error.to_string()))
        }
    }
}

/// Decodes a JSON object; the original's text on failure is `text`.
pub(crate) fn json<T: DeserializeOwned>(
    bytes: &[u8],
    status: StatusCode,
    text: &str,
) -> Result<T, Failure> {
    // A list would do as an object, its entries as the fields in their order.
    let parsed = match bytes.trim_ascii_start().first() {
        Some(b'[') => Err(serde::de::Error::custom("expected a JSON object")),
        _ => serde_json::from_slice(bytes),
    };
    parsed.map_err(|error: serde_json::Error| Failure::at(status, text, &error))
}
