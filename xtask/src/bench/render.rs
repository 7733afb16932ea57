//! Rendering: how time and memory grow with the release.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::measure::{self, Spread, millis};
use super::{Table, mib};
use crate::demo::site::Programs;

/// Items of the release's config.
const ITEMS: usize = 200;
/// How many manifests the releases have, and the limits of one of them.
const SIZES: [(usize, &str, &str); 4] = [
    (100, "", ""),
    (1_000, "500 ms", "128 MiB"),
    (3_000, "", ""),
    (10_000, "ten times that of 1,000", ""),
];

/// Renders releases of several sizes with `kotsadm render`, process start and writing included.
pub(super) fn run(
    programs: &Programs,
    runs: usize,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    for (manifests, time_limit, memory_limit) in SIZES {
        let release = folder.join(format!("release-{manifests}"));
        write_release(&release, manifests)?;
        let mut times = Vec::new();
        let mut peaks = Vec::new();
        for run in 0..runs {
            let out = folder.join(format!("rendered-{manifests}-{run}"));
            let mut command = Command::new(&programs.kotsadm);
            command.arg("render").arg(&release).arg("--out").arg(&out);
            let usage = measure::run(command.stdout(Stdio::null()).stderr(Stdio::null()), &[])?;
            times.push(millis(usage.wall));
            peaks.push(mib(usage.peak_kib));
            fs::remove_dir_all(&out)?;
        }
        let what = format!("`kotsadm render`, {manifests} manifests, {ITEMS} config items");
        table.row(&what, &format!("{} ms", Spread::of(times)), time_limit);
        table.row("  peak resident", &format!("{} MiB", Spread::of(peaks)), memory_limit);
        fs::remove_dir_all(&release)?;
    }
    Ok(())
}

/// A release whose manifests each ask for some config items.
fn write_release(folder: &Path, manifests: usize) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut config = String::from(
        "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: bench}\nspec:\n  groups:\n  - name: all\n    title: All\n    items:\n",
    );
    for item in 0..ITEMS {
        // Every tenth item asks for the one before it.
        let default = match item {
            0 => "first".to_owned(),
            it if it % 10 == 0 => format!("repl{{{{ ConfigOption \"item-{}\" }}}}-{it}", it - 1),
            it => format!("value {it}"),
        };
        write!(
            config,
            "    - name: item-{item}\n      title: Item {item}\n      type: text\n      default: '{default}'\n"
        )?;
    }
    fs::write(folder.join("config.yaml"), config)?;
    for number in 0..manifests {
        let (one, other) = (number % ITEMS, (number * 7 + 3) % ITEMS);
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\n  labels: {{app: app-{number}}}\nspec:\n  replicas: repl{{{{ ConfigOption \"replicas\" | default \"1\" }}}}\n  selector: {{matchLabels: {{app: app-{number}}}}}\n  template:\n    metadata: {{labels: {{app: app-{number}}}}}\n    spec:\n      containers:\n      - name: app\n        image: nginx:1.{}\n        env:\n        - name: ONE\n          value: '{{{{repl ConfigOption \"item-{one}\" }}}}'\n        - name: OTHER\n          value: 'repl{{{{ ConfigOption \"item-{other}\" }}}}'\n        - name: CUSTOMER\n          value: '{{{{repl LicenseFieldValue \"customerName\" }}}}'\n        resources: {{limits: {{cpu: 500m, memory: 256Mi}}, requests: {{cpu: 100m, memory: 32Mi}}}}\n",
            number % 30
        );
        fs::write(folder.join(format!("app-{number}.yaml")), manifest)?;
    }
    Ok(())
}
