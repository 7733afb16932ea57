//! The messages of a port-forward over WebSocket (`v4.channel.k8s.io`, `v5.channel.k8s.io`) for one
//! port: each begins with a channel byte. Channel 0 carries data, channel 1 an error text; the first
//! two bytes of each are the port number, little-endian. In v5, channel 255 closes another one.

use bytes::{Buf as _, Bytes, BytesMut};
use thiserror::Error;

const DATA: u8 = 0;
const ERROR: u8 = 1;
const CLOSE: u8 = 255;
/// An error text longer than this is cut.
const ERROR_LIMIT_BYTES: usize = 4096;

/// What a message means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing for us.
    Nothing,
    /// Bytes from the pod.
    Data(Bytes),
    /// The port cannot be used any more.
    Problem(String),
    /// The pod sends no more data.
    Closed,
}

/// A message that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A message without a channel.
    #[error("a port-forward message was empty")]
    Empty,
    /// A channel that belongs to no requested port.
    #[error("a port-forward message came on channel {0}; allowed: 0, 1, 255")]
    Channel(u8),
    /// The header names another port.
    #[error("the port-forward answers for port {found} instead of {expected}")]
    Port {
        /// The port in the header.
        found: u16,
        /// The port asked for.
        expected: u16,
    },
    /// A text message, which the binary protocols do not have.
    #[error("a port-forward message was text instead of binary")]
    Text,
}

/// Reads messages of one port in order.
#[derive(Debug)]
pub(crate) struct Decoder {
    port: u16,
    data: Header,
    error: Header,
}

/// How much of a channel's port number has arrived.
#[derive(Debug, Clone, Copy, Default)]
struct Header {
    bytes: [u8; 2],
    count: usize,
}

impl Decoder {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, data: Header::default(), error: Header::default() }
    }

    /// Reads one message. Never panics, whatever it holds.
    pub(crate) fn decode(&mut self, mut message: Bytes) -> Result<Event, FrameError> {
        if message.is_empty() {
            return Err(FrameError::Empty);
        }
        match message.get_u8() {
            DATA => {
                self.data.take(&mut message, self.port)?;
                Ok(if message.is_empty() { Event::Nothing } else { Event::Data(message) })
            }
            ERROR => {
                self.error.take(&mut message, self.port)?;
                if message.is_empty() {
                    return Ok(Event::Nothing);
                }
                message.truncate(ERROR_LIMIT_BYTES);
                Ok(Event::Problem(String::from_utf8_lossy(&message).trim().to_owned()))
            }
            CLOSE => Ok(match message.first() {
                Some(&DATA) => Event::Closed,
                _ => Event::Nothing,
            }),
            channel => Err(FrameError::Channel(channel)),
        }
    }
}

impl Header {
    /// Takes what is missing of the header from `message`.
    fn take(&mut self, message: &mut Bytes, expected: u16) -> Result<(), FrameError> {
        while self.count < 2 && !message.is_empty() {
            self.bytes[self.count] = message.get_u8();
            self.count += 1;
            if self.count == 2 {
                let found = u16::from_le_bytes(self.bytes);
                if found != expected {
                    return Err(FrameError::Port { found, expected });
                }
            }
        }
        Ok(())
    }
}

/// Makes a data message of the first bytes of `pieces`, at most `limit_bytes` of them. Returns it
/// with the number of bytes it holds.
pub(crate) fn encode(pieces: &[std::io::IoSlice<'_>], limit_bytes: usize) -> (Bytes, usize) {
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    let count = total.min(limit_bytes);
    let mut message = BytesMut::with_capacity(count + 1);
    message.extend_from_slice(&[DATA]);
    let mut left = count;
    for piece in pieces {
        let part = piece.get(..left).unwrap_or(piece);
        message.extend_from_slice(part);
        left -= part.len();
        if left == 0 {
            break;
        }
    }
    (message.freeze(), count)
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use proptest::prelude::*;

    use super::*;

    fn check(messages: &[&[u8]]) -> String {
        let mut decoder = Decoder::new(3000);
        let mut lines = Vec::new();
        for message in messages {
            lines.push(match decoder.decode(Bytes::copy_from_slice(message)) {
                Ok(event) => format!("{event:?}"),
                Err(error) => error.to_string(),
            });
        }
        lines.join("; ")
    }

    const PORT: [u8; 2] = 3000_u16.to_le_bytes();
    const DATA_HEADER: [u8; 3] = [0, PORT[0], PORT[1]];
    const ERROR_HEADER: [u8; 3] = [1, PORT[0], PORT[1]];

    #[test]
    fn messages() {
        insta::assert_snapshot!(check(&[&DATA_HEADER, &ERROR_HEADER, b"\0abc", b"\0"]), @r#"Nothing; Nothing; Data(b"abc"); Nothing"#);
        insta::assert_snapshot!(check(&[&DATA_HEADER[..2], &[0, PORT[1], b'x'], b"\0y"]), @r#"Nothing; Data(b"x"); Data(b"y")"#);
        insta::assert_snapshot!(check(&[&ERROR_HEADER, b"\x01connection refused\n"]), @r#"Nothing; Problem("connection refused")"#);
        insta::assert_snapshot!(check(&[&[0, 80, 0]]), @"the port-forward answers for port 80 instead of 3000");
        insta::assert_snapshot!(check(&[b""]), @"a port-forward message was empty");
        insta::assert_snapshot!(check(&[b"\x02abc"]), @"a port-forward message came on channel 2; allowed: 0, 1, 255");
        insta::assert_snapshot!(check(&[&[255, 0], &[255, 1], &[255]]), @"Closed; Nothing; Nothing");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_bytes_are_read_without_a_panic(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
        ) {
            let mut decoder = Decoder::new(3000);
            for message in messages {
                let _ = decoder.decode(Bytes::from(message));
            }
        }

        #[test]
        fn what_the_pod_sends_arrives_in_whatever_pieces(
            text in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(1_usize..20, 1..50),
        ) {
            let mut stream: Vec<u8> = PORT.to_vec();
            stream.extend(&text);
            let mut decoder = Decoder::new(3000);
            let mut arrived = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                rest = tail;
                let mut message = vec![0];
                message.extend(piece);
                if let Event::Data(data) = decoder.decode(message.into()).expect("a valid message") {
                    arrived.extend(data);
                }
            }
            prop_assert_eq!(arrived, text);
        }

        #[test]
        fn what_we_send_is_whole_and_bounded(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8),
            limit in 1_usize..120,
        ) {
            let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let (message, count) = encode(&slices, limit);
            let whole = pieces.concat();
            prop_assert_eq!(count, whole.len().min(limit));
            prop_assert_eq!(message[0], 0);
            prop_assert_eq!(&message[1..], &whole[..count]);
        }
    }
}
