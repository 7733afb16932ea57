//! `kots` against a kotsadm that deploys to a cluster: what is not ready is told with its first cause.

use std::path::Path;
use std::process::Stdio;

use airgap::ReleaseFile;
use fake_kube::FakeKube;
use sample::bundle::BundleSpec;
use sample::license::Builder;
use serde_json::{Value, json};
use tokio::process::Command;
use upstream_handler::serve::{RegistryAccess, ServeOptions, TargetSpec, serve};
use upstream_handler::target::ClusterOptions;

const APPLICATION: &str = "apiVersion: kots.io/v1beta1\nkind: Application\nmetadata: {name: sample-app}\nspec: {title: Sample";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {}}\n";

const CONFIG: &str = "apiVersion: kots.io/v1beta1\nkind: Config\nmetadata: {name: sample}\nspec: {groups: [{name: g, items: [{name: a, type: text}]}]}\n";
const VALUES: &str = "apiVersion: kots.io/v1beta1\nkind: ConfigValues\nmetadata: {name: sample}\nspec: {values: {a: {value: b}}}\n";

fn bundle(path: &Path, cursor: &str, files: &[(&str, String)]) {
    let mut spec = BundleSpec::sample("1.0.0").expect("a bundle");
    spec.airgap.version_label = format!("1.{cursor}.0");
    cursor.clone_into(&mut spec.airgap.update_cursor);
    let file = |(path, text): &(&str, String)| ReleaseFile {
        path: (*path).to_owned(),
        bytes: text.clone().into_bytes(),
    };
    let config = ("config.yaml", CONFIG.to_owned());
    spec.files = files.iter().chain([&config]).map(file).collect();
    spec.write(path).expect("a bundle");
}

async fn kots(folder: &Path, address: &str, words: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_kots"))
        .args(words)
        .args(["--airgap-bundle", "app.airgap", "--disable-image-push", "--output", "json"])
        .args(["--config-values", "values.yaml"])
        .args(["--kotsadm-url", address, "--auth-string-file", "state/secrets/authstring"])
        .arg("--license-root-key")
        .arg(sample::keys::root_public_path())
        .args(["--state-dir", "journals"])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("kots runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&stdout).unwrap_or_else(|error| {
        panic!("{error}: {stdout}, {}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code(), report)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ready_is_told_with_its_cause() {
    let fake = FakeKube::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("license.yaml"), Builder::new().airgap(true).yaml()).expect("a licence");
    std::fs::write(path("values.yaml"), VALUES).expect("config values");
    let running = serve(ServeOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        state: path("state"),
        target: TargetSpec::Cluster,
        cluster: ClusterOptions {
            kubeconfig: Some(fake.kubeconfig()),
            ..ClusterOptions::default()
        },
        auth_string_file: None,
        release_endpoint: None,
        license_root_keys: vec![sample::keys::root_public_path()],
        registry_access: RegistryAccess::default(),
        namespace: "default".to_owned(),
    });
    let running = running.await.expect("a kotsadm");
    let address = format!("http://{}", running.addr);

    bundle(&path("app.airgap"), "1", &[("app.yaml", format!("{APPLICATION}}}\n"))]);
    let install = ["install", sample::APP_SLUG, "--license-file", "license.yaml"];
    let (code, report) = kots(folder.path(), &address, &install).await;
    assert_eq!(code, Some(0), "{report:#}");

    let app = format!("{APPLICATION}, statusInformers: [deployment/web]}}\n");
    bundle(&path("app.airgap"), "2", &[("app.yaml", app), ("web.yaml", DEPLOYMENT.to_owned())]);
    let deploy = ["deploy", sample::APP_SLUG, "--license", "license.yaml", "--timeout", "8s"];
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "labels": {"app": "web"}},
        "status": {"containerStatuses": [{
            "name": "app", "image": "web:1", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}},
        }]},
    });
    fake.put("pods", "default", "web-1", pod);
    let (code, report) = kots(folder.path(), &address, &deploy).await;
    assert_eq!(code, Some(3), "{report:#}");
    let told = report.to_string();
    let reason = "deployment default/web is updating: container app of pod web-1: ErrImagePull: no such host";
    assert!(told.contains(reason), "{report:#}");

    let mut web = fake.object("deployments", "default", "web").expect("it is applied");
    web["status"] = json!({"observedGeneration": 1, "replicas": 1, "readyReplicas": 1});
    fake.put("deployments", "default", "web", web);
    let (code, report) = kots(folder.path(), &address, &deploy).await;
    assert_eq!(code, Some(0), "{report:#}");
    running.shutdown().await;
}
