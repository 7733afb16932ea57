//! v1beta1: a chart rendered by Helm, its documents put into folders of `base/`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::yaml;
use serde_json::{Value, json};

use super::choose::ChartKind;
use super::helm::{self, Job};
use super::layout::{self, Document, Part};
use super::packed::unpack;
use super::{namespace, record};
use crate::release::ReleaseError;
use crate::render::layer::Folder;
use crate::render::programs::Programs;

/// A template that we add to the chart: it tells the values Helm ended up with.
const PROBE: &str = "templates/kotsadm-values-of-this-chart.yaml";
const PROBE_TEXT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kotsadm-values-of-this-chart}\ndata: {values: {{ toYaml .Values | b64enc | quote }}}\n";

/// A folder of a rendered chart: where it goes and the documents in it.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) folder: Folder,
    /// Path below the folder and text, templates of KOTS not yet rendered.
    pub(crate) documents: Vec<(String, String)>,
}

/// Renders the chart in `archive` for `kind`; `app_namespace` is used where the kind names none.
///
/// # Errors
///
/// The chart does not render, the program is not there, or the disk failed.
pub(crate) fn render(
    kind: &ChartKind,
    archive: &Path,
    app_namespace: &str,
    programs: &Programs,
) -> Result<Vec<Rendered>, ReleaseError> {
    let wrong = |what: String| ReleaseError::Chart { path: kind.path.clone(), what };
    let temp =
        tempfile::tempdir().map_err(ReleaseError::disk("make a folder in", Path::new("")))?;
    let mut packed = fs::File::open(archive).map_err(ReleaseError::disk("read", archive))?;
    let files = unpack(&mut packed, temp.path()).map_err(wrong)?;
    let probe = temp.path().join(PROBE);
    if probe.exists() {
        return Err(wrong(format!("its template `{PROBE}` has a name that is taken")));
    }
    let write = || -> io::Result<()> {
        fs::create_dir_all(probe.parent().unwrap_or(temp.path()))?;
        fs::write(&probe, PROBE_TEXT)
    };
    write().map_err(ReleaseError::disk("write", &probe))?;

    let spec = &kind.chart.spec;
    let release_namespace = if spec.namespace.is_empty() { app_namespace } else { &spec.namespace };
    let values = yaml::to_string(&Value::Object(kind.chart.merged_values()))
        .map_err(|error| wrong(error.to_string()))?;
    let job = Job {
        path: &kind.path,
        release: kind.chart.release_name(),
        namespace: release_namespace,
        chart: temp.path(),
        values: &values,
    };
    let release = helm::release(&job, programs)?;
    let output = Output::of(release).map_err(|what| wrong(format!("`helm` wrote {what}")))?;
    let crds = crds(&files, &job, &output.chart, programs)?;

    let mut documents = layout::documents(&output.manifest, &output.chart);
    documents.extend(layout::documents(&output.hooks, &output.chart));
    documents.extend(crds);
    if !spec.use_helm_install {
        layout::without_common_folders(&mut documents);
        let record = record::settled(&output.release, release_namespace);
        let secret = record::secret(&record).map_err(|error| wrong(error.to_string()))?;
        let text = yaml::to_string(&secret).map_err(|error| wrong(error.to_string()))?;
        documents.push(Document { path: record::FILE.to_owned(), text });
    }
    let documents = namespace::put_into(&spec.namespace, documents);
    let metadata = metadata(&files, temp.path())?;
    let mut parts = layout::parts(documents, &metadata);
    parts[0].extra.push(("values.yaml".to_owned(), output.values.into_bytes()));
    Ok(parts.into_iter().map(|part| placed(part, kind)).collect())
}

/// Where a part of a chart goes.
fn placed(part: Part, kind: &ChartKind) -> Rendered {
    let spec = &kind.chart.spec;
    let name = kind.chart.release_name();
    let steps = ["charts", name, &part.path].into_iter().filter(|it| !it.is_empty());
    let is_crds = part.path == "crds" || part.path.ends_with("/crds");
    // A folder that holds but a Chart.yaml is in no namespace, as in the original.
    let has_namespace =
        spec.use_helm_install && !is_crds && (part.path.is_empty() || !part.documents.is_empty());
    Rendered {
        folder: Folder {
            path: steps.collect::<Vec<_>>().join("/"),
            namespace: if has_namespace { spec.namespace.clone() } else { String::new() },
            is_layer: spec.use_helm_install,
            extra: part.extra,
        },
        documents: part.documents.into_iter().map(|it| (it.path, it.text)).collect(),
    }
}

/// What Helm printed, without our template.
struct Output {
    /// Name of the chart.
    chart: String,
    release: Value,
    manifest: String,
    hooks: String,
    values: String,
}

impl Output {
    fn of(mut release: Value) -> Result<Self, String> {
        let text = |value: &Value, path: &str| {
            value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let chart = text(&release, "/chart/metadata/name");
        let whole = text(&release, "/manifest");
        let mut values = None;
        let mut manifest = String::new();
        for document in yaml::split_documents(&whole) {
            if document.text.starts_with(&format!("# Source: {chart}/{PROBE}\n")) {
                values = Some(probed(document.text)?);
            } else {
                manifest.push_str("---\n");
                manifest.push_str(document.text);
            }
        }
        let mut hooks = String::new();
        for hook in release.get("hooks").and_then(Value::as_array).into_iter().flatten() {
            let (path, manifest) = (text(hook, "/path"), text(hook, "/manifest"));
            hooks.extend(["---\n# Source: ", &path, "\n", &manifest, "\n"]);
        }
        release["manifest"] = manifest.clone().into();
        let templates = release.pointer_mut("/chart/templates").and_then(Value::as_array_mut);
        if let Some(templates) = templates {
            templates.retain(|it| it.get("name").and_then(Value::as_str) != Some(PROBE));
        }
        let values = values.ok_or("no values")?;
        Ok(Self { chart, release, manifest, hooks, values })
    }
}

fn probed(document: &str) -> Result<String, String> {
    let object = yaml::to_value(document).map_err(|error| error.to_string())?;
    let packed = object.pointer("/data/values").and_then(Value::as_str).unwrap_or_default();
    let bytes = STANDARD.decode(packed).map_err(|error| error.to_string())?;
    let mut text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// The custom resource definitions of the chart and of the sub-charts that are switched on; Helm does
/// not print them with the release.
fn crds(
    files: &[String],
    job: &Job<'_>,
    chart: &str,
    programs: &Programs,
) -> Result<Vec<Document>, ReleaseError> {
    if !files.iter().any(|it| is_crd(it)) {
        return Ok(Vec::new());
    }
    let mut documents = layout::documents(&helm::template(job, programs)?, chart);
    documents.retain(|it| is_crd(&it.path));
    Ok(documents)
}

/// Whether a file of a chart is in its `crds`, or in that of a sub-chart.
fn is_crd(path: &str) -> bool {
    let steps: Vec<_> = path.split('/').collect();
    let mut rest = &steps[..];
    while let ["charts", _, inner @ ..] = rest {
        rest = inner;
    }
    matches!(rest, ["crds", _, ..])
}

/// `Chart.yaml`, `Chart.lock` and `requirements.yaml` of the chart and its sub-charts.
fn metadata(files: &[String], root: &Path) -> Result<BTreeMap<String, Vec<u8>>, ReleaseError> {
    let is_metadata = |path: &&String| {
        let name = path.rsplit('/').next();
        matches!(name, Some("Chart.yaml" | "Chart.lock" | "requirements.yaml"))
    };
    files
        .iter()
        .filter(is_metadata)
        .map(|path| {
            let full = root.join(path);
            let bytes = fs::read(&full).map_err(ReleaseError::disk("read", &full))?;
            Ok((path.clone(), bytes))
        })
        .collect()
}

/// Copies a job's `helm.sh/hook-delete-policy` to the annotation that is honoured here
/// (`pkg/base/base.go:127-155`). Pure.
pub(crate) fn with_hook_policy(object: &Value) -> Option<Value> {
    let is_job = object.get("apiVersion").and_then(Value::as_str) == Some("batch/v1")
        && object.get("kind").and_then(Value::as_str) == Some("Job");
    let policy = object.pointer("/metadata/annotations")?.get("helm.sh/hook-delete-policy")?;
    if !is_job {
        return None;
    }
    let mut job = object.clone();
    job["metadata"]["annotations"]["kots.io/hook-delete-policy"] = json!(policy);
    Some(job)
}
