//! The cluster kotsadm runs in: how it is reached, in which namespace, which pod it is, and the
//! secret that lets us in.
//!
//! Mirrors `pkg/k8sutil` and `pkg/auth` of the original, with its messages. Only this module and
//! [`crate::tunnel`] see kube.
//!
//! Deliberately absent: anything that changes the cluster, except for the auth secret, which is
//! created when it is missing, as the original does.

mod auth;
mod client;
mod error;
mod flags;
mod kubeconfig;
mod namespace;
mod pod;
mod secrets;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

use crate::transport::Body;

pub use auth::unreadable_secret_notice;
pub use error::{
    ApiFailure, ApiKind, AuthError, ClusterError, ConfigError, NamespaceError, PodError,
};
pub use flags::{ConnectionFlags, Surroundings};

pub(crate) use error::chain as error_chain;

/// The port kotsadm listens on inside its pod.
pub const KOTSADM_PORT: u16 = 3000;

/// A cluster with kotsadm in one of its namespaces. Making one sends nothing.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    address: String,
    namespace: String,
    /// `--request-timeout`: limits single requests to the API server, none of the exchanges with
    /// kotsadm.
    request_timeout: Option<Duration>,
}

impl Cluster {
    /// Reads the kubeconfig that `flags` and `surroundings` name, settles the namespace and makes a
    /// client. `namespace` is what the user gave (`--namespace` or `KOTS_NAMESPACE`); empty counts
    /// as not given. An in-cluster configuration is used when there is no kubeconfig.
    ///
    /// # Errors
    ///
    /// Returns [`ClusterError::Namespace`] before [`ClusterError::Clientset`], as the original.
    pub async fn open(
        flags: &ConnectionFlags,
        namespace: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Self, ClusterError> {
        let loaded = kubeconfig::load(flags, surroundings);
        let from_context = match &loaded {
            Ok(loaded) => Ok(loaded.namespace.as_deref()),
            Err(error) => Err(error),
        };
        let namespace =
            namespace::resolve(namespace, from_context).map_err(ClusterError::Namespace)?;
        let loaded = loaded.map_err(ClusterError::Clientset)?;
        let (config, request_timeout) = kubeconfig::client_config(loaded, flags, surroundings)
            .await
            .map_err(ClusterError::Clientset)?;
        let address = config.cluster_url.to_string();
        let client = client::make(&config).map_err(ClusterError::Clientset)?;
        Ok(Self { client, address, namespace, request_timeout })
    }

    /// The namespace kotsadm is looked for in.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The address of the API server, for messages.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the name of the kotsadm pod, waiting up to `patience` for one that is ready.
    /// Mirrors `WaitForKotsadm`.
    ///
    /// # Errors
    ///
    /// Returns [`ClusterError::Pod`]: at once when the API server refuses, at the end of `patience`
    /// when no pod is ready (with what was seen last) or the API server cannot be reached.
    pub async fn find_pod(&self, patience: Duration) -> Result<String, ClusterError> {
        pod::find(self, patience).await.map_err(ClusterError::Pod)
    }

    /// Returns the whole `Kots …` value that kotsadm accepts, creating its secret when there is
    /// none. Call it after [`Cluster::find_pod`]: a wrong namespace is then found before a secret
    /// is put there.
    ///
    /// # Errors
    ///
    /// Returns [`ClusterError::Auth`]; for a failed reading the original also prints
    /// [`unreadable_secret_notice`].
    pub async fn auth_string(
        &self,
        surroundings: &Surroundings,
    ) -> Result<SecretString, ClusterError> {
        auth::get_or_create(self, surroundings.embedded_cluster).await.map_err(ClusterError::Auth)
    }

    /// Returns the value under `key` of a secret in any namespace; none when the secret has no such key.
    ///
    /// # Errors
    ///
    /// Returns what the API server said, also when there is no such secret.
    pub async fn secret_value(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<Option<Vec<u8>>, ApiFailure> {
        secrets::value(self, namespace, name, key).await
    }

    /// The client, for the roads.
    pub(crate) fn client(&self) -> &kube::Client {
        &self.client
    }

    /// Sends a request with a streamed body to the API server.
    pub(crate) async fn send(
        &self,
        request: http::Request<Body>,
    ) -> kube::Result<http::Response<kube::client::Body>> {
        client::send(&self.client, request).await
    }

    /// Bounds one request to the API server by `--request-timeout`.
    async fn timed<T>(
        &self,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiFailure> {
        let Some(limit) = self.request_timeout else { return Ok(request.await?) };
        match tokio::time::timeout(limit, request).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(ApiFailure::timed_out(limit)),
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("address", &self.address)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
