//! What a version's tree holds for a cluster: objects, charts, namespaces, pull secrets. Blocking.

use std::fs;
use std::path::{Path, PathBuf};

use kinds::application::Application;
use kinds::helm_chart::HelmChart;
use serde_json::Value;

use super::error::ClusterError;
use super::helm::Release;
use super::object::Object;
use crate::release::{DOWNSTREAM, HELM, KOTS_KINDS, RENDERED};
use crate::target::{TargetError, manifests};

/// Where the pull secrets of a version are, as in the original.
const MIDSTREAM: &str = "overlays/midstream";
/// All namespaces: pull secrets go to those that are there when the version is deployed.
pub(super) const EVERY_NAMESPACE: &str = "*";

/// What a tree holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Objects, in order of files.
    pub objects: Vec<Object>,
    /// Helm releases, in order of installation.
    pub releases: Vec<Release>,
    /// `additionalNamespaces` of the Application.
    pub additional_namespaces: Vec<String>,
    /// Secrets that images are pulled with.
    pub pull_secrets: Vec<Object>,
}

impl Contents {
    /// Reads the tree at `tree`; `namespace` is the application's.
    ///
    /// # Errors
    ///
    /// A file cannot be read; an object lacks what makes it one.
    pub(super) fn read(tree: &Path, namespace: &str) -> Result<Self, TargetError> {
        let mut contents = Self::default();
        let mut problems = Vec::new();
        for_each(tree, &tree.join(RENDERED).join(DOWNSTREAM), &mut |origin, value| {
            let api = value["apiVersion"].as_str().unwrap_or_default();
            // The list of manifests is none.
            if api.starts_with("kustomize.config.k8s.io/") {
                return;
            }
            match Object::read(origin, value, namespace) {
                Ok(object) => contents.objects.push(object),
                Err(problem) => problems.push(format!("{origin}: {problem}")),
            }
        })?;
        for_each(tree, &tree.join(MIDSTREAM), &mut |origin, value| {
            let is_pull_secret =
                value["kind"] == "Secret" && value["type"] == "kubernetes.io/dockerconfigjson";
            if is_pull_secret && let Ok(object) = Object::read(origin, value, namespace) {
                contents.pull_secrets.push(object);
            }
        })?;
        contents.pull_secrets.dedup_by(|a, b| a.id == b.id);
        let mut charts = Vec::new();
        manifests::files_if_any(&tree.join(KOTS_KINDS), &mut |_, text| {
            for document in kinds::yaml::split_documents(text) {
                if let Ok(application) = Application::parse(document.text) {
                    contents.additional_namespaces = application.additional_namespaces;
                } else if let Ok(chart) = HelmChart::parse(document.text) {
                    charts.push(chart);
                }
            }
            Ok(())
        })?;
        for chart in charts.iter().filter(|it| !it.is_excluded()) {
            contents.releases.extend(release(tree, chart, namespace)?);
        }
        contents.releases.sort();
        contents.releases.dedup_by(|a, b| a.name == b.name && a.namespace == b.namespace);
        if problems.is_empty() {
            Ok(contents)
        } else {
            Err(ClusterError::Plan(problems.join("; ")).into())
        }
    }
}

/// The Helm release of a chart kind; `None` when it was rendered into manifests.
fn release(
    tree: &Path,
    chart: &HelmChart,
    namespace: &str,
) -> Result<Option<Release>, TargetError> {
    let name = chart.release_name();
    let folder = tree.join(HELM).join(name);
    if name.is_empty() || name.contains('/') || name.starts_with('.') || !folder.is_dir() {
        return Ok(None);
    }
    let Some(archive) = packed(&folder)? else { return Ok(None) };
    let own = &chart.spec.namespace;
    Ok(Some(Release {
        weight: chart.spec.weight,
        chart: chart.spec.chart.name.clone(),
        name: name.to_owned(),
        namespace: if own.is_empty() { namespace.to_owned() } else { own.clone() },
        flags: chart.spec.helm_upgrade_flags.clone(),
        archive,
        values: folder.join("values.yaml"),
    }))
}

/// The packed chart in a release's folder.
fn packed(folder: &Path) -> Result<Option<PathBuf>, TargetError> {
    let read =
        |source| TargetError::File { what: "read", path: folder.display().to_string(), source };
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|end| end == "tgz" || end == "gz") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found.into_iter().next())
}

/// Calls `visit` with every document below `folder`, when there is such a folder, and its path in the
/// tree.
fn for_each(
    tree: &Path,
    folder: &Path,
    visit: &mut dyn FnMut(&str, Value),
) -> Result<(), TargetError> {
    if !folder.is_dir() {
        return Ok(());
    }
    manifests::documents(folder, None, &mut |path, value| {
        let path = path.strip_prefix(tree).unwrap_or(path);
        visit(&path.display().to_string(), value);
    })
}
