//! The objects a chart's templates name.
//!
//! Templates are not rendered: a folder has no Helm. Read are the `kind` and the `metadata.name` of
//! each document as they are written, with the names of release and chart put in. An object whose
//! name is made in another way is not seen.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use airgap::{EntryKind, Gunzip, Limits, TarReader};

use super::Object;

/// The largest template that is read, in bytes.
const MAX_TEMPLATE_BYTES: u64 = 1 << 20;

/// Adds the objects of the packed charts below `helm/<release>/`. A chart that cannot be read has
/// none: whether it can be installed is not asked here.
pub(super) fn objects(helm: &Path, namespace: &str, found: &mut BTreeSet<Object>) {
    for release in fs::read_dir(helm).into_iter().flatten().flatten() {
        let name = release.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(release.path()).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|end| end == "tgz" || end == "gz") {
                let _ = chart(&path, &name, namespace, found);
            }
        }
    }
}

fn chart(
    path: &Path,
    release: &str,
    namespace: &str,
    found: &mut BTreeSet<Object>,
) -> Result<(), airgap::ArchiveError> {
    let limits = Limits::default();
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut tar = TarReader::new(Gunzip::new(file, &limits.app), &limits.app);
    while let Some(entry) = tar.next_entry()? {
        let is_yaml =
            Path::new(&entry.name).extension().is_some_and(|it| it == "yaml" || it == "yml");
        let is_template = is_yaml && entry.name.contains("/templates/");
        if entry.kind == EntryKind::Directory || !is_template || entry.size > MAX_TEMPLATE_BYTES {
            continue;
        }
        let chart = entry.name.split('/').next().unwrap_or_default().to_owned();
        let mut text = String::new();
        if tar.data().read_to_string(&mut text).is_ok() {
            found.extend(named(&text, release, &chart, namespace));
        }
    }
    Ok(())
}

/// The objects a template names.
fn named(text: &str, release: &str, chart: &str, namespace: &str) -> Vec<Object> {
    text.split("\n---").filter_map(|document| object(document, release, chart, namespace)).collect()
}

fn object(document: &str, release: &str, chart: &str, namespace: &str) -> Option<Object> {
    let mut kind = None;
    let mut name = None;
    let mut own = None;
    let mut is_metadata = false;
    for line in document.lines() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if trimmed.is_empty() || trimmed.starts_with('#') || trimmed.starts_with("{{") {
            continue;
        }
        if indent == 0 {
            is_metadata = trimmed == "metadata:";
            kind = kind.or_else(|| field(trimmed, "kind", release, chart));
        } else if is_metadata && indent == 2 {
            name = name.or_else(|| field(trimmed, "name", release, chart));
            own = own.or_else(|| field(trimmed, "namespace", release, chart));
        }
    }
    Some(Object {
        kind: kind?.to_lowercase(),
        namespace: own.unwrap_or_else(|| namespace.to_owned()),
        name: name?,
    })
}

/// The value of `key` when it can be told without rendering.
fn field(line: &str, key: &str, release: &str, chart: &str) -> Option<String> {
    let value = line.strip_prefix(key)?.strip_prefix(':')?;
    let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, left) = after.split_once("}}")?;
        text.push_str(before);
        text.push_str(match expression.trim_matches(['-', ' ']) {
            ".Release.Name" => release,
            ".Chart.Name" => chart,
            _ => return None,
        });
        rest = left;
    }
    text.push_str(rest);
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        named(text, "cache", "redis", "shop")
            .iter()
            .map(|it| format!("{}/{}/{}", it.namespace, it.kind, it.name))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn names_that_can_be_told() {
        assert_eq!(
            check(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels:\n    name: x\n"
            ),
            "shop/deployment/web"
        );
        assert_eq!(
            check(
                "kind: Service\nmetadata:\n  name: \"{{ .Release.Name }}-{{- .Chart.Name -}}\"\n  namespace: other\n"
            ),
            "other/service/cache-redis"
        );
        assert_eq!(
            check(
                "{{ if .Values.on }}\nkind: Service\nmetadata:\n  name: a\n{{ end }}\n---\nkind: Pod\nmetadata:\n  name: b # c\n"
            ),
            "shop/service/a shop/pod/b"
        );
    }

    #[test]
    fn names_that_cannot() {
        assert_eq!(check("kind: Service\nmetadata:\n  name: {{ include \"x.fullname\" . }}\n"), "");
        assert_eq!(check("kind: Service\n"), "");
        assert_eq!(check("metadata:\n  name: {{ .Release.Name\n"), "");
    }
}
