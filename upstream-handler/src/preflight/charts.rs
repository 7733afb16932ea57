//! Preflights inside of charts: documents of the rendered chart, or secrets that hold one.

use std::path::Path;

use kinds::preflight::{Found, in_chart};

use crate::release::tree::{read_text, require_text, vendor_files, write};
use crate::release::{HELM, KOTS_KINDS, RENDERED, ReleaseError};

/// Where they are put together, as in the original.
const FILE: &str = "helm-preflight.yaml";

/// Finds the Preflights of the charts that are rendered in `tree`, and puts them beside the release's
/// own kinds.
///
/// # Errors
///
/// A rendered chart cannot be read, or the disk failed.
pub(crate) fn collect(tree: &Path) -> Result<Vec<Found>, ReleaseError> {
    let folder = tree.join(RENDERED);
    let files = if folder.is_dir() { vendor_files(&folder)? } else { Vec::new() };
    let mut found: Vec<Found> = Vec::new();
    for file in files.iter().filter(|it| is_chart(&it.path)) {
        for preflight in in_chart(&require_text(&folder, &file.path)?) {
            // Each downstream has the chart once more.
            if found.iter().all(|it| it.value != preflight.value) {
                found.push(preflight);
            }
        }
    }
    if !found.is_empty() {
        let path = format!("{KOTS_KINDS}/{FILE}");
        // A vendor may have a file of this name.
        let own = if tree.join(&path).is_file() { read_text(tree, &path)? } else { None };
        let texts = own.into_iter().chain(found.iter().map(|it| it.text.clone()));
        write(tree, &path, &texts.collect::<Vec<_>>().join("\n---\n"))?;
    }
    Ok(found)
}

/// Whether a path below `rendered/` is that of a chart: `DOWNSTREAM/helm/RELEASE/all.yaml`.
fn is_chart(path: &str) -> bool {
    let steps: Vec<_> = path.split('/').collect();
    matches!(steps[..], [_, HELM, _, "all.yaml"])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFLIGHT: &str = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\nmetadata: {name: a}\nspec: {analyzers: [{a: {strict: true}}]}\n";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            write(tree.path(), path, text).expect("a file");
        }
        tree
    }

    #[test]
    fn charts_bring_checks_along() {
        let other = PREFLIGHT.replace("name: a", "name: b");
        let chart = format!("apiVersion: v1\nkind: Service\n---\n{PREFLIGHT}---\n{other}");
        let tree = tree(&[
            ("rendered/one/helm/web/all.yaml", &chart),
            ("rendered/two/helm/web/all.yaml", &chart),
            ("rendered/one/other.yaml", PREFLIGHT),
        ]);
        let names = |found: &[Found]| {
            let name = |it: &Found| it.value["metadata"]["name"].to_string();
            found.iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&collect(tree.path()).expect("it is read")), "\"a\" \"b\"");
        let text = require_text(tree.path(), "kotsKinds/helm-preflight.yaml").expect("it is there");
        assert_eq!(in_chart(&text).len(), 2);
    }

    #[test]
    fn charts_without_checks_leave_nothing() {
        let tree = tree(&[(
            "rendered/one/helm/web/all.yaml",
            "apiVersion: v1\nkind: Secret\ndata: {a: QQ==}\n",
        )]);
        assert!(collect(tree.path()).expect("it is read").is_empty());
        assert!(!tree.path().join("kotsKinds").exists());
        let empty = tempfile::tempdir().expect("a folder");
        assert!(collect(empty.path()).expect("it is read").is_empty());
    }
}
