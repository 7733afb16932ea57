//! What a version's tree holds for a cluster: objects, charts, namespaces, pull secrets. Blocking.

use std::fs;
use std::path::{Path, PathBuf};

use kinds::application::Application;
use kinds::helm_chart::HelmChart;
use serde_json::Value;

use super::error::ClusterError;
use super::helm::Release;
use super::object::Object;
use crate::release::{BASE, DOWNSTREAM, HELM, KOTS_KINDS, RENDERED};
use crate::target::{TargetError, manifests};

/// Where the pull secrets of a version are, as in the original.
const MIDSTREAM: &str = "overlays/midstream";
/// Folder of charts below the rendered manifests.
const CHARTS: &str = "charts";
/// What makes a folder a chart.
const CHART_YAML: &str = "Chart.yaml";

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
        let rendered = tree.join(RENDERED).join(DOWNSTREAM);
        let mut note = |origin: &str, value: Value| {
            let api = value["apiVersion"].as_str().unwrap_or_default();
            // The list of manifests is none.
            if api.starts_with("kustomize.config.k8s.io/") {
                return;
            }
            match Object::read(origin, value, namespace) {
                Ok(object) => contents.objects.push(object),
                Err(problem) => problems.push(format!("{origin}: {problem}")),
            }
        };
        // What is rendered below `helm/` is for people: Helm installs the packed chart.
        for_each(tree, &rendered, &[CHARTS, HELM], &mut note)?;
        for folder in folders(&rendered.join(CHARTS))? {
            // A folder that is a chart is installed by Helm, not by us.
            if !folder.join(CHART_YAML).is_file() {
                for_each(tree, &folder, &[], &mut note)?;
            }
        }
        for_each(tree, &tree.join(MIDSTREAM), &[CHARTS], &mut |origin, value| {
            let is_pull_secret =
                value["kind"] == "Secret" && value["type"] == "kubernetes.io/dockerconfigjson";
            if is_pull_secret && let Ok(object) = Object::read(origin, value, namespace) {
                contents.pull_secrets.push(object);
            }
        })?;
        contents.pull_secrets.sort_by(|a, b| a.id.cmp(&b.id));
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
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Ok(None);
    }
    let folder = tree.join(HELM).join(name);
    let native = tree.join(RENDERED).join(DOWNSTREAM).join(CHARTS).join(name);
    let (archive, values) = if native.join(CHART_YAML).is_file() {
        // It was rendered here already; its values are those it was rendered with.
        (native, tree.join(BASE).join(CHARTS).join(name).join("values.yaml"))
    } else if folder.is_dir()
        && let Some(archive) = packed(&folder)?
    {
        (archive, folder.join("values.yaml"))
    } else {
        return Ok(None);
    };
    let own = &chart.spec.namespace;
    Ok(Some(Release {
        weight: chart.spec.weight,
        chart: chart.spec.chart.name.clone(),
        name: name.to_owned(),
        namespace: if own.is_empty() { namespace.to_owned() } else { own.clone() },
        flags: chart.spec.helm_upgrade_flags.clone(),
        archive,
        values: values.is_file().then_some(values),
    }))
}

/// The folders in a folder that may not be there, in order of names.
fn folders(folder: &Path) -> Result<Vec<PathBuf>, TargetError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read =
        |source| TargetError::File { what: "read", path: folder.display().to_string(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        found.extend(Some(path).filter(|it| it.is_dir()));
    }
    found.sort();
    Ok(found)
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
    skip: &[&str],
    visit: &mut dyn FnMut(&str, Value),
) -> Result<(), TargetError> {
    if !folder.is_dir() {
        return Ok(());
    }
    manifests::documents(folder, skip, &mut |path, value| {
        let path = path.strip_prefix(tree).unwrap_or(path);
        visit(&path.display().to_string(), value);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tree of these files holds.
    fn check(files: &[(&str, &str)]) -> String {
        let tree = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let contents = match Contents::read(tree.path(), "shop") {
            Ok(contents) => contents,
            Err(error) => return error.to_string(),
        };
        let mut lines: Vec<String> =
            contents.objects.iter().map(|it| format!("{} from {}", it.id, it.origin)).collect();
        lines.extend(contents.releases.iter().map(|it| {
            let archive = it.archive.strip_prefix(tree.path()).expect("in the tree");
            format!(
                "release {} of {}, values {}",
                it.shown(),
                archive.display(),
                it.values.is_some()
            )
        }));
        lines.extend(contents.pull_secrets.iter().map(|it| format!("pull secret {}", it.id.name)));
        lines.extend(contents.additional_namespaces.iter().map(|it| format!("namespace {it}")));
        lines.join("\n")
    }

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

    #[test]
    fn objects_charts_and_secrets() {
        let kind = |api: &str, name: &str, more: &str| {
            format!(
                "apiVersion: kots.io/{api}\nkind: HelmChart\nmetadata: {{name: {name}}}\nspec:\n  chart: {{name: {name}, chartVersion: '1'}}\n{more}"
            )
        };
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: pull}\ntype: kubernetes.io/dockerconfigjson\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: other}\n";
        insta::assert_snapshot!(check(&[
            ("rendered/this-cluster/a.yaml", MAP),
            ("rendered/this-cluster/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"),
            ("rendered/this-cluster/l.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: b, namespace: other}\n"),
            ("rendered/this-cluster/charts/plain/c.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: c}\n"),
            ("rendered/this-cluster/charts/native/Chart.yaml", "apiVersion: v2\nname: native\nversion: '1'\n"),
            ("rendered/this-cluster/charts/native/templates/d.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: d}\n"),
            ("base/charts/native/values.yaml", "a: 1\n"),
            ("helm/web/web-1.tgz", "packed"),
            ("kotsKinds/web.yaml", &kind("v1beta2", "web", "  namespace: elsewhere\n")),
            ("kotsKinds/native.yaml", &kind("v1beta1", "native", "  useHelmInstall: true\n  weight: -1\n")),
            ("kotsKinds/rendered.yaml", &kind("v1beta1", "gone", "")),
            ("kotsKinds/app.yaml", "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: a}\nspec: {additionalNamespaces: [jobs]}\n"),
            ("overlays/midstream/secret.yaml", secret),
        ]), @r"
        ConfigMap shop/a from rendered/this-cluster/a.yaml
        Secret other/b from rendered/this-cluster/l.yaml
        Service shop/c from rendered/this-cluster/charts/plain/c.yaml
        release shop/native of rendered/this-cluster/charts/native, values true
        release elsewhere/web of helm/web/web-1.tgz, values false
        pull secret pull
        namespace jobs
        ");
    }

    #[test]
    fn what_is_no_object_is_named() {
        insta::assert_snapshot!(
            check(&[
                ("rendered/this-cluster/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n"),
                ("rendered/this-cluster/b.yaml", "apiVersion: v1\nkind: Pod\n"),
            ]),
            @"the version cannot be deployed: rendered/this-cluster/a.yaml: the Pod has `generateName`; only a `name` can be applied; rendered/this-cluster/b.yaml: the Pod has no `metadata.name`"
        );
    }
}
