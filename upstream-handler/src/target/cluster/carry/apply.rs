//! The dry run, and the phases: apply, then wait.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream;
use kube::Error;
use serde_json::Value;

use super::Carry;
use crate::faults;
use crate::target::cluster::api::{Apply, Resource};
use crate::target::cluster::error::{ClusterError, conflicts, named, told};
use crate::target::cluster::migrate::{is_client_side, taken_over};
use crate::target::cluster::object::{Id, Object};
use crate::target::cluster::output::Part;
use crate::target::cluster::plan::{Phase, Plan, Step, Surroundings};
use crate::target::cluster::wait::{self, Deadline};

/// How many objects are tried at once in the dry run.
const AT_ONCE: usize = 8;
/// How often handing fields over is tried again when somebody else was quicker.
const HANDOVERS: usize = 5;

/// What was wrong with an object.
enum Refusal {
    /// The API server does not have its kind.
    NoKind,
    /// The API server's answer, or that of what is in between.
    Answer(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

impl Carry<'_> {
    /// Tries everything without doing it. What can only exist when something before it is done is left
    /// out: objects of kinds and in namespaces that this version makes.
    pub(super) async fn dry_run(
        &mut self,
        plan: &Plan,
        around: &Surroundings,
    ) -> Vec<ClusterError> {
        let steps: Vec<&Object> =
            plan.phases.iter().flat_map(|it| &it.steps).map(|it| &it.object).collect();
        let new_kinds: BTreeSet<(String, String)> =
            steps.iter().filter_map(|it| defined_kind(it)).collect();
        let new_namespaces: BTreeSet<&str> = steps
            .iter()
            .filter(|it| it.id.group.is_empty() && it.id.kind == "Namespace")
            .map(|it| it.id.name.as_str())
            .chain(around.additional_namespaces.iter().map(String::as_str))
            .collect();
        let this = &*self;
        // Boxed futures: a stream of futures that borrow is not general enough otherwise.
        let tries = steps.iter().map(|object| {
            let tried = async move { (*object, this.try_one(object).await) };
            Box::pin(tried) as futures::future::BoxFuture<'_, _>
        });
        let tries: Vec<_> = tries.collect();
        let mut results: Vec<(&Object, Result<(), Refusal>)> =
            stream::iter(tries).buffered(AT_ONCE).collect().await;
        let mut errors = Vec::new();
        for (object, result) in results.drain(..) {
            let shown = named(&object.id, &object.origin);
            let is_new_kind =
                new_kinds.contains(&(object.id.group.clone(), object.id.kind.clone()));
            let is_new_place = new_namespaces.contains(object.id.namespace.as_str());
            match result {
                Ok(()) => self.note(Part::DryRun, &format!("{shown} can be applied")),
                Err(Refusal::NoKind) if is_new_kind => {
                    self.note(
                        Part::DryRun,
                        &format!("{shown} is not tried: this version defines its kind"),
                    );
                }
                Err(Refusal::Answer(Error::Api(status))) if status.code == 404 && is_new_place => {
                    self.note(
                        Part::DryRun,
                        &format!("{shown} is not tried: its namespace is made first"),
                    );
                }
                Err(Refusal::Answer(Error::Api(status)))
                    if status.message.contains("does not support dry run") =>
                {
                    self.note(Part::DryRun, &format!("{shown} is not tried: {}", status.message));
                }
                Err(refusal) => {
                    let error = refused(object, refusal);
                    self.note(Part::DryRunError, &error.to_string());
                    errors.push(error);
                }
            }
        }
        errors
    }

    async fn try_one(&self, object: &Object) -> Result<(), Refusal> {
        let resource = self.resource(object).await?;
        let manifest = self.manifest(object, &resource);
        let id = &object.id;
        match self.server.apply(&resource, id, &manifest, Apply::DryRun).await {
            Ok(_) => Ok(()),
            Err(error) if is_conflict(&error) => {
                let found = self.server.get(&resource, id).await?;
                // What kubectl applied becomes ours when it is really done.
                let will_be_ours = found.as_ref().and_then(taken_over).is_some();
                let stays = |owner: &str| !(will_be_ours && is_client_side(owner));
                let stay = matches!(&error, Error::Api(status)
                    if conflicts(status).iter().any(|it| stays(&it.owner)));
                if self.is_forced || !stay {
                    return Ok(());
                }
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Applies phase by phase. The first phase with an error is the last one.
    pub(super) async fn phases(&mut self, plan: &Plan, deadline: Deadline) -> Vec<ClusterError> {
        for (place, phase) in plan.phases.iter().enumerate() {
            let mut errors = self.phase(phase, deadline).await;
            if errors.is_empty() {
                faults::point("target-phase-done");
                continue;
            }
            let left: usize = plan.phases[place + 1..].iter().map(|it| it.steps.len()).sum();
            if left > 0 {
                errors.push(ClusterError::NotBegun(format!(
                    "phase {} failed: {left} objects of later phases were not applied",
                    phase.number
                )));
            }
            for error in &errors {
                self.note(Part::ApplyError, &error.to_string());
            }
            return errors;
        }
        Vec::new()
    }

    async fn phase(&mut self, phase: &Phase<Step>, deadline: Deadline) -> Vec<ClusterError> {
        let mut errors = Vec::new();
        let mut applied = Vec::new();
        let mut definitions = Vec::new();
        for step in &phase.steps {
            let object = &step.object;
            if defined_kind(object).is_none() && !definitions.is_empty() {
                // The kinds that were defined are served before anything of them is applied.
                errors.extend(self.established(std::mem::take(&mut definitions), deadline).await);
            }
            match self.apply(object).await {
                Ok((resource, said)) => {
                    let shown = named(&object.id, &object.origin);
                    self.note(Part::Apply, &format!("{shown} {said}"));
                    if defined_kind(object).is_some() {
                        definitions.push((resource.clone(), object.id.clone()));
                    }
                    applied.push((step, resource));
                    faults::point("target-object-applied");
                }
                Err(refusal) => errors.push(refused(object, refusal)),
            }
        }
        errors.extend(self.established(definitions, deadline).await);
        if !errors.is_empty() {
            return errors;
        }
        for (step, resource) in applied {
            let id = &step.object.id;
            if step.is_ready_awaited {
                match wait::until_ready(self.server, &resource, id, deadline).await {
                    Ok(()) => self.note(Part::Apply, &format!("{id} is ready")),
                    Err(error) => errors.push(error),
                }
            }
            for condition in &step.conditions {
                match wait::until_holds(self.server, &resource, id, condition, deadline).await {
                    Ok(()) => self.note(Part::Apply, &format!("{id} has {condition}")),
                    Err(error) => errors.push(error),
                }
            }
        }
        errors
    }

    async fn established(
        &mut self,
        definitions: Vec<(Resource, Id)>,
        deadline: Deadline,
    ) -> Vec<ClusterError> {
        let mut errors = Vec::new();
        for (resource, id) in definitions {
            match wait::until_established(self.server, &resource, &id, deadline).await {
                Ok(()) => self.note(Part::Apply, &format!("{id} is established")),
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    /// Applies one object. Says what that was.
    async fn apply(&self, object: &Object) -> Result<(Resource, &'static str), Refusal> {
        let resource = self.resource(object).await?;
        let manifest = self.manifest(object, &resource);
        let id = &object.id;
        let before = self.hand_over(&resource, id).await?;
        let after = match self.server.apply(&resource, id, &manifest, Apply::Plain).await {
            Err(error) if self.is_forced && is_conflict(&error) => {
                self.server.apply(&resource, id, &manifest, Apply::Force).await?
            }
            result => result?,
        };
        let version = |it: &Value| it["metadata"]["resourceVersion"].clone();
        let said = match before {
            None => "made",
            Some(before) if version(&before) == version(&after) => "unchanged",
            Some(_) => "changed",
        };
        Ok((resource, said))
    }

    /// Makes fields ours that `kubectl apply` owned. Returns the object as it is then.
    async fn hand_over(&self, resource: &Resource, id: &Id) -> Result<Option<Value>, Error> {
        for _ in 0..HANDOVERS {
            let Some(found) = self.server.get(resource, id).await? else { return Ok(None) };
            let Some(fields) = taken_over(&found) else { return Ok(Some(found)) };
            let version = &found["metadata"]["resourceVersion"];
            match self.server.put_managed_fields(resource, id, version, &fields).await {
                Ok(()) => {}
                Err(Error::Api(status)) if status.code == 409 || status.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        // Somebody changes it all the time: the apply says what that means.
        self.server.get(resource, id).await
    }

    async fn resource(&self, object: &Object) -> Result<Resource, Refusal> {
        let found = self.server.kind(&object.id.group, &object.version, &object.id.kind).await?;
        match found {
            Some(found) => Ok(found),
            None => self.moved(object).await,
        }
    }

    /// An object of the group `extensions` is applied as it is written, as long as that is served.
    async fn moved(&self, object: &Object) -> Result<Resource, Refusal> {
        let written = object.value["apiVersion"].as_str().unwrap_or_default();
        let Some((group, version)) = written.split_once('/') else { return Err(Refusal::NoKind) };
        let found = self.server.kind(group, version, &object.id.kind).await?;
        found.ok_or(Refusal::NoKind)
    }

    fn manifest(&self, object: &Object, resource: &Resource) -> Value {
        let namespace = resource.is_namespaced.then_some(object.id.namespace.as_str());
        object.to_apply(namespace, &self.deployment.app_slug)
    }
}

/// What is told of a refusal.
fn refused(object: &Object, refusal: Refusal) -> ClusterError {
    let shown = named(&object.id, &object.origin);
    let why = match refusal {
        Refusal::NoKind => format!(
            "the API server has no kind {} in {}",
            object.id.kind,
            object.value["apiVersion"].as_str().unwrap_or_default()
        ),
        Refusal::Answer(Error::Api(status)) if !conflicts(&status).is_empty() => {
            return ClusterError::Conflict { object: shown, conflicts: conflicts(&status) };
        }
        Refusal::Answer(error) => told(&error),
    };
    ClusterError::Object { what: "apply", object: shown, why }
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if !conflicts(status).is_empty())
}

/// Group and kind that a definition defines.
fn defined_kind(object: &Object) -> Option<(String, String)> {
    if object.id.kind != "CustomResourceDefinition" || object.id.group != "apiextensions.k8s.io" {
        return None;
    }
    let spec = &object.value["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some((text(&spec["group"]), text(&spec["names"]["kind"])))
}
