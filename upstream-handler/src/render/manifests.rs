//! Documents that are deployed: `base/` holds one a file, `rendered/` what reaches the target.

use std::collections::BTreeSet;
use std::path::Path;

use kinds::yaml;
use serde_json::json;

use super::documents::file_name;
use crate::release::ReleaseError;
use crate::release::tree::{BASE, DOWNSTREAM, RENDERED, write};

/// The list of manifests, in `base/`.
const LIST: &str = "kustomization.yaml";

/// Manifests of a release while it is rendered.
#[derive(Debug)]
pub(crate) struct Manifests<'a> {
    tree: &'a Path,
    paths: BTreeSet<String>,
}

impl<'a> Manifests<'a> {
    pub(crate) fn new(tree: &'a Path) -> Self {
        Self { tree, paths: BTreeSet::new() }
    }

    /// Adds document number `index` of a file.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub(crate) fn add(&mut self, path: &str, index: usize, text: &str) -> Result<(), ReleaseError> {
        let mut name = file_name(path, index);
        // `a.yaml` with two documents beside a vendor's own `a-2.yaml`; and the name of our list.
        while self.paths.contains(&name) || name == LIST {
            name = file_name(&name, 1);
        }
        write(self.tree, &format!("{BASE}/{name}"), text)?;
        write(self.tree, &format!("{RENDERED}/{DOWNSTREAM}/{name}"), text)?;
        self.paths.insert(name);
        Ok(())
    }

    /// Writes the list of manifests and returns the paths of what is deployed, sorted.
    ///
    /// # Errors
    ///
    /// The disk failed.
    pub(crate) fn finish(self) -> Result<Vec<String>, ReleaseError> {
        let mut kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "metadata": {"annotations": {"kots.io/kustomization": "base"}},
        });
        if !self.paths.is_empty() {
            kustomization["resources"] = json!(self.paths);
        }
        let text = yaml::to_string(&kustomization).expect("maps and text always have a YAML form");
        write(self.tree, &format!("{BASE}/{LIST}"), &text)?;
        Ok(self.paths.into_iter().map(|it| format!("{RENDERED}/{DOWNSTREAM}/{it}")).collect())
    }
}
