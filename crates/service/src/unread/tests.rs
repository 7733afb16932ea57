use axum::http::StatusCode;
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::connections::{Limits, accept};

const LIMITS: Limits = Limits {
    connections: 4,
    drain: Duration::from_millis(1),
    read_buffer: 16 << 10,
    half_close: false,
};

/// A connection to a server that refuses `/refuse` for its head, and reads all of `/read`.
async fn connect() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new()
        .route("/refuse", post(|| async { (StatusCode::UNAUTHORIZED, "who are you") }))
        .route("/read", post(|body: Bytes| async move { body.len().to_string() }));
    tokio::spawn(accept(listener, None, router, LIMITS, CancellationToken::new()));
    TcpStream::connect(address).await.expect("it listens")
}

/// The head of an answer, in lower case, and its body, which has `n_body` bytes.
async fn answered(stream: &mut TcpStream, n_body: usize) -> (String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("an answer"));
    }
    let mut body = vec![0; n_body];
    stream.read_exact(&mut body).await.expect("all of the answer");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(head).to_lowercase(), text(body))
}

async fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.expect("it is taken");
}

#[tokio::test]
async fn a_little_that_is_left_is_read_and_the_connection_goes_on() {
    let mut stream = connect().await;
    for head in ["Content-Length: 6\r\n", "Transfer-Encoding: chunked\r\n"] {
        send(&mut stream, &format!("POST /refuse HTTP/1.1\r\nHost: x\r\n{head}\r\n")).await;
        // What comes after the head comes by itself.
        stream.flush().await.expect("it is sent");
        tokio::task::yield_now().await;
        let body = if head.starts_with('C') { "abcdef" } else { "6\r\nabcdef\r\n0\r\n\r\n" };
        send(&mut stream, body).await;
        let (head, body) = answered(&mut stream, 11).await;
        assert!(head.starts_with("http/1.1 401 ") && !head.contains("connection"), "{head}");
        assert_eq!(body, "who are you");
    }
    send(&mut stream, "POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").await;
    assert_eq!(answered(&mut stream, 1).await.1, "3");
}

#[tokio::test]
async fn who_sends_much_before_it_reads_is_told_why_it_was_refused() {
    let mut stream = connect().await;
    let n_bytes = 64 << 20;
    send(
        &mut stream,
        &format!("POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: {n_bytes}\r\n\r\n"),
    )
    .await;
    let part = vec![b'a'; 1 << 20];
    for _ in 0..n_bytes / part.len() {
        stream.write_all(&part).await.expect("it is taken");
    }
    let (head, body) = answered(&mut stream, 11).await;
    assert!(head.contains("connection: close"), "{head}");
    assert_eq!(body, "who are you");
    assert_eq!(stream.read(&mut [0]).await.expect("no broken connection"), 0);
}

#[tokio::test]
async fn who_waits_to_be_asked_for_a_body_is_not_asked_when_it_is_refused() {
    let mut stream = connect().await;
    let head = "HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    send(&mut stream, &format!("POST /read {head}")).await;
    assert!(answered(&mut stream, 0).await.0.starts_with("http/1.1 100 "));
    send(&mut stream, "abc").await;
    assert_eq!(answered(&mut stream, 1).await.1, "3");
    send(&mut stream, &format!("POST /refuse {head}")).await;
    let (head, _) = answered(&mut stream, 11).await;
    assert!(head.starts_with("http/1.1 401 ") && head.contains("connection: close"), "{head}");
    assert_eq!(stream.read(&mut [0]).await.expect("no broken connection"), 0);
}
