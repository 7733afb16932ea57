//! What a person reads when `kots deploy` cannot get to kotsadm in a cluster: exit code, stdout and
//! stderr together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::cluster_pod::{AUTH, PodServer};
use crate::fake_kube::{FakeKube, Verb};

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const LIMIT: Duration = Duration::from_mins(1);

/// Runs `kots deploy` on `kube` and returns all that a person sees of it.
async fn deploy(kube: &FakeKube, further: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("values.yaml"), sample::config_values()).expect("config values");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kots"));
    command
        .args(["deploy", sample::APP_SLUG, "--config-values", "values.yaml"])
        .args(["--channel-id", sample::STABLE_ID, "--channel-sequence", "2", "--timeout", "2s"])
        .arg("--kubeconfig")
        .arg(kube.kubeconfig())
        .args(further)
        .arg("--state-dir")
        .arg(path("journals"))
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let output = output.expect("kots ends in time").expect("kots runs");
    let code = output.status.code().map_or_else(|| "signal".to_owned(), |code| code.to_string());
    let text = format!(
        "exit {code}\n--- stdout\n{}--- stderr\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // How much of the time is left differs from run to run.
    let stable = |line: &str| match line.split_once("; waiting up to ") {
        Some((line, _)) => format!("{line}; waiting up to …"),
        None => line.to_owned(),
    };
    text.lines().map(stable).collect::<Vec<_>>().join("\n")
}

async fn kube() -> FakeKube {
    FakeKube::start().await.with_kotsadm(NOWHERE, AUTH)
}

#[tokio::test]
async fn no_pod() {
    let kube = kube().await;
    kube.switches().pods.clear();
    insta::assert_snapshot!(deploy(&kube, &[]).await, @r#"
    exit 1
    --- stdout
      • Starting deployment process for sample-app...
    --- stderr
    warning: failed to start port forwarding: failed to get pod name for port forward: timeout waiting for kotsadm pod: no pod with the label app=kotsadm; waiting up to …
    Error: failed to start port forwarding: failed to get pod name for port forward: timeout waiting for kotsadm pod: no pod with the label app=kotsadm
    hint: kubectl get pods --namespace app --selector app=kotsadm
    "#);
}

#[tokio::test]
async fn no_permission_to_list_pods() {
    let kube = kube().await;
    kube.switches().forbidden.insert(Verb::ListPods);
    insta::assert_snapshot!(deploy(&kube, &[]).await, @r#"
    exit 1
    --- stdout
      • Starting deployment process for sample-app...
    --- stderr
    Error: failed to start port forwarding: failed to get pod name for port forward: failed to list pods: pods is forbidden: User "fake" cannot do this in the namespace "app"
    hint: kubectl auth can-i list pods --namespace app
    "#);
}

#[tokio::test]
async fn no_permission_to_read_the_secret() {
    let kube = kube().await;
    kube.switches().forbidden.insert(Verb::GetSecret);
    insta::assert_snapshot!(deploy(&kube, &[]).await, @r#"
    exit 1
    --- stdout
      • Starting deployment process for sample-app...
    --- stderr
    warning: Unable to authenticate to the Admin Console running in the app namespace. Ensure you have read access to secrets in this namespace and try again.
    Error: failed to get kotsadm auth slug: failed to check for existing kotsadm authstring secret: secrets "kotsadm-authstring" is forbidden: User "fake" cannot do this in the namespace "app"
    hint: kubectl auth can-i get secrets/kotsadm-authstring --namespace app
    "#);
}

#[tokio::test]
async fn no_permission_for_either_road() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    kube.switches().forbidden.extend([Verb::PortForward, Verb::Proxy]);
    insta::assert_snapshot!(deploy(&kube, &[]).await, @r#"
    exit 1
    --- stdout
      • Starting deployment process for sample-app...
    --- stderr
    warning: not allowed to make a port-forward to pod app/kotsadm-0: pods "kotsadm-0" is forbidden: User "fake" cannot do this in the namespace "app"; using the API server's proxy instead
    warning: not allowed to reach pod app/kotsadm-0 through the API server's proxy: pods "kotsadm-0:3000" is forbidden: User "fake" cannot do this in the namespace "app"; going back to port-forwards
    Error: failed to reach the admin console: no way to the kotsadm pod is allowed
      not allowed to make a port-forward to pod app/kotsadm-0: pods "kotsadm-0" is forbidden: User "fake" cannot do this in the namespace "app"; not allowed to reach pod app/kotsadm-0 through the API server's proxy: pods "kotsadm-0:3000" is forbidden: User "fake" cannot do this in the namespace "app"
    hint: check the address and your permissions
    "#);
}

#[tokio::test]
async fn a_wrong_context_and_a_wrong_namespace() {
    let kube = kube().await;
    insta::assert_snapshot!(deploy(&kube, &["--context", "elsewhere"]).await, @r#"
    exit 1
    --- stdout
    --- stderr
    Error: failed to get namespace: failed to load kubeconfig: context "elsewhere" does not exist
    hint: pass the namespace kotsadm runs in with --namespace
    "#);
    insta::assert_snapshot!(deploy(&kube, &["--namespace", "a_b"]).await, @r#"
    exit 1
    --- stdout
    --- stderr
    Error: failed to get namespace: invalid namespace a_b: a namespace should not contain the _ character
    hint: pass the namespace kotsadm runs in with --namespace
    "#);
}
