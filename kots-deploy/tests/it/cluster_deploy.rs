//! `kots install` and `kots deploy`, as a person runs them, against our kotsadm behind a fake
//! Kubernetes API: both roads, online and air-gapped, with faults on the way.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kots_deploy::transport::direct::Direct;
use sample::bundle::BundleSpec;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;
use upstream_handler::serve::{Running, ServeOptions, TargetSpec, serve};
use upstream_handler::target::ClusterOptions;

use crate::cluster_pod::{AUTH, get_request, text};
use crate::fake_kube::{FakeKube, Fault, Pod};

const LIMIT: Duration = Duration::from_mins(2);

/// kotsadm in a pod of a fake cluster, and a vendor to get releases from.
struct Site {
    kube: FakeKube,
    kotsadm: Running,
    vendor: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// What one run of `kots` left behind.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    report: Value,
    messages: String,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        sample::mirror::write_sample(&path("mirror"), sample::license()).expect("a mirror");
        std::fs::write(path("license.yaml"), sample::license()).expect("a licence");
        std::fs::write(path("values.yaml"), sample::config_values()).expect("config values");
        std::fs::write(path("auth"), AUTH).expect("an auth string");

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let router = upstream::mirror::router(&path("mirror"));
        let vendor = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the vendor serves");
        });
        let kotsadm = serve(ServeOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            state: path("state"),
            target: TargetSpec::Directory(path("deployed")),
            cluster: ClusterOptions::default(),
            auth_string_file: Some(path("auth")),
            release_endpoint: Some(endpoint),
            license_root_keys: vec![sample::keys::root_public_path()],
            namespace: "app".to_owned(),
        });
        let kotsadm = kotsadm.await.expect("a kotsadm");
        let kube = FakeKube::start().await.with_kotsadm(kotsadm.addr, AUTH);
        Self { kube, kotsadm, vendor, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn kots(&self, transport: &str, words: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
        command
            .args(words)
            .args(["--transport", transport, "--output", "json", "--timeout", "90s"])
            .arg("--kubeconfig")
            .arg(self.kube.kubeconfig())
            .arg("--license-root-key")
            .arg(sample::keys::root_public_path())
            .arg("--state-dir")
            .arg(self.path("journals"))
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.expect("kots ends in time").expect("kots runs");
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let report = serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{error}: {stdout:?}, stderr {messages:?}"));
        Ran { status: output.status.code(), report, messages }
    }

    async fn install(&self, transport: &str) {
        let ran = self
            .kots(
                transport,
                &[
                    "install",
                    sample::APP_SLUG,
                    "--license-file",
                    "license.yaml",
                    "--config-values",
                    "values.yaml",
                    "--app-version-label",
                    "1.0.0",
                ],
            )
            .await;
        ran.expect_ready();
    }

    async fn deploy_online(&self, transport: &str) -> Ran {
        self.kots(
            transport,
            &[
                "deploy",
                sample::APP_SLUG,
                "--channel-id",
                sample::STABLE_ID,
                "--channel-sequence",
                "2",
                "--config-values",
                "values.yaml",
            ],
        )
        .await
    }

    /// The version labels that kotsadm has, newest first.
    async fn versions(&self) -> Vec<String> {
        let url = format!("http://{}", self.kotsadm.addr);
        let direct = Direct::new(&url, &AUTH.into()).expect("a transport");
        let path = format!("/api/v1/app/{}/versions", sample::APP_SLUG);
        let answer = kots_deploy::transport::Transport::send(&direct, get_request(&path)).await;
        let answer: Value =
            serde_json::from_str(&text(answer.expect("an answer")).await).expect("JSON");
        let versions = answer["versionHistory"].as_array().expect("versions");
        versions
            .iter()
            .map(|version| version["versionLabel"].as_str().expect("a label").to_owned())
            .collect()
    }

    /// Asserts that the update is deployed, once: the update and its config values are a version
    /// each, as with the original.
    async fn expect_updated(&self) {
        assert_eq!(self.versions().await, ["1.1.0", "1.1.0", "1.0.0"]);
        assert!(has_files(&self.path("deployed")), "nothing was deployed");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.vendor.abort();
    }
}

impl Ran {
    fn expect_ready(&self) {
        assert_eq!(self.report["outcome"], "ready", "{self:#?}");
        assert_eq!(self.status, Some(0), "{self:#?}");
    }
}

fn has_files(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_online_update_goes_through_port_forwards() {
    let site = Site::new().await;
    site.install("port-forward").await;
    site.deploy_online("port-forward").await.expect_ready();
    site.expect_updated().await;
    assert!(site.kube.seen().tunnels.len() > 5);
    assert!(site.kube.seen().proxied.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_online_update_goes_through_the_proxy() {
    let site = Site::new().await;
    site.install("proxy").await;
    site.deploy_online("proxy").await.expect_ready();
    site.expect_updated().await;
    assert!(site.kube.seen().tunnels.is_empty());
    // Running it again changes nothing.
    let again = site.deploy_online("proxy").await;
    assert_eq!(again.report["outcome"], "unchanged", "{again:#?}");
    site.expect_updated().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_air_gapped_update_goes_through_both_roads() {
    for transport in ["port-forward", "proxy"] {
        let site = Site::new().await;
        for version in sample::VERSIONS {
            let bundle = BundleSpec::sample(version).expect("a bundle").large(4 << 20);
            bundle.write(&site.path(&format!("{version}.airgap"))).expect("a bundle");
        }
        let values = ["--config-values", "values.yaml", "--disable-image-push"];
        let install = [
            "install",
            sample::APP_SLUG,
            "--license-file",
            "license.yaml",
            "--airgap-bundle",
            "1.0.0.airgap",
        ];
        // This route takes the auth string from a header only: never through the proxy.
        site.kots("auto", &[&install[..], &values].concat()).await.expect_ready();
        let deploy = [
            "deploy",
            sample::APP_SLUG,
            "--license",
            "license.yaml",
            "--airgap-bundle",
            "1.1.0.airgap",
        ];
        site.kots(transport, &[&deploy[..], &values].concat()).await.expect_ready();
        site.expect_updated().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_tunnels_and_a_replaced_pod_end_in_the_same_state() {
    let site = Site::new().await;
    site.install("auto").await;
    {
        let mut switches = site.kube.switches();
        switches.tunnels.push_back(Fault::Cut { after_bytes: 1 });
        switches.tunnels.push_back(Fault::Works);
        switches.tunnels.push_back(Fault::Cut { after_bytes: 1 });
        switches.pods = vec![Pod::ready("kotsadm-1", site.kotsadm.addr)];
    }
    let ran = site.deploy_online("auto").await;
    ran.expect_ready();
    assert!(ran.messages.contains("using the API server's proxy instead"), "{ran:#?}");
    site.expect_updated().await;
    assert!(site.kube.seen().tunnels.iter().any(|pod| pod == "kotsadm-1"));
    assert!(site.kube.seen().proxied.iter().all(|pod| pod == "kotsadm-1"));
}
