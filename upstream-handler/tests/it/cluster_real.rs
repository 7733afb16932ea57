//! The scenarios of `cluster` on a real cluster: with `KOTS_TEST_CLUSTER=1`, on the one that `KUBECONFIG`
//! names. Each works in a namespace of its own, which it removes.

use k8s_openapi::api::core::v1::{Node, Secret};
use kube::Api;
use serde_json::json;

use super::cluster;
use super::cluster_helm::charts;
use super::cluster_informers;
use super::cluster_site::ClusterSite;

/// A site on the real cluster, or a line that says why there is none.
pub(crate) async fn site(name: &str) -> Option<ClusterSite> {
    let site = ClusterSite::real(name).await;
    if site.is_none() {
        skipped::skipped!("KOTS_TEST_CLUSTER is not 1, so there is no real cluster to test on");
    }
    site
}

#[tokio::test]
async fn upgrading() {
    let Some(mut site) = site("upgrade").await else { return };
    cluster::upgrade(&mut site).await;
    site.clean_up().await;
}

#[tokio::test]
async fn what_kubectl_applied_becomes_ours() {
    let Some(mut site) = site("takeover").await else { return };
    cluster::take_over(&mut site).await;
    site.clean_up().await;
}

#[tokio::test]
async fn fields_of_others_are_conflicts() {
    let Some(mut site) = site("conflict").await else { return };
    cluster::conflict(&mut site).await;
    site.clean_up().await;
}

#[tokio::test]
async fn custom_kinds_and_their_objects_go_together() {
    let Some(mut site) = site("custom").await else { return };
    let group = format!("t{}.kots.example.com", std::process::id());
    cluster::custom(&mut site, &group).await;
    site.clean_up().await;
}

#[cfg(feature = "faults")]
#[tokio::test]
async fn a_deploy_that_was_cut_off_is_finished() {
    let Some(mut site) = site("cut").await else { return };
    cluster::cut_off(&mut site, "target-object-applied:2").await;
    site.clean_up().await;
}

/// On an API server without controllers and nodes: the test writes what they would.
#[tokio::test]
async fn states_follow_the_cluster() {
    let Some(site) = site("states").await else { return };
    if has_nodes(&site).await {
        skipped::skipped!("the cluster has nodes, and controllers would write the states");
        return site.clean_up().await;
    }
    cluster_informers::follow(site).await.clean_up().await;
}

/// On a cluster with nodes: an image that is not there is the reason.
#[tokio::test]
async fn an_image_that_is_not_there_is_told() {
    let Some(site) = site("image").await else { return };
    if !has_nodes(&site).await {
        skipped::skipped!("the cluster has no nodes that pull images");
        return site.clean_up().await;
    }
    let site = cluster_informers::without_image(site).await;
    site.clean_up().await;
}

async fn has_nodes(site: &ClusterSite) -> bool {
    let nodes: Api<Node> = Api::all(site.kube.clone());
    !nodes.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty()
}

/// With the real Helm, when there is one.
#[tokio::test]
async fn charts_are_installed_and_uninstalled() {
    let Some(mut site) = site("helm").await else { return };
    let has_helm = std::process::Command::new("helm").arg("version").output().is_ok();
    if !has_helm {
        skipped::skipped!("there is no helm");
        return;
    }
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {a: \"{{ .Values.a }}\"}\n";
    let namespace = site.namespace.clone();
    site.begin_release(0, charts(&[("one", 0, "  values: {a: x}\n"), ("two", 1, "")], template))
        .await;
    let ended = site.end_of(0).await.ok();
    assert_eq!(site.data("one").await, Some(json!({"a": "x"})), "{}", ended.logs);
    // A Helm that is killed leaves a revision pending; its objects are there.
    let secrets: Api<Secret> = Api::namespaced(site.kube.clone(), &namespace);
    let mut lost = secrets.get("sh.helm.release.v1.one.v1").await.unwrap();
    lost.metadata = kube::core::ObjectMeta {
        name: Some("sh.helm.release.v1.one.v2".to_owned()),
        labels: lost.metadata.labels.map(|mut labels| {
            labels.insert("version".to_owned(), "2".to_owned());
            labels.insert("status".to_owned(), "pending-upgrade".to_owned());
            labels
        }),
        ..kube::core::ObjectMeta::default()
    };
    secrets.create(&kube::api::PostParams::default(), &lost).await.unwrap();
    site.begin_release(1, charts(&[("one", 0, "  values: {a: changed}\n")], template)).await;
    let ended = site.end_of(1).await.ok();
    assert_eq!(site.data("one").await, Some(json!({"a": "changed"})), "{}", ended.logs);
    assert_eq!(site.data("two").await, None, "{}", ended.logs);
    site.clean_up().await;
}
