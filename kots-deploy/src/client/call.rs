//! One request as data, and the ways it can end without success.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use thiserror::Error;

use super::upload::Upload;
use crate::fault::{Again, Due, Refusal};
use crate::transport::TransportError;

/// How long the head of an answer to a read may take before it is asked again.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// The most of a JSON answer that is read.
const JSON_LIMIT_BYTES: usize = 32 << 20;

/// One request.
#[derive(Debug)]
pub struct Call<'a> {
    /// HTTP method.
    pub method: Method,
    /// Path and query, escaped.
    pub path: String,
    /// The body.
    pub payload: Payload<'a>,
    /// Sent as `Idempotency-Key`; the original ignores it.
    pub key: Option<String>,
    /// What may happen when it arrives twice.
    pub again: Again,
    /// What is due in the body of a success.
    pub due: Due,
    /// How long the head of the answer may take; without one, until the deadline.
    pub patience: Option<Duration>,
    /// The most bytes of the answer's body that are read.
    pub limit: usize,
}

/// A request body.
#[derive(Debug)]
pub enum Payload<'a> {
    /// None.
    Empty,
    /// A JSON document.
    Json(Bytes),
    /// A multipart document that is streamed.
    Upload(&'a Upload),
}

impl Payload<'_> {
    /// Why the body could not be produced, if that is what broke the exchange.
    pub(super) fn failure(&self) -> Option<Arc<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::Upload(upload) => upload.failure(),
            Self::Empty | Self::Json(_) => None,
        }
    }
}

impl Call<'_> {
    /// A read.
    pub fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            payload: Payload::Empty,
            key: None,
            again: Again::Harmless,
            due: Due::Json,
            patience: Some(READ_PATIENCE),
            limit: JSON_LIMIT_BYTES,
        }
    }

    /// A change; sending it again harms unless `again` says otherwise.
    pub fn change(method: Method, path: String, again: Again) -> Self {
        Self { method, again, patience: None, ..Self::get(path) }
    }

    /// Sends `body` as JSON.
    pub fn json(mut self, body: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(body).expect("wire bodies always have a JSON form");
        self.payload = Payload::Json(bytes.into());
        self
    }
}

/// Why a request ended without success.
#[derive(Debug, Error)]
pub enum CallError {
    /// The server gave a reason.
    #[error("{}", .0.words())]
    Refused(Box<Refusal>),
    /// The auth string was not taken.
    #[error("{address} did not take the auth string: {}", refusal.words())]
    Auth {
        /// The admin console.
        address: String,
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The way is closed for good.
    #[error("{what}")]
    Denied {
        /// What was tried.
        what: String,
        /// Why.
        causes: Vec<String>,
    },
    /// The answer was lost: the server may have acted.
    #[error("the answer was lost ({why})")]
    Ambiguous {
        /// In words.
        why: String,
    },
    /// The deadline came before an answer.
    #[error("{address} was not reached within {limit}: {why}")]
    OutOfTime {
        /// The admin console.
        address: String,
        /// The run's limit.
        limit: String,
        /// The last fault.
        why: String,
        /// How many attempts came to nothing: with one, nothing was wrong before the deadline.
        attempts: u32,
    },
    /// A success that is not what is due.
    #[error("{address} answered something else than what is due")]
    Malformed {
        /// The admin console.
        address: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The request body could not be produced.
    #[error("{0}")]
    Input(Told),
}

/// An error of the body's producer, shared by the attempts.
pub type Told = Arc<dyn std::error::Error + Send + Sync>;

impl CallError {
    pub(super) fn denied(error: TransportError) -> Self {
        let causes = std::iter::successors(std::error::Error::source(&error), |it| it.source())
            .map(ToString::to_string)
            .collect();
        Self::Denied { what: error.what, causes }
    }

    /// Everything that is known beneath the first sentence.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Refused(refusal) | Self::Auth { refusal, .. } => refusal.details(),
            Self::Denied { causes, .. } => causes.clone(),
            Self::Malformed { source, .. } => vec![source.to_string()],
            Self::Input(error) => std::iter::successors(error.source(), |it| it.source())
                .map(ToString::to_string)
                .collect(),
            Self::Ambiguous { .. } | Self::OutOfTime { .. } => Vec::new(),
        }
    }
}

/// Shows a method and path, for logs.
impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
