//! Finding kotsadm and its auth string in a cluster, and what a person reads when that fails.

use std::net::SocketAddr;
use std::time::Duration;

use kots_deploy::cluster::{Cluster, ClusterError, ConnectionFlags, Surroundings};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::cluster_pod::{AUTH, chain};
use crate::fake_kube::{FakeKube, Verb};

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);
const AT_ONCE: Duration = Duration::ZERO;

async fn kube() -> FakeKube {
    FakeKube::start().await.with_kotsadm(NOWHERE, AUTH)
}

fn show<T: std::fmt::Display>(result: Result<T, ClusterError>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(error) => {
            let hint = error.hint("app").map(|hint| format!(" [{hint}]")).unwrap_or_default();
            format!("{}{hint}", chain(&error))
        }
    }
}

#[tokio::test]
async fn the_namespace_comes_from_the_named_kubeconfig() {
    let kube = kube().await;
    assert_eq!(kube.cluster().await.namespace(), "app");
    let given = Cluster::open(&kube.flags(), Some("other"), &Surroundings::default()).await;
    assert_eq!(given.expect("a cluster").namespace(), "other");
}

#[tokio::test]
async fn a_ready_pod_is_found() {
    let kube = kube().await;
    assert_eq!(show(kube.cluster().await.find_pod(AT_ONCE).await), "kotsadm-0");
}

#[tokio::test]
async fn a_pod_that_becomes_ready_is_waited_for() {
    let kube = kube().await;
    kube.switches().pods[0].ready = false;
    let cluster = kube.cluster().await;
    let waiting = tokio::spawn(async move { cluster.find_pod(Duration::from_secs(30)).await });
    tokio::task::yield_now().await;
    kube.switches().pods[0].ready = true;
    assert_eq!(show(waiting.await.expect("no panic")), "kotsadm-0");
}

#[tokio::test]
async fn no_pod_is_said_with_what_was_seen() {
    let kube = kube().await;
    let cluster = kube.cluster().await;
    kube.switches().pods[0].ready = false;
    insta::assert_snapshot!(show(cluster.find_pod(AT_ONCE).await), @"failed to start port forwarding: failed to get pod name for port forward: timeout waiting for kotsadm pod: pod `kotsadm-0` is not ready [kubectl get pods --namespace app --selector app=kotsadm]");
    kube.switches().pods.clear();
    insta::assert_snapshot!(show(cluster.find_pod(AT_ONCE).await), @"failed to start port forwarding: failed to get pod name for port forward: timeout waiting for kotsadm pod: no pod with the label app=kotsadm [kubectl get pods --namespace app --selector app=kotsadm]");
}

#[tokio::test]
async fn a_missing_permission_is_a_sentence_and_is_not_waited_on() {
    let kube = kube().await;
    let cluster = kube.cluster().await;
    kube.switches().forbidden.extend([Verb::ListPods, Verb::GetSecret]);
    let error = cluster.find_pod(Duration::from_mins(10)).await.expect_err("forbidden");
    assert!(error.is_final());
    insta::assert_snapshot!(show::<String>(Err(error)), @r#"failed to start port forwarding: failed to get pod name for port forward: failed to list pods: pods is forbidden: User "fake" cannot do this in the namespace "app" [kubectl auth can-i list pods --namespace app]"#);
    let surroundings = Surroundings::default();
    let refused = cluster.auth_string(&surroundings).await.map(|_| "");
    assert!(refused.as_ref().is_err_and(ClusterError::is_final));
    insta::assert_snapshot!(show(refused), @r#"failed to get kotsadm auth slug: failed to check for existing kotsadm authstring secret: secrets "kotsadm-authstring" is forbidden: User "fake" cannot do this in the namespace "app" [kubectl auth can-i get secrets/kotsadm-authstring --namespace app]"#);
}

#[tokio::test]
async fn a_wrong_token_is_said() {
    let kube = kube().await;
    let flags = ConnectionFlags { token: Some("wrong".into()), ..kube.flags() };
    let cluster = Cluster::open(&flags, None, &Surroundings::default()).await.expect("a cluster");
    insta::assert_snapshot!(show(cluster.find_pod(Duration::from_mins(10)).await), @"failed to start port forwarding: failed to get pod name for port forward: failed to list pods: Unauthorized");
}

#[tokio::test]
async fn an_api_server_that_is_not_there_is_named() {
    let kube = kube().await;
    let flags = ConnectionFlags { server: Some("http://127.0.0.1:1".into()), ..kube.flags() };
    let cluster = Cluster::open(&flags, None, &Surroundings::default()).await.expect("a cluster");
    let error = cluster.find_pod(AT_ONCE).await.expect_err("nobody");
    assert!(!error.is_final());
    insta::assert_snapshot!(show::<String>(Err(error)), @"failed to start port forwarding: failed to get pod name for port forward: failed to list pods: cannot connect to the API server at http://127.0.0.1:1/: tcp connect error: Connection refused (os error 111)");
}

#[tokio::test]
async fn impersonation_reaches_the_api_server() {
    let kube = kube().await;
    let flags = ConnectionFlags { impersonate: Some("jane".into()), ..kube.flags() };
    let cluster = Cluster::open(&flags, None, &Surroundings::default()).await.expect("a cluster");
    cluster.find_pod(AT_ONCE).await.expect("a pod");
    assert_eq!(kube.seen().impersonated, ["jane"]);
}

#[tokio::test]
async fn the_api_server_is_verified() {
    let kube = FakeKube::start_tls().await.with_kotsadm(NOWHERE, AUTH);
    assert_eq!(show(kube.cluster().await.find_pod(AT_ONCE).await), "kotsadm-0");
    let text = std::fs::read_to_string(kube.kubeconfig()).expect("a kubeconfig");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["clusters"][0]["cluster"] = json!({
        "server": config["clusters"][0]["cluster"]["server"],
    });
    std::fs::write(kube.kubeconfig(), config.to_string()).expect("a kubeconfig");
    let refused = show(kube.cluster().await.find_pod(AT_ONCE).await);
    assert!(refused.contains("certificate"), "{refused}");
    let flags = ConnectionFlags { insecure_skip_tls_verify: true, ..kube.flags() };
    let cluster = Cluster::open(&flags, None, &Surroundings::default()).await.expect("a cluster");
    assert_eq!(show(cluster.find_pod(AT_ONCE).await), "kotsadm-0");
}

#[tokio::test]
async fn the_auth_string_is_read_as_it_stands() {
    let kube = kube().await;
    let auth = kube.cluster().await.auth_string(&Surroundings::default()).await;
    assert_eq!(auth.expect("an auth string").expose_secret(), AUTH);
}

#[tokio::test]
async fn a_missing_auth_secret_is_created_once() {
    let kube = kube().await;
    kube.switches().secrets.clear();
    let cluster = kube.cluster().await;
    let surroundings = Surroundings { embedded_cluster: true, ..Surroundings::default() };
    let first = cluster.auth_string(&surroundings).await.expect("an auth string");
    let second = cluster.auth_string(&surroundings).await.expect("an auth string");
    assert_eq!(first.expose_secret(), second.expose_secret());
    let secret = kube.switches().secrets["kotsadm-authstring"].clone();
    assert_eq!(
        secret["metadata"]["labels"],
        json!({
            "kots.io/kotsadm": "true",
            "kots.io/backup": "velero",
            "replicated.com/disaster-recovery": "infra",
            "replicated.com/disaster-recovery-chart": "admin-console",
        })
    );
    kube.switches().secrets.clear();
    kube.switches().forbidden.insert(Verb::CreateSecret);
    let refused = cluster.auth_string(&surroundings).await.map(|_| "");
    insta::assert_snapshot!(show(refused), @r#"failed to get kotsadm auth slug: failed to create new kotsadm authstring secret: secrets is forbidden: User "fake" cannot do this in the namespace "app" [kubectl auth can-i create secrets --namespace app]"#);
}

#[tokio::test]
async fn an_auth_secret_without_its_key_is_an_error() {
    let kube = kube().await;
    kube.switches().secrets.insert(
        "kotsadm-authstring".to_owned(),
        json!({ "metadata": { "name": "kotsadm-authstring" }, "data": {} }),
    );
    let missing = kube.cluster().await.auth_string(&Surroundings::default()).await.map(|_| "");
    insta::assert_snapshot!(show(missing), @"failed to get kotsadm auth slug: secret `kotsadm-authstring` in namespace `app` has no value under the key `kotsadm-authstring`; it holds: nothing [kubectl delete secret kotsadm-authstring --namespace app]");
}
