//! Which charts are installed, and which archive each stands for. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kinds::helm_chart::{ChartVersion, HelmChart};

use super::packed::Packed;
use crate::release::ReleaseError;

/// The longest name Helm allows for a release.
const RELEASE_NAME_LEN: usize = 53;

/// A HelmChart kind of a release.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChartKind {
    /// Path in the release.
    pub(crate) path: String,
    /// The kind, rendered.
    pub(crate) chart: HelmChart,
}

/// The charts of a release that are installed.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// v1beta2: installed as they are packed, by name of the Helm release.
    pub(crate) packed: Vec<ChartKind>,
    /// v1beta1: rendered into the manifests, by name of the Helm release.
    pub(crate) rendered: Vec<ChartKind>,
}

/// Leaves out what is excluded, and a v1beta1 kind that a v1beta2 kind of the same release name
/// replaces.
pub(crate) fn chosen(kinds: Vec<ChartKind>) -> Result<Chosen, ReleaseError> {
    let (newer, older): (Vec<_>, Vec<_>) =
        kinds.into_iter().partition(|it| it.chart.api == ChartVersion::V1Beta2);
    let replaced: BTreeSet<_> = newer.iter().map(|it| it.chart.release_name().to_owned()).collect();
    let is_kept = |it: &ChartKind| !replaced.contains(it.chart.release_name());
    Ok(Chosen {
        packed: by_release(newer)?,
        rendered: by_release(older.into_iter().filter(is_kept).collect())?,
    })
}

fn by_release(kinds: Vec<ChartKind>) -> Result<Vec<ChartKind>, ReleaseError> {
    let mut by_release: BTreeMap<String, ChartKind> = BTreeMap::new();
    for kind in kinds.into_iter().filter(|it| !it.chart.is_excluded()) {
        let release = kind.chart.release_name().to_owned();
        check_release_name(&kind.path, &release)?;
        match by_release.get(&release) {
            // Said twice, but the same: nothing is lost.
            Some(first) if is_same(first, &kind) => {}
            Some(first) => {
                return Err(ReleaseError::Chart {
                    what: format!("its Helm release `{release}` is also that of `{}`", first.path),
                    path: kind.path,
                });
            }
            None => drop(by_release.insert(release, kind)),
        }
    }
    Ok(by_release.into_values().collect())
}

/// Whether two kinds install the same chart in the same way.
fn is_same(a: &ChartKind, b: &ChartKind) -> bool {
    let (one, other) = (&a.chart.spec, &b.chart.spec);
    one.chart == other.chart
        && one.namespace == other.namespace
        && one.weight == other.weight
        && one.helm_upgrade_flags == other.helm_upgrade_flags
        && a.chart.merged_values() == b.chart.merged_values()
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

/// Finds the archive a kind stands for.
pub(crate) fn find<'a>(kind: &ChartKind, packed: &'a [Packed]) -> Result<&'a str, ReleaseError> {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
        let line = |it: &ChartKind, how: &str| {
            Ok(format!("{} {how} {}", it.chart.release_name(), find(it, &packed)?))
        };
        let result = chosen(kinds).and_then(|chosen| {
            let packed = chosen.packed.iter().map(|it| line(it, "→"));
            let rendered = chosen.rendered.iter().map(|it| line(it, "rendered from"));
            packed.chain(rendered).collect::<Result<Vec<_>, ReleaseError>>()
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
    fn an_older_kind_is_replaced_or_rendered() {
        let mut old = web("");
        old["chart"]["releaseName"] = json!("one");
        assert_eq!(
            check(vec![kind("a.yaml", OLD, &old), kind("b.yaml", NEW, &web("one"))]),
            "one → c/web.tgz"
        );
        assert_eq!(check(vec![kind("a.yaml", OLD, &old)]), "one rendered from c/web.tgz");
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
        let mut other = web("one");
        other["weight"] = json!(3);
        assert_eq!(
            check(vec![kind("a.yaml", NEW, &web("one")), kind("b.yaml", NEW, &other)]),
            "`b.yaml`: its Helm release `one` is also that of `a.yaml`"
        );
        assert_eq!(
            check(vec![kind("a.yaml", NEW, &web("one")), kind("b.yaml", NEW, &web("one"))]),
            "one → c/web.tgz"
        );
    }
}
