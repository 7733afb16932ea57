//! A port-forward for every exchange: `…/pods/POD/portforward`, upgraded to a WebSocket.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, header};
use hyper_util::rt::TokioIo;
use kube::client::UpgradeConnectionError;
use secrecy::SecretString;

use super::RoadError;
use super::stream::{Report, Tunnel};
use super::target::{Freshness, Target};
use crate::cluster::{ApiFailure, ApiKind, KOTSADM_PORT};
use crate::transport::direct::auth_header;
use crate::transport::exchange::exchange;
use crate::transport::{Body, Stage, Transport, TransportError};

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Carries exchanges through port-forwards.
pub(super) struct PortForward {
    target: Arc<Target>,
    auth: HeaderValue,
}

/// A tunnel that nothing was sent through yet.
pub(super) struct Dialled {
    tunnel: Tunnel<Upgraded>,
    pod: String,
}

/// Why no tunnel was made.
#[derive(Debug)]
pub(super) enum DialError {
    /// The pod or the API server is not there: the other road would not help.
    Nobody(TransportError),
    /// The API server answers and the pod is ready, but there is no tunnel between them.
    NoTunnel(TransportError),
}

impl From<DialError> for TransportError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Nobody(error) | DialError::NoTunnel(error) => error,
        }
    }
}

/// How an exchange through a tunnel failed.
pub(super) struct Failed {
    pub(super) error: TransportError,
    /// Whether the tunnel is to blame, and not kotsadm or its absence.
    pub(super) lost: bool,
}

impl PortForward {
    pub(super) fn new(target: Arc<Target>, auth: &SecretString) -> Result<Self, RoadError> {
        Ok(Self { target, auth: auth_header(auth).ok_or(RoadError::AuthString)? })
    }

    /// Makes a tunnel. A pod known from before that turns out to be gone is looked for anew, once.
    pub(super) async fn dial(&self) -> Result<Dialled, DialError> {
        let (pod, freshness) = self.target.pod().await.map_err(DialError::Nobody)?;
        let failure = match self.upgrade(&pod).await {
            Ok(tunnel) => return Ok(Dialled { tunnel, pod }),
            Err(failure) => failure,
        };
        self.target.forget(&pod);
        if freshness == Freshness::Fresh || failure.kind == ApiKind::Forbidden {
            return Err(self.dial_error(&pod, failure));
        }
        let (pod, _) = self.target.pod().await.map_err(DialError::Nobody)?;
        match self.upgrade(&pod).await {
            Ok(tunnel) => Ok(Dialled { tunnel, pod }),
            Err(failure) => {
                self.target.forget(&pod);
                Err(self.dial_error(&pod, failure))
            }
        }
    }

    async fn upgrade(&self, pod: &str) -> Result<Tunnel<Upgraded>, ApiFailure> {
        let namespace = self.target.cluster.namespace();
        let uri =
            format!("/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={KOTSADM_PORT}");
        let request = http::Request::get(uri)
            .body(Vec::new())
            .map_err(|error| ApiFailure { text: error.to_string(), kind: ApiKind::Refused })?;
        let limit = self.target.patience.tunnel;
        let connecting = self.target.cluster.client().connect(request);
        match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(connection)) => {
                // Nothing has been read from the socket yet, so taking it apart loses nothing; it
                // is put together again with limits and a byte count.
                let socket = connection.into_stream().into_inner();
                Ok(Tunnel::new(socket, self.target.patience).await)
            }
            Ok(Err(kube::Error::UpgradeConnection(error))) => Err(not_upgraded(&error)),
            Ok(Err(error)) => Err(error.into()),
            // The API server took the connection, so it is the way behind it that is stuck.
            Err(_) => Err(ApiFailure {
                text: format!("no tunnel within {} s", limit.as_secs()),
                kind: ApiKind::Refused,
            }),
        }
    }

    fn dial_error(&self, pod: &str, failure: ApiFailure) -> DialError {
        let namespace = self.target.cluster.namespace();
        let kind = failure.kind;
        let error = |stage| {
            let what = match kind {
                ApiKind::Forbidden | ApiKind::Unauthorized => {
                    format!("not allowed to make a port-forward to pod {namespace}/{pod}")
                }
                _ => format!("no port-forward to pod {namespace}/{pod}"),
            };
            TransportError::new(stage, what, Some(Box::new(failure)))
        };
        match kind {
            ApiKind::Unreachable | ApiKind::NotFound | ApiKind::AlreadyExists => {
                DialError::Nobody(error(Stage::Connect))
            }
            ApiKind::Unauthorized => DialError::Nobody(error(Stage::Denied)),
            ApiKind::Forbidden => DialError::NoTunnel(error(Stage::Denied)),
            ApiKind::Refused => DialError::NoTunnel(error(Stage::Connect)),
        }
    }

    /// Sends `request` through a tunnel.
    pub(super) async fn exchange(
        &self,
        dialled: Dialled,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Failed> {
        let Dialled { tunnel, pod } = dialled;
        let report = tunnel.report();
        let host = HeaderValue::from_static("localhost:3000");
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::AUTHORIZATION, self.auth.clone());
        let peer = format!("kotsadm in pod {}/{pod}", self.target.cluster.namespace());
        exchange(tunnel, request, &peer).await.map_err(|error| {
            self.target.forget(&pod);
            explain(error, &report, &peer)
        })
    }
}

/// Puts what the tunnel knows into the error of the exchange.
fn explain(mut error: TransportError, report: &Report, peer: &str) -> Failed {
    let Some(failure) = report.failure() else {
        // kotsadm itself closed the connection.
        return Failed { error, lost: false };
    };
    if failure.is_refused() && !report.answered() {
        let what = format!("{peer} does not listen");
        let error = TransportError::new(Stage::Connect, what, Some(Box::new(failure)));
        return Failed { error, lost: false };
    }
    error.source = Some(Box::new(failure));
    Failed { error, lost: true }
}

fn not_upgraded(error: &UpgradeConnectionError) -> ApiFailure {
    let text = match error {
        UpgradeConnectionError::ProtocolSwitch(status) => format!(
            "the API server answered {status} instead of a WebSocket; WebSocket port-forwards \
             need Kubernetes 1.30 or a proxy that lets upgrades pass"
        ),
        other => format!("the API server made no usable WebSocket: {other}"),
    };
    ApiFailure { text, kind: ApiKind::Refused }
}

#[async_trait]
impl Transport for PortForward {
    async fn send(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, TransportError> {
        let dialled = self.dial().await?;
        self.exchange(dialled, request).await.map_err(|failed| failed.error)
    }

    fn describe(&self) -> String {
        format!("{} through a port-forward", self.target.label())
    }
}

impl fmt::Debug for PortForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortForward").field("target", &self.target).finish_non_exhaustive()
    }
}
