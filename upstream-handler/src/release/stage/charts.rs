//! The charts of a release on its way: put into place, shown rendered, or rendered into the base.

use std::fs::File;

use kinds::gvk::{Gvk, is_included};
use kinds::yaml;
use serde_json::Value;
use tempfile::TempDir;

use super::Stage;
use crate::release::tree::{BASE, DOWNSTREAM, RENDERED, TreeFile};
use crate::release::{Chart, Input, ReleaseError};
use crate::render::charts::choose::{self, ChartKind};
use crate::render::charts::lacking::{self, Lacking};
use crate::render::charts::template::{Rendered, with_hook_policy};
use crate::render::charts::{install, packed, template};
use crate::render::programs::Program;
use crate::render::rendered::sorted;

impl Stage<'_> {
    /// Brings the charts of the release into place.
    ///
    /// # Errors
    ///
    /// The disk failed; what does not render is told by [`Stage::finish`].
    pub(in crate::release) fn charts(
        &mut self,
        files: &[TreeFile],
        input: &Input<'_>,
    ) -> Result<(), ReleaseError> {
        if self.kinds.is_empty() {
            return Ok(());
        }
        let archives = packed::packed(&self.root, files)?;
        let chosen = match choose::chosen(std::mem::take(&mut self.kinds)) {
            Ok(chosen) => chosen,
            Err(error) => return self.collect(Err(error)),
        };
        for kind in &chosen.packed {
            let done = self.packed_chart(kind, &archives, input);
            self.collect(done)?;
        }
        for kind in &chosen.rendered {
            let done = self.rendered_chart(kind, &archives, input);
            self.collect(done)?;
        }
        Ok(())
    }

    /// A chart that Helm installs as it is packed.
    fn packed_chart(
        &mut self,
        kind: &ChartKind,
        archives: &[packed::Packed],
        input: &Input<'_>,
    ) -> Result<(), ReleaseError> {
        let chart = install::place(self.dir, kind, archives)?;
        let full = self.dir.join(&chart.archive);
        if input.programs.has(Program::Helm) {
            let reduced = self.reduced(kind, &chart, archives)?;
            let shown = install::Shown {
                tree: self.dir,
                kind,
                chart: &chart,
                source: reduced.as_ref().map_or(&full, |it| it.path()),
                app_namespace: input.console_namespace,
                programs: input.programs,
            };
            match install::render(&shown, input.downstreams) {
                // What is missing has been told; it may be what the rest is made with.
                Err(error) if reduced.is_some() && !error.is_io() => {
                    self.found.notes.push(format!(
                        "the Helm release `{}` is not shown rendered and its images are not known: {}",
                        chart.release_name,
                        error.told()
                    ));
                    self.found.charts.push(chart);
                    return Ok(());
                }
                other => other?,
            }
            match install::images(&shown) {
                Ok(images) => self.found.chart_images.extend(images),
                Err(error) if error.is_io() => return Err(error),
                // As in the original: values that are for finding images need not be complete.
                Err(error) => self.found.notes.push(format!(
                    "the images of the Helm release `{}` are not known: {}",
                    chart.release_name,
                    error.told()
                )),
            }
        } else {
            self.found.notes.push(format!(
                "the Helm release `{}` is not shown rendered and its images are not known: the \
                 program `helm` was not found",
                chart.release_name
            ));
            if packed::may_hold_preflights(&full) {
                self.found.unseen.push(chart.chart_name.clone());
            }
        }
        self.found.charts.push(chart);
        Ok(())
    }

    /// Takes note of what a chart lacks that it depends on, and returns it as if it did not; `None` for
    /// one that lacks nothing.
    fn reduced(
        &mut self,
        kind: &ChartKind,
        chart: &Chart,
        archives: &[packed::Packed],
    ) -> Result<Option<TempDir>, ReleaseError> {
        let full = self.dir.join(&chart.archive);
        let mut open = File::open(&full).map_err(ReleaseError::disk("read", &full))?;
        let wrong = |what| ReleaseError::Chart { path: kind.path.clone(), what };
        // What cannot be read is told by Helm, in its own words.
        let Ok((dependencies, is_locked)) = lacking::of(&mut open) else { return Ok(None) };
        if dependencies.is_empty() {
            return Ok(None);
        }
        let folder = lacking::without(&full, &dependencies).map_err(wrong)?;
        self.found.lacking.push(Lacking {
            release: chart.release_name.clone(),
            chart: chart.chart_name.clone(),
            archive: choose::find(kind, archives)?.to_owned(),
            dependencies,
            is_locked,
        });
        Ok(Some(folder))
    }

    /// A chart that is rendered here, into the application or for Helm to install.
    fn rendered_chart(
        &mut self,
        kind: &ChartKind,
        archives: &[packed::Packed],
        input: &Input<'_>,
    ) -> Result<(), ReleaseError> {
        let archive = self.root.join(choose::find(kind, archives)?);
        let parts = template::render(kind, &archive, input.console_namespace, input.programs)?;
        for Rendered { folder, documents } in parts {
            let mut objects = Vec::with_capacity(documents.len());
            for (path, text) in documents {
                let full = format!("{}/{path}", folder.path);
                let text = self.templates.render(&full, &text)?;
                match yaml::to_manifest(&text) {
                    Ok(value) => objects.extend(included(path, value, text)),
                    Err(error) => self.skip(full, &text, error.to_string())?,
                }
            }
            self.found.base.add_folder(&folder, &objects)?;
        }
        let spec = &kind.chart.spec;
        if spec.use_helm_install {
            let name = kind.chart.release_name();
            let downstream = input.downstreams.first().map_or(DOWNSTREAM, String::as_str);
            self.found.charts.push(Chart {
                release_name: name.to_owned(),
                chart_name: spec.chart.name.clone(),
                namespace: spec.namespace.clone(),
                weight: spec.weight,
                upgrade_flags: spec.helm_upgrade_flags.clone(),
                archive: format!("{RENDERED}/{downstream}/charts/{name}"),
                values: format!("{BASE}/charts/{name}/values.yaml"),
            });
        }
        Ok(())
    }
}

/// An object of a rendered chart that is deployed, its hook's policy where it is honoured.
fn included(path: String, value: Value, text: String) -> Option<(String, Value, String)> {
    let gvk = Gvk::of(&value)?;
    if gvk.is_kots_kind() || !is_included(&value) {
        return None;
    }
    match with_hook_policy(&value) {
        Some(job) => {
            let text = yaml::to_string(&sorted(job.clone())).ok()?;
            Some((path, job, text))
        }
        None => Some((path, value, text)),
    }
}
