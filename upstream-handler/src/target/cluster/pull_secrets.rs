//! The secrets that images are pulled with, in namespaces besides the application's own.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::runtime::{WatchStreamExt as _, watcher};
use tokio_util::sync::CancellationToken;

use super::api::{Apply, Server};
use super::error::{ClusterError, told};
use super::object::{Id, Object};

/// All namespaces.
pub(super) const EVERY_NAMESPACE: &str = "*";

/// Puts a secret into a namespace.
///
/// # Errors
///
/// The API server refuses.
pub(super) async fn put(
    server: &Server,
    app_slug: &str,
    secret: &Object,
    namespace: &str,
) -> Result<Id, ClusterError> {
    let id = Id { namespace: namespace.to_owned(), ..secret.id.clone() };
    let failed = |error: kube::Error| ClusterError::Object {
        what: "apply",
        object: id.to_string(),
        why: told(&error),
    };
    let kind = server.kind("", "v1", "Secret").await.map_err(failed)?;
    let Some(kind) = kind else { return Ok(id) };
    let manifest = secret.to_apply(Some(namespace), app_slug);
    // The original made them by plain updates; nobody else has a use for them.
    server.apply(&kind, &id, &manifest, Apply::Force).await.map_err(failed)?;
    Ok(id)
}

/// Where pull secrets go.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// The application's slug.
    pub app_slug: String,
    /// The application's own namespace: its manifests have the secrets.
    pub own: String,
    /// Names, or `*`.
    pub additional: Vec<String>,
}

impl Places {
    /// Whether secrets go into this namespace.
    pub(super) fn has(&self, name: &str) -> bool {
        name != self.own && self.additional.iter().any(|it| it == EVERY_NAMESPACE || it == name)
    }
}

/// Puts the secrets into namespaces that are made later, until `stop`.
pub(super) fn follow(
    server: &Server,
    places: Places,
    secrets: Vec<Object>,
    stop: &CancellationToken,
) {
    if secrets.is_empty() || places.additional.is_empty() {
        return;
    }
    let (server, stop) = (server.clone(), stop.clone());
    tokio::spawn(async move {
        let api: Api<Namespace> = Api::all(server.client().clone());
        let events = watcher(api, watcher::Config::default()).default_backoff();
        let mut events = Box::pin(events.applied_objects());
        // A namespace that is made anew has another uid.
        let mut done: BTreeSet<String> = BTreeSet::new();
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = stop.cancelled() => return,
            };
            let namespace = match event {
                Some(Ok(namespace)) => namespace.metadata,
                Some(Err(error)) => {
                    tracing::debug!("namespaces are not followed: {error}");
                    continue;
                }
                None => return,
            };
            let (name, uid) =
                (namespace.name.unwrap_or_default(), namespace.uid.unwrap_or_default());
            if namespace.deletion_timestamp.is_some() || !places.has(&name) || done.contains(&uid) {
                continue;
            }
            let mut is_done = true;
            for secret in &secrets {
                if let Err(error) = put(&server, &places.app_slug, secret, &name).await {
                    tracing::warn!("a pull secret is not in place: {error}");
                    is_done = false;
                }
            }
            if is_done {
                done.insert(uid);
            }
        }
    });
}
