//! Preflight specs inside packed charts: the chart is rendered by `helm template` with the values that
//! its `HelmChart` kind gives it.
//!
//! Charts without a spec are not rendered, so that nobody needs `helm` who has none.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use airgap::{ArchiveLimits, Gunzip, TarReader};
use kinds::helm_chart::HelmChart;
use kinds::{preflight, yaml};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::site::{Site, write_private};

/// How much of a packed chart is read.
const LIMITS: ArchiveLimits =
    ArchiveLimits { entries: 20_000, entry_size: 64 << 20, total_size: 512 << 20, ratio: 200 };
/// How long rendering a chart may take.
const LIMIT: Duration = Duration::from_mins(2);

/// What a packed chart says of itself.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Meta {
    name: String,
    version: String,
    #[serde(skip)]
    has_preflights: bool,
}

/// Reads `Chart.yaml`, and whether a template of the chart is a preflight spec.
fn read(bytes: &[u8]) -> Result<Meta, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let mut tar = TarReader::new(Gunzip::new(bytes, &LIMITS), &LIMITS);
    let mut meta = Meta::default();
    let mut has_preflights = false;
    while let Some(entry) = tar.next_entry().map_err(|error| told(&error))? {
        let Some((_, rest)) = entry.name.split_once('/') else { continue };
        let rest = rest.to_owned();
        let is_template = rest.contains("templates/");
        if rest != "Chart.yaml" && !is_template {
            continue;
        }
        let mut text = Vec::new();
        tar.data().read_to_end(&mut text).map_err(|error| told(&error))?;
        let text = String::from_utf8_lossy(&text);
        if rest == "Chart.yaml" {
            meta = yaml::from_str(&text).map_err(|error| format!("Chart.yaml: {error}"))?;
        }
        has_preflights |= preflight::may_render_to_one(&text);
    }
    Ok(Meta { has_preflights, ..meta })
}

/// The specs of every chart that is not left out. `kinds` are the `HelmChart` documents, rendered.
pub(super) async fn specs(site: &Site, kinds: &[(String, String)]) -> Result<Vec<Value>, String> {
    let mut specs = Vec::new();
    for (path, text) in kinds {
        let chart = HelmChart::parse(text).map_err(|error| format!("{path}: {error}"))?;
        if chart.is_excluded() {
            continue;
        }
        let wanted = &chart.spec.chart;
        let mut found = None;
        for (archive, bytes) in &site.release.archives {
            let meta = read(bytes).map_err(|why| format!("{archive}: {why}"))?;
            if meta.name == wanted.name && meta.version == wanted.chart_version {
                found = Some((meta, bytes));
            }
        }
        let Some((meta, bytes)) = found else {
            let (name, version) = (&wanted.name, &wanted.chart_version);
            return Err(format!("{path}: the release has no chart {name} {version}"));
        };
        if meta.has_preflights {
            let rendered = template(site, &chart, bytes)
                .await
                .map_err(|why| format!("{path}: helm template: {why}"))?;
            specs.extend(preflight::in_chart(&rendered).into_iter().map(|it| it.value));
        }
    }
    Ok(specs)
}

async fn template(site: &Site, chart: &HelmChart, archive: &[u8]) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let named = std::env::var_os("KOTS_HELM").map(PathBuf::from);
    let program = super::program(named.as_deref(), &["helm"])
        .ok_or("the program `helm` was not found: install it, or set KOTS_HELM")?;
    let folder = site.run_folder("preflights").map_err(told)?;
    let folder = tempfile::tempdir_in(folder).map_err(told)?;
    let (packed, values) = (folder.path().join("chart.tgz"), folder.path().join("values.yaml"));
    write_private(&packed, archive).map_err(told)?;
    let text = yaml::to_string(&chart.merged_values()).map_err(|error| error.to_string())?;
    write_private(&values, text.as_bytes()).map_err(told)?;
    let namespace = match chart.spec.namespace.as_str() {
        "" => &site.settings.namespace,
        named => named,
    };
    run(&program, chart.release_name(), &packed, &values, namespace).await
}

async fn run(
    program: &Path,
    release: &str,
    chart: &Path,
    values: &Path,
    namespace: &str,
) -> Result<String, String> {
    let output = Command::new(program)
        .args(["template", release])
        .arg(chart)
        .arg("--values")
        .arg(values)
        .args(["--namespace", namespace])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, output)
        .await
        .map_err(|_| format!("no end within {} s", LIMIT.as_secs()))?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, stderr.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use airgap::ReleaseFile;

    use super::*;

    /// A chart as it is packed.
    fn packed(template: &str) -> Vec<u8> {
        let file = |path: &str, text: &str| ReleaseFile {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        // Two folders, so that the common one is not taken off.
        let files = [
            file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
            file("web/templates/preflight.yaml", template),
        ];
        airgap::release::pack(&files).expect("packs")
    }

    #[test]
    fn a_chart_is_known_by_name_and_version() {
        let spec = "apiVersion: troubleshoot.sh/v1beta2\nkind: Preflight\n";
        let meta = |has_preflights| Meta {
            name: "web".to_owned(),
            version: "1.2.3".to_owned(),
            has_preflights,
        };
        assert_eq!(read(&packed(spec)), Ok(meta(true)));
        assert_eq!(read(&packed("kind: ConfigMap\n")), Ok(meta(false)));
        assert!(read(b"no archive").is_err());
    }
}
