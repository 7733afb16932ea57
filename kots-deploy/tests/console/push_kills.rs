//! `kots admin-console push-images`, killed at random points: what is there in the end is what an undisturbed push leaves,
//! and nothing that the registry had confirmed was sent again.
//!
//! `KOTS_TEST_PUSH_KILLS` says how often; 40 when it does not.

use std::process::{Child, Command, Stdio};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sample::docker_registry::Server;

use crate::harness::{Console, bare, bundle, run, wait_until};
use crate::images::{expected, images, tags};

fn kills() -> u64 {
    std::env::var("KOTS_TEST_PUSH_KILLS").ok().and_then(|it| it.parse().ok()).unwrap_or(40)
}

#[test]
fn a_push_that_is_killed_anywhere_ends_as_one_that_is_not() {
    let Some(server) = Server::plain() else { return };
    let console = Console::start();
    let images = images();
    let mut spec = bundle("1.1.0").edit(|it| images.list(it));
    spec.images = Some(images.clone());
    spec.write(&console.path("images.airgap")).unwrap();
    let folder = console.path("");
    let push = |namespace: &str| -> Command {
        let registry = format!("127.0.0.1:{}/{namespace}", server.port());
        let args =
            ["admin-console", "push-images", "images.airgap", &registry, "--registry-plain-http"];
        bare(&folder, &args)
    };
    let before = server.requests();
    run(push("calm")).assert(0);
    let all = server.requests() - before;
    assert!(all > 20, "{all} requests");

    let mut random = StdRng::seed_from_u64(7);
    let mut killed = 0;
    for round in 0..kills() {
        let namespace = format!("round-{round}");
        for _ in 0..random.random_range(1..4) {
            let until = server.requests() + random.random_range(0..all + 4);
            killed += usize::from(kill_after(push(&namespace), || server.requests() >= until));
        }
        run(push(&namespace)).assert(0);
        let mut there = tags(&server);
        there.retain(|path, _| path.starts_with(&format!("{namespace}/")));
        assert_eq!(there, expected(&images, &namespace), "round {round}");
    }
    assert!(killed > 0);
    let twice: Vec<_> = server.confirmed().into_iter().filter(|it| it.1 > 1).collect();
    assert!(twice.is_empty(), "sent although it was confirmed: {twice:?}");
    for hex in images.manifests.values() {
        let ours = images.manifest(hex);
        assert_eq!(server.blob(hex).as_deref(), ours);
    }
}

/// Kills a run as soon as `until` says so; whether it was still running.
fn kill_after(mut command: Command, until: impl Fn() -> bool) -> bool {
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut ended = false;
    wait_until("the moment to kill", || {
        ended = child.try_wait().unwrap().is_some();
        ended || until()
    });
    let _ = child.kill();
    child.wait().unwrap();
    !ended
}
