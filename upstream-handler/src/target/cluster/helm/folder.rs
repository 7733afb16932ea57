//! A chart that was rendered here, in a form that Helm takes as it stands.
//!
//! Helm finds what a chart depends on by the name in its `Chart.yaml`, and takes the first chart of that
//! name for every alias. In a rendered chart each alias is a folder of its own with objects of its own,
//! so in the copy that is installed a sub-chart is called what its folder is called, and a dependency
//! that was switched off before rendering is none.

use std::fs;
use std::io;
use std::path::Path;

use kinds::yaml;
use serde_json::{Value, json};
use tempfile::TempDir;

const META: &str = "Chart.yaml";
const CHARTS: &str = "charts";

/// Copies a chart's folder into `work` and names its sub-charts after their folders.
///
/// # Errors
///
/// The disk failed, or a `Chart.yaml` cannot be read.
pub(super) fn installable(chart: &Path, work: &Path) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("chart-").tempdir_in(work)?;
    copy(chart, folder.path())?;
    name(folder.path(), None)?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Names the chart in `folder` and everything below it.
fn name(folder: &Path, called: Option<&str>) -> io::Result<()> {
    let mut inner = Vec::new();
    let charts = folder.join(CHARTS);
    if charts.is_dir() {
        for entry in fs::read_dir(&charts)? {
            let entry = entry?;
            if entry.path().join(META).is_file() {
                inner.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
    }
    let path = folder.join(META);
    let text = fs::read_to_string(&path)?;
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    fs::write(&path, named(&text, called, &inner).map_err(invalid)?)?;
    inner.iter().try_for_each(|it| name(&charts.join(it), Some(it)))
}

/// A `Chart.yaml` with the name a chart is called by, and with those of its dependencies that are among
/// `inner`, under these names. Pure.
fn named(text: &str, called: Option<&str>, inner: &[String]) -> Result<String, String> {
    let mut meta = yaml::to_value(text).map_err(|error| format!("{META}: {error}"))?;
    if let (Some(called), Some(map)) = (called, meta.as_object_mut()) {
        map.insert("name".to_owned(), called.into());
    }
    if let Some(Value::Array(dependencies)) = meta.get_mut("dependencies") {
        dependencies.retain_mut(|it| {
            let text = |key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default();
            let called = Some(text("alias")).filter(|it| !it.is_empty()).unwrap_or(text("name"));
            let called = called.to_owned();
            if let Some(map) = it.as_object_mut() {
                map.shift_remove("alias");
                map.insert("name".to_owned(), json!(called));
            }
            inner.contains(&called)
        });
    }
    yaml::to_string(&meta).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_charts_are_called_what_their_folders_are() {
        let meta = "name: store\ndependencies:\n- {name: a, version: 1.0.0, alias: one, condition: one.on}\n- {name: a, version: 1.0.0, alias: off}\n- {name: b, version: 1.0.0}\n";
        let inner = ["one".to_owned(), "b".to_owned()];
        insta::assert_snapshot!(named(meta, Some("two"), &inner).expect("YAML"), @r#"
        name: two
        dependencies:
        - name: one
          version: "1.0.0"
          condition: one.on
        - name: b
          version: "1.0.0"
        "#);
        assert_eq!(named("name: a\n", None, &[]).expect("YAML"), "name: a\n");
        assert!(named("a: [", None, &[]).expect_err("no YAML").starts_with("Chart.yaml: "));
    }
}
