//! A release on its way through rendering: each document is put where it belongs.

mod charts;

use std::path::{Path, PathBuf};

use kinds::config::{Config, expand_repeats};
use kinds::gvk::{Gvk, is_included};
use kinds::helm_chart::HelmChart;
use kinds::yaml::split_documents;
use serde_json::Value;
use wire::app::YamlError;

use super::contexts::{Screen, Templates};
use super::tree::{KOTS_KINDS, SKIPPED, UPSTREAM, require_text, write};
use super::{Chart, Facts, ReleaseError};
use crate::render::charts::choose::ChartKind;
use crate::render::charts::lacking::Lacking;
use crate::render::documents::{Content, Document, documents, file_name};
use crate::render::images;
use crate::render::layer::Base;
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
}
