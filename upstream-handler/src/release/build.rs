//! Makes a version out of a release.

use std::path::Path;

use kinds::config::{ConfigValues, Generated, GroupErrors, MissingItem, Resolution};
use kinds::gvk::{Gvk, is_included};
use kinds::helm_chart::HelmChart;
use kinds::installation::{FileError, Installation};
use kinds::yaml;
use serde_json::{Value, json};
use wire::app::YamlError;

use super::contexts::{Screen, Templates};
use super::tree::{self, KOTS_KINDS, SKIPPED, UPSTREAM, USERDATA, require_text, write};
use super::vendor::{Vendor, VendorConfig};
use super::{Chart, Facts, Input, Preflights, ReleaseError};
use crate::render::charts::{self, ChartKind};
use crate::render::documents::{Content, Document, documents, file_name};
use crate::render::manifests::Manifests;
use crate::render::sources::{self, Source};

/// A version that was built, beside what is in its tree.
#[derive(Debug)]
pub struct Built {
    /// What has to happen before it may be deployed.
    pub status: Status,
    /// What the release says about itself.
    pub facts: Facts,
    /// The values as stored in the tree: passwords are cipher text.
    pub values: ConfigValues,
    /// What templates of the Config made up; to be stored (it holds secrets) and handed in for the
    /// next version.
    pub generated: Generated,
    /// The config screen; `None` without a Config.
    pub config: Option<Resolution>,
    /// Required items without value and default, in order.
    pub required_items: Vec<MissingItem>,
    /// Items whose value breaks its rule.
    pub validation_errors: Vec<GroupErrors>,
    /// Charts in installation order. Empty when `status` is `PendingConfig`.
    pub charts: Vec<Chart>,
    /// Paths of what is deployed, relative to the tree, sorted.
    pub manifests: Vec<String>,
    /// Documents that could not be read and are not deployed.
    pub yaml_errors: Vec<YamlError>,
    /// What was left out on purpose, in words, for the log.
    pub notes: Vec<String>,
}

/// What has to happen before a new version may be deployed (`ks/version_store.go:716-757`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A required config item has no value.
    PendingConfig,
    /// Preflights have to run.
    PendingPreflight,
    /// Nothing.
    Pending,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingConfig => "pending_config",
            Self::PendingPreflight => "pending_preflight",
            Self::Pending => "pending",
        }
    }

    /// Decides what comes next. Strict preflights run also when the operator does not want any.
    fn of(is_config_missing: bool, facts: &Facts, preflights: Preflights) -> Self {
        let wanted = preflights == Preflights::Run || facts.has_strict_preflight;
        match (is_config_missing, facts.has_preflight && wanted) {
            (true, _) => Self::PendingConfig,
            (false, true) => Self::PendingPreflight,
            (false, false) => Self::Pending,
        }
    }
}

/// Makes (or makes again) everything in `dir` but the vendor's files in `dir/upstream`.
///
/// Blocking: call it on a blocking thread. Peak memory is bounded by the largest YAML file, not by
/// the release. On error `dir` is left half made and must be thrown away.
///
/// # Errors
///
/// The release cannot be read or rendered, naming file, kind, and for templates function and line;
/// or the disk failed ([`ReleaseError::is_io`]).
pub fn build(dir: &Path, input: &Input<'_>) -> Result<Built, ReleaseError> {
    // Drawn here and not by templates, so that one build is one drawing.
    let seed = rand::random();
    tree::clear(dir)?;
    let root = dir.join(UPSTREAM);
    let files = tree::vendor_files(&root)?;
    let sources = sources::find(&root, &files)?;
    let vendor = Vendor::read(&root, &sources)?;
    let screen = Screen::resolve(&vendor, input, seed)?;
    let is_config_missing = !screen.required_items.is_empty();

    let mut stage = Stage {
        dir,
        root: &root,
        templates: Templates::new(&vendor, input, &screen, seed),
        config: screen.document(&vendor),
        is_config_missing,
        facts: Facts::default(),
        charts: Vec::new(),
        manifests: Manifests::new(dir),
        yaml_errors: Vec::new(),
        notes: Vec::new(),
    };
    for source in &sources {
        stage.file(source)?;
    }
    let Stage { facts, charts: kinds, manifests, yaml_errors, notes, .. } = stage;

    write_userdata(dir, &vendor, input, &screen.values, &yaml_errors)?;
    let (charts, manifests) = if is_config_missing {
        (Vec::new(), Vec::new())
    } else {
        let packed = if kinds.is_empty() { Vec::new() } else { charts::packed(&root, &files)? };
        (charts::place(dir, kinds, &packed)?, manifests.finish()?)
    };
    Ok(Built {
        status: Status::of(is_config_missing, &facts, input.preflights),
        facts,
        values: screen.values,
        generated: screen.generated,
        config: screen.resolution,
        required_items: screen.required_items,
        validation_errors: screen.validation_errors,
        charts,
        manifests,
        yaml_errors,
        notes,
    })
}

/// A release on its way through rendering.
struct Stage<'a> {
    dir: &'a Path,
    root: &'a Path,
    templates: Templates,
    /// The resolved Config, as text.
    config: Option<String>,
    is_config_missing: bool,
    facts: Facts,
    charts: Vec<ChartKind>,
    manifests: Manifests<'a>,
    yaml_errors: Vec<YamlError>,
    notes: Vec<String>,
}

impl Stage<'_> {
    /// Renders one file and puts its documents where they belong.
    fn file(&mut self, source: &Source) -> Result<(), ReleaseError> {
        if source.is_operator_data() {
            self.notes.push(format!(
                "`{}` of the release is left out: it belongs to an installation",
                source.path
            ));
            return Ok(());
        }
        let is_kots = source.kinds.iter().any(Gvk::is_kots_kind);
        if self.is_config_missing && !is_kots {
            return Ok(());
        }
        let text = require_text(self.root, &source.path)?;
        // A Config is rendered item by item, not as a text.
        let is_config = source.kinds.len() == 1 && source.holds("kots.io/v1beta1", "Config");
        let rendered = if is_config { text } else { self.templates.render(&source.path, &text)? };

        let mut kots_kinds = Vec::new();
        for (index, document) in documents(&rendered).into_iter().enumerate() {
            kots_kinds.extend(self.document(&source.path, index, document)?);
        }
        if kots_kinds.is_empty() {
            return Ok(());
        }
        write(self.dir, &format!("{KOTS_KINDS}/{}", source.path), &kots_kinds.join("\n---\n"))
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
                    self.manifests.add(path, index, &text)?;
                }
                Ok(None)
            }
            Content::Manifest(_) => Ok(None),
            Content::NoObject(why) => {
                self.notes.extend(why.map(|why| format!("`{path}`: {why}")));
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
                let name = file_name(path, index);
                write(self.dir, &format!("{SKIPPED}/{name}"), &text)?;
                self.yaml_errors.push(YamlError { path: name, error });
                Ok(None)
            }
        }
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
            self.notes.push(format!(
                "the {} in `{path}` of the release is left out: it belongs to an installation",
                gvk.kind
            ));
            return Ok(None);
        }
        self.facts.note(gvk, value, &text).map_err(unreadable)?;
        match gvk.kind.as_str() {
            "Config" if gvk.api_version == "kots.io/v1beta1" => {
                Ok(Some(self.config.clone().unwrap_or(text)))
            }
            "HelmChart" => {
                let chart = HelmChart::parse(&text).map_err(unreadable)?;
                self.charts.push(ChartKind { path: path.to_owned(), chart });
                Ok(Some(text))
            }
            _ => Ok(Some(text)),
        }
    }
}

/// Writes what belongs to the installation, where the original has it and where it reads it.
fn write_userdata(
    dir: &Path,
    vendor: &Vendor,
    input: &Input<'_>,
    values: &ConfigValues,
    yaml_errors: &[YamlError],
) -> Result<(), ReleaseError> {
    let yaml_errors = yaml_errors
        .iter()
        .map(|it| FileError { path: it.path.clone(), error: it.error.clone() })
        .collect();
    let installation = Installation { yaml_errors, ..input.installation.clone() };
    for (name, text) in [
        ("config.yaml", &values.to_yaml(&vendor.name)),
        ("license.yaml", &input.license.raw),
        ("installation.yaml", &installation.to_yaml(&vendor.name)),
    ] {
        write(dir, &format!("{UPSTREAM}/{USERDATA}/{name}"), text)?;
        write(dir, &format!("{KOTS_KINDS}/{USERDATA}/{name}"), text)?;
    }
    Ok(())
}

/// Writes the document of a resolved Config.
pub(super) fn config_document(vendor: &VendorConfig, spec: &Value) -> String {
    let document = json!({
        "apiVersion": "kots.io/v1beta1",
        "kind": "Config",
        "metadata": vendor.metadata,
        "spec": spec,
        "status": {},
    });
    yaml::to_string(&document).expect("maps, text and numbers always have a YAML form")
}
