//! Bytes read on one thread and used on another, a few chunks ahead and no more.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use crate::{CHUNK, gzip::read_some};

/// Chunks on their way from one thread to the other.
const CHUNKS: usize = 8;

/// The end of a pipe that is written.
#[derive(Debug)]
pub(crate) struct Feed {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

/// The end of a pipe that is read. It ends early when reading the source failed: the feeding side knows why.
#[derive(Debug)]
pub(crate) struct Piped {
    full: Receiver<Vec<u8>>,
    empty: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    start: usize,
}

/// A pipe.
pub(crate) fn pipe() -> (Feed, Piped) {
    let (full, arriving) = sync_channel(CHUNKS);
    let (give_back, empty) = sync_channel(CHUNKS);
    let piped = Piped { full: arriving, empty: give_back, chunk: Vec::new(), start: 0 };
    (Feed { full, empty }, piped)
}

/// Reads `source` here while another thread runs `consume` on its bytes. Reading stops when `consume` returns.
pub(crate) fn split<T: Send>(
    source: &mut impl Read,
    consume: impl FnOnce(Piped) -> T + Send,
) -> (io::Result<()>, T) {
    let (feed, piped) = pipe();
    thread::scope(|scope| {
        let consumer = scope.spawn(move || consume(piped));
        let ended = feed.all(source);
        let result = consumer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (ended, result)
    })
}

impl Feed {
    /// Moves all bytes of `source`; ends early, and well, when nobody reads any more.
    pub(crate) fn all(self, mut source: &mut impl Read) -> io::Result<()> {
        loop {
            let mut chunk = self.empty.try_recv().unwrap_or_default();
            chunk.resize(CHUNK, 0);
            let mut filled = 0;
            let mut failed = None;
            while filled < CHUNK {
                match read_some(&mut source, &mut chunk[filled..]) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            chunk.truncate(filled);
            // What came before a fault is still used: it tells how far the source was sound.
            let ended = filled == 0 || self.full.send(chunk).is_err();
            match failed {
                Some(error) => return Err(error),
                None if ended => return Ok(()),
                None => {}
            }
        }
    }
}

impl Piped {
    /// Whether there are bytes, waiting for more when all were used.
    fn fill(&mut self) -> bool {
        if self.start == self.chunk.len() {
            let Ok(next) = self.full.recv() else {
                return false;
            };
            // When the other side is gone or has enough, the buffer is dropped.
            let _ = self.empty.try_send(std::mem::replace(&mut self.chunk, next));
            self.start = 0;
        }
        true
    }
}

impl Read for Piped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.fill() {
            return Ok(0);
        }
        let n = (&self.chunk[self.start..]).read(buf)?;
        self.start += n;
        Ok(n)
    }
}
