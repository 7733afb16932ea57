//! Exchanges with a pod through the port-forward and through the proxy, when all goes well.

use std::sync::Arc;
use std::time::Duration;

use kots_deploy::transport::Transport;
use kots_deploy::tunnel::{Patience, Road, open};
use serde_json::{Value, json};

use crate::cluster_pod::{
    AUTH, PodServer, fetch, get_request, half_close_witness, post_digest, post_request, show, text,
};
use crate::fake_kube::{FakeKube, Fault};

const ROADS: [Road; 2] = [Road::PortForward, Road::Proxy];

/// Makes the road with limits short enough for tests.
async fn road(kube: &FakeKube, road: Road) -> Arc<dyn Transport> {
    let patience = Patience { ping: Duration::from_millis(20), ..Patience::default() };
    let notice = Arc::new(|text: &str| panic!("the road changed: {text}"));
    open(road, kube.cluster().await, &AUTH.into(), patience, notice).expect("a road")
}

#[tokio::test]
async fn paths_and_headers_arrive_unchanged_and_the_auth_string_with_them() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    for (which, authorization, cookie) in [
        (Road::PortForward, json!(AUTH), Value::Null),
        (Road::Proxy, Value::Null, json!(format!("signed-token={AUTH}"))),
        (Road::Auto, json!(AUTH), Value::Null),
    ] {
        let road = road(&kube, which).await;
        let answer = road.send(get_request("/echo/a%2Fb/c%20d?x=1%202&y=%25")).await;
        let answer: Value =
            serde_json::from_str(&text(answer.expect("an answer")).await).expect("JSON");
        let expected = json!({
            "path": "/echo/a%2Fb/c%20d?x=1%202&y=%25",
            "authorization": authorization,
            "cookie": cookie,
            "idempotency": "k-1",
        });
        assert_eq!(answer, expected, "{which:?}");
    }
    assert_eq!(kube.seen().tunnels.len(), 2);
    assert_eq!(kube.seen().proxied.len(), 1);
}

#[tokio::test]
async fn a_road_says_where_it_goes() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    let road = road(&kube, Road::Auto).await;
    assert_eq!(road.describe(), "the kotsadm pod in namespace app through a port-forward");
    fetch(&*road, "/healthz").await;
    assert_eq!(road.describe(), "pod app/kotsadm-0 through a port-forward");
}

#[tokio::test]
async fn errors_of_kotsadm_itself_are_answers() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    for which in ROADS {
        let road = road(&kube, which).await;
        assert_eq!(fetch(&*road, "/missing").await, r#"404 {"error":"no such app"}"#, "{which:?}");
    }
}

#[tokio::test]
async fn a_large_upload_arrives_whole() {
    const PIECES: usize = 256;
    for kube in [FakeKube::start().await, FakeKube::start_tls().await] {
        let pod = PodServer::start().await;
        let kube = kube.with_kotsadm(pod.address, AUTH);
        for which in ROADS {
            let road = road(&kube, which).await;
            let answer = show(road.send(post_request("/upload", PIECES)).await).await;
            let expected = json!({ "bytes": PIECES * 64 * 1024, "sha256": post_digest(PIECES) });
            assert_eq!(answer, format!("200 {expected}"), "{which:?}");
        }
        let largest = kube.seen().largest_frame;
        assert!(largest > 32 * 1024 && largest <= 64 * 1024, "frames of {largest} bytes");
    }
}

#[tokio::test]
async fn a_route_that_the_proxy_cannot_carry_is_named() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    let proxy = road(&kube, Road::Proxy).await;
    insta::assert_snapshot!(fetch(&*proxy, "/api/v1/kots/ports").await, @"Denied: `/api/v1/kots/ports` cannot be reached through the API server's proxy: kotsadm takes the auth string of this route from a header that the proxy removes; `--transport port-forward` reaches it");
    assert!(kube.seen().proxied.is_empty());
    let notice = Arc::new(|_: &str| {});
    let auto = open(Road::Auto, kube.cluster().await, &AUTH.into(), Patience::default(), notice);
    let auto = auto.expect("a road");
    kube.switches().no_upgrade = Some(500);
    assert_eq!(fetch(&*auto, "/healthz").await, "200 ok");
    kube.switches().no_upgrade = None;
    assert_eq!(fetch(&*auto, "/api/v1/kots/ports").await, "200 by header");
    assert_eq!(kube.seen().proxied.len(), 1);
}

#[tokio::test]
async fn a_slow_pod_gets_everything() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    let slow = Fault::Slow { piece_bytes: 16 * 1024, pause: Duration::from_millis(1) };
    kube.switches().tunnels.push_back(slow);
    let road = road(&kube, Road::PortForward).await;
    let answer = show(road.send(post_request("/upload", 64)).await).await;
    assert!(answer.contains(&post_digest(64)), "{answer}");
}

#[tokio::test]
async fn an_early_refusal_of_an_upload_is_not_lost() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    for which in ROADS {
        let road = road(&kube, which).await;
        for _ in 0..10 {
            // Far more than all buffers on the way hold together.
            let answer = show(road.send(post_request("/refuse", 4096)).await).await;
            assert_eq!(answer, "400 not this bundle", "{which:?}");
        }
    }
}

#[tokio::test]
async fn our_side_stays_open_until_the_answer_is_complete() {
    for which in ROADS {
        let (address, witness) = half_close_witness().await;
        let kube = FakeKube::start().await.with_kotsadm(address, AUTH);
        let road = road(&kube, which).await;
        let request = get_request("/").map(|_| {
            use http_body_util::BodyExt as _;
            http_body_util::Full::from("{}").map_err(|never| match never {}).boxed_unsync()
        });
        assert_eq!(show(road.send(request).await).await, "200 opened", "{which:?}");
        assert!(!witness.await.expect("the witness"), "{which:?}: half-closed");
    }
}

#[tokio::test]
async fn a_late_answer_arrives_over_a_tunnel_kept_alive_by_pings() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    let road = road(&kube, Road::PortForward).await;
    let late = tokio::spawn(async move { fetch(&*road, "/late").await });
    while kube.seen().pings < 3 {
        assert!(!late.is_finished(), "answered without its gate");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pod.gate.notify_one();
    assert_eq!(late.await.expect("no panic"), "200 late");
}

#[tokio::test]
async fn one_blocked_exchange_does_not_hold_up_others() {
    let pod = PodServer::start().await;
    let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
    kube.switches().tunnels.push_back(Fault::Stall { after_bytes: 1 });
    let road = road(&kube, Road::PortForward).await;
    let blocked = tokio::spawn({
        let road = Arc::clone(&road);
        async move { show(road.send(post_request("/upload", 4096)).await).await }
    });
    while kube.seen().tunnels.is_empty() {
        assert!(!blocked.is_finished(), "not blocked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let others = (0..8).map(|_| {
        let road = Arc::clone(&road);
        async move { show(road.send(post_request("/upload", 16)).await).await }
    });
    for answer in futures::future::join_all(others).await {
        assert!(answer.contains(&post_digest(16)), "{answer}");
    }
    assert!(!blocked.is_finished());
    blocked.abort();
}
