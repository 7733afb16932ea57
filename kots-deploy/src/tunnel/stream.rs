//! One port-forward as one connection: reading and writing on the WebSocket directly, without a
//! pump task and without a local port.
//!
//! Invariants:
//! * Frames of up to 64 KiB are queued and flushed together when the writer flushes or the queue is
//!   full: a frame and a flush for every 4 KiB (what kube's own forwarder does) costs five sixths
//!   of the speed.
//! * Shutting down closes the whole tunnel, so nobody may do it before the answer is complete; the
//!   protocol has no half-close.
//! * A tunnel without a sign of life is given up: see [`super::life`].

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::{Sink as _, Stream as _};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::Patience;
use super::frame::{Decoder, Event, FrameError, encode};
use super::life::{Counted, Watch};
use crate::cluster::KOTSADM_PORT;

/// The kubelet reads in pieces of 32 KiB; larger frames than this brought nothing.
const FRAME_BYTES: usize = 64 * 1024;
const QUEUE_BYTES: usize = 256 * 1024;
/// Nobody sends larger messages; what announces more is not a kubelet.
const MESSAGE_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Why a tunnel ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TunnelError {
    /// The kubelet says that the port cannot be used.
    #[error("the port-forward reported: {0}")]
    Reported(String),
    /// Nothing moved for too long.
    #[error("no sign of life from the tunnel for {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection broke.
    #[error("the tunnel was cut: {0}")]
    Cut(String),
    /// The other side closed with a reason other than being done.
    #[error("the tunnel was closed with code {code}{}{reason}", if .reason.is_empty() { "" } else { ": " })]
    Closed {
        /// The WebSocket close code.
        code: u16,
        /// The reason given, may be empty.
        reason: String,
    },
    /// The other side does not speak the protocol.
    #[error(transparent)]
    Protocol(#[from] FrameError),
}

impl TunnelError {
    /// Whether the kubelet found nobody listening in the pod: the request was never received.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Reported(text) => {
                let text = text.to_ascii_lowercase();
                ["connection refused", "failed to connect", "no such container", "not running"]
                    .iter()
                    .any(|sign| text.contains(sign))
            }
            Self::Silent(_) | Self::Cut(_) | Self::Closed { .. } | Self::Protocol(_) => false,
        }
    }

    fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::Reported(_) | Self::Closed { .. } => io::ErrorKind::ConnectionAborted,
            Self::Silent(_) => io::ErrorKind::TimedOut,
            Self::Cut(_) => io::ErrorKind::ConnectionReset,
            Self::Protocol(_) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, self)
    }
}

/// What became of a tunnel, readable after it was given away.
#[derive(Debug, Default)]
pub(crate) struct Report {
    answered: AtomicBool,
    failure: Mutex<Option<TunnelError>>,
}

impl Report {
    /// Whether a byte came from the pod.
    pub(crate) fn answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Why the tunnel ended, unless it ended as it should.
    pub(crate) fn failure(&self) -> Option<TunnelError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, failure: &TunnelError) {
        let mut first = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| failure.clone());
    }
}

/// A connection to one port of one pod.
pub(crate) struct Tunnel<S> {
    socket: WebSocketStream<Counted<S>>,
    decoder: Decoder,
    /// Data that was received and not yet read.
    received: Bytes,
    end: Option<End>,
    watch: Watch,
    report: Arc<Report>,
}

#[derive(Debug, Clone)]
enum End {
    Done,
    Failed(TunnelError),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tunnel<S> {
    /// Takes over an upgraded connection on which nothing has been read or written yet.
    pub(crate) async fn new(connection: S, patience: Patience) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(64 * 1024)
            .write_buffer_size(QUEUE_BYTES)
            .max_message_size(Some(MESSAGE_LIMIT_BYTES))
            .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
        let counted = Counted { io: connection, read: 0, written: 0 };
        Self {
            socket: WebSocketStream::from_raw_socket(counted, Role::Client, Some(config)).await,
            decoder: Decoder::new(KOTSADM_PORT),
            received: Bytes::new(),
            end: None,
            watch: Watch::new(patience),
            report: Arc::new(Report::default()),
        }
    }

    /// What becomes of this tunnel.
    pub(crate) fn report(&self) -> Arc<Report> {
        Arc::clone(&self.report)
    }

    fn fail(&mut self, failure: TunnelError) {
        self.report.note(&failure);
        self.end = Some(End::Failed(failure));
    }

    /// Reads one message into `received` or `end`. Pending when there is none.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let event = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
            Some(Ok(Message::Binary(message))) => self.decoder.decode(message),
            Some(Ok(Message::Text(_))) => Err(FrameError::Text),
            Some(Ok(Message::Close(frame))) => {
                match close_failure(frame) {
                    Some(failure) => self.fail(failure),
                    None => self.end = Some(End::Done),
                }
                return Poll::Ready(());
            }
            // The answer to a ping is queued by tungstenite; it leaves with the next flush.
            Some(Ok(Message::Ping(_))) => {
                self.watch.flush_due = true;
                Ok(Event::Nothing)
            }
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Ok(Event::Nothing),
            None
            | Some(Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed)) => {
                Ok(Event::Closed)
            }
            Some(Err(error)) => {
                self.fail(TunnelError::Cut(cut_reason(&error)));
                return Poll::Ready(());
            }
        };
        match event {
            Ok(Event::Nothing) => {}
            Ok(Event::Data(data)) => {
                self.report.answered.store(true, Ordering::Release);
                self.received = data;
            }
            Ok(Event::Problem(text)) => self.fail(TunnelError::Reported(text)),
            Ok(Event::Closed) => self.end = Some(End::Done),
            Err(error) => self.fail(error.into()),
        }
        Poll::Ready(())
    }

    /// Pings, and ends the tunnel when it has been silent for too long.
    fn poll_watch(&mut self, cx: &mut Context<'_>) {
        while self.end.is_none() && self.watch.ticks.poll_tick(cx).is_ready() {
            let counted = self.socket.get_ref();
            let moved = counted.read + counted.written;
            if let Some(silent) = self.watch.life.silent(moved, Instant::now()) {
                self.fail(TunnelError::Silent(silent));
                return;
            }
            // While earlier data is stuck, a ping would only queue up behind it.
            if let Poll::Ready(Ok(())) = Pin::new(&mut self.socket).poll_ready(cx)
                && Pin::new(&mut self.socket).start_send(Message::Ping(Bytes::new())).is_ok()
            {
                self.watch.life.pings += 1;
                self.watch.flush_due = true;
            }
        }
        if self.watch.flush_due && Pin::new(&mut self.socket).poll_flush(cx).is_ready() {
            self.watch.flush_due = false;
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(end) = &self.end {
            return Poll::Ready(Err(match end {
                End::Done => io::ErrorKind::BrokenPipe.into(),
                End::Failed(failure) => failure.clone().into_io(),
            }));
        }
        ready!(Pin::new(&mut self.socket).poll_ready(cx))
            .map_err(|error| self.send_failed(&error))?;
        let (message, count) = encode(pieces, FRAME_BYTES);
        if count > 0 {
            Pin::new(&mut self.socket)
                .start_send(Message::Binary(message))
                .map_err(|error| self.send_failed(&error))?;
        }
        Poll::Ready(Ok(count))
    }

    /// A failed write does not end the tunnel: what the pod said before may still be read.
    fn send_failed(&self, error: &tungstenite::Error) -> io::Error {
        let failure = TunnelError::Cut(cut_reason(error));
        self.report.note(&failure);
        failure.into_io()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tunnel<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.received.is_empty() {
                let count = this.received.len().min(buf.remaining());
                buf.put_slice(&this.received[..count]);
                this.received.advance(count);
                return Poll::Ready(Ok(()));
            }
            match &this.end {
                Some(End::Done) => return Poll::Ready(Ok(())),
                Some(End::Failed(failure)) => {
                    return Poll::Ready(Err(failure.clone().into_io()));
                }
                None => {}
            }
            this.poll_watch(cx);
            if this.end.is_none() {
                ready!(this.poll_message(cx));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tunnel<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = ready!(Pin::new(&mut self.socket).poll_flush(cx));
        Poll::Ready(result.map_err(|error| self.send_failed(&error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_some() {
            return Poll::Ready(Ok(()));
        }
        // Whether the farewell arrives is nobody's concern any more.
        ready!(Pin::new(&mut self.socket).poll_close(cx)).ok();
        self.end = Some(End::Done);
        Poll::Ready(Ok(()))
    }
}

fn close_failure(frame: Option<CloseFrame>) -> Option<TunnelError> {
    let frame = frame?;
    match u16::from(frame.code) {
        1000 | 1001 | 1005 => None,
        code => Some(TunnelError::Closed { code, reason: frame.reason.as_str().to_owned() }),
    }
}

fn cut_reason(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => error.to_string(),
        tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => "the connection ended without a farewell".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_where_nobody_listens_is_told_from_a_broken_tunnel() {
        let containerd = "error forwarding port 3000 to pod 1, uid : failed to execute portforward \
            in network namespace \"/var/run/netns/1\": failed to connect to localhost:3000 inside \
            namespace \"1\", IPv4: dial tcp4 127.0.0.1:3000: connect: connection refused";
        assert!(TunnelError::Reported(containerd.to_owned()).is_refused());
        let broken = "error forwarding port 3000 to pod 1, uid : write: broken pipe";
        assert!(!TunnelError::Reported(broken.to_owned()).is_refused());
        assert!(!TunnelError::Cut("connection refused".to_owned()).is_refused());
    }
}
