//! The one way a request leaves this program.
//!
//! A [`Transport`] carries one HTTP/1.1 exchange to kotsadm: straight to a URL, through a
//! port-forward, or through the API server's proxy. Everything above it builds requests with a path
//! and a query and knows nothing of how they travel.
//!
//! Deliberately absent: retries and waiting. A transport fails once and says how; what to do about
//! it is decided in one place, [`crate::fault`].

pub mod direct;
pub mod exchange;

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use thiserror::Error;

/// Any error of a body that is being sent or read.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request or response body; streamed, never held whole.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Carries HTTP exchanges to one kotsadm.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Sends `request` (its URI is a path and query, without scheme and authority) on a connection
    /// of its own and returns the response as soon as its head has arrived, even when the request
    /// body has not been sent to its end: a server may answer early and close.
    ///
    /// The transport adds what its road needs (the `Host` header, the auth string as header or
    /// cookie).
    ///
    /// # Errors
    ///
    /// Returns [`TransportError`] when no response head arrived. A response of any status is `Ok`.
    async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError>;

    /// Names where requests go, for messages: an address, or a pod and the way to it.
    fn describe(&self) -> String;
}

/// Why no answer arrived.
#[derive(Debug, Error)]
#[error("{what}")]
pub struct TransportError {
    /// What was attempted and with whom, in words.
    pub what: String,
    /// How far the exchange came.
    pub stage: Stage,
    /// The cause.
    #[source]
    pub source: Option<BoxError>,
}

impl TransportError {
    /// Makes an error of one stage.
    pub fn new(stage: Stage, what: impl Into<String>, source: Option<BoxError>) -> Self {
        Self { what: what.into(), stage, source }
    }
}

/// How far an exchange came before it broke. It decides whether the server can have acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No connection: nothing of the request was sent.
    Connect,
    /// The connection broke after bytes of the request were sent: the server may have acted.
    Exchange,
    /// The way itself is closed for good (no permission, no such pod): waiting does not help.
    Denied,
}
