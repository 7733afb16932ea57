//! One HTTP/1.1 exchange over one connection, for every road.
//!
//! Invariants:
//! * The answer is read while the request is written. A server may answer early and close; its
//!   answer then still arrives, even when the rest of the request can no longer be written.
//! * The write side is never half-closed: a peer that takes the end of the request for the end of
//!   the connection would drop its answer.
//! * The body flows with back-pressure: nothing is read from it that the connection cannot take.
//!
//! Deliberately absent: timeouts of the whole exchange (the caller drops the future, which closes
//! the connection), keep-alive and retries.

mod patient;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

use self::patient::{Patient, Trace};
use super::{Body, BoxError, Stage, TransportError};

/// How long an answer may take to go on arriving after the peer stopped reading the request.
const AFTER_WRITE_FAILURE: Duration = Duration::from_secs(15);

/// Sends `request` over `io` and returns the response as soon as its head has arrived.
///
/// The request must carry its `Host` header. `Connection: close` is added, since the connection
/// serves one exchange. `peer` names the other side in messages.
///
/// # Errors
///
/// Returns [`Stage::Exchange`] as soon as one byte was handed to `io`, else [`Stage::Connect`].
pub async fn exchange<IO>(
    io: IO,
    request: http::Request<Body>,
    peer: &str,
) -> Result<http::Response<Body>, TransportError>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    exchange_with(io, request, peer, AFTER_WRITE_FAILURE).await
}

async fn exchange_with<IO>(
    io: IO,
    mut request: http::Request<Body>,
    peer: &str,
    after_write_failure: Duration,
) -> Result<http::Response<Body>, TransportError>
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    // An upgrade has its own `Connection` header.
    if !request.headers().contains_key(http::header::UPGRADE) {
        let close = http::HeaderValue::from_static("close");
        request.headers_mut().insert(http::header::CONNECTION, close);
    }

    let trace = Arc::new(Trace::default());
    let io = TokioIo::new(Patient::new(io, Arc::clone(&trace), after_write_failure));
    let (mut sender, connection) = http1::handshake::<_, Body>(io).await.map_err(|error| {
        TransportError::new(
            trace.stage(),
            format!("cannot start an HTTP exchange with {peer}"),
            Some(error.into()),
        )
    })?;
    // The guard lives in this future and then in the response body: dropping either ends the
    // connection at once.
    let driver = Driver(Some(tokio::spawn(async move {
        // Whoever waits for the head or the body of the answer is told of its end by hyper.
        let _ = connection.with_upgrades().await;
    })));

    match sender.send_request(request).await {
        // The upgraded connection outlives this exchange; its driver ends by handing it over.
        Ok(response) if response.status() == http::StatusCode::SWITCHING_PROTOCOLS => {
            driver.detach();
            Ok(response.map(|_| http_body_util::Empty::new().map_err(Into::into).boxed_unsync()))
        }
        Ok(response) => Ok(response
            .map(|incoming| Answer { incoming, driver: Some(driver), trace }.boxed_unsync())),
        Err(error) => Err(TransportError::new(
            trace.stage(),
            match trace.stage() {
                Stage::Exchange => format!("the connection to {peer} broke before it answered"),
                Stage::Connect | Stage::Denied => {
                    format!("the connection to {peer} closed before anything was sent")
                }
            },
            Some(trace.cause(error)),
        )),
    }
}

/// Ends the connection when dropped.
#[derive(Debug)]
struct Driver(Option<JoinHandle<()>>);

impl Driver {
    /// Lets the connection live on.
    fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A response body that keeps its connection alive until it has been read.
struct Answer {
    incoming: hyper::body::Incoming,
    driver: Option<Driver>,
    trace: Arc<Trace>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                self.driver = None;
                Some(Err(self.trace.cause(error)))
            }
            None => {
                self.driver = None;
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::stream;
    use http_body_util::StreamBody;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadBuf};

    use super::*;

    const CHUNK: usize = 16 * 1024;

    /// A body of `chunks` pieces that counts what was asked of it.
    fn upload(chunks: usize, taken: &Arc<AtomicUsize>) -> http::Request<Body> {
        let taken = Arc::clone(taken);
        let pieces = stream::iter(0..chunks).map_taken(taken);
        http::Request::post("/upload")
            .header("host", "kotsadm")
            .header("content-length", (chunks * CHUNK).to_string())
            .body(StreamBody::new(pieces).boxed_unsync())
            .expect("a valid request")
    }

    trait MapTaken: futures::Stream<Item = usize> + Sized + Send + 'static {
        fn map_taken(
            self,
            taken: Arc<AtomicUsize>,
        ) -> impl futures::Stream<Item = Result<Frame<Bytes>, BoxError>> + Send {
            futures::StreamExt::map(self, move |_| {
                taken.fetch_add(1, Ordering::SeqCst);
                Ok(Frame::data(Bytes::from_static(&[7; CHUNK])))
            })
        }
    }

    impl<S: futures::Stream<Item = usize> + Sized + Send + 'static> MapTaken for S {}

    async fn read_head(peer: &mut DuplexStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.read_u8().await.expect("a request head"));
        }
        String::from_utf8(head).expect("text")
    }

    async fn text(response: http::Response<Body>) -> String {
        let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    fn chain(error: &TransportError) -> String {
        let mut text = format!("{:?}: {error}", error.stage);
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    #[tokio::test]
    async fn an_early_answer_survives_a_peer_that_stops_reading_and_closes() {
        let (near, mut far) = tokio::io::duplex(4096);
        let taken = Arc::new(AtomicUsize::new(0));
        let server = tokio::spawn(async move {
            let head = read_head(&mut far).await;
            far.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 7\r\n\r\nrefused")
                .await
                .expect("an answer");
            // Dropping `far` makes every further write of the client fail.
            head
        });
        let response =
            exchange(near, upload(1000, &taken), "kotsadm").await.expect("the early answer");
        assert_eq!(response.status(), 400);
        assert_eq!(text(response).await, "refused");
        assert!(taken.load(Ordering::SeqCst) < 1000, "the body was drained into nothing");
        let head = server.await.expect("the server");
        assert!(head.contains("connection: close"), "{head}");
    }

    #[tokio::test]
    async fn the_answer_is_returned_while_the_body_is_still_being_sent() {
        let (near, mut far) = tokio::io::duplex(4096);
        let taken = Arc::new(AtomicUsize::new(0));
        let (done, wait) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            read_head(&mut far).await;
            far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("answer");
            // Holds the connection open without reading on.
            wait.await.ok();
        });
        let response = exchange(near, upload(1000, &taken), "kotsadm").await.expect("answer");
        assert_eq!(text(response).await, "ok");
        assert!(taken.load(Ordering::SeqCst) < 20, "no back-pressure");
        done.send(()).expect("the server waits");
        server.await.expect("the server");
    }

    #[tokio::test]
    async fn a_peer_that_closes_without_an_answer_is_an_exchange_error() {
        let (near, mut far) = tokio::io::duplex(4096);
        let taken = Arc::new(AtomicUsize::new(0));
        let server = tokio::spawn(async move {
            read_head(&mut far).await;
        });
        let error = exchange(near, upload(1000, &taken), "kotsadm").await.expect_err("no answer");
        insta::assert_snapshot!(chain(&error), @"Exchange: the connection to kotsadm broke before it answered: broken pipe");
        server.await.expect("the server");
    }

    #[tokio::test]
    async fn a_connection_closed_before_a_byte_was_taken_is_a_connect_error() {
        let (near, far) = tokio::io::duplex(4096);
        drop(far);
        let taken = Arc::new(AtomicUsize::new(0));
        let error = exchange(near, upload(1, &taken), "kotsadm").await.expect_err("no answer");
        assert_eq!(error.stage, Stage::Connect, "{}", chain(&error));
    }

    #[tokio::test]
    async fn a_peer_that_neither_reads_nor_answers_is_not_waited_for_for_ever() {
        /// Takes one write, then fails every write and never has anything to read.
        struct Wedged {
            writes: usize,
        }
        impl AsyncRead for Wedged {
            fn poll_read(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Poll::Pending
            }
        }
        impl AsyncWrite for Wedged {
            fn poll_write(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.writes += 1;
                Poll::Ready(if self.writes == 1 {
                    Ok(buf.len())
                } else {
                    Err(io::ErrorKind::ConnectionReset.into())
                })
            }
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
        let taken = Arc::new(AtomicUsize::new(0));
        let patience = Duration::from_millis(5);
        let error = exchange_with(Wedged { writes: 0 }, upload(1000, &taken), "kotsadm", patience)
            .await
            .expect_err("no answer");
        insta::assert_snapshot!(chain(&error), @"Exchange: the connection to kotsadm broke before it answered: connection reset");
    }

    #[tokio::test]
    async fn a_request_body_that_fails_tells_its_own_reason() {
        let (near, mut far) = tokio::io::duplex(4096);
        let body = StreamBody::new(stream::iter([
            Ok(Frame::data(Bytes::from_static(b"abc"))),
            Err::<Frame<Bytes>, BoxError>("app.tar.gz ended early".into()),
        ]));
        let request = http::Request::post("/")
            .header("host", "kotsadm")
            .header("content-length", "100")
            .body(body.boxed_unsync())
            .expect("a valid request");
        let server = tokio::spawn(async move {
            far.read_to_end(&mut Vec::new()).await.ok();
        });
        let error = exchange(near, request, "kotsadm").await.expect_err("no answer");
        assert!(chain(&error).contains("app.tar.gz ended early"), "{}", chain(&error));
        server.await.expect("the server");
    }
}
