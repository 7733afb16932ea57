//! Values that the vendor's SDK chart needs of the installation, put into the archives that hold it:
//! as the chart itself, or as a direct sub-chart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read as _};
use std::path::Path;

use airgap::{BundleWriter, EntryKind, Gunzip, TarReader};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinds::license::License;
use kinds::yaml;
use serde_json::{Map, Value, json};

use super::packed::{LIMITS, archives, each_file, told};
use crate::release::ReleaseError;
use crate::release::tree::TreeFile;

/// Names of the SDK's chart when the vendor's answer names none.
const NAMES: [&str; 2] = ["replicated", "replicated-sdk"];
/// The largest file of a chart that is read for this, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// What the SDK is told.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// Names of the SDK's chart; empty for the usual ones.
    pub(crate) names: &'a [String],
    /// Id of this console.
    pub(crate) console_id: &'a str,
    /// Id of the application in this console.
    pub(crate) app_id: &'a str,
    /// This program and its version, as it calls itself to the vendor.
    pub(crate) user_agent: String,
    /// Whether there is no way to the vendor: then the SDK is given the licence.
    pub(crate) is_airgap: bool,
    pub(crate) license: &'a License,
    /// The licence's text.
    pub(crate) license_text: &'a str,
    /// Hosts of the vendor's images.
    pub(crate) hosts: [&'a str; 2],
}

/// Rewrites every archive of the release at `root` that holds the SDK.
///
/// # Errors
///
/// The disk failed, or an archive that holds the SDK cannot be written again.
pub(crate) fn configure(
    root: &Path,
    files: &[TreeFile],
    facts: &Facts<'_>,
) -> Result<(), ReleaseError> {
    for file in archives(files) {
        let full = root.join(&file.path);
        // An archive that is no chart is no error until a kind needs it.
        let Ok(Some(sdk)) = find(&full, facts.names) else { continue };
        rewrite(&full, &sdk, facts)
            .map_err(|what| ReleaseError::Chart { path: file.path.clone(), what })?;
    }
    Ok(())
}

/// Where the SDK is in a chart.
#[derive(Debug, PartialEq, Eq)]
struct Sdk {
    name: String,
    is_sub_chart: bool,
}

fn find(archive: &Path, names: &[String]) -> Result<Option<Sdk>, String> {
    let mut packed = File::open(archive).map_err(|error| error.to_string())?;
    let mut found = None;
    each_file(&mut packed, &mut |path, data| {
        let is_sub_chart = match path.split('/').collect::<Vec<_>>()[..] {
            ["Chart.yaml"] => false,
            ["charts", _, "Chart.yaml"] => true,
            _ => return Ok(()),
        };
        let mut text = String::new();
        if found.is_some() || data.take(MAX_BYTES).read_to_string(&mut text).is_err() {
            return Ok(());
        }
        let meta = yaml::to_value(&text).unwrap_or_default();
        let name = meta.get("name").and_then(Value::as_str).unwrap_or_default();
        let is_sdk = if names.is_empty() {
            NAMES.contains(&name)
        } else {
            names.iter().any(|it| it == name)
        };
        found = is_sdk.then(|| Sdk { name: name.to_owned(), is_sub_chart });
        Ok(())
    })?;
    Ok(found)
}

fn rewrite(archive: &Path, sdk: &Sdk, facts: &Facts<'_>) -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let folder = archive.parent().unwrap_or(Path::new("."));
    let temp = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    let mut writer = BundleWriter::new(BufWriter::new(temp.as_file()));
    let open = File::open(archive).map_err(io)?;
    let mut tar = TarReader::new(Gunzip::new(open, &LIMITS), &LIMITS);
    let mut is_written = false;
    while let Some(entry) = tar.next_entry().map_err(|error| told(&error))? {
        if entry.kind == EntryKind::Directory {
            continue;
        }
        let is_values = entry.name.split_once('/').is_some_and(|(_, rest)| rest == "values.yaml");
        if is_values && entry.size <= MAX_BYTES {
            let mut text = String::new();
            tar.data().read_to_string(&mut text).map_err(io)?;
            let values = configured(&text, sdk, facts)?;
            writer.bytes(&entry.name, values.as_bytes()).map_err(|error| told(&error))?;
            is_written = true;
        } else {
            writer.file(&entry.name, entry.size, &mut tar.data()).map_err(|error| told(&error))?;
        }
    }
    if !is_written {
        return Err(format!("it holds the chart `{}` and has no values.yaml for it", sdk.name));
    }
    drop(writer.finish().map_err(|error| told(&error))?);
    // The file may share its bytes with one that must not change: it is replaced, not written.
    fs::rename(temp.into_temp_path().keep().map_err(|error| error.to_string())?, archive)
        .map_err(io)
}

/// The chart's values with those of the installation. Pure.
fn configured(values: &str, sdk: &Sdk, facts: &Facts<'_>) -> Result<String, String> {
    let read = yaml::to_value(values).map_err(|error| format!("its values.yaml: {error}"))?;
    let mut values = match read {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        _ => return Err("its values.yaml is not a map".to_owned()),
    };
    let mut own = json!({
        "appID": facts.app_id,
        "isAirgap": facts.is_airgap,
        "replicatedID": facts.console_id,
        "userAgent": facts.user_agent,
    });
    if facts.is_airgap {
        own["license"] = facts.license_text.into();
        merge(&mut values, "global", json!({"replicated": global(facts)}));
    }
    if sdk.is_sub_chart {
        merge(&mut values, &sdk.name, own);
    } else if let Value::Object(own) = own {
        for (key, value) in own {
            merge(&mut values, &key, value);
        }
    }
    yaml::to_string(&values).map_err(|error| error.to_string())
}

fn merge(into: &mut Map<String, Value>, key: &str, value: Value) {
    match (into.get_mut(key), value) {
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new {
                merge(old, &key, value);
            }
        }
        (_, value) => drop(into.insert(key.to_owned(), value)),
    }
}

/// What every chart may read of the licence when there is no way to the vendor.
fn global(facts: &Facts<'_>) -> Value {
    let license = facts.license;
    let fields: BTreeMap<_, _> = license
        .entitlements
        .iter()
        .map(|(name, entitlement)| {
            let mut field = serde_json::to_value(entitlement).unwrap_or_default();
            field["name"] = name.clone().into();
            (name.clone(), field)
        })
        .collect();
    let config =
        kinds::context::docker_config(&facts.hosts, &license.license_id, &license.license_id);
    json!({
        "channelName": license.channel_name,
        "customerEmail": license.customer_email,
        "customerName": license.customer_name,
        "dockerconfigjson": STANDARD.encode(config),
        "licenseFields": fields,
        "licenseID": license.license_id,
        "licenseType": license.license_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &str, is_sub_chart: bool, is_airgap: bool) -> Value {
        let license = License { license_id: "l".into(), ..License::default() };
        let facts = Facts {
            names: &[],
            console_id: "console",
            app_id: "app",
            user_agent: "KOTS/1".into(),
            is_airgap,
            license: &license,
            license_text: "text",
            hosts: ["p", "r"],
        };
        let sdk = Sdk { name: "replicated".into(), is_sub_chart };
        let text = configured(values, &sdk, &facts).expect("values");
        yaml::to_value(&text).expect("YAML")
    }

    #[test]
    fn the_sdk_is_told_where_it_runs() {
        assert_eq!(
            check("a: 1\nreplicated: {b: 2}\n", true, false),
            json!({"a": 1, "replicated": {"b": 2, "appID": "app", "isAirgap": false, "replicatedID": "console", "userAgent": "KOTS/1"}})
        );
        let offline = check("", false, true);
        assert_eq!(offline["license"], "text");
        assert_eq!(offline["global"]["replicated"]["licenseID"], "l");
        assert_eq!(offline["appID"], "app");
    }
}
