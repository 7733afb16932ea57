//! Secrets that others have left: read, never written.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use super::Cluster;
use super::error::ApiFailure;

/// Returns the value under `key`; none when the secret has no such key.
pub(super) async fn value(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    key: &str,
) -> Result<Option<Vec<u8>>, ApiFailure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let secret = cluster.timed(secrets.get(name)).await?;
    Ok(secret.data.and_then(|mut data| data.remove(key)).map(|value| value.0))
}
