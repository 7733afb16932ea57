//! The API server: which kinds it has, and requests that outlive its restarts.
//!
//! Every request here may be sent twice: an apply, a reading, a removal by uid. One that is lost or
//! answered by "try later" is sent again until [`PATIENCE`] is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions,
    PropagationPolicy,
};
use kube::{Client, Error};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::migrate::MANAGER;
use super::object::{Id, Object};

/// How long one request may take.
const REQUEST: Duration = Duration::from_mins(1);
/// How long a request that gets no proper answer is sent again.
const PATIENCE: Duration = Duration::from_mins(2);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A kind as the API server spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// Its address.
    pub api: ApiResource,
    /// Whether its objects live in namespaces.
    pub is_namespaced: bool,
}

/// A client that knows the kinds.
#[derive(Clone)]
pub(super) struct Server {
    client: Client,
    watching: Client,
    kinds: Arc<Mutex<HashMap<String, Arc<Vec<Resource>>>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// `watching` is a client that sends nothing again by itself.
    pub(super) fn new(client: Client, watching: Client) -> Self {
        Self { client, watching, kinds: Arc::default() }
    }

    /// The client for watches: whoever follows has to know at once that it does not work.
    pub(super) fn watching(&self) -> &Client {
        &self.watching
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Finds a kind; `None` when the API server does not have it (now).
    pub(super) async fn kind(
        &self,
        group: &str,
        version: &str,
        kind: &str,
    ) -> Result<Option<Resource>, Error> {
        let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let find = |list: &[Resource]| list.iter().find(|it| it.api.kind == kind).cloned();
        let known = self.kinds.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        if let Some(found) = known.and_then(|list| find(&list)) {
            return Ok(Some(found));
        }
        let answer = patiently(|| async {
            if group.is_empty() {
                self.client.list_core_api_resources(version).await
            } else {
                self.client.list_api_group_resources(&name).await
            }
        })
        .await;
        let listed = match answer {
            Ok(listed) => listed,
            Err(Error::Api(status)) if status.code == 404 => return Ok(None),
            Err(error) => return Err(error),
        };
        let list: Vec<Resource> = listed
            .resources
            .into_iter()
            .filter(|it| !it.name.contains('/'))
            .map(|it| Resource {
                api: ApiResource {
                    group: group.to_owned(),
                    version: version.to_owned(),
                    api_version: name.clone(),
                    kind: it.kind,
                    plural: it.name,
                },
                is_namespaced: it.namespaced,
            })
            .collect();
        let found = find(&list);
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(list));
        Ok(found)
    }

    /// Finds the kind of an object in its version, or in any other version of its group.
    pub(super) async fn any_version(&self, object: &Object) -> Result<Option<Resource>, Error> {
        let id = &object.id;
        if let Some(found) = self.kind(&id.group, &object.version, &id.kind).await? {
            return Ok(Some(found));
        }
        if id.group.is_empty() {
            return Ok(None);
        }
        let groups = patiently(|| self.client.list_api_groups()).await?;
        let group = groups.groups.into_iter().find(|it| it.name == id.group);
        for version in group.into_iter().flat_map(|it| it.versions) {
            if let Some(found) = self.kind(&id.group, &version.version, &id.kind).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The objects of a kind in a namespace, as anything.
    pub(super) fn objects(&self, resource: &Resource, namespace: &str) -> Api<DynamicObject> {
        if resource.is_namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &resource.api)
        } else {
            Api::all_with(self.client.clone(), &resource.api)
        }
    }

    /// Reads an object; `None` when there is none.
    pub(super) async fn get(&self, resource: &Resource, id: &Id) -> Result<Option<Value>, Error> {
        let api = self.objects(resource, &id.namespace);
        let found = patiently(|| api.get_opt(&id.name)).await?;
        found.map(|it| serde_json::to_value(it).map_err(Error::SerdeError)).transpose()
    }

    /// Applies a manifest on the server's side.
    pub(super) async fn apply(
        &self,
        resource: &Resource,
        id: &Id,
        manifest: &Value,
        how: Apply,
    ) -> Result<Value, Error> {
        let api = self.objects(resource, &id.namespace);
        let mut params = PatchParams::apply(MANAGER);
        params.force = how == Apply::Force;
        params.dry_run = how == Apply::DryRun;
        let patch = Patch::Apply(manifest);
        let applied = patiently(|| api.patch(&id.name, &params, &patch)).await?;
        serde_json::to_value(applied).map_err(Error::SerdeError)
    }

    /// Writes the owners of an object's fields, unless it was changed since it was read.
    pub(super) async fn put_managed_fields(
        &self,
        resource: &Resource,
        id: &Id,
        version: &Value,
        fields: &Value,
    ) -> Result<(), Error> {
        let api = self.objects(resource, &id.namespace);
        let patch = json!({
            "metadata": { "managedFields": fields, "resourceVersion": version },
        });
        let patch = Patch::Merge(&patch);
        let params = PatchParams::default();
        patiently(|| api.patch(&id.name, &params, &patch)).await.map(drop)
    }

    /// Removes an object in the background, if it is still the one with this uid.
    pub(super) async fn delete(
        &self,
        resource: &Resource,
        id: &Id,
        uid: &str,
    ) -> Result<(), Error> {
        let api = self.objects(resource, &id.namespace);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match patiently(|| api.delete(&id.name, &params)).await {
            Ok(_) => Ok(()),
            // Gone, or another one by now.
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lists typed objects of a namespace.
    pub(super) async fn list<K>(&self, namespace: &str, params: ListParams) -> Result<Vec<K>, Error>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
        K::DynamicType: Default,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        Ok(patiently(|| api.list(&params)).await?.items)
    }
}

/// How a manifest is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apply {
    /// Looks what would happen.
    DryRun,
    /// Does it; another's fields are conflicts.
    Plain,
    /// Does it and takes another's fields.
    Force,
}

/// Sends a request, again when it was lost or cannot be answered now.
pub(super) async fn patiently<T, F>(request: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(200);
    loop {
        let answer = timeout(REQUEST, request()).await;
        let is_last = Instant::now() + pause >= end;
        match answer {
            Ok(Err(error)) if is_passing(&error) && !is_last => {}
            Ok(answer) => return answer,
            Err(_) if !is_last => {}
            Err(_) => {
                let text = format!("the API server did not answer within {} s", REQUEST.as_secs());
                return Err(Error::Service(text.into()));
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the same request may succeed in a moment.
fn is_passing(error: &Error) -> bool {
    match error {
        // A webhook whose pods are not there yet is a 500.
        Error::Api(status) => {
            matches!(status.code, 429 | 502 | 503 | 504)
                || (status.code == 500 && status.message.contains("failed calling webhook"))
        }
        Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) => true,
        _ => false,
    }
}
