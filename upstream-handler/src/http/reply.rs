//! What goes back: one place that turns results and errors into status and body.
//!
//! The original's `error` text stays first, because its clients parse it; what it loses (the reason
//! beneath) follows after a colon and, in full, in `causes`.

use std::error::Error;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::context::LeaseError;
use crate::store::StoreError;

/// A good answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body; null is no body.
    pub body: Value,
}

impl Reply {
    /// 200 with `body`.
    pub(crate) fn ok(body: &impl Serialize) -> Self {
        // Wire types are maps with text keys: they always serialise.
        Self { status: StatusCode::OK, body: serde_json::to_value(body).unwrap_or_default() }
    }

    /// `status` without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, body: Value::Null }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        if self.body.is_null() {
            self.status.into_response()
        } else {
            (self.status, Json(self.body)).into_response()
        }
    }
}

/// 200 with a body that is written once: large ones take no detour through a [`Reply`].
pub(crate) fn json(body: &impl Serialize) -> Response {
    Json(body).into_response()
}

/// A refusal or a failure.
#[derive(Debug, Clone)]
pub(crate) struct Failure(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    error: String,
    causes: Vec<String>,
    hint: Option<String>,
    extra: Map<String, Value>,
    retry_after_s: Option<u32>,
}

impl Failure {
    /// A refusal with exactly this text.
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            status,
            error: error.into(),
            causes: Vec::new(),
            hint: None,
            extra: Map::new(),
            retry_after_s: None,
        }))
    }

    /// 400 with exactly this text.
    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// 500 with exactly this text, which is a reason a person can act on.
    pub(crate) fn refused(error: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    /// 500: the original's `text`, then the reason it would have lost.
    pub(crate) fn because(text: &str, error: &(dyn Error + 'static)) -> Self {
        Self::at(StatusCode::INTERNAL_SERVER_ERROR, text, error)
    }

    /// `status`: the original's `text`, then the reason it would have lost.
    pub(crate) fn at(status: StatusCode, text: &str, error: &(dyn Error + 'static)) -> Self {
        let causes = chain(error);
        tracing::warn!(status = status.as_u16(), "{text}: {}", causes.join(": "));
        let mut failure = Self::new(status, format!("{text}: {}", causes.join(": ")));
        failure.0.causes = causes;
        failure
    }

    /// 404 for an application that is not installed, where the original's text is `text`.
    pub(crate) fn unknown_app(text: &str, slug: &str) -> Self {
        let mut failure = Self::refused(text);
        failure.0.causes = vec![format!("no application `{slug}` is installed")];
        failure
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says what failed for this reason.
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.0.error = format!("{what}: {}", self.0.error);
        self
    }

    /// Adds a cause beneath the text.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.0.causes.push(cause.into());
        self
    }

    /// Adds a field to the body.
    pub(crate) fn with(mut self, field: &str, value: &impl Serialize) -> Self {
        self.0.extra.insert(field.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Says when to come again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// The status and body, for recording.
    pub(crate) fn parts(&self) -> (StatusCode, Value) {
        let mut body = Map::new();
        body.insert("error".to_owned(), json!(self.0.error));
        body.insert("success".to_owned(), json!(false));
        if !self.0.causes.is_empty() {
            body.insert("causes".to_owned(), json!(self.0.causes));
        }
        if let Some(hint) = &self.0.hint {
            body.insert("hint".to_owned(), json!(hint));
        }
        body.extend(self.0.extra.clone());
        (self.0.status, Value::Object(body))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let retry_after = self.0.retry_after_s;
        let mut response = {
            let (status, body) = self.parts();
            (status, Json(body)).into_response()
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::because("internal error", &error)
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Busy { .. } => {
                Self::new(StatusCode::CONFLICT, error.to_string()).retry_after(5)
            }
            LeaseError::Store(error) => error.into(),
        }
    }
}

/// The texts of an error and of everything beneath it, outermost first; repeated ones once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts
}
