//! Charts that were packed without what they depend on. Helm refuses them; the rest of such a chart can
//! be looked at all the same.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use kinds::yaml;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::packed::{META_BYTES, each_file, unpack};

/// Where a chart says what it depends on; the second is that of charts of the first form.
const DEPENDENCIES: [&str; 2] = ["Chart.yaml", "requirements.yaml"];
/// Where it says which versions were chosen.
const LOCKS: [&str; 2] = ["Chart.lock", "requirements.lock"];

/// A chart that lacks what it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Name of the Helm release.
    pub release: String,
    /// Name of the chart.
    pub chart: String,
    /// Path of the packed chart in the release.
    pub archive: String,
    /// What is missing.
    pub dependencies: Vec<Dependency>,
    /// Whether the chart's lock file names every one of them, so that `helm dependency build` gets them.
    pub is_locked: bool,
}

/// A chart that another one depends on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(default)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its version, or the versions that fit.
    pub version: String,
}

impl Lacking {
    /// Says so, for a release that is to be deployed.
    pub fn told(&self) -> String {
        format!(
            "the chart `{}` was packed without {}: it is shown without that, and Helm will not install \
             it as `{}`; run `helm dependency build` before it is packed",
            self.chart,
            self.names(),
            self.release
        )
    }

    /// Says so, for the sources of a chart that are complete once they are packed.
    pub fn told_of_sources(&self) -> String {
        format!(
            "the sources of the chart `{}` are shown without {}, which `helm dependency build` adds when \
             it is packed",
            self.chart,
            self.names()
        )
    }

    fn names(&self) -> String {
        let name = |it: &Dependency| format!("`{}` {}", it.name, it.version).trim_end().to_owned();
        self.dependencies.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// What a packed chart lacks, and whether a lock file names all of it.
///
/// # Errors
///
/// The archive, or what the chart says of itself, cannot be read.
pub(crate) fn of(packed: &mut dyn Read) -> Result<(Vec<Dependency>, bool), String> {
    let (mut wanted, mut locked, mut there) = (Vec::new(), Vec::new(), BTreeSet::new());
    each_file(packed, &mut |path, data| {
        let is_sub_chart =
            matches!(path.split('/').collect::<Vec<_>>()[..], ["charts", _, "Chart.yaml"]);
        if !is_sub_chart && !DEPENDENCIES.contains(&path) && !LOCKS.contains(&path) {
            return Ok(());
        }
        let mut text = String::new();
        data.take(META_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
        let meta: Meta = yaml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
        if is_sub_chart {
            there.insert(meta.name);
        } else if LOCKS.contains(&path) {
            locked.extend(meta.dependencies);
        } else {
            wanted.extend(meta.dependencies);
        }
        Ok(())
    })?;
    wanted.retain(|it: &Dependency| !there.contains(&it.name));
    let lock = |it: &Dependency| locked.iter().find(|lock| lock.name == it.name).cloned();
    let chosen: Vec<_> = wanted.iter().filter_map(lock).collect();
    let is_locked = chosen.len() == wanted.len();
    Ok((if is_locked { chosen } else { wanted }, is_locked))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Meta {
    name: String,
    dependencies: Vec<Dependency>,
}

/// Unpacks a chart as if it did not depend on what it lacks.
///
/// # Errors
///
/// The archive cannot be read or unpacked.
pub(crate) fn without(archive: &Path, lacking: &[Dependency]) -> Result<TempDir, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut packed = File::open(archive).map_err(|error| error.to_string())?;
    let files = unpack(&mut packed, folder.path())?;
    for name in DEPENDENCIES.into_iter().filter(|it| files.iter().any(|file| file == it)) {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let mut meta = yaml::to_value(&text).map_err(|error| format!("{name}: {error}"))?;
        if let Some(Value::Array(list)) = meta.get_mut("dependencies") {
            list.retain(|it| {
                let name = it.get("name").and_then(Value::as_str).unwrap_or_default();
                lacking.iter().all(|it| it.name != name)
            });
            let text = yaml::to_string(&meta).map_err(|error| error.to_string())?;
            fs::write(&path, text).map_err(|error| error.to_string())?;
        }
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use airgap::BundleWriter;

    use super::*;

    fn pack(files: &[(&str, &str)]) -> Vec<u8> {
        let mut writer = BundleWriter::new(Vec::new());
        for (path, text) in files {
            writer.bytes(&format!("web/{path}"), text.as_bytes()).expect("an entry");
        }
        writer.finish().expect("an archive")
    }

    fn check(files: &[(&str, &str)]) -> String {
        match of(&mut &pack(files)[..]) {
            Ok((dependencies, is_locked)) => {
                let lacking = Lacking {
                    release: "r".into(),
                    chart: "web".into(),
                    archive: "web.tgz".into(),
                    dependencies,
                    is_locked,
                };
                format!("{} locked: {is_locked}", lacking.names())
            }
            Err(error) => error,
        }
    }

    const META: &str =
        "name: web\ndependencies: [{name: a, version: ^1}, {name: b, version: ^2}]\n";

    #[test]
    fn what_is_missing_is_named() {
        let sub = ("charts/x/Chart.yaml", "name: a\n");
        assert_eq!(check(&[("Chart.yaml", META)]), "`a` ^1, `b` ^2 locked: false");
        assert_eq!(check(&[("Chart.yaml", META), sub]), "`b` ^2 locked: false");
        let lock = ("Chart.lock", "dependencies: [{name: b, version: 2.0.1}]\n");
        assert_eq!(check(&[("Chart.yaml", META), sub, lock]), "`b` 2.0.1 locked: true");
        assert_eq!(
            check(&[("Chart.yaml", "name: web\n"), ("requirements.yaml", META)]),
            "`a` ^1, `b` ^2 locked: false"
        );
        assert_eq!(check(&[("Chart.yaml", "name: [\n")]).split(':').next(), Some("Chart.yaml"));
    }

    #[test]
    fn a_packed_sub_chart_is_there() {
        let sub = pack(&[("Chart.yaml", "name: a\n")]);
        let mut writer = BundleWriter::new(Vec::new());
        writer
            .bytes("web/Chart.yaml", b"name: web\ndependencies: [{name: a}]\n")
            .expect("an entry");
        writer.bytes("web/charts/a-1.tgz", &sub).expect("an entry");
        let packed = writer.finish().expect("an archive");
        assert_eq!(of(&mut &packed[..]), Ok((Vec::new(), true)));
    }
}
