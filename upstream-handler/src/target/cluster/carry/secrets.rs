//! The additional namespaces, and the secrets in them that images are pulled with.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use super::Carry;
use crate::target::cluster::api::{Apply, patiently};
use crate::target::cluster::error::{ClusterError, told};
use crate::target::cluster::object::{Id, Object};
use crate::target::cluster::output::Part;
use crate::target::cluster::plan::Surroundings;
use crate::target::cluster::pull_secrets::{self, EVERY_NAMESPACE};

impl Carry<'_> {
    /// Makes namespaces that are not there, and puts the pull secrets into each.
    pub(super) async fn namespaces(
        &mut self,
        around: &Surroundings,
        secrets: &[Object],
    ) -> Vec<ClusterError> {
        let mut errors = Vec::new();
        let mut places = BTreeSet::new();
        for name in &around.additional_namespaces {
            if name == EVERY_NAMESPACE {
                match self.every_namespace(secrets).await {
                    Ok(names) => places.extend(names),
                    Err(error) => errors.push(error),
                }
                continue;
            }
            match self.ensure_namespace(name).await {
                Ok(()) => _ = places.insert(name.clone()),
                Err(error) => errors.push(error),
            }
        }
        for place in places.iter().filter(|it| **it != around.namespace) {
            for secret in secrets {
                if let Err(error) = self.pull_secret(secret, place).await {
                    errors.push(error);
                }
            }
        }
        for error in &errors {
            self.note(Part::ApplyError, &error.to_string());
        }
        errors
    }

    /// All namespaces that are there and not going; none when there is nothing to put into them.
    async fn every_namespace(&self, secrets: &[Object]) -> Result<Vec<String>, ClusterError> {
        if secrets.is_empty() {
            return Ok(Vec::new());
        }
        let api: Api<Namespace> = Api::all(self.server.client().clone());
        let params = ListParams::default();
        let listed = patiently(|| api.list_metadata(&params)).await;
        let found = listed.map_err(|error| refused("list", "the namespaces".to_owned(), &error))?;
        let is_staying =
            |it: &kube::api::PartialObjectMeta<Namespace>| it.metadata.deletion_timestamp.is_none();
        Ok(found.items.into_iter().filter(is_staying).filter_map(|it| it.metadata.name).collect())
    }

    async fn ensure_namespace(&mut self, name: &str) -> Result<(), ClusterError> {
        let id = Id {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
        };
        let failed = |error: kube::Error| refused("make", id.to_string(), &error);
        let kind = self.server.kind("", "v1", "Namespace").await.map_err(failed)?;
        let Some(kind) = kind else { return Ok(()) };
        if self.server.get(&kind, &id).await.map_err(failed)?.is_some() {
            return Ok(());
        }
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.server.apply(&kind, &id, &manifest, Apply::Plain).await.map_err(failed)?;
        self.note(Part::Apply, &format!("{id} made"));
        Ok(())
    }

    async fn pull_secret(&mut self, secret: &Object, place: &str) -> Result<(), ClusterError> {
        let id = pull_secrets::put(self.server, &self.deployment.app_slug, secret, place).await?;
        self.note(Part::Apply, &format!("{id} is in place"));
        Ok(())
    }
}

fn refused(what: &'static str, object: String, error: &kube::Error) -> ClusterError {
    ClusterError::Object { what, object, why: told(error) }
}
