//! HelmChart kinds and packed charts: which chart a kind stands for, and with which values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use airgap::{ArchiveLimits, Gunzip, TarReader};
use kinds::helm_chart::{ChartVersion, HelmChart};
use kinds::yaml;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::release::tree::{HELM, TreeFile, UPSTREAM, link, write};
use crate::release::{Chart, ReleaseError};

/// The largest `Chart.yaml`, in bytes.
const META_BYTES: u64 = 1024 * 1024;
/// How much of a packed chart is read.
const LIMITS: ArchiveLimits =
    ArchiveLimits { entries: 100_000, entry_size: 4 << 30, total_size: 16 << 30, ratio: 200 };
/// The longest name Helm allows for a release.
const RELEASE_NAME_LEN: usize = 53;

/// A packed chart of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Path in the release.
    pub(crate) path: String,
    /// Name and version of its `Chart.yaml`, or why there are none.
    pub(crate) meta: Result<(String, String), String>,
}

/// A HelmChart kind of a release.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartKind {
    /// Path in the release.
    pub(crate) path: String,
    /// The kind, rendered.
    pub(crate) chart: HelmChart,
}

/// Reads name and version of every packed chart of the release at `root`.
///
/// # Errors
///
/// The disk failed. An archive that is no chart is no error until a kind needs it.
pub(crate) fn packed(root: &Path, files: &[TreeFile]) -> Result<Vec<Packed>, ReleaseError> {
    let is_archive = |it: &&TreeFile| it.extension() == "tgz" || it.path.ends_with(".tar.gz");
    files
        .iter()
        .filter(is_archive)
        .map(|file| {
            let full = root.join(&file.path);
            let open = File::open(&full).map_err(ReleaseError::disk("read", &full))?;
            Ok(Packed { path: file.path.clone(), meta: read_meta(open) })
        })
        .collect()
}

fn read_meta(source: impl Read) -> Result<(String, String), String> {
    #[derive(Deserialize)]
    struct Meta {
        name: String,
        version: String,
    }
    let mut tar = TarReader::new(Gunzip::new(source, &LIMITS), &LIMITS);
    while let Some(entry) = tar.next_entry().map_err(|error| told(&error))? {
        let is_meta = entry.name.split_once('/').is_some_and(|(_, rest)| rest == "Chart.yaml");
        if !is_meta {
            continue;
        }
        if META_BYTES < entry.size {
            return Err(format!(
                "its Chart.yaml is {} bytes long, at most {META_BYTES} are allowed",
                entry.size
            ));
        }
        let mut text = String::new();
        tar.data().read_to_string(&mut text).map_err(|error| told(&error))?;
        let meta: Meta =
            yaml::from_str(&text).map_err(|error| format!("its Chart.yaml: {error}"))?;
        return Ok((meta.name, meta.version));
    }
    Err("it has no Chart.yaml".to_owned())
}

/// An error with its causes in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Puts every chart that is installed, with its values, below `helm/` of the tree; returns them in
/// the order of installation.
///
/// # Errors
///
/// A kind that is not supported, has no or several charts, or an unusable release name; the disk.
pub(crate) fn place(
    tree: &Path,
    kinds: Vec<ChartKind>,
    packed: &[Packed],
) -> Result<Vec<Chart>, ReleaseError> {
    let kinds = chosen(kinds)?;
    let mut charts = Vec::new();
    for kind in &kinds {
        let archive = find(kind, packed)?;
        let release = kind.chart.release_name();
        let file = archive.rsplit('/').next().unwrap_or(archive);
        let chart = Chart {
            release_name: release.to_owned(),
            namespace: kind.chart.spec.namespace.clone(),
            weight: kind.chart.spec.weight,
            upgrade_flags: kind.chart.spec.helm_upgrade_flags.clone(),
            archive: format!("{HELM}/{release}/{file}"),
            values: format!("{HELM}/{release}/values.yaml"),
        };
        let values = yaml::to_string(&sorted(kind.chart.merged_values())).map_err(|error| {
            ReleaseError::Chart { path: kind.path.clone(), what: error.to_string() }
        })?;
        link(tree, &format!("{UPSTREAM}/{archive}"), &chart.archive)?;
        write(tree, &chart.values, &values)?;
        charts.push((kind.chart.spec.chart.name.clone(), chart));
    }
    charts.sort_by(|(a_name, a), (b_name, b)| {
        (a.weight, a_name, &a.release_name).cmp(&(b.weight, b_name, &b.release_name))
    });
    Ok(charts.into_iter().map(|(_, chart)| chart).collect())
}

/// Leaves out what is excluded, and a v1beta1 kind that a v1beta2 kind of the same release name
/// replaces. Pure.
fn chosen(kinds: Vec<ChartKind>) -> Result<Vec<ChartKind>, ReleaseError> {
    let mut by_release: BTreeMap<String, ChartKind> = BTreeMap::new();
    let (newer, older): (Vec<_>, Vec<_>) = kinds
        .into_iter()
        .filter(|it| !it.chart.is_excluded())
        .partition(|it| it.chart.api == ChartVersion::V1Beta2);
    for kind in newer {
        let release = kind.chart.release_name().to_owned();
        check_release_name(&kind.path, &release)?;
        if let Some(first) = by_release.get(&release) {
            return Err(ReleaseError::Chart {
                what: format!("its Helm release `{release}` is also that of `{}`", first.path),
                path: kind.path,
            });
        }
        by_release.insert(release, kind);
    }
    match older.into_iter().find(|it| !by_release.contains_key(it.chart.release_name())) {
        Some(kind) => Err(ReleaseError::Unsupported {
            path: kind.path,
            kind: "kots.io/v1beta1, Kind=HelmChart".to_owned(),
            why: "only kots.io/v1beta2 charts can be rendered",
        }),
        None => Ok(by_release.into_values().collect()),
    }
}

fn check_release_name(path: &str, name: &str) -> Result<(), ReleaseError> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_good = name.len() <= RELEASE_NAME_LEN
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && name.chars().all(is_inner);
    if is_good {
        return Ok(());
    }
    Err(ReleaseError::Chart {
        path: path.to_owned(),
        what: format!(
            "the Helm release name is `{name}`; allowed are up to {RELEASE_NAME_LEN} lower-case \
             letters, digits, `-` and `.`, with a letter or digit at both ends"
        ),
    })
}

/// Finds the archive a kind stands for. Pure.
fn find<'a>(kind: &ChartKind, packed: &'a [Packed]) -> Result<&'a str, ReleaseError> {
    let wanted = &kind.chart.spec.chart;
    let is_wanted = |it: &&Packed| {
        it.meta
            .as_ref()
            .is_ok_and(|(name, version)| *name == wanted.name && *version == wanted.chart_version)
    };
    let mut fitting = packed.iter().filter(is_wanted);
    match (fitting.next(), fitting.next()) {
        (Some(archive), None) => return Ok(&archive.path),
        (Some(first), Some(second)) => {
            return Err(ReleaseError::Chart {
                path: kind.path.clone(),
                what: format!(
                    "both `{}` and `{}` are the chart `{}` {}",
                    first.path, second.path, wanted.name, wanted.chart_version
                ),
            });
        }
        (None, _) => {}
    }
    let shown = packed.iter().map(|it| match &it.meta {
        Ok((name, version)) => format!("`{}` is `{name}` {version}", it.path),
        Err(why) => format!("`{}` cannot be read: {why}", it.path),
    });
    let has: Vec<_> = shown.take(20).collect();
    let has = if has.is_empty() { "it has no packed charts".to_owned() } else { has.join(", ") };
    Err(ReleaseError::Chart {
        path: kind.path.clone(),
        what: format!("the release has no chart `{}` {}: {has}", wanted.name, wanted.chart_version),
    })
}

/// Orders keys as Go writes maps, so that equal values give equal text.
fn sorted(map: Map<String, Value>) -> Value {
    fn sort(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let ordered: BTreeMap<_, _> = map.into_iter().map(|(k, v)| (k, sort(v))).collect();
                Value::Object(ordered.into_iter().collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sort).collect()),
            other => other,
        }
    }
    sort(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(path: &str, api: &str, spec: &Value) -> ChartKind {
        let text = json!({"apiVersion": api, "kind": "HelmChart", "metadata": {"name": "doc"}, "spec": spec});
        let chart = HelmChart::parse(&text.to_string()).expect("a chart");
        ChartKind { path: path.to_owned(), chart }
    }

    fn web(release: &str) -> Value {
        json!({"chart": {"name": "web", "chartVersion": "1.0.0"}, "releaseName": release})
    }

    /// Which archive each kind gets; the release has `web` 1.0.0 and a damaged archive.
    fn check(kinds: Vec<ChartKind>) -> String {
        let packed = [
            Packed {
                path: "c/web.tgz".to_owned(),
                meta: Ok(("web".to_owned(), "1.0.0".to_owned())),
            },
            Packed { path: "bad.tgz".to_owned(), meta: Err("it has no Chart.yaml".to_owned()) },
        ];
        let result = chosen(kinds).and_then(|kinds| {
            kinds
                .iter()
                .map(|it| Ok(format!("{} → {}", it.chart.release_name(), find(it, &packed)?)))
                .collect::<Result<Vec<_>, ReleaseError>>()
        });
        match result {
            Ok(lines) => lines.join("\n"),
            Err(error) => error.to_string(),
        }
    }

    const NEW: &str = "kots.io/v1beta2";
    const OLD: &str = "kots.io/v1beta1";

    #[test]
    fn a_kind_finds_its_chart_by_name_and_version() {
        assert_eq!(
            check(vec![kind("a.yaml", NEW, &web("one")), kind("b.yaml", NEW, &web("two"))]),
            "one → c/web.tgz\ntwo → c/web.tgz"
        );
        let mut other = web("one");
        other["chart"]["chartVersion"] = json!("1.0.1");
        assert_eq!(
            check(vec![kind("a.yaml", NEW, &other)]),
            "`a.yaml`: the release has no chart `web` 1.0.1: `c/web.tgz` is `web` 1.0.0, `bad.tgz` cannot be read: it has no Chart.yaml"
        );
    }

    #[test]
    fn an_excluded_kind_needs_nothing() {
        let mut excluded = web("../..");
        excluded["exclude"] = json!("true");
        assert_eq!(check(vec![kind("a.yaml", OLD, &excluded), kind("b.yaml", NEW, &excluded)]), "");
    }

    #[test]
    fn an_older_kind_is_replaced_or_refused() {
        let mut old = web("");
        old["chart"]["releaseName"] = json!("one");
        assert_eq!(
            check(vec![kind("a.yaml", OLD, &old), kind("b.yaml", NEW, &web("one"))]),
            "one → c/web.tgz"
        );
        assert_eq!(
            check(vec![kind("a.yaml", OLD, &old)]),
            "`a.yaml`: kots.io/v1beta1, Kind=HelmChart is not supported: only kots.io/v1beta2 charts can be rendered"
        );
    }

    #[test]
    fn release_names_are_names() {
        for name in ["..", "a/b", "-a", "A", &"x".repeat(54)] {
            let told = check(vec![kind("a.yaml", NEW, &web(name))]);
            assert!(
                told.starts_with(&format!(
                    "`a.yaml`: the Helm release name is `{name}`; allowed are up to 53"
                )),
                "{told}"
            );
        }
        assert_eq!(
            check(vec![kind("a.yaml", NEW, &web("one")), kind("b.yaml", NEW, &web("one"))]),
            "`b.yaml`: its Helm release `one` is also that of `a.yaml`"
        );
    }

    #[test]
    fn values_are_written_in_order_of_keys() {
        let values = json!({"b": {"d": 1, "c": null}, "a": [{"z": 1, "x": 2}]});
        let Value::Object(map) = values else { panic!("a map") };
        let text = yaml::to_string(&sorted(map)).expect("text");
        assert_eq!(text, "a:\n- x: 2\n  z: 1\nb:\n  c: null\n  d: 1\n");
    }
}
