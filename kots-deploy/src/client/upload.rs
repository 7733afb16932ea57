//! Request bodies: small ones whole, the multipart of an air-gap update streamed.
//!
//! The multipart is byte for byte what Go's `mime/multipart` writes for the original
//! (`pkg/upstream/upgrade.go:220`), but is never in memory: a blocking thread reads the bundle and hands chunks over
//! a bounded channel, and the length is known before the first byte.

use std::convert::Infallible;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Empty, Full};
use sha2::{Digest as _, Sha256};
use steps::Reporter;
use tokio::sync::mpsc;

use super::call::Told;
use crate::transport::{Body, BoxError};

/// Bytes handed over at once.
const CHUNK: usize = 256 * 1024;
/// Hex digits of a boundary, as Go's.
const BOUNDARY_DIGITS: usize = 60;
/// Chunks that may wait for the network.
const WAITING_CHUNKS: usize = 4;

/// An empty body.
pub(super) fn empty() -> Body {
    Empty::new().map_err(|it: Infallible| match it {}).boxed_unsync()
}

/// A small body.
pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|it: Infallible| match it {}).boxed_unsync()
}

type Open = dyn Fn() -> Result<Box<dyn Read + Send>, BoxError> + Send + Sync;

/// One part of a multipart.
pub struct Part {
    /// Name of the field.
    pub name: &'static str,
    /// Name of the file; a plain field has none.
    pub filename: Option<&'static str>,
    /// What is in it.
    pub content: Content,
}

/// What is in a part.
pub enum Content {
    /// Something small.
    Bytes(Vec<u8>),
    /// Something large: its length in bytes, and how to open it once more.
    Stream(u64, Arc<Open>),
}

/// A multipart that can be sent again from its start.
pub struct Upload {
    boundary: String,
    parts: Arc<Vec<Part>>,
    length: u64,
    reporter: Reporter,
    failure: Arc<Mutex<Option<Told>>>,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Upload {
    /// Makes a multipart of `parts` that tells `reporter` how far it is. The boundary is made of `seed`, so that
    /// the request of an idempotency key is the same bytes whoever sends it.
    pub fn new(seed: &str, parts: Vec<Part>, reporter: Reporter) -> Self {
        let mut boundary = hex::encode(Sha256::digest(seed.as_bytes()));
        boundary.truncate(BOUNDARY_DIGITS);
        Self::with_boundary(boundary, parts, reporter)
    }

    fn with_boundary(boundary: String, parts: Vec<Part>, reporter: Reporter) -> Self {
        let length = parts
            .iter()
            .enumerate()
            .map(|(at, part)| head(&boundary, at, part).len() as u64 + part.content.length());
        let length = length.sum::<u64>() + tail(&boundary).len() as u64;
        Self { boundary, parts: Arc::new(parts), length, reporter, failure: Arc::default() }
    }

    /// The value of `Content-Type`.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Bytes in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Why the parts could not be read, if they could not.
    pub(super) fn failure(&self) -> Option<Told> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins to read the parts from their start and returns the body that carries them.
    pub(super) fn body(&self) -> Body {
        let (send, chunks) = mpsc::channel(WAITING_CHUNKS);
        let (boundary, parts) = (self.boundary.clone(), Arc::clone(&self.parts));
        let failure = Arc::clone(&self.failure);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write(&boundary, &parts, &send) {
                let error: Told = Arc::from(error);
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&error));
                let _ = send.blocking_send(Err(error.to_string().into()));
            }
        });
        Streamed { chunks, left: self.length, total: self.length, reporter: self.reporter.clone() }
            .boxed_unsync()
    }
}

impl Content {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Stream(length, _) => *length,
        }
    }
}

type Sender = mpsc::Sender<Result<Bytes, BoxError>>;

/// Reads all parts into the channel. A closed channel is no error: whoever closed it knows why.
fn write(boundary: &str, parts: &[Part], send: &Sender) -> Result<(), BoxError> {
    for (at, part) in parts.iter().enumerate() {
        if send.blocking_send(Ok(head(boundary, at, part).into())).is_err() {
            return Ok(());
        }
        match &part.content {
            Content::Bytes(bytes) => {
                if send.blocking_send(Ok(bytes.clone().into())).is_err() {
                    return Ok(());
                }
            }
            Content::Stream(length, open) => {
                if !pump(open()?.as_mut(), *length, send)? {
                    return Ok(());
                }
            }
        }
    }
    let _ = send.blocking_send(Ok(tail(boundary).into()));
    Ok(())
}

/// Reads `length` bytes and the end after them; false when nobody takes them any more.
fn pump(from: &mut dyn Read, length: u64, send: &Sender) -> Result<bool, BoxError> {
    let mut left = length;
    while left > 0 {
        let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
        let n = match from.read(&mut chunk) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        chunk.truncate(n);
        left -= n as u64;
        if send.blocking_send(Ok(chunk.into())).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn head(boundary: &str, at: usize, part: &Part) -> String {
    let start = if at == 0 { "" } else { "\r\n" };
    let name = part.name;
    match part.filename {
        Some(filename) => format!(
            "{start}--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        ),
        None => format!(
            "{start}--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n"
        ),
    }
}

fn tail(boundary: &str) -> String {
    format!("\r\n--{boundary}--\r\n")
}

struct Streamed {
    chunks: mpsc::Receiver<Result<Bytes, BoxError>>,
    left: u64,
    total: u64,
    reporter: Reporter,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let chunk = std::task::ready!(self.chunks.poll_recv(cx));
        Poll::Ready(chunk.map(|it| {
            it.map(|bytes| {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.reporter.bytes(self.total - self.left, Some(self.total));
                Frame::data(bytes)
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
