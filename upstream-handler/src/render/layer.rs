//! What is in `base/` while a release is rendered: one layer for the application, one for each folder
//! of a chart that Helm installs. A layer becomes one kustomization with an overlay of its own.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use kinds::yaml;
use serde_json::{Map, Value, json};

use super::object::ObjectId;
use crate::release::ReleaseError;
use crate::release::tree::{BASE, write};

/// The list of what is in a folder.
pub(crate) const LIST: &str = "kustomization.yaml";

/// A file of a layer that is an object.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Path below the layer's folder.
    pub(crate) path: String,
    pub(crate) id: ObjectId,
    /// The object's labels; kept when it runs images.
    pub(crate) labels: Map<String, Value>,
    /// The images it runs.
    pub(crate) images: Vec<String>,
    /// What is in it when it is a list of objects.
    pub(crate) items: Vec<ObjectId>,
}

impl Member {
    fn of(path: String, object: &Value) -> Self {
        let images = super::image::of_object(object);
        let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
        let id = ObjectId::of(object);
        let is_list = id.kind.ends_with("List");
        let items = object.get("items").and_then(Value::as_array).filter(|_| is_list);
        Self {
            path,
            labels: labels.filter(|_| !images.is_empty()).cloned().unwrap_or_default(),
            images,
            items: items.into_iter().flatten().map(ObjectId::of).collect(),
            id,
        }
    }
}

/// A part of `base/` that is one kustomization.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// Folder below `base/`; empty for the application's own.
    pub(crate) path: String,
    /// Namespace of a chart's folder; empty for none.
    pub(crate) namespace: String,
    /// Objects, sorted by path.
    pub(crate) resources: Vec<Member>,
    /// Objects that were there before by another path: merged into those, in order.
    pub(crate) patches: Vec<Member>,
}

impl Layer {
    /// All objects, in order of their paths.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.resources.iter().chain(&self.patches)
    }

    /// The images of all objects, sorted, each once.
    pub(crate) fn images(&self) -> BTreeSet<&str> {
        self.members().flat_map(|it| &it.images).map(String::as_str).collect()
    }
}

/// Writes `base/`.
#[derive(Debug)]
pub(crate) struct Base<'a> {
    tree: &'a Path,
    paths: BTreeSet<String>,
    /// The application's own objects, in the order they came.
    members: Vec<Member>,
    /// Objects of charts that are rendered into the application's layer: by folder.
    folders: BTreeMap<String, Vec<Member>>,
    /// The layers of charts that Helm installs.
    charts: Vec<Layer>,
}

impl<'a> Base<'a> {
    pub(crate) fn new(tree: &'a Path) -> Self {
        Self {
            tree,
            paths: BTreeSet::new(),
            members: Vec::new(),
            folders: BTreeMap::new(),
            charts: Vec::new(),
        }
    }

    /// Adds an object of the application; `path` is the wanted path below `base/`.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub(crate) fn add(
        &mut self,
        path: &str,
        object: &Value,
        text: &str,
    ) -> Result<(), ReleaseError> {
        let path = self.free(path.to_owned());
        write(self.tree, &format!("{BASE}/{path}"), text)?;
        self.members.push(Member::of(path, object));
        Ok(())
    }

    /// Adds a folder of a chart: rendered into the application, or a layer of its own.
    pub(crate) fn add_folder(
        &mut self,
        folder: &Folder,
        objects: &[(String, Value, String)],
    ) -> Result<(), ReleaseError> {
        let at = &folder.path;
        let mut members = Vec::new();
        for (path, object, text) in objects {
            let full = self.free(format!("{at}/{path}"));
            write(self.tree, &format!("{BASE}/{full}"), text)?;
            let path = full[at.len() + 1..].to_owned();
            members.push(Member::of(path, object));
        }
        for (name, bytes) in &folder.extra {
            let full = self.free(format!("{at}/{name}"));
            crate::release::tree::write_bytes(self.tree, &format!("{BASE}/{full}"), bytes)?;
        }
        if folder.is_layer {
            let (resources, patches, _) = merged(members, &folder.namespace);
            let (path, namespace) = (at.clone(), folder.namespace.clone());
            self.charts.push(Layer { path, namespace, resources, patches });
        } else {
            self.folders.entry(at.clone()).or_default().extend(members);
        }
        Ok(())
    }

    /// A path that no file has: `a.yaml` with two documents may stand beside a vendor's own `a-2.yaml`,
    /// and the list's name is taken.
    fn free(&mut self, mut path: String) -> String {
        let is_list = |path: &str| path.rsplit('/').next() == Some(LIST);
        while self.paths.contains(&path) || is_list(&path) {
            path = super::documents::file_name(&path, 1);
        }
        self.paths.insert(path.clone());
        path
    }

    /// Writes the lists and returns the layers, the application's first, and what was found twice.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub(crate) fn finish(self) -> Result<(Vec<Layer>, Vec<String>), ReleaseError> {
        let mut members = self.members;
        for (folder, own) in self.folders {
            let within =
                |it: &Member| Member { path: format!("{folder}/{}", it.path), ..it.clone() };
            let prefixed: Vec<_> = own.iter().map(within).collect();
            let (resources, patches, _) = merged(own, "");
            write_list(self.tree, &folder, &resources, &patches)?;
            members.extend(prefixed);
        }
        let (resources, patches, notes) = merged(members, "");
        let root = Layer { resources, patches, ..Layer::default() };
        let layers: Vec<_> = std::iter::once(root).chain(self.charts).collect();
        for layer in &layers {
            write_list(self.tree, &layer.path, &layer.resources, &layer.patches)?;
        }
        Ok((layers, notes))
    }
}

/// A folder of a rendered chart, below `base/`.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// `charts/<name>`, `charts/<name>/charts/<name>`, `charts/<name>/crds`.
    pub(crate) path: String,
    /// Namespace its objects are in; empty for none.
    pub(crate) namespace: String,
    /// Whether Helm installs it, so that it is a layer of its own.
    pub(crate) is_layer: bool,
    /// Files that are no objects: `Chart.yaml`, `Chart.lock`, `values.yaml`.
    pub(crate) extra: Vec<(String, Vec<u8>)>,
}

/// Splits objects into those that are new and those that were there before, each sorted by path; says
/// what was found twice.
fn merged(members: Vec<Member>, namespace: &str) -> (Vec<Member>, Vec<Member>, Vec<String>) {
    let mut first: HashMap<ObjectId, String> = HashMap::new();
    let (mut resources, mut patches, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        match first.entry(member.id.within(namespace)) {
            Entry::Vacant(place) => {
                place.insert(member.path.clone());
                resources.push(member);
            }
            Entry::Occupied(place) => {
                notes.push(format!(
                    "`{}` holds {} once more: it is merged into that of `{}`, as a patch",
                    member.path,
                    member.id,
                    place.get()
                ));
                patches.push(member);
            }
        }
    }
    resources.sort_by(|a, b| a.path.cmp(&b.path));
    patches.sort_by(|a, b| a.path.cmp(&b.path));
    (resources, patches, notes)
}

fn write_list(
    tree: &Path,
    folder: &str,
    resources: &[Member],
    patches: &[Member],
) -> Result<(), ReleaseError> {
    let mut list = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "metadata": {"annotations": {"kots.io/kustomization": "base"}},
    });
    let paths = |members: &[Member]| members.iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    if !patches.is_empty() {
        list["patchesStrategicMerge"] = json!(paths(patches));
    }
    if !resources.is_empty() {
        list["resources"] = json!(paths(resources));
    }
    let text = yaml::to_string(&list).expect("maps and text always have a YAML form");
    let path = [BASE, folder, LIST].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>();
    write(tree, &path.join("/"), &text)
}
