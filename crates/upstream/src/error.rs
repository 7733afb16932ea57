//! What can go wrong between us and the vendor, each with what was found and what was allowed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a question to the vendor has no answer.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// The endpoint or the application's name cannot be made into an address.
    #[error("the upstream endpoint `{endpoint}` cannot be used: {reason}")]
    Endpoint {
        /// The endpoint as given.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// Nothing was heard, or the connection broke, until the deadline.
    #[error("{operation} got no answer from `{host}`, {}, {end}", Attempts(*attempts))]
    Unreachable {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// How often it was asked.
        attempts: u32,
        /// Why it was not asked again.
        end: RetryEnd,
        /// What the last attempt died of.
        #[source]
        source: reqwest::Error,
    },
    /// Gateways or the vendor said "later" until the deadline.
    #[error(
        "{operation} got only {status} without a reason from `{host}`, {}, {end}",
        Attempts(*attempts)
    )]
    Unavailable {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The last status.
        status: u16,
        /// How often it was asked.
        attempts: u32,
        /// Why it was not asked again.
        end: RetryEnd,
    },
    /// The vendor does not know the licence.
    #[error("{operation}: `{host}` does not accept the licence (401){}", Said(reason))]
    Unauthorized {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The vendor's words; empty when there were none.
        reason: String,
    },
    /// The licence does not cover what was asked.
    #[error("{operation}: `{host}` does not allow it for this licence (403){}", Said(reason))]
    Forbidden {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The vendor's words; empty when there were none.
        reason: String,
    },
    /// There is no such application, channel or release.
    #[error("{operation}: `{host}` has no `{path}` (404){}", Said(reason))]
    NotFound {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The path that was asked for.
        path: String,
        /// The vendor's words; empty when there were none.
        reason: String,
    },
    /// Any other refusal.
    #[error("{operation}: `{host}` answered {status}{}", Said(reason))]
    Rejected {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The status.
        status: u16,
        /// The vendor's words; empty when there were none.
        reason: String,
    },
    /// A good status with an answer that cannot be used.
    #[error("{operation}: the answer of `{host}` cannot be used: {what}")]
    BadAnswer {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// What was found and what was allowed.
        what: String,
    },
    /// The vendor sent another release than the one that was asked for.
    #[error(
        "`{host}` was asked for {field} `{asked}` and answered with `{got}`; nothing was kept of it"
    )]
    WrongRelease {
        /// Host and port.
        host: String,
        /// Which part of the identity differs.
        field: &'static str,
        /// What was asked for.
        asked: String,
        /// What came; `nothing` when the header was absent.
        got: String,
    },
    /// The answer is larger than allowed.
    #[error("{operation}: the answer of `{host}` is larger than the {allowed} bytes allowed")]
    TooLarge {
        /// What was asked.
        operation: &'static str,
        /// Host and port.
        host: String,
        /// The limit, in bytes.
        allowed: u64,
    },
    /// The release could not be written.
    #[error("could not {operation} `{}`", path.display())]
    Disk {
        /// What was tried.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl UpstreamError {
    /// Whether asking again later may help without anybody changing anything.
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Unavailable { .. })
    }
}

/// Why no further attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryEnd {
    /// The time for retries was over.
    Deadline(Duration),
    /// The next attempt would have been the same: a bad certificate, too many redirects, a refused
    /// change from https to http.
    Useless,
    /// The vendor asked to wait longer than there was time left.
    WaitTooLong(Duration),
}

impl std::fmt::Display for RetryEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deadline(limit) => write!(f, "given up after {} s", limit.as_secs_f32()),
            Self::Useless => write!(f, "another one would end the same"),
            Self::WaitTooLong(wait) => {
                write!(f, "told to wait {} s, which is longer than allowed", wait.as_secs())
            }
        }
    }
}

/// `1 attempt`, `2 attempts`, ….
struct Attempts(u32);

impl std::fmt::Display for Attempts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} attempt{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// `: <reason>`, or nothing without one.
struct Said<'a>(&'a String);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}
