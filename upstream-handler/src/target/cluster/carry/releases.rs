//! The Helm part: uninstall what is gone, then install and upgrade by weight.

use super::Carry;
use crate::faults;
use crate::target::cluster::error::ClusterError;
use crate::target::cluster::helm::{Helm, Printed, Release, removed};
use crate::target::cluster::output::Part;

impl Carry<'_> {
    /// Carries the releases out. Charts of one weight are all tried; the first weight with a failure is
    /// the last one.
    pub(super) async fn releases(
        &mut self,
        helm: &Helm,
        now: &[Release],
        before: &[Release],
    ) -> Vec<ClusterError> {
        // Beside the trees, which no other user can read.
        let beside = self.deployment.tree.parent().unwrap_or(&self.deployment.tree);
        let work = match tempfile::Builder::new().prefix("helm-").tempdir_in(beside) {
            Ok(work) => work,
            Err(error) => {
                return vec![ClusterError::Helm {
                    what: "work on",
                    release: "of this version".to_owned(),
                    why: format!("could not make a folder: {error}"),
                }];
            }
        };
        for release in removed(before, now) {
            let mut printed = Printed::default();
            let result = helm.uninstall(self.server, &release, work.path(), &mut printed).await;
            self.printed(&release, &printed, result.as_ref().err());
            if let Err(error) = result {
                return vec![error];
            }
        }
        let mut errors = Vec::new();
        for (place, release) in now.iter().enumerate() {
            let is_later = place > 0 && now[place - 1].weight < release.weight;
            if is_later && !errors.is_empty() {
                let left = now.len() - place;
                let text = format!("{left} charts of a higher weight were not installed");
                self.note(Part::HelmError, &text);
                errors.push(ClusterError::NotBegun(text));
                return errors;
            }
            let mut printed = Printed::default();
            let result = helm.upgrade(self.server, release, work.path(), &mut printed).await;
            self.printed(release, &printed, result.as_ref().err());
            match result {
                Ok(()) => faults::point("target-chart-done"),
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    fn printed(&mut self, release: &Release, printed: &Printed, error: Option<&ClusterError>) {
        let shown = release.shown();
        for (part, text) in [(Part::Helm, &printed.stdout), (Part::HelmError, &printed.stderr)] {
            if !text.trim().is_empty() {
                self.note(part, &format!("------- {shown} -------"));
                self.note(part, text);
            }
        }
        if let Some(error) = error {
            self.note(Part::HelmError, &error.to_string());
        }
    }
}
