//! A release on its way through rendering: each document is put where it belongs.

use std::fs::File;
use std::path::{Path, PathBuf};

use kinds::config::{Config, expand_repeats};
use kinds::gvk::{Gvk, is_included};
use kinds::helm_chart::HelmChart;
use kinds::yaml::{self, split_documents};
use serde_json::Value;
use tempfile::TempDir;
use wire::app::YamlError;

use super::contexts::{Screen, Templates};
use super::tree::{
    BASE, DOWNSTREAM, KOTS_KINDS, RENDERED, SKIPPED, TreeFile, UPSTREAM, require_text, write,
};
use super::{Chart, Facts, Input, ReleaseError};
use crate::render::charts::choose::{self, ChartKind};
use crate::render::charts::lacking::{self, Lacking};
use crate::render::charts::template::{Rendered, with_hook_policy};
use crate::render::charts::{install, packed, template};
use crate::render::documents::{Content, Document, documents, file_name};
use crate::render::images;
use crate::render::layer::Base;
use crate::render::programs::Program;
use crate::render::rendered::sorted;
use crate::render::sources::Source;

/// The kinds of `kots.io` that there are.
const KOTS_KINDS_KNOWN: [&str; 10] = [
    "Airgap",
    "Application",
    "Config",
    "ConfigValues",
    "HelmChart",
    "Identity",
    "IdentityConfig",
    "Installation",
    "License",
    "LintConfig",
];

/// What was found in a release.
pub(super) struct Collected<'a> {
    pub(super) facts: Facts,
    /// Images that KOTS kinds name.
    pub(super) kind_images: Vec<String>,
    /// Images of charts that are installed as they are packed.
    pub(super) chart_images: Vec<String>,
    pub(super) yaml_errors: Vec<YamlError>,
    pub(super) charts: Vec<Chart>,
    pub(super) base: Base<'a>,
    pub(super) notes: Vec<String>,
    /// Charts that may bring preflights along and could not be rendered for want of `helm`.
    pub(super) unseen: Vec<String>,
    /// Charts that lack what they depend on.
    pub(super) lacking: Vec<Lacking>,
    /// What does not render.
    pub(super) failures: Vec<ReleaseError>,
}

/// A release on its way through rendering.
pub(super) struct Stage<'a> {
    dir: &'a Path,
    root: PathBuf,
    templates: Templates,
    /// The resolved Config, as text.
    config: Option<String>,
    /// The resolved Config, when it has items that repeat parts of documents.
    repeats: Option<Config>,
    is_config_missing: bool,
    kinds: Vec<ChartKind>,
    found: Collected<'a>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        dir: &'a Path,
        templates: Templates,
        screen: &Screen,
        config: Option<String>,
    ) -> Self {
        let resolved = screen.resolution.as_ref().map(|it| &it.config);
        let has_repeats =
            |it: &&Config| it.items().any(|it| it.repeatable && !it.templates.is_empty());
        Self {
            dir,
            root: dir.join(UPSTREAM),
            templates,
            config,
            repeats: resolved.filter(has_repeats).cloned(),
            is_config_missing: !screen.required_items.is_empty(),
            kinds: Vec::new(),
            found: Collected {
                facts: Facts::default(),
                kind_images: Vec::new(),
                chart_images: Vec::new(),
                yaml_errors: Vec::new(),
                charts: Vec::new(),
                base: Base::new(dir),
                notes: Vec::new(),
                unseen: Vec::new(),
                lacking: Vec::new(),
                failures: Vec::new(),
            },
        }
    }

    /// Returns what was found, and what does not render.
    pub(super) fn finish(self) -> Collected<'a> {
        self.found
    }

    /// Renders one file and puts its documents where they belong.
    ///
    /// # Errors
    ///
    /// The disk failed; what does not render is told by [`Stage::finish`].
    pub(super) fn file(&mut self, source: &Source) -> Result<(), ReleaseError> {
        let done = self.try_file(source);
        self.collect(done)
    }

    fn collect(&mut self, done: Result<(), ReleaseError>) -> Result<(), ReleaseError> {
        match done {
            Err(error) if !error.is_io() => self.found.failures.push(error),
            other => return other,
        }
        Ok(())
    }

    fn try_file(&mut self, source: &Source) -> Result<(), ReleaseError> {
        if source.is_operator_data() {
            self.found.notes.push(format!(
                "`{}` of the release is left out: it belongs to an installation",
                source.path
            ));
            return Ok(());
        }
        let is_kots = source.kinds.iter().any(Gvk::is_kots_kind);
        if self.is_config_missing && !is_kots {
            return Ok(());
        }
        let text = require_text(&self.root, &source.path)?;
        // A Config is rendered item by item, not as a text.
        let is_config = source.kinds.len() == 1 && source.holds("kots.io/v1beta1", "Config");
        let rendered = if is_config {
            text
        } else {
            let text = self.repeated(&source.path, text)?;
            self.templates.render(&source.path, &text)?
        };

        let mut kots_kinds = Vec::new();
        for (index, document) in documents(&rendered).into_iter().enumerate() {
            kots_kinds.extend(self.document(&source.path, index, document)?);
        }
        if kots_kinds.is_empty() {
            return Ok(());
        }
        write(self.dir, &format!("{KOTS_KINDS}/{}", source.path), &kots_kinds.join("\n---\n"))
    }

    /// Repeats what config items repeat of a file's documents, before they are rendered.
    fn repeated(&self, path: &str, text: String) -> Result<String, ReleaseError> {
        let Some(config) = &self.repeats else { return Ok(text) };
        let mut documents = Vec::new();
        let mut is_changed = false;
        for document in split_documents(&text) {
            let failed = |source| ReleaseError::Repeat { path: path.to_owned(), source };
            match expand_repeats(document.text, config).map_err(failed)? {
                Some(repeated) => {
                    is_changed = true;
                    documents.push(repeated.text);
                    documents.extend(repeated.copies.into_iter().map(|it| it.text));
                }
                None => documents.push(document.text.to_owned()),
            }
        }
        if !is_changed {
            return Ok(text);
        }
        let trimmed = documents.iter().map(|it| it.trim_end_matches('\n'));
        Ok(trimmed.collect::<Vec<_>>().join("\n---\n") + "\n")
    }

    /// Puts one document where it belongs; returns what goes to `kotsKinds/`.
    fn document(
        &mut self,
        path: &str,
        index: usize,
        document: Document,
    ) -> Result<Option<String>, ReleaseError> {
        let Document { text, content } = document;
        match content {
            Content::KotsKind(gvk, value) => self.kots_kind(path, &gvk, &value, text),
            Content::Manifest(value) if is_included(&value) => {
                if !self.is_config_missing {
                    self.found.base.add(&file_name(path, index), &value, &text)?;
                }
                Ok(None)
            }
            Content::Manifest(_) => Ok(None),
            Content::NoObject(why) => {
                self.found.notes.extend(why.map(|why| format!("`{path}`: {why}")));
                Ok(None)
            }
            Content::Broken(error) => {
                if let Some(gvk) = kinds::gvk::sniff(&text).filter(Gvk::is_kots_kind) {
                    return Err(ReleaseError::Broken {
                        path: path.to_owned(),
                        kind: gvk.to_string(),
                        what: error,
                    });
                }
                self.skip(file_name(path, index), &text, error)?;
                Ok(None)
            }
        }
    }

    /// Keeps a document aside that is not YAML.
    fn skip(&mut self, path: String, text: &str, error: String) -> Result<(), ReleaseError> {
        write(self.dir, &format!("{SKIPPED}/{path}"), text)?;
        self.found.yaml_errors.push(YamlError { path, error });
        Ok(())
    }

    fn kots_kind(
        &mut self,
        path: &str,
        gvk: &Gvk,
        value: &Value,
        text: String,
    ) -> Result<Option<String>, ReleaseError> {
        let unreadable =
            |source| ReleaseError::Kind { path: path.to_owned(), kind: gvk.kind.clone(), source };
        if gvk.is_operator_data() {
            self.found.notes.push(format!(
                "the {} in `{path}` of the release is left out: it belongs to an installation",
                gvk.kind
            ));
            return Ok(None);
        }
        let is_known =
            !gvk.api_version.starts_with("kots.io/") || KOTS_KINDS_KNOWN.contains(&&*gvk.kind);
        if !is_known {
            self.found.notes.push(format!(
                "`{path}`: {} has no kind `{}`; the document is neither read nor deployed: check how \
                 the kind is written",
                gvk.api_version, gvk.kind
            ));
        }
        self.found.facts.note(gvk, value, &text).map_err(unreadable)?;
        self.found.kind_images.extend(images::of_kind(gvk, value));
        match gvk.kind.as_str() {
            "Config" if gvk.api_version == "kots.io/v1beta1" => {
                Ok(Some(self.config.clone().unwrap_or(text)))
            }
            "HelmChart" => {
                let chart = HelmChart::parse(&text).map_err(unreadable)?;
                self.kinds.push(ChartKind { path: path.to_owned(), chart });
                Ok(Some(text))
            }
            _ => Ok(Some(text)),
        }
    }

    /// Brings the charts of the release into place.
    ///
    /// # Errors
    ///
    /// The disk failed; what does not render is told by [`Stage::finish`].
    pub(super) fn charts(
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
