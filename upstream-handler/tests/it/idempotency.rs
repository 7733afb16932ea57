//! `Idempotency-Key`: a lost answer never makes a second version.

use reqwest::Method;
use sample::license::Builder;
use serde_json::{Value, json};

use super::harness::{APP, Answer, Site, update_path, values_body};

async fn keyed(site: &Site, key: &str, path: &str, body: &Value) -> Answer {
    let request = site.request(Method::POST, path).header("Idempotency-Key", key);
    Answer::of(request.json(body)).await
}

#[tokio::test]
async fn the_same_request_again_is_the_same_answer() {
    let mut site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = format!("{APP}/config/values");
    let body = values_body(sample::config_values(), true);
    let first = keyed(&site, "one", &path, &body).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let first = first.ok();
    let second = keyed(&site, "one", &path, &body).await;
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(second.ok(), first);
    site.wait_for(1, "deployed").await;
    site.kill();
    site.start();
    assert_eq!(keyed(&site, "one", &path, &body).await.ok(), first);
    assert_eq!(site.history().await.len(), 2);

    let other = keyed(&site, "one", &path, &values_body(sample::config_values(), false)).await;
    assert_eq!(other.error(), "422 this Idempotency-Key was used for another request");
    let elsewhere = keyed(&site, "one", &update_path(), &json!({})).await;
    assert_eq!(elsewhere.status, 422);
    // without a key it is another change, unless these very values are deployed
    site.post(&path, &body).await.ok();
    assert_eq!(site.history().await.len(), 2);
    site.post(&path, &values_body(sample::config_values(), false)).await.ok();
    assert_eq!(site.history().await.len(), 3);
}

#[tokio::test]
async fn at_the_same_time() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = format!("{APP}/config/values");
    let body = values_body(sample::config_values(), false);
    let (a, b, c) = tokio::join!(
        keyed(&site, "k", &path, &body),
        keyed(&site, "k", &path, &body),
        keyed(&site, "other", &path, &body),
    );
    let (a, b, c) = (a.ok(), b.ok(), c.ok());
    assert_eq!(a, b);
    assert_ne!(a, c);
    assert_eq!(site.history().await.len(), 3);
}

#[tokio::test]
async fn a_refused_request_is_tried_again() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = format!("{APP}/upstream/update?channelSequence=2");
    let mirror = site.folder.path().join("mirror/sample-app/releases/1.1.0.tar.gz");
    let bytes = std::fs::read(&mirror).unwrap();
    std::fs::remove_file(&mirror).unwrap();
    let first = keyed(&site, "k", &path, &json!({})).await;
    assert_eq!(first.status, 500);
    std::fs::write(&mirror, bytes).unwrap();
    let second = keyed(&site, "k", &path, &json!({})).await.ok();
    assert_eq!(second["sequence"], 1);
    let third = keyed(&site, "k", &path, &json!({})).await.ok();
    assert_eq!(third, second);
}

#[tokio::test]
async fn many_at_once_get_different_numbers() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let body = values_body(sample::config_values(), false);
    let path = format!("{APP}/config/values");
    let answers = futures::future::join_all((0..8).map(|_| site.post(&path, &body))).await;
    let mut sequences: Vec<i64> =
        answers.into_iter().map(|it| it.ok()["sequence"].as_i64().unwrap()).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=8).collect::<Vec<_>>());
}

/// A client that goes away before the answer: what it asked for is finished, and asking again with
/// the same key finds that.
#[tokio::test]
async fn an_answer_nobody_waits_for() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let path = format!("{APP}/config/values");
    let body = values_body(sample::config_values(), true);
    let text = body.to_string();
    let addr = site.url("").strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
        site.auth(),
        text.len()
    );
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    site.wait_for(1, "deployed").await;
    drop(stream);
    let again = keyed(&site, "k", &path, &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.ok()["sequence"], 1);
    assert_eq!(site.history().await.len(), 2);
}

#[tokio::test]
async fn an_installation_is_answered_again() {
    let site = Site::new();
    let body = json!({
        "licenseData": Builder::new().yaml(),
        "configValues": super::harness::base64(sample::config_values().as_bytes()),
    });
    let first = keyed(&site, "k", "/api/v1/license", &body).await.ok();
    assert_eq!(first["isConfigurable"], true);
    let second = keyed(&site, "k", "/api/v1/license", &body).await.ok();
    assert_eq!(first, second);
}

/// Two runs that know nothing of one another, and so have different keys or none.
#[tokio::test]
async fn the_same_values_deployed_twice_are_one_version() {
    let site = Site::new();
    site.install(&Builder::new().yaml()).await;
    let body = values_body(sample::config_values(), true);
    let path = format!("{APP}/config/values");
    let answers = futures::future::join_all((0..4).map(|_| site.post(&path, &body))).await;
    for answer in answers {
        assert_eq!(answer.ok()["sequence"], 1);
    }
    site.wait_for(1, "deployed").await;
    assert_eq!(site.post(&path, &body).await.ok()["sequence"], 1);
    assert_eq!(site.history().await.len(), 2);
}
