//! Connections cut at every request, gateways in between, restarts: after running again the end is the same.

use std::time::Duration;

use crate::harness::{AIRGAPPED, Console, ONLINE, wait_until};
use crate::proxy::{Fault, Proxy};

/// Which requests a fault is done to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Every,
    Changes,
}

/// Does `fault` to each request in turn; the run goes on by itself and the end is the same.
fn each_request(make: fn() -> Console, args: &[&str], which: At, fault: Fault) {
    let console = make();
    let proxy = Proxy::before(&console, false);
    console.kots_at(&proxy.url(), args).assert(0);
    let mut versions = console.versions();
    versions.sort();
    for (at, request) in proxy.seen().iter().enumerate() {
        if which == At::Changes && request.line.starts_with("GET ") {
            continue;
        }
        let console = make();
        let proxy = Proxy::before(&console, false);
        proxy.fault(at, fault);
        let ran = console.kots_at(&proxy.url(), args);
        assert_eq!(ran.status, Some(0), "{fault:?} at request {at}: {}", ran.whole());
        let mut found = console.versions();
        found.sort();
        assert_eq!(found, versions, "{fault:?} at request {at}: {}", ran.whole());
    }
}

#[test]
fn cut_before_the_server_has_it() {
    each_request(Console::with_first_version, &ONLINE, At::Changes, Fault::CutBefore);
}

#[test]
fn cut_before_the_answer() {
    each_request(Console::with_first_version, &ONLINE, At::Every, Fault::CutAfter);
}

#[test]
fn cut_before_the_answer_of_an_upload() {
    each_request(Console::with_first_version_airgapped, &AIRGAPPED, At::Changes, Fault::CutAfter);
}

#[test]
fn a_gateway_answers_in_its_place() {
    each_request(Console::with_first_version, &ONLINE, At::Changes, Fault::GatewayBefore);
    each_request(Console::with_first_version, &ONLINE, At::Changes, Fault::GatewayAfter);
}

/// A gateway without its server for half a minute, in real time, from each kind of request on, before our kotsadm and
/// before one that looks like the original: the client waits, and the end is the same.
#[test]
fn a_burst_of_half_a_minute() {
    const BURST: Duration = Duration::from_secs(30);
    let outcome = |strip: bool, begins: &'static str| {
        let clean = Console::with_first_version();
        let proxy = Proxy::before(&clean, strip);
        clean.kots_at(&proxy.url(), &ONLINE).assert(0);
        let console = Console::with_first_version();
        let proxy = Proxy::before(&console, strip);
        proxy.burst(begins, BURST);
        let ran = console.kots_at(&proxy.url(), &ONLINE);
        assert_eq!(ran.status, Some(0), "{begins}, stripped {strip}: {}", ran.whole());
        assert!(ran.stderr.contains("502"), "{begins}, stripped {strip}: {}", ran.whole());
        assert_eq!(console.versions(), clean.versions(), "{begins}, stripped {strip}");
    };
    std::thread::scope(|scope| {
        for strip in [false, true] {
            for begins in ["GET /healthz", "PUT ", "/upstream/update", "/config/values", "/status"]
            {
                scope.spawn(move || outcome(strip, begins));
            }
        }
    });
}

#[test]
fn a_restart_is_waited_for_and_told() {
    let console = Console::with_first_version();
    let mut command = console.command(&console.url(), &ONLINE);
    console.stop();
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = child;
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    assert!(line.contains("does not answer") && line.contains("waiting up to"), "{line}");
    console.begin();
    wait_until("the end of kots", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_server_that_never_comes_back_is_named() {
    let console = Console::with_first_version();
    console.stop();
    let args: Vec<&str> =
        ONLINE.into_iter().chain(["--timeout", "1s", "--output", "json"]).collect();
    let ran = console.kots(&args);
    ran.assert(4);
    let document = ran.document();
    assert_eq!(document["outcome"], "unknown");
    let error = document["error"].to_string();
    assert!(error.contains(&console.address.to_string()), "{error}");
}
