//! What can go wrong with a cluster, in the original's words where it has some.

use std::time::Duration;

use thiserror::Error;

use crate::transport::{Stage, TransportError};

/// Why the cluster cannot be used. The chain of causes reads as the original's error text.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// No usable namespace.
    #[error("failed to get namespace")]
    Namespace(#[source] NamespaceError),
    /// No client could be made.
    #[error("failed to get clientset")]
    Clientset(#[source] ConfigError),
    /// No kotsadm pod.
    #[error("failed to start port forwarding: failed to get pod name for port forward")]
    Pod(#[source] PodError),
    /// No auth string.
    #[error("failed to get kotsadm auth slug")]
    Auth(#[source] AuthError),
}

/// Why there is no usable namespace.
#[derive(Debug, Error)]
pub enum NamespaceError {
    /// The kubeconfig that would tell the default cannot be used.
    #[error("failed to load kubeconfig: {0}")]
    Kubeconfig(String),
    /// The name is not allowed.
    #[error("invalid namespace {namespace}: {problem}")]
    Invalid {
        /// What was given or found.
        namespace: String,
        /// The rule it breaks, in the words of Kubernetes.
        problem: String,
    },
}

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A flag or the kubeconfig cannot be used.
    #[error("failed to get cluster config: failed to convert kube flags to rest config: {0}")]
    Config(String),
    /// The configuration is readable but no connection can be set up with it.
    #[error("failed to create kubernetes clientset: {0}")]
    Client(String),
}

/// Why no kotsadm pod was found.
#[derive(Debug, Error)]
pub enum PodError {
    /// None was ready in time.
    #[error("timeout waiting for kotsadm pod: {seen}")]
    Timeout {
        /// What was seen last.
        seen: String,
    },
    /// The pods cannot be listed.
    #[error("failed to list pods")]
    List(#[source] ApiFailure),
}

/// Why there is no auth string.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The secret cannot be read.
    #[error("failed to check for existing kotsadm authstring secret")]
    Check(#[source] ApiFailure),
    /// The secret is missing and cannot be created.
    #[error("failed to create new kotsadm authstring secret")]
    Create(#[source] ApiFailure),
    /// The secret is there without its value. The original goes on with an empty header (W19).
    #[error(
        "secret `kotsadm-authstring` in namespace `{namespace}` has no value under the key \
         `kotsadm-authstring`; it holds: {keys}"
    )]
    MissingKey {
        /// Where the secret is.
        namespace: String,
        /// The keys it has.
        keys: String,
    },
}

impl ClusterError {
    /// Whether waiting cannot help: no permission, or a mistake in what was given.
    pub fn is_final(&self) -> bool {
        let failure = match self {
            Self::Namespace(_) | Self::Clientset(_) | Self::Auth(AuthError::MissingKey { .. }) => {
                return true;
            }
            Self::Pod(PodError::Timeout { .. }) => return false,
            Self::Pod(PodError::List(failure))
            | Self::Auth(AuthError::Check(failure) | AuthError::Create(failure)) => failure,
        };
        matches!(failure.kind, ApiKind::Forbidden | ApiKind::Unauthorized)
    }

    /// A command that shows more or puts it right.
    pub fn hint(&self, namespace: &str) -> Option<String> {
        let may = |verb: &str, what: &str| {
            Some(format!("kubectl auth can-i {verb} {what} --namespace {namespace}"))
        };
        match self {
            Self::Pod(PodError::List(failure)) if failure.kind == ApiKind::Forbidden => {
                may("list", "pods")
            }
            Self::Auth(AuthError::Check(failure)) if failure.kind == ApiKind::Forbidden => {
                may("get", "secrets/kotsadm-authstring")
            }
            Self::Auth(AuthError::Create(failure)) if failure.kind == ApiKind::Forbidden => {
                may("create", "secrets")
            }
            Self::Pod(PodError::Timeout { .. }) => {
                Some(format!("kubectl get pods --namespace {namespace} --selector app=kotsadm"))
            }
            Self::Auth(AuthError::MissingKey { .. }) => {
                Some(format!("kubectl delete secret kotsadm-authstring --namespace {namespace}"))
            }
            _ => None,
        }
    }
}

/// What the API server said, or why it said nothing.
#[derive(Debug, Error)]
#[error("{text}")]
pub struct ApiFailure {
    /// In words, the API server's own where it has some.
    pub text: String,
    /// What sort it is.
    pub kind: ApiKind,
}

/// Sorts of [`ApiFailure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// 401: the API server does not know us.
    Unauthorized,
    /// 403: it knows us and does not allow it.
    Forbidden,
    /// 404.
    NotFound,
    /// 409 with the reason that the object exists.
    AlreadyExists,
    /// It answered something else.
    Refused,
    /// No answer.
    Unreachable,
}

impl ApiFailure {
    pub(crate) fn timed_out(limit: Duration) -> Self {
        Self {
            text: format!("the API server did not answer within {limit:?}"),
            kind: ApiKind::Unreachable,
        }
    }
}

impl From<kube::Error> for ApiFailure {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let kind = match status.code {
                    401 => ApiKind::Unauthorized,
                    403 => ApiKind::Forbidden,
                    404 => ApiKind::NotFound,
                    409 if status.is_already_exists() => ApiKind::AlreadyExists,
                    _ => ApiKind::Refused,
                };
                let text = if status.message.is_empty() {
                    format!("the API server answered {} {}", status.code, status.reason)
                } else {
                    crop(&status.message)
                };
                Self { text, kind }
            }
            kube::Error::Service(source) => {
                let kind = match source.downcast_ref::<TransportError>() {
                    Some(error) if error.stage == Stage::Denied => ApiKind::Refused,
                    _ => ApiKind::Unreachable,
                };
                Self { text: chain(source.as_ref()), kind }
            }
            // Everything else is an answer that cannot be understood.
            other => Self { text: chain(&other), kind: ApiKind::Refused },
        }
    }
}

/// Returns the texts of an error and its causes, outermost first, each once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    crop(&text)
}

/// Bounds text that came from outside.
pub(crate) fn crop(text: &str) -> String {
    const LIMIT: usize = 2000;
    let text = text.trim();
    match text.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
