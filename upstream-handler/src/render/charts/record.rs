//! What Helm would remember of a chart that is rendered into the application: a secret in its own form,
//! so that `helm list` shows the chart. Pure.

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};

/// The secret's file in the chart's folder.
pub(super) const FILE: &str = "chartHelmSecret.yaml";

/// Makes the record of a release that `helm install --dry-run` printed: as deployed, and without
/// anything that differs from one run to the next.
pub(super) fn settled(release: &Value, namespace: &str) -> Value {
    let mut release = release.clone();
    if let Some(info) = release.get_mut("info").and_then(Value::as_object_mut) {
        info.shift_remove("first_deployed");
        info.shift_remove("last_deployed");
        info.insert("status".to_owned(), "deployed".into());
    }
    if let Some(chart) = release.get_mut("chart").and_then(Value::as_object_mut) {
        chart.shift_remove("modtime");
        chart.insert("schemamodtime".to_owned(), "0001-01-01T00:00:00Z".into());
        for list in ["templates", "files"] {
            let files = chart.get_mut(list).and_then(Value::as_array_mut);
            for file in files.into_iter().flatten().filter_map(Value::as_object_mut) {
                file.shift_remove("modtime");
            }
        }
    }
    release["namespace"] = namespace.into();
    release
}

/// The secret of a record.
///
/// # Errors
///
/// Compressing in memory does not fail.
pub(super) fn secret(record: &Value) -> io::Result<Value> {
    let name = record["name"].as_str().unwrap_or_default();
    let mut zip =
        GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    zip.write_all(go_json(record).as_bytes())?;
    let packed = STANDARD.encode(zip.finish()?);
    Ok(json!({
        "apiVersion": "v1",
        "data": {"release": STANDARD.encode(packed)},
        "kind": "Secret",
        "metadata": {
            "labels": {"createdAt": "1", "name": name, "owner": "helm", "status": "deployed", "version": "1"},
            "name": format!("sh.helm.release.v1.{name}.v1"),
            "namespace": record["namespace"],
        },
        "type": "helm.sh/release.v1",
    }))
}

/// JSON as Go writes it: safe to stand in HTML.
fn go_json(value: &Value) -> String {
    // These characters stand in texts only.
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}
