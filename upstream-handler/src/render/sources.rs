//! Which files of a release hold YAML, and which documents they hold before rendering.

use std::path::Path;

use kinds::gvk::{Gvk, sniff};
use kinds::yaml::split_documents;

use crate::release::ReleaseError;
use crate::release::tree::{TEXT_BYTES, TreeFile, read_text};

/// A file without a telling name is looked into up to this length, in bytes.
const UNNAMED_BYTES: u64 = 1024 * 1024;

/// A file that is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// Path in the release.
    pub(crate) path: String,
    /// Kinds of its documents, as far as they can be told before rendering.
    pub(crate) kinds: Vec<Gvk>,
}

impl Source {
    /// Whether every document belongs to the operator and none is a template.
    pub(crate) fn is_operator_data(&self) -> bool {
        !self.kinds.is_empty() && self.kinds.iter().all(Gvk::is_operator_data)
    }

    /// Whether a document of this kind is in it.
    pub(crate) fn holds(&self, api_version: &str, kind: &str) -> bool {
        self.kinds.iter().any(|it| it.api_version == api_version && it.kind == kind)
    }
}

/// Finds the files that are rendered, in order of paths.
///
/// These are the files whose name says YAML or JSON, and others that are small, are text, and have
/// a line with `apiVersion` and one with `kind`.
pub(crate) fn find(root: &Path, files: &[TreeFile]) -> Result<Vec<Source>, ReleaseError> {
    let mut sources = Vec::new();
    for file in files {
        let is_named = matches!(file.extension().as_str(), "yaml" | "yml" | "json");
        if is_named && TEXT_BYTES < file.size {
            return Err(ReleaseError::TooLarge {
                path: file.path.clone(),
                size: file.size,
                allowed: TEXT_BYTES,
            });
        }
        if !is_named && UNNAMED_BYTES < file.size {
            continue;
        }
        let Some(text) = read_text(root, &file.path)? else {
            if is_named {
                return Err(ReleaseError::NotText { path: file.path.clone() });
            }
            continue;
        };
        let kinds: Vec<_> = split_documents(&text).iter().filter_map(|it| sniff(it.text)).collect();
        if is_named || !kinds.is_empty() {
            sources.push(Source { path: file.path.clone(), kinds });
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(files: &[(&str, &[u8])]) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let mut listed = Vec::new();
        for (path, bytes) in files {
            fs::write(dir.path().join(path), bytes).expect("a file");
            listed.push(TreeFile { path: (*path).to_owned(), size: bytes.len() as u64 });
        }
        match find(dir.path(), &listed) {
            Ok(sources) => {
                let line = |it: Source| {
                    format!(
                        "{} {:?}",
                        it.path,
                        it.kinds.iter().map(ToString::to_string).collect::<Vec<_>>()
                    )
                };
                sources.into_iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_or_content_tell() {
        assert_eq!(
            check(&[
                ("a.yaml", b"apiVersion: v1\nkind: Secret\n---\n# nothing\n---\napiVersion: kots.io/v1beta1\nkind: Config\n"),
                ("b.tgz", b"\x1f\x8b\xff\xfe"),
                ("c.YML", b"{{repl if }}\n"),
                ("deploy", b"apiVersion: apps/v1\nkind: Deployment\n"),
                ("notes.md", b"# kind words\n"),
            ]),
            "a.yaml [\"v1, Kind=Secret\", \"kots.io/v1beta1, Kind=Config\"]\nc.YML []\ndeploy [\"apps/v1, Kind=Deployment\"]"
        );
    }

    #[test]
    fn a_yaml_file_must_be_text() {
        assert_eq!(check(&[("a.yaml", b"\xff\xfe")]), "`a.yaml` is not UTF-8 text");
    }
}
