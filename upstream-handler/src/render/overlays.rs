//! `overlays/`: what is put over `base/` for this installation (midstream) and by its operator
//! (downstreams).

use std::collections::BTreeSet;
use std::path::Path;

use kinds::yaml;
use serde_json::{Value, json};

use super::image::Rewrite;
use super::layer::{LIST, Layer};
use super::pull_secrets;
use crate::release::ReleaseError;
use crate::release::tree::{BASE, OVERLAYS, write};

const API: &str = "kustomize.config.k8s.io/v1beta1";
const SECRETS: &str = "secret.yaml";
const PATCHES: &str = "pullsecrets.yaml";
const LABELS: &str = "backup-label-transformer.yaml";

/// Where pods have their labels, by kind: what the original's label transformer lists.
const LABEL_PLACES: &str = "fieldSpecs:
- path: metadata/labels
  create: true
- version: v1
  kind: ReplicationController
  path: spec/template/metadata/labels
  create: true
- kind: Deployment
  path: spec/template/metadata/labels
  create: true
- kind: ReplicaSet
  path: spec/template/metadata/labels
  create: true
- kind: DaemonSet
  path: spec/template/metadata/labels
  create: true
- group: apps
  kind: StatefulSet
  path: spec/template/metadata/labels
  create: true
- group: batch
  kind: Job
  path: spec/template/metadata/labels
  create: true
- group: batch
  kind: CronJob
  path: spec/jobTemplate/metadata/labels
  create: true
- group: batch
  kind: CronJob
  path: spec/jobTemplate/spec/template/metadata/labels
  create: true
";

/// What is put over one layer for this installation.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    /// Secrets to pull images with; none without a login.
    pub(crate) secrets: Vec<Value>,
    /// Name of the secret that pods use.
    pub(crate) secret_name: String,
    /// Other names for the layer's images.
    pub(crate) rewrites: Vec<Rewrite>,
}

/// Writes the midstream of a layer.
///
/// # Errors
///
/// The disk failed.
pub(crate) fn write_midstream(
    tree: &Path,
    app_slug: &str,
    layer: &Layer,
    overlay: &Overlay,
) -> Result<(), ReleaseError> {
    let folder = join(&format!("{OVERLAYS}/midstream"), &layer.path);
    let slug = yaml::to_string(&json!({"kots.io/app-slug": app_slug})).expect("text");
    let labels = format!(
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata:\n  name: backup-label-transformer\nlabels:\n  {}\n  kots.io/backup: velero\n{LABEL_PLACES}",
        slug.trim_end()
    );
    write(tree, &format!("{folder}/{LABELS}"), &labels)?;
    let mut list = json!({
        "apiVersion": API,
        "bases": [format!("{}{}", "../".repeat(depth(&folder)), join(BASE, &layer.path))],
        "commonAnnotations": {"kots.io/app-slug": app_slug},
    });
    if !overlay.rewrites.is_empty() {
        let image = |it: &Rewrite| json!({"name": it.name, "newName": it.new_name});
        list["images"] = overlay.rewrites.iter().map(image).collect();
    }
    list["kind"] = "Kustomization".into();
    if !overlay.secrets.is_empty() {
        let patches = patches(layer, overlay);
        if !patches.is_empty() {
            write(tree, &format!("{folder}/{PATCHES}"), &patches)?;
            list["patchesStrategicMerge"] = json!([PATCHES]);
        }
        let texts: Vec<_> = overlay.secrets.iter().map(text).collect();
        write(tree, &format!("{folder}/{SECRETS}"), &texts.join("\n---\n"))?;
        list["resources"] = json!([SECRETS]);
    }
    list["transformers"] = json!([LABELS]);
    write(tree, &format!("{folder}/{LIST}"), &text(&list))
}

/// The patches of a layer's objects that run images, as one text.
fn patches(layer: &Layer, overlay: &Overlay) -> String {
    let mut seen = BTreeSet::new();
    let mut all = String::new();
    for member in layer.members().filter(|it| !it.images.is_empty()) {
        let patch = pull_secrets::patch(&member.id, &member.labels, &overlay.secret_name);
        let patch = text(&patch);
        if seen.insert(patch.clone()) {
            all.push_str("---\n");
            all.push_str(&patch);
        }
    }
    all
}

/// Writes the downstream of a layer where the operator has none.
///
/// # Errors
///
/// The disk failed.
pub(crate) fn write_downstream(
    tree: &Path,
    downstream: &str,
    layer: &Layer,
) -> Result<(), ReleaseError> {
    let path = format!("{}/{LIST}", downstream_folder(downstream, layer));
    if tree.join(&path).exists() {
        return Ok(());
    }
    write(tree, &path, &plain_downstream(downstream, layer))
}

/// The folder of a layer's downstream.
pub(crate) fn downstream_folder(downstream: &str, layer: &Layer) -> String {
    join(&format!("{OVERLAYS}/downstreams/{downstream}"), &layer.path)
}

/// The list of a downstream that changes nothing.
pub(crate) fn plain_downstream(downstream: &str, layer: &Layer) -> String {
    // From the downstream's folder up to `overlays/`.
    let up = "../".repeat(depth(&downstream_folder(downstream, layer)) - 1);
    let list = json!({
        "apiVersion": API,
        "bases": [format!("{up}{}", join("midstream", &layer.path))],
        "kind": "Kustomization",
    });
    text(&list)
}

fn depth(folder: &str) -> usize {
    folder.split('/').count()
}

fn join(folder: &str, path: &str) -> String {
    if path.is_empty() { folder.to_owned() } else { format!("{folder}/{path}") }
}

fn text(value: &Value) -> String {
    yaml::to_string(value).expect("maps and text always have a YAML form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_lead_back_to_their_base() {
        let layer = Layer { path: "charts/a/charts/b".into(), ..Layer::default() };
        assert_eq!(
            plain_downstream("this-cluster", &layer),
            "apiVersion: kustomize.config.k8s.io/v1beta1\nbases:\n- ../../../../../../midstream/charts/a/charts/b\nkind: Kustomization\n"
        );
        let tree = tempfile::tempdir().expect("a folder");
        write_midstream(tree.path(), "app", &layer, &Overlay::default()).expect("a midstream");
        let path = tree.path().join("overlays/midstream/charts/a/charts/b/kustomization.yaml");
        let text = std::fs::read_to_string(path).expect("a list");
        assert!(text.contains("- ../../../../../../base/charts/a/charts/b\n"), "{text}");
    }
}
