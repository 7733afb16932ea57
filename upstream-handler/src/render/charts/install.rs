//! v1beta2: charts that Helm installs as they are packed.

use std::path::Path;

use kinds::yaml;
use serde_json::{Map, Value};

use super::choose::{ChartKind, find};
use super::helm::{self, Job};
use super::packed::Packed;
use crate::release::tree::{HELM, RENDERED, UPSTREAM, link, write};
use crate::release::{Chart, ReleaseError};
use crate::render::image;
use crate::render::programs::Programs;
use crate::render::rendered::sorted;

/// Puts a chart and its values below `helm/` of the tree.
///
/// # Errors
///
/// No archive or several fit; the disk failed.
pub(crate) fn place(
    tree: &Path,
    kind: &ChartKind,
    packed: &[Packed],
) -> Result<Chart, ReleaseError> {
    let archive = find(kind, packed)?;
    let release = kind.chart.release_name();
    let wanted = &kind.chart.spec.chart;
    let chart = Chart {
        release_name: release.to_owned(),
        chart_name: wanted.name.clone(),
        namespace: kind.chart.spec.namespace.clone(),
        weight: kind.chart.spec.weight,
        upgrade_flags: kind.chart.spec.helm_upgrade_flags.clone(),
        archive: format!("{HELM}/{release}/{}-{}.tgz", wanted.name, wanted.chart_version),
        values: format!("{HELM}/{release}/values.yaml"),
    };
    let values = text_of(kind, kind.chart.merged_values())?;
    link(tree, &format!("{UPSTREAM}/{archive}"), &chart.archive)?;
    write(tree, &chart.values, &values)?;
    Ok(chart)
}

/// What is rendered of a placed chart: its archive, or a folder that stands for it.
pub(crate) struct Shown<'a> {
    /// Root of the version's tree.
    pub(crate) tree: &'a Path,
    pub(crate) kind: &'a ChartKind,
    pub(crate) chart: &'a Chart,
    /// The archive or folder.
    pub(crate) source: &'a Path,
    /// Where a chart goes whose kind names no namespace.
    pub(crate) app_namespace: &'a str,
    pub(crate) programs: &'a Programs,
}

/// Renders a placed chart into `rendered/<downstream>/helm/`, for people and for comparing: nothing
/// is deployed from there.
///
/// # Errors
///
/// The chart does not render, the program is not there, or the disk failed.
pub(crate) fn render(shown: &Shown<'_>, downstreams: &[String]) -> Result<(), ReleaseError> {
    let Shown { tree, chart, .. } = shown;
    let values = crate::release::tree::require_text(tree, &chart.values)?;
    let rendered = template(shown, &values)?;
    for downstream in downstreams {
        let path = format!("{RENDERED}/{downstream}/{HELM}/{}/all.yaml", chart.release_name);
        write(tree, &path, &rendered)?;
    }
    Ok(())
}

/// The images of a placed chart, found with the values the vendor gives for that; where they do not
/// render the chart, with those it is installed with below them.
///
/// # Errors
///
/// The chart does not render with them, or the program is not there.
pub(crate) fn images(shown: &Shown<'_>) -> Result<Vec<String>, ReleaseError> {
    let kind = shown.kind;
    let render = |values| template(shown, &text_of(kind, values)?);
    let rendered = match render(kind.chart.builder_values()) {
        // Many vendors give there what differs only.
        Err(ReleaseError::ChartRender { .. }) => render(kind.chart.builder_over_values())?,
        other => other?,
    };
    let objects = yaml::split_documents(&rendered);
    let objects = objects.iter().filter_map(|it| yaml::to_manifest(it.text).ok());
    Ok(objects.flat_map(|it| image::of_object(&it)).collect())
}

fn text_of(kind: &ChartKind, values: Map<String, Value>) -> Result<String, ReleaseError> {
    yaml::to_string(&sorted(Value::Object(values)))
        .map_err(|error| ReleaseError::Chart { path: kind.path.clone(), what: error.to_string() })
}

fn template(shown: &Shown<'_>, values: &str) -> Result<String, ReleaseError> {
    let own = &*shown.chart.namespace;
    let job = Job {
        path: &shown.kind.path,
        release: &shown.chart.release_name,
        namespace: if own.is_empty() { shown.app_namespace } else { own },
        chart: shown.source,
        values,
    };
    helm::template(&job, shown.programs)
}
