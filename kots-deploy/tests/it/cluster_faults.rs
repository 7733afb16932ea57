//! Tunnels that cannot be made, break, stall or lose their pod: what the caller is told, and that the
//! next exchange works again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kots_deploy::transport::Transport;
use kots_deploy::tunnel::{Patience, Road, open};

use crate::cluster_pod::{AUTH, PodServer, fetch, post_digest, post_request, show};
use crate::fake_kube::{FakeKube, Fault, Pod, Verb};

/// A fake with one pod, a road to it, and what the user was told.
struct Case {
    kube: FakeKube,
    _pod: PodServer,
    road: Arc<dyn Transport>,
    notices: Arc<Mutex<Vec<String>>>,
}

impl Case {
    async fn new(road: Road) -> Self {
        let pod = PodServer::start().await;
        let kube = FakeKube::start().await.with_kotsadm(pod.address, AUTH);
        let patience = Patience {
            pod: Duration::ZERO,
            ping: Duration::from_millis(50),
            silence: Duration::from_millis(400),
            ..Patience::default()
        };
        let notices = Arc::new(Mutex::new(Vec::new()));
        let notice = {
            let notices = Arc::clone(&notices);
            Arc::new(move |text: &str| {
                notices.lock().expect("no panic").push(text.to_owned());
            })
        };
        let road = open(road, kube.cluster().await, &AUTH.into(), patience, notice);
        Self { kube, _pod: pod, road: road.expect("a road"), notices }
    }

    async fn get(&self) -> String {
        fetch(&*self.road, "/healthz").await
    }

    async fn upload(&self, pieces: usize) -> String {
        show(self.road.send(post_request("/upload", pieces)).await).await
    }

    fn next_tunnel(&self, fault: Fault) {
        self.kube.switches().tunnels.push_back(fault);
    }

    fn notices(&self) -> String {
        self.notices.lock().expect("no panic").join("\n")
    }
}

#[tokio::test]
async fn a_tunnel_that_is_cut_is_told_and_replaced() {
    let case = Case::new(Road::PortForward).await;
    case.next_tunnel(Fault::Cut { after_bytes: 100_000 });
    let cut = case.upload(1024).await;
    // Which end notices first is a matter of timing.
    assert!(
        cut.starts_with(
            "Exchange: the connection to kotsadm in pod app/kotsadm-0 broke before it answered: \
             the tunnel was cut: "
        ),
        "{cut}"
    );
    assert_eq!(case.get().await, "200 ok");
    assert_eq!(case.kube.seen().tunnels.len(), 2);
}

#[tokio::test]
async fn a_tunnel_that_stalls_is_given_up() {
    let case = Case::new(Road::PortForward).await;
    for pieces in [1, 1024] {
        case.next_tunnel(Fault::Stall { after_bytes: 1000 });
        let stalled = case.upload(pieces).await;
        assert_eq!(
            stalled,
            "Exchange: the connection to kotsadm in pod app/kotsadm-0 broke before it answered: \
             no sign of life from the tunnel for 0 s",
            "{pieces}"
        );
        assert_eq!(case.get().await, "200 ok");
    }
}

#[tokio::test]
async fn a_replaced_pod_is_found_again_without_an_error() {
    for which in [Road::PortForward, Road::Auto] {
        let case = Case::new(which).await;
        assert_eq!(case.get().await, "200 ok");
        let second = PodServer::start().await;
        case.kube.switches().pods = vec![Pod::ready("kotsadm-1", second.address)];
        assert_eq!(case.get().await, "200 ok", "{which:?}");
        assert_eq!(case.kube.seen().tunnels, ["kotsadm-0", "kotsadm-1"]);
        assert_eq!(case.notices(), "");
    }
}

#[tokio::test]
async fn a_replaced_pod_is_found_again_through_the_proxy() {
    let case = Case::new(Road::Proxy).await;
    assert_eq!(case.get().await, "200 ok");
    let second = PodServer::start().await;
    case.kube.switches().pods = vec![Pod::ready("kotsadm-1", second.address)];
    insta::assert_snapshot!(case.get().await, @r#"Connect: pod app/kotsadm-0 is gone: pods "kotsadm-0" not found"#);
    assert_eq!(case.get().await, "200 ok");
}

#[tokio::test]
async fn no_pod_at_all_is_worth_waiting_for() {
    for which in [Road::PortForward, Road::Proxy, Road::Auto] {
        let case = Case::new(which).await;
        case.kube.switches().pods.clear();
        assert_eq!(
            case.get().await,
            "Connect: no way to kotsadm in namespace `app`: failed to start port forwarding: \
             failed to get pod name for port forward: timeout waiting for kotsadm pod: no pod with \
             the label app=kotsadm",
            "{which:?}"
        );
        assert_eq!(case.notices(), "");
    }
}

#[tokio::test]
async fn a_pod_where_nobody_listens_was_not_sent_anything() {
    let case = Case::new(Road::PortForward).await;
    case.kube.switches().pods[0].address = None;
    let answer = case.upload(64).await;
    assert!(
        answer.starts_with("Connect: kotsadm in pod app/kotsadm-0 does not listen: "),
        "{answer}"
    );
    assert!(answer.ends_with("connect: connection refused"), "{answer}");
    let case = Case::new(Road::Proxy).await;
    case.kube.switches().pods[0].address = None;
    insta::assert_snapshot!(case.upload(64).await, @"Connect: kotsadm in pod app/kotsadm-0 does not listen: error trying to reach service: dial tcp 10.0.0.1:3000: connect: connection refused");
}

#[tokio::test]
async fn without_an_upgrade_auto_takes_the_proxy_and_says_so() {
    let case = Case::new(Road::Auto).await;
    case.kube.switches().no_upgrade = Some(500);
    assert!(case.upload(64).await.contains(&post_digest(64)));
    assert_eq!(case.get().await, "200 ok");
    insta::assert_snapshot!(case.notices(), @"no port-forward to pod app/kotsadm-0: error dialing backend: connection refused; using the API server's proxy instead");
    assert_eq!(case.kube.seen().proxied.len(), 2);
    let alone = Case::new(Road::PortForward).await;
    alone.kube.switches().no_upgrade = Some(500);
    insta::assert_snapshot!(alone.get().await, @"Connect: no port-forward to pod app/kotsadm-0: error dialing backend: connection refused");
}

#[tokio::test]
async fn after_two_lost_tunnels_auto_takes_the_proxy_and_says_so() {
    let case = Case::new(Road::Auto).await;
    case.next_tunnel(Fault::Cut { after_bytes: 1 });
    case.next_tunnel(Fault::Works);
    case.next_tunnel(Fault::Cut { after_bytes: 1 });
    assert!(case.get().await.starts_with("Exchange: "));
    assert_eq!(case.get().await, "200 ok");
    assert_eq!(case.notices(), "");
    assert!(case.get().await.starts_with("Exchange: "));
    assert!(case.notices().starts_with("the port-forward was lost 2 times, last: "));
    assert!(case.notices().ends_with("; using the API server's proxy instead"));
    assert_eq!(case.get().await, "200 ok");
    assert_eq!(case.kube.seen().tunnels.len(), 3);
    assert_eq!(case.kube.seen().proxied.len(), 1);
}

#[tokio::test]
async fn missing_permissions_are_told_apart() {
    let case = Case::new(Road::Auto).await;
    case.kube.switches().forbidden.insert(Verb::PortForward);
    assert_eq!(case.get().await, "200 ok");
    insta::assert_snapshot!(case.notices(), @r#"not allowed to make a port-forward to pod app/kotsadm-0: pods "kotsadm-0" is forbidden: User "fake" cannot do this in the namespace "app"; using the API server's proxy instead"#);

    let case = Case::new(Road::PortForward).await;
    case.kube.switches().forbidden.insert(Verb::PortForward);
    insta::assert_snapshot!(case.get().await, @r#"Denied: not allowed to make a port-forward to pod app/kotsadm-0: pods "kotsadm-0" is forbidden: User "fake" cannot do this in the namespace "app""#);

    let case = Case::new(Road::Proxy).await;
    case.kube.switches().forbidden.insert(Verb::Proxy);
    insta::assert_snapshot!(case.get().await, @r#"Denied: not allowed to reach pod app/kotsadm-0 through the API server's proxy: pods "kotsadm-0:3000" is forbidden: User "fake" cannot do this in the namespace "app""#);
}

#[tokio::test]
async fn auto_goes_back_to_tunnels_when_the_proxy_is_forbidden() {
    let case = Case::new(Road::Auto).await;
    case.kube.switches().forbidden.insert(Verb::Proxy);
    case.next_tunnel(Fault::Cut { after_bytes: 1 });
    case.next_tunnel(Fault::Cut { after_bytes: 1 });
    case.get().await;
    case.get().await;
    assert!(case.get().await.starts_with("Connect: not allowed to reach pod app/kotsadm-0"));
    assert_eq!(case.get().await, "200 ok");
    assert!(case.notices().ends_with("; going back to port-forwards"), "{}", case.notices());
    assert_eq!(case.kube.seen().tunnels.len(), 3);
}

#[tokio::test]
async fn with_neither_permission_waiting_is_pointless() {
    let case = Case::new(Road::Auto).await;
    case.kube.switches().forbidden.extend([Verb::PortForward, Verb::Proxy]);
    for _ in 0..2 {
        let answer = case.get().await;
        assert!(answer.starts_with("Denied: no"), "{answer}");
        assert!(answer.contains("not allowed to make a port-forward"), "{answer}");
    }
}
