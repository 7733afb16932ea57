//! Makes a version out of a release.

use std::collections::BTreeSet;
use std::path::Path;

use kinds::config::{ConfigValues, Generated, GroupErrors, MissingItem, Resolution};
use kinds::context::domains;
use kinds::installation::{FileError, Installation};
use kinds::yaml;
use serde_json::{Value, json};
use wire::app::YamlError;

use super::contexts::{Screen, Templates, contexts};
use super::deliver::{self, Delivery};
use super::ingest;
use super::stage::{Collected, Stage};
use super::tree::{self, KOTS_KINDS, UPSTREAM, USERDATA, write};
use super::vendor::{Vendor, VendorConfig};
use super::{Broken, Chart, Facts, Input, KOTS_VERSION, Preflights, ReleaseError};
use crate::preflight;
use crate::render::charts::lacking::Lacking;
use crate::render::charts::sdk;
use crate::render::images::Origin;
use crate::render::sources;

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
    /// Where the images are to be had that all come from the operator's registry.
    pub(crate) origins: Vec<Origin>,
    /// Documents that could not be read and are not deployed.
    pub yaml_errors: Vec<YamlError>,
    /// What does not render and was left out; empty unless the input allows that.
    pub failures: Vec<ReleaseError>,
    /// That checks of charts may have been overlooked, in words; empty when they were not.
    pub overlooked: String,
    /// Charts that lack what they depend on.
    pub lacking: Vec<Lacking>,
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

/// Makes (or makes again) everything in `dir` but the vendor's files in `dir/upstream` and what an
/// operator has in `dir/overlays/downstreams`. Archives of charts that hold the vendor's SDK are
/// written again with what it must know of the installation.
///
/// Blocking: call it on a blocking thread. Peak memory is bounded by the largest YAML file and by what
/// tells objects apart, not by the release. On error `dir` is left half made and must be thrown away.
///
/// # Errors
///
/// The release cannot be read or rendered, naming file, kind, and for templates function, line and
/// column, everything that is wrong at once ([`ReleaseError::each`]); or the disk failed
/// ([`ReleaseError::is_io`]).
pub fn build(dir: &Path, input: &Input<'_>) -> Result<Built, ReleaseError> {
    // Drawn here and not by templates, so that one build is one drawing.
    let seed = rand::random();
    tree::clear(dir)?;
    let root = dir.join(UPSTREAM);
    let files = tree::vendor_files(&root)?;
    let mut sources = sources::find(&root, &files)?;
    let left_out = ingest::take_in(&root, &mut sources)?;
    let vendor = Vendor::read(&root, &sources)?;
    let domains = domains(&contexts(&vendor, input, seed));
    let sdk = sdk::Facts {
        names: &input.installation.replicated_chart_names,
        console_id: input.console_id,
        app_id: input.app_id,
        user_agent: format!("KOTS/v{KOTS_VERSION}"),
        is_airgap: input.is_airgap,
        license: &input.license.license,
        license_text: &written_anew(&input.license.raw),
        hosts: [&domains.proxy, &domains.registry],
    };
    sdk::configure(&root, &files, &sdk)?;
    let screen = Screen::resolve(&vendor, input, seed)?;
    let is_config_missing = !screen.required_items.is_empty();

    let templates = Templates::new(&vendor, input, &screen, seed);
    let mut stage = Stage::new(dir, templates, &screen, screen.document(&vendor));
    for source in &sources {
        stage.file(source)?;
    }
    if !is_config_missing {
        stage.charts(&files, input)?;
    }
    let Collected {
        mut facts,
        kind_images,
        chart_images,
        yaml_errors,
        mut charts,
        base,
        mut notes,
        unseen,
        lacking,
        failures,
    } = stage.finish();
    let failures = match input.broken {
        Broken::LeftOut => failures,
        Broken::Refused => match ReleaseError::of(failures) {
            Some(error) => return Err(error),
            None => Vec::new(),
        },
    };
    notes.extend(left_out);
    let overlooked = overlooked(&unseen);
    notes.extend(Some(overlooked.clone()).filter(|it| !it.is_empty()));
    for preflight in preflight::charts::collect(dir)? {
        facts.note(&preflight.kind, &preflight.value, &preflight.text).map_err(|source| {
            let kind = preflight.kind.kind.clone();
            ReleaseError::Kind { path: "helm-preflight.yaml".to_owned(), kind, source }
        })?;
    }

    let mut known = Vec::new();
    let mut manifests = Vec::new();
    let mut origins = Vec::new();
    if !is_config_missing {
        let images: BTreeSet<String> = kind_images.into_iter().chain(chart_images).collect();
        let delivery = Delivery { vendor: &vendor, domains, images };
        let (layers, merged) = base.finish()?;
        notes.extend(merged);
        let done = deliver::deliver(dir, input, layers, delivery)?;
        (known, manifests, origins) = (done.known_images, done.manifests, done.origins);
        charts.sort_by(|a, b| {
            (a.weight, &a.chart_name, &a.release_name).cmp(&(
                b.weight,
                &b.chart_name,
                &b.release_name,
            ))
        });
    }
    let mut installation = input.installation.clone();
    installation.known_images = known;
    let recorded = |it: &YamlError| FileError { path: it.path.clone(), error: it.error.clone() };
    installation.yaml_errors = yaml_errors.iter().map(recorded).collect();
    if installation.release_notes.is_empty() {
        installation.release_notes.clone_from(&facts.release_notes);
    }
    write_userdata(dir, &vendor, input, &screen.values, &installation)?;
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
        origins,
        yaml_errors,
        failures,
        overlooked,
        lacking,
        notes,
    })
}

/// Says which charts were not looked into for preflights; empty when all were.
fn overlooked(unseen: &[String]) -> String {
    if unseen.is_empty() {
        return String::new();
    }
    let names = unseen.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    format!(
        "preflights inside of {} {names} are not known and will not be run: the program `helm` was not \
         found; install it or set {}",
        if unseen.len() == 1 { "the chart" } else { "the charts" },
        crate::env::KOTS_HELM,
    )
}

/// Writes what belongs to the installation, where the original has it and where it reads it.
fn write_userdata(
    dir: &Path,
    vendor: &Vendor,
    input: &Input<'_>,
    values: &ConfigValues,
    installation: &Installation,
) -> Result<(), ReleaseError> {
    let identity = input.identity_config.map(written_anew);
    let files = [
        ("config.yaml", Some(values.to_yaml(&vendor.name))),
        ("license.yaml", Some(written_anew(&input.license.raw)).filter(|it| !it.is_empty())),
        ("installation.yaml", Some(installation.to_yaml(&vendor.name))),
        ("identityconfig.yaml", identity),
    ];
    for (name, text) in files.iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        write(dir, &format!("{UPSTREAM}/{USERDATA}/{name}"), text)?;
        write(dir, &format!("{KOTS_KINDS}/{USERDATA}/{name}"), text)?;
    }
    Ok(())
}

/// A document as the original writes it back: without comments, keys in order, with a status. A
/// licence verifies as before: its signed data are one of its texts.
fn written_anew(text: &str) -> String {
    let Ok(Value::Object(mut map)) = yaml::to_value(text) else { return text.to_owned() };
    map.entry("status").or_insert_with(|| json!({}));
    let value = crate::render::rendered::sorted(Value::Object(map));
    yaml::to_string(&value).unwrap_or_else(|_| text.to_owned())
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
