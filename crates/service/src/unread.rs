//! Requests that are answered before they were read to their end: refused for their head, or for their size.
//!
//! A server that closes such a connection at once makes the system throw away what it has answered, and the client sees
//! a broken connection instead of the reason. So, as Go's server does: a little that is left is read, and the connection
//! goes on; of much the answer says that the connection ends, and what still comes is passed over for a while.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::response::Response;
use hyper::Request;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tower::ServiceExt as _;

/// How much of an unread body is read before its answer goes out, in bytes (as Go's server).
const LITTLE: usize = 256 << 10;
/// How long that may take.
const LITTLE_TIME: Duration = Duration::from_secs(2);
/// How long a client that is still sending may take to see that it was answered.
const LINGER: Duration = Duration::from_secs(5);

/// Whether the connection ends with a request that was not read to its end.
pub(crate) type IsCut = Arc<AtomicBool>;

/// Answers one request, and sees to what the handler left of it.
pub(crate) async fn answer(router: Router, request: Request<Incoming>, is_cut: IsCut) -> Response {
    is_cut.store(false, Ordering::Relaxed);
    let left = Arc::new(Mutex::new(Left::Nothing));
    let is_asked_for = !request.headers().contains_key(EXPECT);
    let request = request
        .map(|body| Body::new(Watched { body: Some(body), is_asked_for, left: Arc::clone(&left) }));
    let mut answer = match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let left = std::mem::take(&mut *left.lock().unwrap_or_else(PoisonError::into_inner));
    let is_read = match left {
        Left::Nothing => true,
        Left::Unasked => false,
        Left::Body(body) => tokio::time::timeout(LITTLE_TIME, read(body)).await.unwrap_or(false),
    };
    if !is_read {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        is_cut.store(true, Ordering::Relaxed);
    }
    answer
}

/// Reads a body to its end; false when it is too long or broken.
async fn read(mut body: Incoming) -> bool {
    let mut n_read = 0;
    while n_read <= LITTLE {
        match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            Some(Ok(frame)) => n_read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return false,
            None => return true,
        }
    }
    false
}

/// What a handler left of a body.
#[derive(Default)]
enum Left {
    /// Nothing: it was read, or is still being read.
    #[default]
    Nothing,
    /// All of it: the client waits to be asked for it, and must not be.
    Unasked,
    /// Some of it.
    Body(Incoming),
}

/// A body that tells what was left of it.
struct Watched {
    /// `None` once it was read to its end.
    body: Option<Incoming>,
    /// Whether the client sends it without waiting for `100 Continue`, or was told so by the first read.
    is_asked_for: bool,
    left: Arc<Mutex<Left>>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        self.is_asked_for = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if frame.is_none() {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && !body.is_end_stream()
        {
            let left = if self.is_asked_for { Left::Body(body) } else { Left::Unasked };
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
        }
    }
}

/// A connection that, where it ends with an unread request, goes on reading for a while after the answer.
pub(crate) struct Lingering<S> {
    stream: S,
    is_cut: IsCut,
    /// When the wait ends, once all was written.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    pub(crate) fn new(stream: S, is_cut: IsCut) -> Self {
        Self { stream, is_cut, until: None }
    }
}

impl<S: AsyncRead + Unpin> Lingering<S> {
    /// Reads until the client has closed its side, or the time is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + LINGER)));
        let mut scratch = [0; 8 << 10];
        loop {
            if until.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.until.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.is_cut.load(Ordering::Relaxed) {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
