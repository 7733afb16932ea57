//! What is done with an installation, wherever it is: the same functions run in fake clusters, each with one of its
//! own, and one after the other on the real cluster that the environment names.

use kots_deploy::tunnel::Road;

use crate::cluster_pod::{get_request, post_request, text};
use crate::fake_kube::{Fault, NOBODY};
use crate::site::Site;

/// An auth string of nobody's.
const FORGED: &str = "Kots 00000000000000000000000000000000";

/// Makes a test on a fake cluster of every scenario, and one of all of them on a real one.
macro_rules! scenarios {
    ($($name:ident at $site:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(&Site::$site().await).await;
            }
        )*

        #[tokio::test(flavor = "multi_thread")]
        async fn on_a_real_cluster() {
            let Some(site) = Site::real().await else {
                skipped::skipped!("the scenarios on a real cluster: KOTS_TEST_CLUSTER is not 1");
                return;
            };
            $(
                println!("on the real cluster: {}", stringify!($name));
                super::$name(&site).await;
            )*
        }
    };
}

mod cluster {
    use super::Site;

    /// How a real cluster is named, with a fake one in its place.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_environment_names_the_cluster() {
        let site = Site::online().await;
        let this = std::env::current_exe().expect("this program");
        let output = tokio::process::Command::new(this)
            .args(["--exact", "scenarios::cluster::on_a_real_cluster", "--nocapture"])
            .envs(site.environment())
            .output();
        let output = output.await.expect("the scenarios run");
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{error}");
        assert!(text.contains("on the real cluster: a_bundle_through_the_proxy"), "{text}");
        assert!(!text.contains("skipped"), "{text}");
    }

    scenarios! {
        kotsadm_answers_on_every_road at online,
        a_wrong_auth_string_is_refused at online,
        nobody_may_do_nothing at online,
        a_refused_upload_is_answered at online,
        an_interrupted_run_is_finished_by_the_next at online,
        lost_connections_end_in_the_same_state at online,
        an_upgrade_and_again at online,
        a_bundle_and_again at airgapped,
        a_bundle_through_the_proxy at airgapped,
    }
}

async fn kotsadm_answers_on_every_road(site: &Site) {
    for which in [Road::PortForward, Road::Proxy, Road::Auto] {
        let road = site.road(which, None).await;
        let health = road.send(get_request("/healthz")).await.expect("an answer");
        assert_eq!(health.status(), 200, "{which:?}");
        // A session route: it tells whether the auth string arrived.
        let apps = road.send(get_request("/api/v1/apps")).await.expect("an answer");
        assert_eq!(apps.status(), 200, "{which:?}");
        assert!(text(apps).await.contains(&site.slug), "{which:?}");
    }
}

async fn a_wrong_auth_string_is_refused(site: &Site) {
    for which in [Road::PortForward, Road::Proxy] {
        let road = site.road(which, Some(FORGED)).await;
        let apps = road.send(get_request("/api/v1/apps")).await.expect("an answer");
        assert_eq!(apps.status(), 401, "{which:?}");
    }
    // The secret of a real installation is left alone.
    if site.forge_secret(FORGED) {
        let ran = site.deploy("auto").await;
        assert_eq!((ran.status, &ran.report["outcome"]), (Some(1), &"rejected".into()), "{ran:#?}");
        assert!(ran.report["error"].to_string().contains("auth string"), "{ran:#?}");
    }
}

async fn nobody_may_do_nothing(site: &Site) {
    let before = site.versions().await;
    let ran = site.deploy_with(&["--as", NOBODY]).await;
    assert_eq!((ran.status, &ran.report["outcome"]), (Some(1), &"rejected".into()), "{ran:#?}");
    assert!(ran.report["error"].to_string().contains("forbidden"), "{ran:#?}");
    assert_eq!(site.versions().await, before);
}

async fn a_refused_upload_is_answered(site: &Site) {
    for which in [Road::PortForward, Road::Proxy] {
        let road = site.road(which, None).await;
        for _ in 0..5 {
            // More than the buffers on the way hold together.
            let request = post_request("/api/v1/app/no-such-app/upstream/update", 256);
            let answer = road.send(request).await.expect("an answer");
            let status = answer.status();
            assert!(status.is_client_error() || status.is_server_error(), "{which:?}: {status}");
            text(answer).await;
        }
    }
}

async fn an_interrupted_run_is_finished_by_the_next(site: &Site) {
    let before = site.versions().await.len();
    // Where nothing moves, the run can only be interrupted; on a real cluster it may be faster.
    site.fake_only(|it| it.kube.switches().tunnels.push_back(Fault::Stall { after_bytes: 1 }));
    let running = site.begin("port-forward").await;
    running.interrupt();
    let ran = running.end().await;
    site.fake_only(|_| assert_eq!(ran.status, Some(4), "{ran:#?}"));
    assert!([Some(0), Some(4)].contains(&ran.status), "{ran:#?}");
    site.deploy("port-forward").await.expect_there();
    let after = site.versions().await;
    // The update and its config values are a version each, as with the original.
    assert!(after.len() <= before + 2, "{after:?}");
    site.deploy("port-forward").await.expect_unchanged();
    assert_eq!(site.versions().await, after);
}

async fn lost_connections_end_in_the_same_state(site: &Site) {
    let before = site.versions().await.len();
    if !site.disturb().await {
        skipped::skipped!("KOTS_TEST_DISRUPT is not 1, so the pod is left alone");
        return;
    }
    let ran = site.deploy("auto").await;
    ran.expect_there();
    assert!(site.versions().await.len() <= before + 2);
    site.fake_only(|it| {
        assert!(ran.messages.contains("using the API server's proxy instead"), "{ran:#?}");
        assert!(it.kube.seen().tunnels.iter().any(|pod| pod == "kotsadm-1"));
        assert!(it.kube.seen().proxied.iter().all(|pod| pod == "kotsadm-1"));
    });
}

async fn an_upgrade_and_again(site: &Site) {
    site.deploy("port-forward").await.expect_there();
    site.fake_only(|it| {
        assert!(it.kube.seen().tunnels.len() > 5);
        assert!(it.kube.seen().proxied.is_empty());
    });
    let after = site.versions().await;
    for transport in ["proxy", "port-forward", "auto"] {
        site.deploy(transport).await.expect_unchanged();
        assert_eq!(site.versions().await, after, "{transport}");
    }
    site.fake_only(|it| {
        assert!(!it.kube.seen().proxied.is_empty());
        assert_eq!(after, ["2 2", "1 2", "0 1"]);
    });
}

async fn a_bundle_and_again(site: &Site) {
    an_upgrade_and_again(site).await;
}

async fn a_bundle_through_the_proxy(site: &Site) {
    site.deploy("proxy").await.expect_there();
    site.fake_only(|it| {
        assert!(it.kube.seen().tunnels.is_empty());
        assert!(it.kube.seen().proxied.len() > 5);
    });
}
