//! What the client makes of servers that fail.

use std::fs;
use std::time::Duration;

use insta::assert_snapshot;
use upstream::{LicenseFormat, PendingQuery, UpstreamError};

use crate::harness::{Faulty, PATIENCE, Turn, answer, identity, stable, told};

/// Plays the turns against a download of release 2; says what came of it and how often it asked.
async fn check(turns: Vec<Turn>) -> (String, usize) {
    check_with(turns, PATIENCE, PATIENCE).await
}

async fn check_with(turns: Vec<Turn>, retry_for: Duration, idle: Duration) -> (String, usize) {
    let server = Faulty::start(turns).await;
    let dir = tempfile::tempdir().expect("a folder");
    let dest = dir.path().join("release.tar.gz");
    let told = match server.client(retry_for, idle).download_release(&stable(2), &dest).await {
        Ok(got) => format!("{} bytes, {}…", got.size, &got.sha256[..8]),
        Err(error) => told(&error, server.addr),
    };
    let left: Vec<_> = fs::read_dir(dir.path())
        .expect("the folder")
        .map(|it| it.expect("an entry").file_name())
        .collect();
    let expected =
        if told.contains(" bytes, ") && dest.exists() { vec!["release.tar.gz"] } else { vec![] };
    assert_eq!(left, expected, "nothing but a whole release may stay");
    (told, server.n_requests())
}

fn good() -> Turn {
    Turn::Say(answer("200 OK", &identity(2, "id-stable"), "release"))
}

fn say(status: &str, headers: &str, body: &str) -> Turn {
    Turn::Say(answer(status, headers, body))
}

#[tokio::test]
async fn a_burst_of_bare_502_is_waited_out() {
    let (told, n) = check(vec![
        say("502 Bad Gateway", "", ""),
        say("503 Service Unavailable", "", "<html>wait</html>"),
        good(),
    ])
    .await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert_eq!(n, 3);
}

#[tokio::test]
async fn a_body_that_ends_early_is_asked_for_again() {
    let cut =
        format!("HTTP/1.1 200 OK\r\n{}Content-Length: 7\r\n\r\nrel", identity(2, "id-stable"));
    let (told, n) = check(vec![Turn::Say(cut.clone().into_bytes()), good()]).await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert_eq!(n, 2);

    let (told, n) = check(vec![Turn::Reset(cut.clone().into_bytes()), good()]).await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert_eq!(n, 2);

    let stall = vec![Turn::Stall(cut.into_bytes()), good()];
    let (told, n) = check_with(stall, PATIENCE, Duration::from_millis(300)).await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert!(2 <= n, "{n}");
}

#[tokio::test]
async fn a_chunked_body_that_ends_early_is_not_taken_for_whole() {
    let cut = format!(
        "HTTP/1.1 200 OK\r\n{}Transfer-Encoding: chunked\r\n\r\n3\r\nrel\r\n",
        identity(2, "id-stable")
    );
    let (told, n) = check(vec![Turn::Say(cut.into_bytes()), good()]).await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert_eq!(n, 2);
}

#[tokio::test]
async fn nothing_but_faults_ends_at_the_deadline() {
    let second = Duration::from_secs(1);
    for (turn, begins) in [
        (Turn::Reset(Vec::new()), "downloading the release got no answer from `ADDR`, "),
        (
            say("504 Gateway Timeout", "", ""),
            "downloading the release got only 504 without a reason from `ADDR`, ",
        ),
    ] {
        let (told, n) = check_with(vec![turn], second, PATIENCE).await;
        assert!(told.starts_with(&format!("{begins}{n} attempt")), "{told}");
        assert!(told.contains("given up after 1 s"), "{told}");
        assert!(n <= 3, "{n}");
    }
}

#[tokio::test]
async fn too_many_requests_waits_as_long_as_it_was_told() {
    let (told, n) =
        check(vec![say("429 Too Many Requests", "Retry-After: 0\r\n", "slow"), good()]).await;
    assert_snapshot!(told, @"7 bytes, a4d451ec…");
    assert_eq!(n, 2);
    let (told, n) = check(vec![say("503 Service Unavailable", "Retry-After: 3600\r\n", "")]).await;
    assert_snapshot!(told, @"downloading the release got only 503 without a reason from `ADDR`, 1 attempt, told to wait 3600 s, which is longer than allowed");
    assert_eq!(n, 1);
}

#[tokio::test]
async fn a_stated_reason_ends_it_at_once_and_is_kept() {
    for (turn, expected) in [
        (
            say("401 Unauthorized", "", ""),
            "downloading the release: `ADDR` does not accept the licence (401)",
        ),
        (
            say("401 Unauthorized", "", "archived"),
            "downloading the release: `ADDR` does not accept the licence (401): archived",
        ),
        (
            say("403 Forbidden", "", ""),
            "downloading the release: `ADDR` does not allow it for this licence (403)",
        ),
        (
            say("403 Forbidden", "", r#"{"error":"not entitled"}"#),
            "downloading the release: `ADDR` does not allow it for this licence (403): not entitled",
        ),
        (
            say("404 Not Found", "", ""),
            "downloading the release: `ADDR` has no `/release/shop` (404)",
        ),
        (
            say("404 Not Found", "", "no such release"),
            "downloading the release: `ADDR` has no `/release/shop` (404): no such release",
        ),
        (
            say("503 Service Unavailable", "", r#"{"error":"closed for maintenance"}"#),
            "downloading the release: `ADDR` answered 503: closed for maintenance",
        ),
        (
            say("500 Oops", "", "line one\nline \u{7}two"),
            "downloading the release: `ADDR` answered 500: line one\nline \u{fffd}two",
        ),
        (say("304 Not Modified", "", ""), "downloading the release: `ADDR` answered 304"),
    ] {
        let (told, n) = check(vec![turn]).await;
        assert_eq!(told, expected);
        assert_eq!(n, 1);
    }
}

#[tokio::test]
async fn another_release_than_asked_for_is_refused() {
    let (told, n) = check(vec![say("200 OK", &identity(3, "id-stable"), "release")]).await;
    assert_snapshot!(told, @"`ADDR` was asked for channel sequence `2` and answered with `3`; nothing was kept of it");
    assert_eq!(n, 1);
    let (told, _) = check(vec![say("200 OK", &identity(2, "id-beta"), "release")]).await;
    assert_snapshot!(told, @"`ADDR` was asked for channel `id-stable` and answered with `id-beta`; nothing was kept of it");
    let (told, _) = check(vec![say("200 OK", "", "<html>please log in</html>")]).await;
    assert_snapshot!(told, @"`ADDR` was asked for channel sequence `2` and answered with `nothing`; nothing was kept of it");
}

#[tokio::test]
async fn an_oversized_release_is_refused_announced_or_not() {
    let (told, n) = check(vec![say("200 OK", &identity(2, "id-stable"), &"x".repeat(1001))]).await;
    assert_snapshot!(told, @"downloading the release: the answer of `ADDR` is larger than the 1000 bytes allowed");
    assert_eq!(n, 1);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\n{}Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        identity(2, "id-stable"),
        "x".repeat(1001)
    );
    let (told, _) = check(vec![Turn::Say(chunked.into_bytes())]).await;
    assert_snapshot!(told, @"downloading the release: the answer of `ADDR` is larger than the 1000 bytes allowed");
}

#[tokio::test]
async fn an_empty_release_is_refused() {
    let (told, _) = check(vec![say("200 OK", &identity(2, "id-stable"), "")]).await;
    assert_snapshot!(told, @"downloading the release: the answer of `ADDR` cannot be used: it is empty, a release was expected");
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let (told, n) = check(vec![say("302 Found", "Location: /again\r\n", "")]).await;
    assert!(told.contains("more than 5 redirects"), "{told}");
    assert_eq!(n, 6);
}

#[tokio::test]
async fn a_failed_download_leaves_the_older_file_alone() {
    let server = Faulty::start(vec![say("403 Forbidden", "", "")]).await;
    let dir = tempfile::tempdir().expect("a folder");
    let dest = dir.path().join("release.tar.gz");
    fs::write(&dest, "older").expect("a file");
    server.patient().download_release(&stable(2), &dest).await.expect_err("refused");
    assert_eq!(fs::read_to_string(&dest).expect("the file"), "older");
}

#[tokio::test]
async fn a_full_disk_is_not_the_vendors_fault() {
    let server = Faulty::start(vec![good()]).await;
    let dir = tempfile::tempdir().expect("a folder");
    let dest = dir.path().join("gone/release.tar.gz");
    let error = server.patient().download_release(&stable(2), &dest).await.expect_err("no folder");
    assert!(matches!(&error, UpstreamError::Disk { operation: "create", .. }), "{error}");
    assert!(!error.is_transport());
}

#[tokio::test]
async fn answers_that_are_not_what_was_asked_for_are_said_so() {
    let server = Faulty::start(vec![say("200 OK", "", " \n")]).await;
    let error = server.patient().license(1, None, LicenseFormat::V1Beta1).await.expect_err("empty");
    assert_snapshot!(told(&error, server.addr), @"fetching the licence: the answer of `ADDR` cannot be used: it is empty, a licence was expected");

    let server = Faulty::start(vec![say("200 OK", "", r#"{"channelReleases":[]}"#)]).await;
    let error = server.patient().pending(&PendingQuery::default()).await.expect_err("no time");
    assert_snapshot!(told(&error, server.addr), @"asking for pending releases: the answer of `ADDR` cannot be used: the header `X-Replicated-UpdateCheckAt` must be a time");

    let time = "X-Replicated-UpdateCheckAt: 2026-01-02T03:04:05Z\r\n";
    let server = Faulty::start(vec![say("200 OK", time, "\"closed\"")]).await;
    let error = server.patient().pending(&PendingQuery::default()).await.expect_err("no list");
    assert!(told(&error, server.addr).starts_with("asking for pending releases: the answer of `ADDR` cannot be used: it is not a list of releases: "));

    let server = Faulty::start(vec![say("200 OK", time, r#"{"channelReleases":null}"#)]).await;
    let pending = server.patient().pending(&PendingQuery::default()).await.expect("an empty list");
    assert!(pending.releases.is_empty());
    assert_eq!(pending.checked_at.to_string(), "2026-01-02T03:04:05Z");
}

#[tokio::test]
async fn the_licence_id_is_in_no_message() {
    let server = Faulty::start(vec![Turn::Reset(Vec::new())]).await;
    let client = server.client(Duration::ZERO, PATIENCE);
    let error = client.license(1, None, LicenseFormat::V1Beta1).await.expect_err("no answer");
    let shown = format!("{client:?} {error:?} {}", told(&error, server.addr));
    assert!(!shown.contains(crate::harness::LICENSE_ID), "{shown}");
}
