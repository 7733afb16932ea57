//! What went wrong with one request, and whether waiting can help.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use thiserror::Error;

/// The most characters of a registry's words that are kept.
const REASON_LIMIT: usize = 2000;

/// What went wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// No answer: no connection, or one that broke.
    #[error("{what}")]
    Transport {
        /// What broke, with its causes.
        what: String,
    },
    /// The registry cannot do it now.
    #[error("registry answered {status}{}", colon(reason))]
    Busy {
        /// The status.
        status: u16,
        /// The registry's words.
        reason: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The registry has no room left.
    #[error("registry has no space left: it answered {status}{}", colon(reason))]
    Full {
        /// The status.
        status: u16,
        /// The registry's words.
        reason: String,
    },
    /// The registry does not know or take the credentials.
    #[error("registry does not accept the credentials: {reason}")]
    Unauthorized {
        /// Who said so, and in which words.
        reason: String,
    },
    /// The credentials do not allow it.
    #[error("registry answered {status}, the credentials do not allow it{}", colon(reason))]
    Denied {
        /// The status.
        status: u16,
        /// The registry's words.
        reason: String,
    },
    /// The registry gave a reason that will not pass.
    #[error("registry answered {status}{}", colon(reason))]
    Refused {
        /// The status.
        status: u16,
        /// The registry's words.
        reason: String,
    },
    /// The answer is not one of the distribution API.
    #[error("the answer is not a registry's: {what}")]
    Strange {
        /// What is wrong with it.
        what: String,
    },
    /// The certificate of the registry does not hold.
    #[error("the registry's certificate is not trusted: {what}")]
    Certificate {
        /// What is wrong with it.
        what: String,
    },
    /// What a patch leaves out is not there.
    #[error("{what}")]
    LeftOut {
        /// Which blobs, and where was looked.
        what: String,
    },
    /// One that may pass did not, in the time there was.
    #[error("{fault}; given up: {why}")]
    GivenUp {
        /// The last one.
        fault: Box<Fault>,
        /// Which time that was.
        why: String,
    },
    /// TLS was begun, and what answered does not speak it.
    #[error("the registry does not answer in TLS: it seems to speak plain HTTP ({what})")]
    NoTls {
        /// How that showed.
        what: String,
    },
    /// Plain HTTP was sent to where TLS is spoken.
    #[error(
        "the registry wants TLS, and was spoken to in plain HTTP: it answered {status}{}",
        colon(reason)
    )]
    WantsTls {
        /// The status.
        status: u16,
        /// Its words.
        reason: String,
    },
}

impl Fault {
    /// Whether it may pass by itself.
    pub fn passes(&self) -> bool {
        matches!(self.root(), Self::Transport { .. } | Self::Busy { .. })
    }

    /// The fault itself, whether or not it was waited for.
    pub fn root(&self) -> &Self {
        match self {
            Self::GivenUp { fault, .. } => fault.root(),
            other => other,
        }
    }

    /// How long the registry asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The status the registry answered with, if it was one that refuses.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Busy { status, .. }
            | Self::Full { status, .. }
            | Self::Denied { status, .. }
            | Self::WantsTls { status, .. }
            | Self::Refused { status, .. } => Some(*status),
            Self::GivenUp { fault, .. } => fault.status(),
            _ => None,
        }
    }

    /// Says what a person can do about it, in terms of the flags of `kots`.
    pub fn hint(&self) -> &'static str {
        match self.root() {
            Self::Transport { .. } | Self::GivenUp { .. } => {
                "check that the registry can be reached from here, then run the same command again: what it has is not sent again"
            }
            Self::Busy { .. } => {
                "look at the registry's log, then run the same command again: what it has is not sent again"
            }
            Self::Full { .. } => {
                "make room in the registry or raise the project's quota, then run the same command again: what it has is not sent again"
            }
            Self::Unauthorized { .. } => {
                "check --registry-username and --registry-password, then run the same command again"
            }
            Self::Denied { .. } => {
                "give the user the permission to push, or pass other credentials with --registry-username and --registry-password"
            }
            Self::Refused { status: 405, .. } => {
                "the registry takes no pushes now: end its read-only or maintenance mode or name another one, then run the same command again"
            }
            Self::Refused { .. } | Self::Strange { .. } => {
                "check that what was named as registry is one, and that the namespace exists in it"
            }
            Self::Certificate { what } if what.contains("expired") => {
                "have the registry's certificate renewed, and check the clock of this machine"
            }
            Self::Certificate { what } if what.contains("not valid yet") => {
                "check the clock of this machine and of the one that made the certificate"
            }
            Self::Certificate { what } if what.contains("not valid for name") => {
                "name the registry as its certificate does"
            }
            Self::Certificate { .. } => {
                "pass the certificate of the registry's authority with --registry-ca FILE"
            }
            Self::NoTls { .. } => {
                "pass --registry-plain-http if the registry has no TLS; everything is then sent in clear, credentials too"
            }
            Self::WantsTls { .. } => "leave out --registry-plain-http",
            Self::LeftOut { .. } => {
                "push the bundle that the patch was made from to the same place first (`kots airgap inspect` names it), or pass the whole bundle instead of the patch"
            }
        }
    }

    /// Classifies an answer that is no success.
    pub(crate) fn of_answer(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> Self {
        let (reason, full) = reason(body);
        let code = status.as_u16();
        match code {
            507 => Self::Full { status: code, reason },
            500..=599 if full => Self::Full { status: code, reason },
            400 | 403 | 412 | 413 if is_quota(&reason) => Self::Full { status: code, reason },
            408 | 429 | 500..=599 => Self::Busy { status: code, reason, retry_after },
            401 => Self::Unauthorized { reason: format!("it answered 401{}", colon(&reason)) },
            403 => Self::Denied { status: code, reason },
            400 if wants_tls(body) => Self::WantsTls { status: code, reason },
            _ => Self::Refused { status: code, reason },
        }
    }

    /// Classifies an exchange that broke.
    pub(crate) fn of_transport(error: &reqwest::Error) -> Self {
        let what = chain(error);
        let says = |all: &[&str]| all.iter().any(|it| what.contains(it));
        if says(&["invalid peer certificate", "UnknownIssuer", "certificate verify"]) {
            Self::Certificate { what }
        } else if says(&["InvalidContentType", "corrupt message"]) {
            // The first byte of an answer in clear is no kind of TLS record.
            Self::NoTls { what }
        } else {
            Self::Transport { what }
        }
    }
}

/// The words of Go's server, nginx and Apache for a request in clear where they speak TLS.
fn wants_tls(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    [
        "http request to an https server",
        "http request was sent to https port",
        "speaking plain http to an ssl-enabled",
    ]
    .iter()
    .any(|it| body.contains(it))
}

fn colon(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// An error with its causes, without the address: it may hold a signature.
fn chain(error: &reqwest::Error) -> String {
    let mut text = match error {
        it if it.is_timeout() => "no answer in time".to_owned(),
        it if it.is_connect() => "cannot connect".to_owned(),
        _ => "the connection broke".to_owned(),
    };
    let mut cause = error.source();
    while let Some(it) = cause {
        let words = it.to_string();
        // The library's name for the same.
        if words.starts_with("client error (") {
            cause = it.source();
            continue;
        }
        if !text.contains(&words) {
            let _ = write!(text, ": {words}");
        }
        cause = it.source();
    }
    text
}

/// Whether the words say that a project has all that it may have: Harbor's (`upper limit`) or Quay's, which both look
/// like a lack of permission otherwise.
fn is_quota(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.contains("will exceed the configured upper limit")
        || reason.contains("quota has been exceeded")
}

/// The words of a registry's error, and whether they say that its disk is full.
fn reason(body: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(body);
    // The error number stands in the detail of a registry whose storage is a folder.
    let full = text.contains("no space left") || text.contains("\"Err\":28}");
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let errors = parsed.as_ref().and_then(|it| it.get("errors")?.as_array());
    let words = match errors {
        Some(errors) => errors.iter().take(5).map(one).collect::<Vec<_>>().join("; "),
        None => text.lines().next().unwrap_or_default().trim().to_owned(),
    };
    let words = words.chars().filter(|it| !it.is_control()).take(REASON_LIMIT).collect();
    (words, full)
}

fn one(error: &Value) -> String {
    let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = match (text("code"), text("message")) {
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    match error.get("detail") {
        Some(Value::String(detail)) if !detail.is_empty() => {
            let _ = write!(line, " ({detail})");
        }
        Some(Value::Object(detail)) if !detail.is_empty() => {
            let _ = write!(line, " ({})", Value::Object(detail.clone()));
        }
        _ => {}
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).expect("a status");
        let fault = Fault::of_answer(status, None, body.as_bytes());
        format!("{} {fault}", if fault.passes() { "again" } else { "final" })
    }

    #[test]
    fn what_passes_and_what_does_not() {
        let full = r#"{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"DriverName":"filesystem","Enclosed":{"Op":"write","Path":"/x","Err":28}}}]}"#;
        let denied = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"},{"code":"X"}]}"#;
        let lines = [
            check(500, ""),
            check(503, "upstream is away\nmore"),
            check(
                429,
                r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down","detail":"1/s"}]}"#,
            ),
            check(408, ""),
            check(500, full),
            check(507, ""),
            check(401, ""),
            check(403, denied),
            check(
                404,
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]}"#,
            ),
            check(400, "{}"),
            check(400, "Client sent an HTTP request to an HTTPS server.\n"),
            check(
                405,
                r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#,
            ),
            check(413, "<html>"),
            check(
                403,
                r#"{"errors":[{"code":"DENIED","message":"adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed the configured upper limit of 10.0 MiB."}]}"#,
            ),
            check(
                403,
                r#"{"errors":[{"code":"DENIED","message":"Quota has been exceeded on namespace"}]}"#,
            ),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        again registry answered 500
        again registry answered 503: upstream is away
        again registry answered 429: TOOMANYREQUESTS: slow down (1/s)
        again registry answered 408
        final registry has no space left: it answered 500: UNKNOWN: unknown error ({"DriverName":"filesystem","Enclosed":{"Op":"write","Path":"/x","Err":28}})
        final registry has no space left: it answered 507
        final registry does not accept the credentials: it answered 401
        final registry answered 403, the credentials do not allow it: DENIED: requested access to the resource is denied; X
        final registry answered 404: NAME_UNKNOWN: repository name not known
        final registry answered 400: {}
        final the registry wants TLS, and was spoken to in plain HTTP: it answered 400: Client sent an HTTP request to an HTTPS server.
        final registry answered 405: UNSUPPORTED: The operation is unsupported.
        final registry answered 413: <html>
        final registry has no space left: it answered 403: DENIED: adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed the configured upper limit of 10.0 MiB.
        final registry has no space left: it answered 403: DENIED: Quota has been exceeded on namespace
        "#);
    }
}
