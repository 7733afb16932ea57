//! The same roads on a real cluster: with `KOTS_TEST_CLUSTER=1`, on the cluster that `KUBECONFIG`
//! names, against the kotsadm in its namespace (or in `KOTS_NAMESPACE`). Reads only, except for an
//! upload that the server must refuse.

#![expect(clippy::print_stdout, reason = "says why it was skipped")]

use std::sync::Arc;
use std::time::Duration;

use kots_deploy::cluster::{Cluster, ConnectionFlags, Surroundings};
use kots_deploy::transport::Transport;
use kots_deploy::tunnel::{Patience, Road, open};

use crate::cluster_pod::{get_request, post_request, text};

/// The cluster to test on, or a line that says why there is none.
async fn cluster() -> Option<Cluster> {
    if std::env::var("KOTS_TEST_CLUSTER").as_deref() != Ok("1") {
        println!("skipped: KOTS_TEST_CLUSTER is not 1, so there is no real cluster to test on");
        return None;
    }
    let namespace = std::env::var("KOTS_NAMESPACE").ok();
    let flags = ConnectionFlags::default();
    let cluster = Cluster::open(&flags, namespace.as_deref(), &Surroundings::from_process()).await;
    Some(cluster.expect("the cluster KUBECONFIG names"))
}

async fn road(cluster: &Cluster, road: Road) -> Arc<dyn Transport> {
    cluster.find_pod(Duration::from_mins(1)).await.expect("a kotsadm pod");
    let auth = cluster.auth_string(&Surroundings::from_process()).await.expect("an auth string");
    let notice = Arc::new(|text: &str| println!("notice: {text}"));
    open(road, cluster.clone(), &auth, Patience::default(), notice).expect("a road")
}

#[tokio::test]
async fn a_real_kotsadm_answers_on_every_road() {
    let Some(cluster) = cluster().await else { return };
    for which in [Road::PortForward, Road::Proxy, Road::Auto] {
        let road = road(&cluster, which).await;
        let health = road.send(get_request("/healthz")).await.expect("an answer");
        assert_eq!(health.status(), 200, "{which:?}");
        // A session route: it tells whether the auth string arrived.
        let apps = road.send(get_request("/api/v1/apps")).await.expect("an answer");
        assert_eq!(apps.status(), 200, "{which:?}");
        assert!(text(apps).await.contains("\"apps\""), "{which:?}");
    }
}

#[tokio::test]
async fn a_real_kotsadm_refuses_an_upload_and_its_answer_arrives() {
    let Some(cluster) = cluster().await else { return };
    for which in [Road::PortForward, Road::Proxy] {
        let road = road(&cluster, which).await;
        for _ in 0..5 {
            let request = post_request("/api/v1/app/no-such-app/upstream/update", 1024);
            let answer = road.send(request).await.expect("an answer");
            assert!(answer.status().is_client_error() || answer.status().is_server_error());
            text(answer).await;
        }
    }
}
