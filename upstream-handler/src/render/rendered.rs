//! `rendered/<downstream>/`: what is deployed. Base and overlays of each layer become objects, one a
//! file, named after the object.
//!
//! What this program puts over the base it does itself, as `kustomize` would. Where an operator has
//! changes of his own in `overlays/downstreams`, that program does the whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use kinds::yaml;
use serde_json::Value;

use super::image;
use super::layer::{LIST, Layer, Member};
use super::object::{ObjectId, order};
use super::overlays::{Overlay, downstream_folder, plain_downstream};
use super::programs::{Program, Programs};
use super::{pull_secrets, stamp, strategic};
use crate::release::ReleaseError;
use crate::release::tree::{BASE, RENDERED, require_text, write, write_bytes};

/// Files that Helm needs beside a chart's templates.
const METADATA: [&str; 2] = ["Chart.yaml", "Chart.lock"];

/// Renders a layer for a downstream; returns the paths of its objects, relative to the tree.
///
/// # Errors
///
/// Objects that collide, an operator's patch that does not fit, or the disk.
pub(crate) fn render(
    tree: &Path,
    app_slug: &str,
    downstream: &str,
    layer: &Layer,
    overlay: &Overlay,
    programs: &Programs,
) -> Result<Vec<String>, ReleaseError> {
    let root = match &*layer.path {
        "" => format!("{RENDERED}/{downstream}"),
        path => format!("{RENDERED}/{downstream}/{path}"),
    };
    if !layer.path.is_empty() {
        for name in METADATA {
            let from = tree.join(BASE).join(&layer.path).join(name);
            if let Ok(bytes) = fs::read(&from) {
                write_bytes(tree, &format!("{root}/{name}"), &bytes)?;
            }
        }
    }
    let place = Place::of(layer, root);
    if is_plain(tree, downstream, layer)? {
        ours(tree, app_slug, layer, overlay, &place)
    } else {
        by_program(tree, downstream, layer, programs, &place)
    }
}

/// Where objects of a layer are written.
struct Place {
    folder: String,
    /// Whether Helm will read the files as templates once more.
    is_template: bool,
}

impl Place {
    fn of(layer: &Layer, root: String) -> Self {
        let is_crds = layer.path == "crds" || layer.path.ends_with("/crds");
        let is_template = !layer.path.is_empty() && !is_crds;
        let folder = if is_template { format!("{root}/templates") } else { root };
        Self { folder, is_template }
    }

    fn write(
        &self,
        tree: &Path,
        name: &str,
        object: Value,
        is_last: bool,
    ) -> Result<String, ReleaseError> {
        let text = yaml::to_string(&sorted(object)).expect("an object has a YAML form");
        let mut text = if self.is_template { escaped(&text) } else { text };
        // The original cuts one text at its markers, which takes the line end in front of them.
        if !is_last && text.ends_with('\n') {
            text.pop();
        }
        let path = format!("{}/{name}.yaml", self.folder);
        write(tree, &path, &text)?;
        Ok(path)
    }
}

/// Hides marks of Go's templates from Helm.
fn escaped(text: &str) -> String {
    if !text.contains("{{") && !text.contains("}}") {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("}}")).min() {
        escaped.push_str(&rest[..at]);
        escaped.push_str(if rest[at..].starts_with("{{") { "{{`{{`}}" } else { "{{`}}`}}" });
        rest = &rest[at + 2..];
    }
    escaped.push_str(rest);
    escaped
}

/// Whether the operator has changed nothing in a layer's downstream.
fn is_plain(tree: &Path, downstream: &str, layer: &Layer) -> Result<bool, ReleaseError> {
    let folder = tree.join(downstream_folder(downstream, layer));
    let list = fs::read_dir(&folder).map_err(ReleaseError::disk("list", &folder))?;
    for entry in list {
        let entry = entry.map_err(ReleaseError::disk("list", &folder))?;
        // Folders of charts are layers of their own.
        let is_charts = ["charts", "crds"].iter().any(|it| entry.file_name() == *it);
        if entry.file_name() != LIST && !(is_charts && entry.path().is_dir()) {
            return Ok(false);
        }
    }
    let text = require_text(&folder, LIST)?;
    let same =
        yaml::to_value(&text).ok() == yaml::to_value(&plain_downstream(downstream, layer)).ok();
    Ok(same)
}

/// An object that is to be written: a member's, an item of a member's list, or one of ours.
enum Source<'a> {
    Member(&'a Member),
    Item(&'a Member, usize),
    Own(&'a Value),
}

fn ours(
    tree: &Path,
    app_slug: &str,
    layer: &Layer,
    overlay: &Overlay,
    place: &Place,
) -> Result<Vec<String>, ReleaseError> {
    let mut plan: Vec<(ObjectId, Source<'_>)> = Vec::new();
    for member in &layer.resources {
        if member.items.is_empty() {
            plan.push((member.id.clone(), Source::Member(member)));
        } else {
            let items = member.items.iter().enumerate();
            plan.extend(items.map(|(at, id)| (id.clone(), Source::Item(member, at))));
        }
    }
    let own = overlay.secrets.iter().map(|it| (ObjectId::of(it), Source::Own(it)));
    plan.extend(own);
    plan.sort_by(|(a, _), (b, _)| order(a, b));
    if let Some(pair) = plan.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(twice(&pair[0].1, &pair[1].1, &pair[0].0));
    }

    let base = match &*layer.path {
        "" => BASE.to_owned(),
        path => format!("{BASE}/{path}"),
    };
    let mut patches: HashMap<ObjectId, Vec<&Member>> = HashMap::new();
    for member in &layer.patches {
        patches.entry(member.id.within(&layer.namespace)).or_default().push(member);
    }
    let read = |member: &Member| object(tree, &format!("{base}/{}", member.path));
    let has_secret = !overlay.secrets.is_empty();
    let mut names = Names::default();
    let mut paths = Vec::with_capacity(plan.len());
    let last = plan.len().saturating_sub(1);
    for (index, (id, source)) in plan.into_iter().enumerate() {
        let mut object = match source {
            Source::Member(member) => read(member)?,
            Source::Item(member, at) => read(member)?
                .pointer_mut(&format!("/items/{at}"))
                .map(Value::take)
                .unwrap_or_default(),
            Source::Own(secret) => secret.clone(),
        };
        for patch in patches.get(&id.within(&layer.namespace)).into_iter().flatten() {
            strategic::merge(&mut object, &read(patch)?, id.is_built_in());
        }
        if let (true, Source::Member(member)) = (has_secret, &source)
            && !member.images.is_empty()
        {
            let patch = pull_secrets::patch(&member.id, &member.labels, &overlay.secret_name);
            strategic::merge(&mut object, &patch, id.is_built_in());
        }
        stamp::stamp(&mut object, "annotations", &[("kots.io/app-slug", app_slug)]);
        image::rewrite(&mut object, &overlay.rewrites);
        let labels = [("kots.io/app-slug", app_slug), ("kots.io/backup", "velero")];
        stamp::stamp(&mut object, "labels", &labels);
        paths.push(place.write(tree, &names.next(&id), object, index == last)?);
    }
    Ok(paths)
}

/// Two objects of one identity that kustomize would not take either.
fn twice(a: &Source<'_>, b: &Source<'_>, id: &ObjectId) -> ReleaseError {
    let path = |it: &Source<'_>| match it {
        Source::Member(member) | Source::Item(member, _) => Some(member.path.clone()),
        Source::Own(_) => None,
    };
    let (first, second) = (path(a), path(b));
    let what = match (&first, &second) {
        (Some(first), Some(second)) => {
            format!("`{first}` holds it too; an object may be there once: `{second}`")
        }
        _ => "kotsadm makes an object of that name itself; give yours another name".to_owned(),
    };
    let path = first.or(second).unwrap_or_default();
    ReleaseError::Collision { path, object: id.to_string(), what }
}

fn object(tree: &Path, path: &str) -> Result<Value, ReleaseError> {
    let text = require_text(tree, path)?;
    yaml::to_manifest(&text).map_err(|error| ReleaseError::Broken {
        path: path.to_owned(),
        kind: "object".to_owned(),
        what: error.to_string(),
    })
}

/// Names of files: `<name>-<kind>`, then `<name>-<kind>-1`, ….
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    fn next(&mut self, id: &ObjectId) -> String {
        let stem = id.file_stem();
        let count = self.counts.entry(stem.clone()).or_default();
        loop {
            let name = if *count == 0 { stem.clone() } else { format!("{stem}-{count}") };
            *count += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// Lets `kustomize` put the operator's changes over everything else.
fn by_program(
    tree: &Path,
    downstream: &str,
    layer: &Layer,
    programs: &Programs,
    place: &Place,
) -> Result<Vec<String>, ReleaseError> {
    let folder = downstream_folder(downstream, layer);
    let full = tree.join(&folder);
    let full = fs::canonicalize(&full).map_err(ReleaseError::disk("find", &full))?;
    let home =
        tempfile::tempdir().map_err(ReleaseError::disk("make a folder in", Path::new("")))?;
    let arguments = [OsStr::new("build"), full.as_os_str()];
    let output = programs
        .run(Program::Kustomize, &arguments, home.path())
        .map_err(|source| ReleaseError::Kustomize { path: folder.clone(), source })?;
    let text = String::from_utf8_lossy(&output);
    let mut names = Names::default();
    let mut paths = Vec::new();
    let documents = yaml::split_documents(&text);
    let last = documents.len().saturating_sub(1);
    for (index, document) in documents.into_iter().enumerate() {
        let object = yaml::to_manifest(document.text).map_err(|error| ReleaseError::Broken {
            path: folder.clone(),
            kind: "object".to_owned(),
            what: error.to_string(),
        })?;
        let id = ObjectId::of(&object);
        paths.push(place.write(tree, &names.next(&id), object, index == last)?);
    }
    Ok(paths)
}

/// Orders keys as Go writes maps, so that equal values give equal text.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_hidden_from_helm() {
        assert_eq!(escaped("a {{ b }} c"), "a {{`{{`}} b {{`}}`}} c");
        assert_eq!(escaped("a"), "a");
    }

    #[test]
    fn files_of_one_name_are_numbered() {
        let id = |namespace: &str| {
            ObjectId::of(
                &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}),
            )
        };
        let mut names = Names::default();
        assert_eq!(
            [names.next(&id("a")), names.next(&id("b")), names.next(&id(""))],
            ["s-secret", "s-secret-1", "s-secret-2"]
        );
    }

    #[test]
    fn values_are_written_in_order_of_keys() {
        let values = json!({"b": {"d": 1, "c": null}, "a": [{"z": 1, "x": 2}]});
        let text = yaml::to_string(&sorted(values)).expect("text");
        assert_eq!(text, "a:\n- x: 2\n  z: 1\nb:\n  c: null\n  d: 1\n");
    }
}
