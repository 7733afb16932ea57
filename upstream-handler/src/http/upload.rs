//! Receives uploads: streamed to disk, counted, and never named by the client.
//!
//! Parts are matched against a list; a name is compared and never used as a path. A refusal before
//! the end lets the client read the answer: a bounded amount of what it still sends is thrown away
//! before the connection is closed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::body::HttpBody as _;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::multipart::{Event, Reader};
use super::reply::Failure;
use crate::context::Context;
use crate::faults;

/// Bytes that are written at once.
const BLOCK: usize = 1 << 20;
/// The largest part that is held in memory, in bytes.
const MAX_TEXT_BYTES: usize = 16 << 20;
/// The most that is thrown away after an early refusal, in bytes.
const DRAIN_BYTES: usize = 64 << 20;
/// How long an early refusal goes on reading.
const DRAIN_FOR: Duration = Duration::from_secs(5);

/// How a part is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// Into memory.
    Text,
    /// Onto the disk.
    File,
}

/// A part that went onto the disk; removed when dropped.
#[derive(Debug)]
pub(crate) struct Stored {
    pub path: TempPath,
    pub sha256: String,
    pub size_bytes: u64,
}

/// The parts of an upload.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub texts: BTreeMap<&'static str, Vec<u8>>,
    pub files: BTreeMap<&'static str, Stored>,
}

impl Received {
    /// A part as text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        self.texts
            .get(name)
            .map(|bytes| {
                std::str::from_utf8(bytes)
                    .map_err(|_| Failure::bad_request(format!("the part `{name}` is not UTF-8")))
            })
            .transpose()
    }
}

/// A body being received.
pub(crate) struct Receiver<'a> {
    shared: &'a Context,
    reader: Reader,
    body: Body,
    left_bytes: u64,
    limit_bytes: u64,
    allowed: &'static [(&'static str, Take)],
    is_tolerant: bool,
    received: Received,
    /// What was read and not yet dealt with.
    waiting: Option<Step>,
}

/// What a step of receiving came to.
enum Step {
    Event(Event),
    Over,
}

/// How far to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    File,
    End,
}

impl<'a> Receiver<'a> {
    /// A receiver for a request with these headers, of the parts in `allowed`, each at most once.
    pub(crate) fn new(
        shared: &'a Context,
        headers: &HeaderMap,
        body: Body,
        allowed: &'static [(&'static str, Take)],
    ) -> Result<Self, (Failure, Body)> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        match Reader::new(content_type) {
            Ok(reader) => Ok(Self {
                shared,
                reader,
                body,
                left_bytes: shared.max_upload_bytes,
                limit_bytes: shared.max_upload_bytes,
                allowed,
                is_tolerant: false,
                received: Received::default(),
                waiting: None,
            }),
            Err(error) => Err((Failure::bad_request(error.to_string()), body)),
        }
    }

    /// Parts that are not in the list are read and thrown away, instead of being refused.
    pub(crate) fn tolerant(mut self) -> Self {
        self.is_tolerant = true;
        self
    }

    /// Receives the parts before the first file, so that what they say can be checked first.
    pub(crate) async fn before_file(&mut self) -> Result<&Received, Failure> {
        self.parts(Until::File).await?;
        Ok(&self.received)
    }

    /// Lowers what may still come to `bytes`.
    pub(crate) fn expect(&mut self, bytes: u64) {
        if bytes < self.left_bytes {
            self.limit_bytes = bytes;
            self.left_bytes = bytes;
        }
    }

    /// Receives everything that is left.
    pub(crate) async fn rest(&mut self) -> Result<Received, Failure> {
        self.parts(Until::End).await?;
        Ok(std::mem::take(&mut self.received))
    }

    async fn parts(&mut self, until: Until) -> Result<(), Failure> {
        loop {
            let step = match self.waiting.take() {
                Some(step) => step,
                None => self.step().await?,
            };
            let name = match step {
                Step::Event(Event::Part(name)) => name,
                Step::Event(Event::End) | Step::Over => {
                    self.waiting = Some(Step::Over);
                    return Ok(());
                }
                // The reader gives data only after a part.
                Step::Event(Event::Data(_)) => {
                    return Err(Failure::bad_request("the multipart body is damaged"));
                }
            };
            if self.is_tolerant && self.allowed.iter().all(|(it, _)| *it != name) {
                self.waiting = Some(self.text(&name).await?.1);
                continue;
            }
            let (known, take) = self.admit_name(&name)?;
            let next = match (take, until) {
                (Take::File, Until::File) => {
                    self.waiting = Some(Step::Event(Event::Part(name)));
                    return Ok(());
                }
                (Take::File, Until::End) => {
                    let (stored, next) = self.file(known).await?;
                    self.received.files.insert(known, stored);
                    next
                }
                (Take::Text, _) => {
                    let (bytes, next) = self.text(known).await?;
                    self.received.texts.insert(known, bytes);
                    next
                }
            };
            self.waiting = Some(next);
        }
    }

    /// Finds a part's name in the list; each may come once.
    fn admit_name(&self, name: &str) -> Result<(&'static str, Take), Failure> {
        let Some(&(known, take)) = self.allowed.iter().find(|(it, _)| *it == name) else {
            let names: Vec<&str> = self.allowed.iter().map(|(name, _)| *name).collect();
            let shown: String = name.chars().take(64).filter(|c| !c.is_control()).collect();
            return Err(Failure::bad_request(format!(
                "the part `{shown}` is not allowed here: expected {}",
                names.join(", ")
            )));
        };
        let Received { texts, files } = &self.received;
        if texts.contains_key(known) || files.contains_key(known) {
            return Err(Failure::bad_request(format!("the part `{known}` came twice")));
        }
        Ok((known, take))
    }

    /// Answers `failure` in a way the client gets to read.
    pub(crate) fn refuse(self, failure: Failure) -> Response {
        refuse(self.body, failure)
    }

    async fn text(&mut self, name: &str) -> Result<(Vec<u8>, Step), Failure> {
        let mut text = Vec::new();
        loop {
            match self.step().await? {
                Step::Event(Event::Data(data)) => {
                    if text.len() + data.len() > MAX_TEXT_BYTES {
                        return Err(Failure::new(
                            StatusCode::PAYLOAD_TOO_LARGE,
                            format!("the part `{name}` is larger than {MAX_TEXT_BYTES} bytes"),
                        ));
                    }
                    text.extend_from_slice(&data);
                }
                next => return Ok((text, next)),
            }
        }
    }

    async fn file(&mut self, name: &str) -> Result<(Stored, Step), Failure> {
        let temp = tempfile::Builder::new()
            .prefix("upload-")
            .tempfile_in(self.shared.archives.temp())
            .map_err(|error| Failure::because(&format!("failed to store {name}"), &error))?;
        let mut writer = Writer { temp, digest: Sha256::new(), size_bytes: 0 };
        let mut block = Vec::with_capacity(BLOCK);
        let store =
            |error: std::io::Error| Failure::because(&format!("failed to store {name}"), &error);
        loop {
            match self.step().await? {
                Step::Event(Event::Data(data)) => {
                    block.extend_from_slice(&data);
                    if block.len() >= BLOCK {
                        (writer, block) = writer.write(block).await.map_err(store)?;
                        faults::point("upload-part-written");
                    }
                }
                next => {
                    (writer, _) = writer.write(block).await.map_err(store)?;
                    let Writer { temp, digest, size_bytes } = writer;
                    let stored = Stored {
                        path: temp.into_temp_path(),
                        sha256: hex::encode(digest.finalize()),
                        size_bytes,
                    };
                    faults::point("upload-complete");
                    return Ok((stored, next));
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Step, Failure> {
        loop {
            let event = self.reader.next().map_err(|it| Failure::bad_request(it.to_string()))?;
            if let Some(event) = event {
                return Ok(Step::Event(event));
            }
            let Some(bytes) = self.frame().await? else {
                self.reader.finish().map_err(|it| Failure::bad_request(it.to_string()))?;
                return Ok(Step::Over);
            };
            self.reader.feed(&bytes);
        }
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| {
                Failure::bad_request("the upload broke off").cause(error.to_string())
            })?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.left_bytes = self.left_bytes.checked_sub(bytes.len() as u64).ok_or_else(|| {
                Failure::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("the upload is larger than {} bytes", self.limit_bytes),
                )
            })?;
            return Ok(Some(bytes));
        }
    }
}

/// A file being written; hashing and writing happen on blocking threads.
struct Writer {
    temp: NamedTempFile,
    digest: Sha256,
    size_bytes: u64,
}

impl Writer {
    async fn write(mut self, mut block: Vec<u8>) -> std::io::Result<(Self, Vec<u8>)> {
        tokio::task::spawn_blocking(move || {
            self.digest.update(&block);
            self.temp.as_file_mut().write_all(&block)?;
            self.size_bytes += block.len() as u64;
            block.clear();
            Ok((self, block))
        })
        .await
        .unwrap_or_else(|_| Err(std::io::Error::other("the writing thread died")))
    }
}

/// Answers `failure` while a bounded amount of the rest of the body is thrown away.
pub(crate) fn refuse(body: Body, failure: Failure) -> Response {
    drain(body);
    let mut response = failure.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Throws a bounded amount of a body away, so that its sender gets to read the answer.
pub(crate) fn drain(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let read = async {
            let mut left = DRAIN_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                let size = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(size) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_FOR, read).await;
    });
}
