//! Uploads that are cut, foreign or made to hurt: a clear answer, nothing changed, nothing left.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;

use super::harness::{
    Answer, BOUNDARY, CONTENT_TYPE, Site, UPDATE, bundle_parts, files, multipart, part_head,
};

async fn site() -> Site {
    let site = Site::new();
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;
    site
}

async fn send(site: &Site, content_type: &str, body: Vec<u8>) -> String {
    let request = site.request(Method::POST, UPDATE).header("Content-Type", content_type);
    Answer::of(request.body(body)).await.error()
}

async fn untouched(site: &Site) {
    assert_eq!(site.history().await, ["0 Airgap Install 1.0.0 deployed"]);
    assert_eq!(files(&site.state().join("tmp")), Vec::<String>::new());
}

#[tokio::test]
async fn forms_that_are_not_a_bundle() {
    let site = site().await;
    let (yaml, app) = bundle_parts(&BundleSpec::sample("1.1.0").unwrap());
    let form = async |parts: &[(&str, &[u8])]| {
        Answer::of(multipart(site.request(Method::POST, UPDATE), parts)).await.error()
    };
    assert_eq!(
        form(&[("../../etc/passwd", b"x")]).await,
        "400 the part `../../etc/passwd` is not allowed here: expected airgap.yaml, configValues, app.tar.gz"
    );
    assert_eq!(
        form(&[("app.tar.gz", &app), ("airgap.yaml", &yaml)]).await,
        "400 the part `airgap.yaml` must come before `app.tar.gz`"
    );
    assert_eq!(form(&[("airgap.yaml", &yaml)]).await, "400 the part `app.tar.gz` is missing");
    assert_eq!(
        form(&[("airgap.yaml", &yaml), ("airgap.yaml", &yaml)]).await,
        "400 the part `airgap.yaml` came twice"
    );
    assert_eq!(
        form(&[("airgap.yaml", &yaml), ("app.tar.gz", b"")]).await,
        "400 the part `app.tar.gz` is empty"
    );
    assert_eq!(form(&[]).await, "400 the part `airgap.yaml` must come before `app.tar.gz`");
    let big = vec![b' '; (16 << 20) + 1];
    assert_eq!(
        form(&[("airgap.yaml", &big)]).await,
        "413 the part `airgap.yaml` is larger than 16777216 bytes"
    );
    assert_eq!(
        send(&site, "multipart/form-data", vec![]).await,
        "400 the Content-Type has no boundary of 1 to 70 characters"
    );
    assert_eq!(
        send(&site, CONTENT_TYPE, b"no form".to_vec()).await,
        "400 the multipart body does not start with its boundary"
    );
    let mut cut = part_head("airgap.yaml").into_bytes();
    cut.extend_from_slice(&yaml);
    assert_eq!(
        send(&site, CONTENT_TYPE, cut).await,
        "400 the multipart body ends before its last boundary"
    );
    let mut long_head = format!("--{BOUNDARY}\r\nX: ").into_bytes();
    long_head.extend(vec![b'a'; 1 << 20]);
    assert_eq!(
        send(&site, CONTENT_TYPE, long_head).await,
        "400 the head of a part is longer than 16384 bytes"
    );
    untouched(&site).await;
}

#[tokio::test]
async fn releases_that_are_not_one() {
    let site = site().await;
    let (yaml, app) = bundle_parts(&BundleSpec::sample("1.1.0").unwrap());
    let update = async |app: &[u8]| {
        let parts = [("airgap.yaml", yaml.as_slice()), ("app.tar.gz", app)];
        Answer::of(multipart(site.request(Method::POST, UPDATE), &parts)).await.error()
    };
    for hostile in [&app[..app.len() / 2], b"not gzip", &app[..20]] {
        let error = update(hostile).await;
        assert!(
            error.starts_with(
                "500 failed to process the airgap bundle: failed to extract app files: "
            ),
            "{error}"
        );
    }
    untouched(&site).await;
    // only what the versions name is kept
    assert_eq!(files(&site.state().join("archives")).len(), 2);
}

/// The server says no after the first part; a client that has sent 32 MiB more reads the answer.
#[tokio::test]
async fn an_early_refusal_is_read() {
    let site = site().await;
    let spec = BundleSpec::sample("1.1.0").unwrap().edit(|it| it.app_slug = "other".into());
    let (yaml, _) = bundle_parts(&spec);
    let addr = site.url("").strip_prefix("http://").unwrap().to_owned();
    let auth = site.auth();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!(
            "POST {UPDATE} HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\n\
             Content-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\n\r\n",
            1u64 << 40
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(part_head("airgap.yaml").as_bytes()).unwrap();
        stream.write_all(&yaml).unwrap();
        stream.write_all(b"\r\n").unwrap();
        stream.write_all(part_head("app.tar.gz").as_bytes()).unwrap();
        let block = vec![0; 1 << 20];
        for _ in 0..32 {
            if stream.write_all(&block).is_err() {
                break;
            }
        }
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("airgap package for app"), "{answer}");
    untouched(&site).await;
}

/// A client that goes away in the middle leaves nothing behind.
#[tokio::test]
async fn an_upload_that_breaks_off() {
    let site = site().await;
    let (yaml, _) = bundle_parts(&BundleSpec::sample("1.1.0").unwrap());
    let addr = site.url("").strip_prefix("http://").unwrap().to_owned();
    let auth = site.auth();
    let mut stream = TcpStream::connect(addr).unwrap();
    let head = format!(
        "POST {UPDATE} HTTP/1.1\r\nHost: x\r\nAuthorization: {auth}\r\n\
         Content-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\n\r\n",
        1u64 << 30
    );
    let stream = tokio::task::spawn_blocking(move || {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(part_head("airgap.yaml").as_bytes()).unwrap();
        stream.write_all(&yaml).unwrap();
        stream.write_all(b"\r\n").unwrap();
        stream.write_all(part_head("app.tar.gz").as_bytes()).unwrap();
        stream.write_all(&vec![0; 3 << 20]).unwrap();
        stream
    })
    .await
    .unwrap();
    let until = async |is_empty: bool| {
        let start = std::time::Instant::now();
        while files(&site.state().join("tmp")).is_empty() != is_empty {
            assert!(start.elapsed() < Duration::from_secs(20), "waited for empty: {is_empty}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(false).await;
    drop(stream);
    until(true).await;
    untouched(&site).await;
}
