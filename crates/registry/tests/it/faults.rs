//! Pushes through everything that goes wrong on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::Method;
use registry::push::{Options, PushError};
use registry::{Fault, push};
use tokio::time::{Duration, Instant};

use crate::images::mixed;
use crate::proxy::{Disturb, Proxy};
use crate::push::{assert_there, options, push_to};
use crate::server::{Server, Setup, client, endpoint};
use crate::watch::Watch;

#[tokio::test(flavor = "multi_thread")]
async fn one_request_in_ten_is_disturbed() {
    let Some(server) = Server::plain() else { return };
    for seed in 0..4 {
        let namespace = format!("seed-{seed}");
        let proxy = Proxy::disturbing(server.port(), seed).await;
        let (images, watch) = (mixed(100 + seed), Watch::new());
        let pushed = push_to(proxy.port, &namespace, &images, options(), &watch).await;
        let pushed = pushed.unwrap_or_else(|it| panic!("{it:?}"));
        assert_eq!(pushed.pushed, 9);
        assert_there(&server, &namespace, &images);
        assert!(proxy.with(|it| it.disturbed) > 10);
        assert!(watch.with(|it| it.waits) > 0);
        // What the registry has confirmed is never sent again.
        assert!(proxy.with(|it| it.confirmed.values().all(|it| *it == 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_is_killed_and_started_again() {
    let Some(mut server) = Server::plain() else { return };
    let images = mixed(7);
    let (begun, watch) = (Arc::new(AtomicBool::new(false)), Watch::new());
    let seen = Arc::clone(&begun);
    let decide = move |method: &Method, _: &str, _: usize| {
        if *method == Method::PATCH {
            seen.store(true, Ordering::Relaxed);
        }
        Disturb::Pass
    };
    let proxy = Proxy::start(server.port(), Arc::new(decide)).await;
    let pushing = push_to(proxy.port, "ns", &images, options(), &watch);
    let killing = async {
        while !begun.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
        server.kill();
        // Until the push has noticed.
        while watch.with(|it| it.waits) == 0 {
            tokio::task::yield_now().await;
        }
        server.restart();
    };
    let (pushed, ()) = tokio::join!(pushing, killing);
    assert_eq!(pushed.expect("pushed").pushed, 9);
    assert_there(&server, "ns", &images);
    assert!(proxy.with(|it| it.confirmed.values().all(|it| *it == 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_at_once() {
    let Some(server) = Server::plain() else { return };
    let decide = |method: &Method, _: &str, _: usize| match *method {
        Method::PATCH | Method::PUT => Disturb::Answer(507),
        _ => Disturb::Pass,
    };
    let proxy = Proxy::start(server.port(), Arc::new(decide)).await;
    let (images, watch) = (mixed(8), Watch::new());
    let error = push_to(proxy.port, "ns", &images, options(), &watch).await.expect_err("full");
    let PushError::Images { failed, total: 9 } = &error else { panic!("{error:?}") };
    assert_eq!(failed.len(), 9);
    assert!(failed.iter().all(|it| it.reason.contains("registry has no space left")), "{failed:?}");
    assert_eq!(watch.with(|it| it.waits), 0);
    assert!(!error.passes());
}

/// A disk of the real registry that runs full while it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_is_told_and_what_was_there_stays() {
    let setup = Setup { disk_mib: Some(8), ..Setup::default() };
    let Some(server) = Server::start(setup) else { return };
    let mut images = crate::images::Images::new(14);
    let small = images.blob(1 << 20);
    let manifest = images.docker(vec![small]);
    images.image("quay.io/org/small:1", vec![manifest]);
    push_to(server.port(), "ns", &images, options(), &Watch::new()).await.expect("it fits");
    let large = images.blob(20 << 20);
    let manifest = images.docker(vec![large]);
    images.image("quay.io/org/large:1", vec![manifest]);
    let watch = Watch::new();
    let error = push_to(server.port(), "ns", &images, options(), &watch).await.expect_err("full");
    let PushError::Images { failed, total: 2 } = &error else { panic!("{error:?}") };
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].destination.repository, "ns/large");
    assert!(failed[0].reason.contains("registry has no space left"), "{failed:?}");
    assert!(error.hint().starts_with("make room in the registry"), "{}", error.hint());
    assert_eq!(watch.with(|it| it.waits), 0);
    // Its storage is only seen by itself.
    let there = client(&endpoint(server.port(), "ns")).manifest("ns/small", "1").await;
    assert!(there.expect("it answers").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_no_lack_of_permission() {
    let Some(server) = Server::plain() else { return };
    let decide = |method: &Method, _: &str, _: usize| match *method {
        Method::PATCH | Method::PUT => Disturb::Answer(403),
        _ => Disturb::Pass,
    };
    let proxy = Proxy::start(server.port(), Arc::new(decide)).await;
    let error =
        push_to(proxy.port, "ns", &mixed(15), options(), &Watch::new()).await.expect_err("full");
    let PushError::Images { failed, .. } = &error else { panic!("{error:?}") };
    let told = |it: &push::FailedImage| {
        it.reason.contains("no space left") && it.reason.contains("upper limit of 10.0 MiB")
    };
    assert!(failed.iter().all(told), "{failed:?}");
    assert!(error.hint().contains("quota"), "{}", error.hint());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_only_reads_is_found_out_before_the_first_byte() {
    let setup = Setup { read_only: true, ..Setup::default() };
    let Some(server) = Server::start(setup) else { return };
    let proxy = Proxy::counting(server.port()).await;
    let error =
        push_to(proxy.port, "ns", &mixed(9), options(), &Watch::new()).await.expect_err("no");
    let PushError::Images { failed, .. } = &error else { panic!("{error:?}") };
    assert!(
        failed.iter().all(|it| it.reason.starts_with("no permission to push to")),
        "{failed:?}"
    );
    assert_eq!(proxy.with(|it| it.uploaded), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_is_waited_for_until_the_deadline() {
    let endpoint = endpoint(1, "ns");
    let images = mixed(10);
    let deadline = Some(Instant::now() + Duration::from_secs(3));
    let options = Options { deadline, ..options() };
    let watch = Watch::new();
    let source = Arc::new(images.source());
    let error =
        push(client(&endpoint), images.plan(&endpoint), source, options, Arc::clone(&watch) as _)
            .await
            .expect_err("nobody is there");
    let PushError::Access(fault @ Fault::GivenUp { .. }) = &error else { panic!("{error:?}") };
    assert!(matches!(fault.root(), Fault::Transport { .. }), "{error:?}");
    assert!(error.passes());
    assert!(watch.with(|it| it.waits) >= 2);
}

/// A part that got through and whose answer was lost is asked about, and a push that was dropped is continued where it
/// was, by the part.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_push_is_continued_by_the_part() {
    let Some(server) = Server::plain() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let memory = Some(folder.path().join("push.jsonl"));
    let mut images = crate::images::Images::new(11);
    let layer = images.blob(2_000_000);
    let manifest = images.docker(vec![layer.clone()]);
    images.image("quay.io/org/app:1", vec![manifest]);
    // From the 20th part on nothing gets through.
    let parts = std::sync::atomic::AtomicUsize::new(0);
    let decide = move |method: &Method, _: &str, _: usize| {
        let at = if *method == Method::PATCH { parts.fetch_add(1, Ordering::Relaxed) } else { 0 };
        if at < 20 { Disturb::Pass } else { Disturb::ResetBefore }
    };
    let proxy = Proxy::start(server.port(), Arc::new(decide)).await;
    let options = Options { memory: memory.clone(), parallelism: 1, ..options() };
    let watch = Watch::new();
    {
        let pushing = push_to(proxy.port, "ns", &images, options.clone(), &watch);
        tokio::pin!(pushing);
        loop {
            tokio::select! {
                end = &mut pushing => panic!("{end:?}"),
                () = tokio::task::yield_now() => {}
            }
            if watch.with(|it| it.waits) > 2 {
                break;
            }
        }
    }
    let before = proxy.with(|it| it.uploaded);
    assert_eq!(before, 20 * (64 << 10));
    // The place of the upload names the proxy: a registry says the name it was asked by.
    let text = std::fs::read_to_string(memory.as_ref().expect("one")).expect("remembered");
    let text = text.replace(&format!(":{}", proxy.port), &format!(":{}", server.port()));
    std::fs::write(memory.as_ref().expect("one"), text).expect("written");
    let pushed = push_to(server.port(), "ns", &images, options, &Watch::new()).await.expect("ok");
    assert_there(&server, "ns", &images);
    let config = images.size() - layer.size;
    assert_eq!(pushed.sent, images.size() - before, "only the rest, and the config of {config}");
}
