//! A connection that goes on reading after it can no longer write, and remembers what broke.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::transport::{BoxError, Stage};

/// What happened on the connection, beside what hyper tells.
#[derive(Debug, Default)]
pub(super) struct Trace {
    wrote: AtomicBool,
    /// The first failure of the connection itself. hyper reports a broken connection in several
    /// shapes, some without the cause.
    failure: Mutex<Option<Arc<io::Error>>>,
}

impl Trace {
    pub(super) fn stage(&self) -> Stage {
        if self.wrote.load(Ordering::Acquire) { Stage::Exchange } else { Stage::Connect }
    }

    fn note(&self, error: &io::Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Some(Arc::new(share(error)));
        }
    }

    /// Puts the connection's own failure under hyper's error, unless hyper carries a cause itself.
    pub(super) fn cause(&self, error: hyper::Error) -> BoxError {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failure {
            // A failing request body is the caller's own error and the better story.
            Some(failure) if !error.is_user() => Box::new(Broken(failure)),
            _ => error.into(),
        }
    }
}

/// The connection's own failure; transparent, so that a chain shows the text once.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Broken(Arc<io::Error>);

/// Copies an I/O error far enough to show it and to match its kind.
fn share(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A connection whose failed writes do not end the reading.
///
/// Once a write has failed, further writes stay pending for ever: the request body is not drained
/// into nothing, and hyper goes on reading. What the peer said before it closed is still in the
/// receive buffer. The wait for each further piece is bounded by `after_write_failure`.
pub(super) struct Patient<IO> {
    io: IO,
    after_write_failure: Duration,
    trace: Arc<Trace>,
    write_failure: Option<io::Error>,
    patience: Option<Pin<Box<Sleep>>>,
}

impl<IO> Patient<IO> {
    pub(super) fn new(io: IO, trace: Arc<Trace>, after_write_failure: Duration) -> Self {
        Self { io, after_write_failure, trace, write_failure: None, patience: None }
    }

    /// Turns the result of a write into "stay pending" when it failed.
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        result: io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let error = match result {
            Ok(0) => io::Error::new(io::ErrorKind::WriteZero, "the peer takes no more data"),
            Ok(count) => {
                self.trace.wrote.store(true, Ordering::Release);
                return Poll::Ready(Ok(count));
            }
            Err(error) => error,
        };
        self.fail_write(cx, error);
        Poll::Pending
    }

    fn fail_write(&mut self, cx: &mut Context<'_>, error: io::Error) {
        self.trace.note(&error);
        self.write_failure = Some(error);
        self.patience = Some(Box::pin(tokio::time::sleep(self.after_write_failure)));
        // The reading side has to arm the timer with its own waker.
        cx.waker().wake_by_ref();
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Patient<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                if let Some(patience) = &mut this.patience {
                    patience.as_mut().reset(Instant::now() + this.after_write_failure);
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                this.trace.note(&error);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                let Some(patience) = &mut this.patience else { return Poll::Pending };
                ready!(patience.as_mut().poll(cx));
                let error = this
                    .write_failure
                    .as_ref()
                    .map_or_else(|| io::Error::from(io::ErrorKind::TimedOut), share);
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Patient<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_failure.is_some() {
            return Poll::Pending;
        }
        let result = ready!(Pin::new(&mut self.io).poll_write(cx, buf));
        self.after_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.write_failure.is_some() {
            return Poll::Pending;
        }
        let result = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs));
        self.after_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = ready!(Pin::new(&mut self.io).poll_flush(cx)) {
            self.fail_write(cx, error);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper shuts down when both directions have ended: never before the answer is complete.
        if self.write_failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
