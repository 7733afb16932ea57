//! Answers that many clients ask for again and again, rendered once for each change.
//!
//! However many clients poll, the database is read and JSON is written once a change and view; all of
//! them are given the same bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::frame::Refused;
use crate::refusal::Refusal;
use crate::site::Site;

/// A view as it was rendered, and at which revision of the store.
type Slot = Arc<tokio::sync::Mutex<Option<(u64, Bytes)>>>;

/// Views by their names.
#[derive(Debug, Default)]
pub(crate) struct Views(Mutex<HashMap<&'static str, Slot>>);

impl Views {
    fn slot(&self, name: &'static str) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(name).or_default())
    }
}

/// Answers with a view. `make` is called when anything changed since it was rendered, by one of those
/// who ask; the others wait for it.
pub(super) async fn cached<T, E, F>(site: &Site, name: &'static str, make: F) -> Response
where
    T: Serialize,
    E: Into<Refusal>,
    F: AsyncFnOnce() -> Result<T, E>,
{
    let slot = site.views.slot(name);
    let mut slot = slot.lock().await;
    // Taken before anything is read: what changes meanwhile is rendered for whoever asks next.
    let revision = site.store.revision();
    if let Some((of, bytes)) = &*slot
        && *of == revision
    {
        return json(bytes.clone());
    }
    let body = match make().await {
        Ok(body) => body,
        Err(error) => return Refused::from(error.into()).into_response(),
    };
    match serde_json::to_vec(&body) {
        Ok(bytes) => {
            let bytes = Bytes::from(bytes);
            *slot = Some((revision, bytes.clone()));
            json(bytes)
        }
        Err(error) => Refused::from(Refusal::internal(&error)).into_response(),
    }
}

fn json(bytes: Bytes) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
