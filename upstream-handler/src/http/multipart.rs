//! A streaming reader of `multipart/form-data` (RFC 7578) in constant memory.
//!
//! Bytes go in, events come out; no I/O here. The readers at hand buffer whatever the socket has
//! ready, which for a gigabyte sent over loopback is much of it; this one never holds more than what
//! was fed last and a part's head.

use memchr::memmem;
use thiserror::Error;

/// The largest head of a part, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most text before the first part, in bytes.
const MAX_PREAMBLE_BYTES: usize = 16 * 1024;
/// The longest boundary (RFC 2046).
const MAX_BOUNDARY_BYTES: usize = 70;

/// What is wrong with a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum MultipartError {
    /// The content type names no boundary, or one that cannot be.
    #[error("the Content-Type has no boundary of 1 to {MAX_BOUNDARY_BYTES} characters")]
    Boundary,
    /// There is no part where one has to start.
    #[error("the multipart body does not start with its boundary")]
    NoStart,
    /// What follows a boundary is neither a part nor the end.
    #[error("the multipart body is damaged after a boundary")]
    AfterBoundary,
    /// The head of a part is too long.
    #[error("the head of a part is longer than {MAX_HEAD_BYTES} bytes")]
    LongHead,
    /// The head of a part has no field name.
    #[error("a part has no `Content-Disposition: form-data` with a name")]
    NoName,
    /// The body ends inside a part.
    #[error("the multipart body ends before its last boundary")]
    Truncated,
}

/// The next thing in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins: the name of its field.
    Part(String),
    /// Bytes of the part.
    Data(Vec<u8>),
    /// The last boundary. What comes after it is of no interest.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    AfterBoundary,
    Head,
    Data,
    End,
}

/// Turns bytes into events.
#[derive(Debug)]
pub(crate) struct Reader {
    /// A line break and the boundary's line, as it stands between parts.
    delimiter: Vec<u8>,
    buffer: Vec<u8>,
    state: State,
}

impl Reader {
    /// A reader for a body of this content type.
    pub(crate) fn new(content_type: &str) -> Result<Self, MultipartError> {
        let boundary = parameter(content_type, "boundary")
            .filter(|it| !it.is_empty() && it.len() <= MAX_BOUNDARY_BYTES)
            .ok_or(MultipartError::Boundary)?;
        Ok(Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            // The first boundary has no line break before it when there is no preamble.
            buffer: b"\r\n".to_vec(),
            state: State::Preamble,
        })
    }

    /// Adds bytes of the body.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.state != State::End {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Says that there are no more bytes.
    pub(crate) fn finish(&self) -> Result<(), MultipartError> {
        match self.state {
            State::End => Ok(()),
            State::Preamble => Err(MultipartError::NoStart),
            _ => Err(MultipartError::Truncated),
        }
    }

    /// The next event; `None` when more bytes are needed for it.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            match self.state {
                State::Preamble => match memmem::find(&self.buffer, &self.delimiter) {
                    Some(at) => self.take_delimiter(at),
                    None if self.buffer.len() > MAX_PREAMBLE_BYTES => {
                        return Err(MultipartError::NoStart);
                    }
                    None => return Ok(None),
                },
                State::AfterBoundary => {
                    // Padding after the boundary is allowed, and nothing else.
                    let padding =
                        self.buffer.iter().take_while(|it| matches!(it, b' ' | b'\t')).count();
                    match self.buffer.get(padding..padding + 2) {
                        Some(b"--") if padding == 0 => {
                            self.buffer = Vec::new();
                            self.state = State::End;
                            return Ok(Some(Event::End));
                        }
                        Some(b"\r\n") => {
                            // The line break stays: a part without a head ends with it.
                            self.buffer.drain(..padding);
                            self.state = State::Head;
                        }
                        None if padding <= MAX_HEAD_BYTES => return Ok(None),
                        _ => return Err(MultipartError::AfterBoundary),
                    }
                }
                State::Head => {
                    let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") else {
                        if self.buffer.len() > MAX_HEAD_BYTES {
                            return Err(MultipartError::LongHead);
                        }
                        return Ok(None);
                    };
                    if end > MAX_HEAD_BYTES {
                        return Err(MultipartError::LongHead);
                    }
                    let name = field_name(&self.buffer[..end]).ok_or(MultipartError::NoName)?;
                    self.buffer.drain(..end + 4);
                    self.state = State::Data;
                    return Ok(Some(Event::Part(name)));
                }
                State::Data => {
                    let data = if let Some(at) = memmem::find(&self.buffer, &self.delimiter) {
                        let data = self.buffer[..at].to_vec();
                        self.take_delimiter(at);
                        data
                    } else {
                        let unsure = self.buffer.split_off(self.n_sure());
                        std::mem::replace(&mut self.buffer, unsure)
                    };
                    if !data.is_empty() {
                        return Ok(Some(Event::Data(data)));
                    }
                    if self.state == State::Data {
                        return Ok(None);
                    }
                }
                State::End => return Ok(None),
            }
        }
    }

    /// How many bytes cannot belong to a delimiter of which only the start is there.
    fn n_sure(&self) -> usize {
        let tail = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
        // Only a line break can start one.
        memchr::memchr(b'\r', &self.buffer[tail..]).map_or(self.buffer.len(), |at| tail + at)
    }

    fn take_delimiter(&mut self, at: usize) {
        self.buffer.drain(..at + self.delimiter.len());
        self.state = State::AfterBoundary;
    }
}

/// The name of the field a head is for.
fn field_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if !name.trim().eq_ignore_ascii_case("content-disposition") {
            return None;
        }
        let value = value.trim();
        let kind = value.split(';').next()?.trim();
        kind.eq_ignore_ascii_case("form-data").then(|| parameter(value, "name"))?
    })
}

/// A parameter of a header's value, plain or quoted.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (text, left) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let (text, left) = after.split_once(';').unwrap_or((after, ""));
            (text.trim().to_owned(), left)
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text);
        }
        rest = left.trim_start().trim_start_matches(';');
    }
}

/// Reads to the closing quote; a backslash keeps the next character.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests;
