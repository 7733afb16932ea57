//! Carries one deploy out: the plan, in order.
//!
//! ```text
//! read, plan → dry run → removals → namespaces, pull secrets → phases → Helm
//! ```
//!
//! Nothing is changed before the dry run of everything that can be tried has passed. What fails is kept
//! with its object; the rest of its phase is still tried, later phases are not begun. Every step may be
//! done again: a deploy that was cut off begins anew and ends the same way.

mod apply;
mod releases;
mod remove;
mod secrets;

use std::path::Path;
use std::time::Duration;

use super::api::Server;
use super::contents::Contents;
use super::error::ClusterError;
use super::helm::{Helm, Release};
use super::object::Object;
use super::output::{Output, Part};
use super::plan::{Plan, Surroundings, plan};
use super::wait::Deadline;
use crate::target::{Deployment, TargetError};

/// The most errors that are told one by one.
const MAX_ERRORS: usize = 100;

/// What a deploy works with.
#[derive(Debug)]
pub(super) struct Carry<'a> {
    pub server: &'a Server,
    pub deployment: &'a Deployment,
    /// Whether fields of others are taken.
    pub is_forced: bool,
    /// How long objects may take to become what is waited for.
    pub wait_limit: Duration,
    /// The kubeconfig, for Helm; none for what Helm finds by itself.
    pub kubeconfig: Option<&'a Path>,
    pub output: Output,
}

/// What was read of the trees.
#[derive(Debug)]
pub(super) struct Known {
    pub now: Contents,
    /// Objects that may be in place, the newest attempt last.
    pub objects_before: Vec<Object>,
    pub releases_before: Vec<Release>,
}

/// Reads the trees. Blocking.
pub(super) fn read(deployment: &Deployment) -> Result<Known, TargetError> {
    let namespace = deployment.namespace.as_str();
    let now = Contents::read(&deployment.tree, namespace)?;
    let mut known = Known { now, objects_before: Vec::new(), releases_before: Vec::new() };
    for tree in &deployment.before {
        let before = Contents::read(tree, namespace)?;
        known.objects_before.extend(before.objects);
        known.releases_before.extend(before.releases);
    }
    Ok(known)
}

impl Carry<'_> {
    /// Does all of it. The errors are every one there was, the first first.
    pub(super) async fn out(&mut self, known: Known) -> Vec<ClusterError> {
        let Known { now, objects_before, releases_before } = known;
        let around = Surroundings {
            namespace: self.deployment.namespace.clone(),
            additional_namespaces: now.additional_namespaces.clone(),
        };
        let plan = match plan(now.objects, objects_before, &around) {
            Ok(plan) => plan,
            Err(problems) => return problems.into_iter().map(ClusterError::Plan).collect(),
        };
        // Asked for before anything is changed.
        let needs_helm = !now.releases.is_empty() || !releases_before.is_empty();
        let helm = match needs_helm.then(|| Helm::find(self.kubeconfig)).transpose() {
            Ok(helm) => helm,
            Err(error) => return vec![error],
        };
        let errors = self.objects(&plan, &now.pull_secrets, &now.releases, &around).await;
        if !errors.is_empty() {
            if helm.is_some() {
                self.note(Part::HelmError, "no chart was installed: an object before failed");
            }
            return bounded(errors);
        }
        match helm {
            Some(helm) => self.releases(&helm, &now.releases, &releases_before).await,
            None => Vec::new(),
        }
    }

    async fn objects(
        &mut self,
        plan: &Plan,
        pull_secrets: &[Object],
        releases: &[Release],
        around: &Surroundings,
    ) -> Vec<ClusterError> {
        let mut errors = self.dry_run(plan, around).await;
        if !errors.is_empty() {
            return errors;
        }
        let deadline = Deadline::after(self.wait_limit);
        errors = self.remove(plan, releases, deadline).await;
        if !errors.is_empty() {
            return errors;
        }
        errors = self.namespaces(around, pull_secrets).await;
        if !errors.is_empty() {
            return errors;
        }
        self.phases(plan, deadline).await
    }

    fn note(&mut self, part: Part, text: &str) {
        self.output.line(part, text);
    }
}

/// The errors that are told one by one, and how many more there were.
fn bounded(mut errors: Vec<ClusterError>) -> Vec<ClusterError> {
    let more = errors.len().saturating_sub(MAX_ERRORS);
    if more > 0 {
        errors.truncate(MAX_ERRORS);
        errors.push(ClusterError::NotBegun(format!("{more} more objects failed")));
    }
    errors
}
