//! Many clients at once: everybody gets every answer, and the memory stays small.

use std::io::{BufRead as _, BufReader};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::json;

use crate::harness::Site;
use crate::walks::values;

/// Clients that poll, and clients that follow the stream.
const POLLING: usize = 150;
const STREAMING: usize = 50;
/// The most memory the process may ever have had, in KiB: 64 MiB.
const RESIDENT_KIB: u64 = 64 << 10;

#[test]
fn two_hundred_clients_follow_an_upgrade() {
    let site = Site::installed();
    let manager = Arc::new(site.start("upgrade", "linux").login());
    manager.patch_values(&values()).ok();
    manager.post("/app-preflights/run", &json!({})).ok();
    manager.ended("/app-preflights/status");

    let is_over = Arc::new(AtomicBool::new(false));
    let times_ms = Arc::new(Mutex::new(Vec::new()));
    let polling = (0..POLLING).map(|_| {
        let (manager, is_over) = (Arc::clone(&manager), Arc::clone(&is_over));
        let times_ms = Arc::clone(&times_ms);
        std::thread::spawn(move || {
            // A browser keeps its connection.
            let http = reqwest::blocking::Client::builder()
                .danger_accept_invalid_certs(true)
                .no_proxy()
                .build()
                .unwrap();
            let url = format!("{}{}/app/status", manager.url, manager.prefix);
            while !is_over.load(Ordering::Relaxed) {
                let start = Instant::now();
                let answer = http.get(&url).bearer_auth(&manager.token).send().unwrap();
                assert_eq!(answer.status(), 200);
                answer.bytes().unwrap();
                times_ms.lock().unwrap().push(start.elapsed().as_millis());
                std::thread::sleep(std::time::Duration::from_millis(500));
            }
        })
    });
    let polling: Vec<_> = polling.collect();
    let streaming = (0..STREAMING).map(|_| {
        let manager = Arc::clone(&manager);
        std::thread::spawn(move || {
            let request = manager.http.get(format!("{}/api/events", manager.url));
            let response = request.bearer_auth(&manager.token).send().unwrap();
            let mut last = 0;
            for line in BufReader::new(response).lines() {
                let line = line.unwrap();
                if let Some(id) = line.strip_prefix("id: ") {
                    let id: i64 = id.parse().unwrap();
                    assert_eq!(id, last + 1, "no event is left out");
                    last = id;
                }
                if line.contains(r#""state":"Succeeded""#) && line.contains(r#""kind":"state""#) {
                    return;
                }
            }
            panic!("the stream ended before the run");
        })
    });
    let streaming: Vec<_> = streaming.collect();
    manager.post("/app/upgrade", &json!({})).ok();
    for thread in streaming {
        thread.join().unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    for thread in polling {
        thread.join().unwrap();
    }
    let mut times_ms = times_ms.lock().unwrap().clone();
    times_ms.sort_unstable();
    assert!(POLLING <= times_ms.len());
    let at = |share: usize| times_ms[(times_ms.len() - 1) * share / 100];
    eprintln!("{} answers in {} ms at p50, {} at p99", times_ms.len(), at(50), at(99));
    let peak = manager.peak_kib();
    assert!(peak < RESIDENT_KIB, "{peak} KiB were resident");
}
