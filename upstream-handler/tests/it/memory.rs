//! A large upload is streamed: memory stays small.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use sample::bundle::BundleSpec;
use sample::license::Builder;

use super::harness::{Answer, BOUNDARY, CONTENT_TYPE, Site, UPDATE, part_head};

/// Size of the release that is sent.
const SIZE: u64 = 256 << 20;
/// What the server may use, in KiB.
const MAX_KIB: u64 = 64 << 10;
/// What it may use doing nothing, in KiB, besides the pages of the program itself: those of a build for
/// tests are many, and not of its making.
const MAX_IDLE_KIB: u64 = 16 << 10;

fn field_kib(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_quarter_gibibyte() {
    let site = Site::new();
    let pid = site.server.as_ref().unwrap().id();
    site.get("/healthz").await.ok();
    let idle = field_kib(pid, "RssAnon:");
    assert!(idle < MAX_IDLE_KIB, "idle: {idle} KiB");
    site.install_airgap(&Builder::new().airgap(true).yaml()).await;

    let spec = BundleSpec::sample("1.1.0").unwrap().large(SIZE);
    let path = site.folder.path().join("large.airgap");
    spec.write(&path).unwrap();
    let mut go_on = |_| std::ops::ControlFlow::Continue(());
    let check = airgap::Bundle::check(&path, &airgap::Limits::default(), &mut go_on).unwrap();
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(4);
    let head =
        [part_head("airgap.yaml").as_bytes(), check.airgap_yaml.as_bytes(), b"\r\n"].concat();
    let reading = tokio::task::spawn_blocking({
        move || {
            use std::io::Read as _;
            let send = |bytes: Bytes| sender.blocking_send(bytes);
            send(head.into()).unwrap();
            send(part_head("app.tar.gz").into()).unwrap();
            let mut app = airgap::Bundle::open_app(&path, &check).unwrap();
            let mut block = vec![0; 256 << 10];
            loop {
                let n = app.read(&mut block).unwrap();
                if n == 0 {
                    break;
                }
                send(Bytes::copy_from_slice(&block[..n])).unwrap();
            }
            send(format!("\r\n--{BOUNDARY}--\r\n").into()).unwrap();
        }
    });
    let chunks = futures::stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|it| it.map(Ok::<_, std::io::Error>))
    });
    let start = Instant::now();
    let request = site
        .request(Method::POST, UPDATE)
        .header("Content-Type", CONTENT_TYPE)
        .body(reqwest::Body::wrap_stream(chunks))
        .timeout(Duration::from_mins(5));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    reading.await.unwrap();
    println!("took {:?}", start.elapsed());
    let peak = field_kib(pid, "VmHWM:");
    println!("VmHWM {peak} KiB, idle {idle} KiB");
    assert!(peak < MAX_KIB, "peak: {peak} KiB");
    assert_eq!(Answer::of(site.request(Method::GET, "/healthz")).await.status, 200);
}
