//! Preflight specs inside charts, with the real `helm` where that is installed.

use std::process::{Command, Stdio};

use airgap::ReleaseFile;
use serde_json::json;

use crate::harness::Site;
use crate::walks::values;

const KIND: &str = r#"apiVersion: kots.io/v1beta2
kind: HelmChart
metadata: {name: web}
spec:
  chart: {name: web, chartVersion: 1.2.3}
  releaseName: web
  values: {host: 'repl{{ ConfigOption "hostname" }}'}
"#;
const SPEC: &str = "apiVersion: troubleshoot.sh/v1beta2
kind: Preflight
metadata: {name: web}
spec: {analyzers: [{clusterVersion: {checkName: 'Version of {{ .Values.host }}'}}]}
";

#[test]
fn specs_of_charts_are_rendered_with_the_answers() {
    let helm = std::env::var_os("KOTS_HELM").unwrap_or_else(|| "helm".into());
    let helm = Command::new(helm).arg("version").stdout(Stdio::null()).status();
    if !helm.is_ok_and(|it| it.success()) {
        skipped::skipped!("preflight specs inside charts, because there is no `helm`");
        return;
    }
    let site = Site::installed().with_preflights(r#"{"pass":[],"warn":[],"fail":[]}"#, 0);
    let release = site.path("release");
    let file = |path: &str, text: &str| ReleaseFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    let chart = [
        file("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
        file("web/templates/preflight.yaml", SPEC),
    ];
    std::fs::write(release.join("web-1.2.3.tgz"), airgap::release::pack(&chart).unwrap()).unwrap();
    std::fs::write(release.join("web.yaml"), KIND).unwrap();
    std::fs::remove_file(release.join("preflight.yaml")).unwrap();
    let manager = site.start("upgrade", "kubernetes").login();
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    let ended = manager.ended("/app-preflights/status");
    assert_eq!(ended["titles"], json!(["Version of app.example.com"]), "{ended}");
    assert_eq!(ended["status"]["state"], "Succeeded");
}
