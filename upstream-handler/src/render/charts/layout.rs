//! The documents of a rendered chart, put into folders as the chart has them. Pure.
//!
//! A chart that Helm installs keeps its folders: each sub-chart and each `crds` is one of its own. One
//! that is rendered into the application loses the folders that all its files share.

use std::collections::{BTreeMap, BTreeSet};

use kinds::yaml;
use serde::Deserialize;

/// A document of a rendered chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Path of the template below the chart's folder.
    pub(super) path: String,
    pub(super) text: String,
}

/// A folder of a rendered chart.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Path below the chart's folder; empty for the folder itself.
    pub(super) path: String,
    /// Documents, one a file, sorted by path.
    pub(super) documents: Vec<Document>,
    /// `Chart.yaml` and `Chart.lock`.
    pub(super) extra: Vec<(String, Vec<u8>)>,
}

/// Cuts Helm's output into documents, each with the path its `# Source:` names.
pub(super) fn documents(rendered: &str, chart: &str) -> Vec<Document> {
    let mut path = String::new();
    let mut documents = Vec::new();
    for document in yaml::split_documents(rendered) {
        // A template with several documents names itself in the first one only.
        let source = document.text.lines().find_map(|line| line.strip_prefix("# Source: "));
        if let Some(source) = source {
            let inner = source.trim().strip_prefix(chart).and_then(|it| it.strip_prefix('/'));
            inner.unwrap_or(source.trim()).clone_into(&mut path);
        }
        if !path.is_empty() {
            let text = document.text.trim_end_matches('\n').to_owned();
            documents.push(Document { path: path.clone(), text });
        }
    }
    documents
}

/// Takes away the folders that all paths share.
pub(super) fn without_common_folders(documents: &mut [Document]) {
    fn folders(path: &str) -> Vec<&str> {
        path.rsplit_once('/').map_or(vec![], |(folder, _)| folder.split('/').collect())
    }
    let Some(first) = documents.first() else { return };
    let mut shared = folders(&first.path);
    for document in &*documents {
        let own = folders(&document.path);
        let same = shared.iter().zip(&own).take_while(|(a, b)| a == b).count();
        shared.truncate(same);
    }
    let length: usize = shared.iter().map(|it| it.len() + 1).sum();
    for document in documents {
        document.path.drain(..length);
    }
}

/// Puts documents into the folders of the chart. `files` are the chart's `Chart.yaml` and `Chart.lock`
/// with those of its sub-charts, by path below the chart.
pub(super) fn parts(documents: Vec<Document>, files: &BTreeMap<String, Vec<u8>>) -> Vec<Part> {
    let mut by_path: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for document in documents {
        by_path.entry(document.path).or_default().push(document.text);
    }
    let mut parts = Vec::new();
    place("", by_path.into_iter().collect(), &mut parts);
    add_metadata(&mut parts, files);
    parts
}

type Files = Vec<(String, Vec<String>)>;

fn place(folder: &str, files: Files, parts: &mut Vec<Part>) {
    let mut own = Vec::new();
    let mut crds: Files = Vec::new();
    let mut charts: Vec<(String, Files)> = Vec::new();
    for (path, texts) in files {
        let steps: Vec<_> = path.splitn(3, '/').collect();
        match steps[..] {
            ["charts", name, rest] => {
                let at = charts.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
                    charts.push((name.to_owned(), Vec::new()));
                    charts.len() - 1
                });
                charts[at].1.push((rest.to_owned(), texts));
            }
            ["crds", ..] if 1 < steps.len() => crds.push((steps[1..].join("/"), texts)),
            _ => own.extend(numbered(&path, texts)),
        }
    }
    let path = folder.to_owned();
    parts.push(Part { path, documents: own, extra: Vec::new() });
    if !crds.is_empty() {
        let documents = crds.into_iter().flat_map(|(path, texts)| numbered(&path, texts)).collect();
        parts.push(Part { path: join(folder, "crds"), documents, extra: Vec::new() });
    }
    for (name, files) in charts {
        place(&join(folder, &format!("charts/{name}")), files, parts);
    }
}

/// The documents of one template: `a.yaml`, or `a-1.yaml`, `a-2.yaml`, … when there are several.
fn numbered(path: &str, texts: Vec<String>) -> Vec<Document> {
    if texts.len() == 1 {
        let path = path.to_owned();
        return texts.into_iter().map(|text| Document { path: path.clone(), text }).collect();
    }
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let dot = path[name..].rfind('.').map_or(path.len(), |at| name + at);
    let (stem, end) = path.split_at(dot);
    let number = |(index, text)| Document { path: format!("{stem}-{}{end}", index + 1), text };
    texts.into_iter().enumerate().map(number).collect()
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What a `Chart.yaml` says of names.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    name: String,
    version: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Dependency {
    name: String,
    version: String,
    alias: String,
}

/// Puts `Chart.yaml` and `Chart.lock` beside the documents of their chart, under every name it is
/// rendered by; a sub-chart that rendered to nothing gets a folder with its `Chart.yaml`, since Helm
/// refuses a chart whose dependencies are missing.
fn add_metadata(parts: &mut Vec<Part>, files: &BTreeMap<String, Vec<u8>>) {
    let charts = files.keys().filter_map(|it| it.strip_suffix("Chart.yaml"));
    let charts: Vec<_> =
        charts.map(|it| it.trim_end_matches('/')).filter(|it| is_chart(it)).collect();
    for chart in charts {
        let places: BTreeSet<_> = rendered_as(chart, files).into_iter().collect();
        let mut is_rendered = false;
        for part in parts.iter_mut().filter(|it| places.contains(&it.path)) {
            is_rendered = true;
            for name in ["Chart.yaml", "Chart.lock"] {
                if let Some(bytes) = files.get(&join(chart, name)) {
                    part.extra.push((name.to_owned(), bytes.clone()));
                }
            }
        }
        if is_rendered {
            continue;
        }
        for path in places.into_iter().filter(|it| !it.is_empty()) {
            let bytes = files[&join(chart, "Chart.yaml")].clone();
            let extra = vec![("Chart.yaml".to_owned(), bytes)];
            parts.push(Part { path, documents: Vec::new(), extra });
        }
    }
}

/// Whether a folder is the chart itself or a sub-chart.
fn is_chart(folder: &str) -> bool {
    folder.is_empty()
        || folder
            .rsplit_once('/')
            .is_some_and(|(parent, _)| parent == "charts" || parent.ends_with("/charts"))
}

/// The folders in which a (sub-)chart is rendered: its parents' names for it. `chart` is where its files
/// are; of several versions of one chart a parent's dependency names its own.
fn rendered_as(chart: &str, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let folders: Vec<_> =
        chart.split('/').filter(|it| *it != "charts").filter(|it| !it.is_empty()).collect();
    let mut places = vec![String::new()];
    let mut parent = String::new();
    for folder in folders {
        let own = join(&parent, &format!("charts/{folder}"));
        let meta = meta(&own, files);
        let name = if meta.name.is_empty() { folder } else { &meta.name };
        let known = self::meta(&parent, files).dependencies;
        let mut wanted: Vec<_> = known.iter().filter(|it| it.name == name).collect();
        if wanted.iter().any(|it| it.version == meta.version) {
            wanted.retain(|it| it.version == meta.version);
        }
        let mut called: Vec<_> = wanted
            .into_iter()
            .map(|it| if it.alias.is_empty() { name } else { &it.alias })
            .collect();
        if called.is_empty() {
            called.push(name);
        }
        let under = |place: &String| {
            called.iter().map(|it| join(place, &format!("charts/{it}"))).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(under).collect();
        parent = own;
    }
    places
}

fn meta(chart: &str, files: &BTreeMap<String, Vec<u8>>) -> Meta {
    let read = |name: &str| {
        let text = str::from_utf8(files.get(&join(chart, name))?).ok()?;
        yaml::from_str::<Meta>(text).ok()
    };
    let mut meta = read("Chart.yaml").unwrap_or_default();
    // Charts of the first form have their dependencies in a file of their own.
    if meta.dependencies.is_empty() {
        meta.dependencies = read("requirements.yaml").unwrap_or_default().dependencies;
    }
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rendered: &str, files: &[(&str, &str)], is_flat: bool) -> String {
        let mut documents = documents(rendered, "web");
        if is_flat {
            without_common_folders(&mut documents);
        }
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        let line = |it: Part| {
            let documents = it.documents.iter().map(|it| it.path.as_str());
            let extra = it.extra.iter().map(|(name, _)| name.as_str());
            format!("[{}] {}", it.path, documents.chain(extra).collect::<Vec<_>>().join(" "))
        };
        parts(documents, &files.collect()).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn folders_are_kept_for_helm() {
        let rendered = "---\n# Source: web/templates/a.yaml\na: 1\n---\nb: 1\n---\n# Source: web/charts/sub/templates/c.yaml\nc: 1\n---\n# Source: web/crds/d.yaml\nd: 1\n---\n# Source: web/charts/sub/crds/e.yaml\ne: 1\n---\n# Source: web/templates/a.yaml\nf: 1\n";
        assert_eq!(
            check(
                rendered,
                &[
                    ("Chart.yaml", "{}"),
                    ("Chart.lock", "{}"),
                    ("charts/sub/Chart.yaml", "{}"),
                    ("files/Chart.yaml", "{}")
                ],
                false
            ),
            "[] templates/a-1.yaml templates/a-2.yaml templates/a-3.yaml Chart.yaml Chart.lock\n[crds] d.yaml\n[charts/sub] templates/c.yaml Chart.yaml\n[charts/sub/crds] e.yaml"
        );
    }

    #[test]
    fn sub_charts_are_known_by_their_aliases() {
        let rendered = "---\n# Source: web/charts/one/templates/a.yaml\na: 1\n---\n# Source: web/charts/two/templates/a.yaml\na: 1\n";
        let chart =
            "dependencies: [{name: sub, alias: one}, {name: sub, alias: two}, {name: unused}]";
        let files = [
            ("Chart.yaml", chart),
            ("charts/sub/Chart.yaml", "{}"),
            ("charts/unused/Chart.yaml", "{}"),
        ];
        let shown = "[] Chart.yaml\n[charts/one] templates/a.yaml Chart.yaml\n[charts/two] templates/a.yaml Chart.yaml\n[charts/unused] Chart.yaml";
        assert_eq!(check(rendered, &files, false), shown);
        let files = [
            ("Chart.yaml", "{}"),
            ("requirements.yaml", chart),
            ("charts/folder/Chart.yaml", "name: sub"),
            ("charts/unused/Chart.yaml", "{}"),
        ];
        assert_eq!(check(rendered, &files, false), shown);
    }

    #[test]
    fn versions_of_a_sub_chart_are_told_apart() {
        let rendered = "---\n# Source: web/charts/old/templates/a.yaml\na: 1\n---\n# Source: web/charts/new/templates/a.yaml\na: 1\n";
        let chart = "dependencies: [{name: sub, version: 1.0.0, alias: old}, {name: sub, version: 2.0.0, alias: new}]";
        let files = [
            ("Chart.yaml", chart),
            ("charts/sub-1/Chart.yaml", "{name: sub, version: 1.0.0}"),
            ("charts/sub-1/Chart.lock", "{}"),
            ("charts/sub-2/Chart.yaml", "{name: sub, version: 2.0.0}"),
        ];
        assert_eq!(
            check(rendered, &files, false),
            "[] Chart.yaml\n[charts/new] templates/a.yaml Chart.yaml\n[charts/old] templates/a.yaml Chart.yaml Chart.lock"
        );
    }

    #[test]
    fn shared_folders_are_dropped() {
        let one = "---\n# Source: web/templates/a.yaml\na: 1\n---\n# Source: web/templates/x/b.yaml\nb: 1\n";
        assert_eq!(check(one, &[], true), "[] a.yaml x/b.yaml");
        let two = format!("{one}---\n# Source: web/charts/sub/templates/c.yaml\nc: 1\n");
        assert_eq!(
            check(&two, &[], true),
            "[] templates/a.yaml templates/x/b.yaml\n[charts/sub] templates/c.yaml"
        );
        assert_eq!(check("", &[], true), "[] ");
    }
}
