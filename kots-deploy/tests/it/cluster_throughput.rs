//! How fast uploads go through each road, beside kube's own port-forward. Prints; asserts nothing
//! about speed.
//!
//! `KOTS_BENCH_MIB=2048 cargo test --release -p kots-deploy --test it throughput -- --nocapture`

#![expect(clippy::print_stdout, reason = "the figures are its purpose")]

use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kots_deploy::tunnel::{Patience, Road, open};
use kube::Api;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use crate::cluster_pod::{AUTH, PodServer, post_request, text};
use crate::fake_kube::FakeKube;

const PIECES_PER_MIB: usize = 16;

fn mib() -> usize {
    std::env::var("KOTS_BENCH_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(16)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throughput_of_uploads() {
    let mib = mib();
    for (security, kube) in
        [("plain", FakeKube::start().await), ("TLS", FakeKube::start_tls().await)]
    {
        let pod = PodServer::start().await;
        let kube = kube.with_kotsadm(pod.address, AUTH);
        for road in [Road::PortForward, Road::Proxy] {
            let cluster = kube.cluster().await;
            let notice = Arc::new(|_: &str| {});
            let way = open(road, cluster, &AUTH.into(), Patience::default(), notice);
            let way = way.expect("a road");
            let start = Instant::now();
            let answer = way.send(post_request("/count", mib * PIECES_PER_MIB)).await;
            assert_eq!(text(answer.expect("an answer")).await, (mib << 20).to_string());
            report(&format!("{road:?}"), security, mib, start);
        }
        let start = Instant::now();
        through_kubes_own(&kube, mib).await;
        report("kube's Portforwarder", security, mib, start);
    }
}

/// The baseline: the same exchange through kube's port-forward.
async fn through_kubes_own(kube: &FakeKube, mib: usize) {
    let kubeconfig = Kubeconfig::read_from(kube.kubeconfig()).expect("a kubeconfig");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = kube::Client::try_from(config.expect("a configuration")).expect("a client");
    let pods: Api<Pod> = Api::namespaced(client, "app");
    let mut forwarder = pods.portforward("kotsadm-0", &[3000]).await.expect("a port-forward");
    let stream = forwarder.take_stream(3000).expect("a stream");
    let mut request = post_request("/count", mib * PIECES_PER_MIB);
    request.headers_mut().insert("host", http::HeaderValue::from_static("localhost"));
    let answer = kots_deploy::transport::exchange::exchange(stream, request, "kotsadm").await;
    assert_eq!(text(answer.expect("an answer")).await, (mib << 20).to_string());
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn report(road: &str, security: &str, mib: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{road}, {security}: {mib} MiB in {seconds:.2} s, {:.0} MB/s",
        (mib << 20) as f64 / 1e6 / seconds
    );
}
