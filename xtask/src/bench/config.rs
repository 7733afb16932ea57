//! A config screen with many items that depend on one another: how long it takes until it is shown with other values.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sample::bundle::BundleSpec;
use serde_json::{Value, json};

use super::Table;
use super::measure::{Spread, millis};
use crate::demo::Files;
use crate::demo::site::{Programs, Site};

/// Items beside those of the sample application.
const N_ITEMS: usize = 500;
/// Items of which each depends on the one before it.
const CHAIN: usize = 10;

/// Previews a config of [`N_ITEMS`] items `runs` times, each time with another value.
pub(super) fn run(
    programs: &Programs,
    runs: usize,
    folder: &Path,
    table: &mut Table,
) -> Result<()> {
    let input = folder.join("config-input");
    let files = Files::write(&input, sample::license())?;
    let bundle = input.join("many.airgap");
    bundle_of_many().context("making the release")?.write(&bundle)?;
    let site = Site::start(programs, &folder.join("config"), sample::APP_SLUG, None)?;
    site.quiet("install", &files.airgap_install(&bundle))?;

    let mut groups = site.get("/config/0")?["configGroups"].take();
    let mut figures = Vec::new();
    for run in 0..runs {
        let value = format!("value {run}");
        *first_of_chain(&mut groups)? = value.clone().into();
        let body = json!({"sequence": 0, "configGroups": groups}).to_string();
        let started = Instant::now();
        let answer = site.post("/liveconfig", &body)?;
        figures.push(millis(started.elapsed()));
        let last = format!("\"name\":\"item_{}\"", CHAIN - 1);
        ensure!(
            answer.contains(&last) && answer.contains(&value),
            "the preview shows other values"
        );
    }
    let figures = Spread::of(figures);
    table.row(
        &format!(
            "a config screen of {N_ITEMS} dependent items shown with another value, over HTTP"
        ),
        &format!("{figures} ms"),
        "20 ms",
    );
    Ok(())
}

/// The value of the first item that others depend on.
fn first_of_chain(groups: &mut Value) -> Result<&mut Value> {
    let groups = groups.as_array_mut().context("no groups")?;
    let items = groups.iter_mut().filter_map(|it| it["items"].as_array_mut()).flatten();
    let mut items = items.filter(|it| it["name"] == "item_0");
    Ok(&mut items.next().context("no item_0")?["value"])
}

fn bundle_of_many() -> Result<BundleSpec> {
    let mut spec = BundleSpec::sample("1.0.0")?;
    let config = spec.files.iter_mut().find(|it| it.path.ends_with("kots-config.yaml"));
    let config = config.context("the sample application has no config")?;
    let mut text = String::from_utf8(std::mem::take(&mut config.bytes))?;
    text.push_str("    - name: many\n      title: Many\n      items:\n");
    for n in 0..N_ITEMS {
        let (default, when) = if n % CHAIN == 0 {
            ("x".to_owned(), "true".to_owned())
        } else {
            let before = format!("item_{}", n - 1);
            (
                format!("{{{{repl ConfigOption \"{before}\" }}}}"),
                format!("repl{{{{ ConfigOptionNotEquals \"{before}\" \"\" }}}}"),
            )
        };
        write!(
            text,
            "        - name: item_{n}\n          type: text\n          title: Item {n} of {{{{repl Namespace }}}}\n          default: '{default}'\n          when: '{when}'\n          validation: {{regex: {{pattern: '^.{{1,40}}$'}}}}\n"
        )?;
    }
    config.bytes = text.into_bytes();
    Ok(spec)
}
