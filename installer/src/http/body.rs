//! Reads bodies, at most so much of them. Content types are not looked at, as by the original.

use axum::body::{Body, to_bytes};
use serde::de::DeserializeOwned;

use super::decode::decode;
use crate::refusal::Refusal;

/// The largest body, in bytes: files are answers too.
const LIMIT: usize = 64 << 20;

/// Reads a body into `T`. `fields` are the keys of `T`, and of each answer below `values`.
pub(super) async fn read<T: DeserializeOwned + Default>(
    body: Body,
    fields: &[&str],
) -> Result<T, Refusal> {
    read_at_most(body, fields, LIMIT).await
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read_at_most<T: DeserializeOwned + Default>(
    body: Body,
    fields: &[&str],
    limit: usize,
) -> Result<T, Refusal> {
    let bytes = to_bytes(body, limit).await.map_err(|error| {
        let is_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_long {
            Refusal::new(413, format!("the body is longer than {limit} bytes"))
        } else {
            Refusal::bad(format!("the body could not be read: {error}"))
        }
    })?;
    decode(&bytes, fields).map_err(Refusal::bad)
}
