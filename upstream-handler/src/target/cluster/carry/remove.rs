//! Removes what earlier versions had and this one has not.

use super::Carry;
use crate::faults;
use crate::target::cluster::api::Resource;
use crate::target::cluster::error::{ClusterError, named, told};
use crate::target::cluster::helm::Release;
use crate::target::cluster::object::{Id, Object};
use crate::target::cluster::output::Part;
use crate::target::cluster::plan::{KEEP, Plan};
use crate::target::cluster::wait::{self, Deadline};

/// An object that was told to go.
struct Leaving {
    resource: Resource,
    id: Id,
    uid: String,
}

impl Carry<'_> {
    /// Removes phase by phase; a phase is gone before the next one begins.
    pub(super) async fn remove(
        &mut self,
        plan: &Plan,
        releases: &[Release],
        deadline: Deadline,
    ) -> Vec<ClusterError> {
        for (id, why) in &plan.kept {
            self.note(Part::Apply, &format!("{id} is left: {why}"));
        }
        for (place, phase) in plan.removals.iter().enumerate() {
            let is_last = place + 1 == plan.removals.len();
            let mut errors = Vec::new();
            let mut leaving = Vec::new();
            for object in &phase.steps {
                match self.remove_one(object, releases).await {
                    Ok(gone) => leaving.extend(gone),
                    Err(error) => errors.push(error),
                }
                faults::point("target-object-removed");
            }
            // A claim goes when the pods that use it do: waiting for it here may never end.
            let awaited = leaving.iter().filter(|it| it.id.kind != "PersistentVolumeClaim");
            for it in awaited.filter(|_| !is_last && errors.is_empty()).collect::<Vec<_>>() {
                let gone = wait::until_gone(self.server, &it.resource, &it.id, &it.uid, deadline);
                if let Err(error) = gone.await {
                    errors.push(error);
                }
            }
            if !errors.is_empty() {
                for error in &errors {
                    self.note(Part::ApplyError, &error.to_string());
                }
                return errors;
            }
        }
        Vec::new()
    }

    async fn remove_one(
        &mut self,
        object: &Object,
        releases: &[Release],
    ) -> Result<Option<Leaving>, ClusterError> {
        let failed = |error: kube::Error| ClusterError::Object {
            what: "remove",
            object: named(&object.id, &object.origin),
            why: told(&error),
        };
        let id = &object.id;
        // A kind that is gone took its objects with it.
        let Some(resource) = self.server.any_version(object).await.map_err(failed)? else {
            return Ok(None);
        };
        let Some(found) = self.server.get(&resource, id).await.map_err(failed)? else {
            return Ok(None);
        };
        let annotations = &found["metadata"]["annotations"];
        if annotations[KEEP] == "true" {
            self.note(Part::Apply, &format!("{id} is left: it has the annotation {KEEP}"));
            return Ok(None);
        }
        let is_of_chart = releases.iter().any(|it| {
            annotations["meta.helm.sh/release-name"] == it.name.as_str()
                && annotations["meta.helm.sh/release-namespace"] == it.namespace.as_str()
        });
        if is_of_chart {
            self.note(Part::Apply, &format!("{id} is left: a chart of this version has it now"));
            return Ok(None);
        }
        let uid = found["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        self.server.delete(&resource, id, &uid).await.map_err(failed)?;
        self.note(Part::Apply, &format!("{id} removed"));
        Ok(Some(Leaving { resource, id: id.clone(), uid }))
    }
}
