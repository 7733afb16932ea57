//! A fixed number of buffers between the thread that reads and the tasks that send.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

/// How often a reader that waits for a buffer looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The buffers. All of them together are the memory a push takes.
#[derive(Debug)]
pub(super) struct Buffers {
    size: usize,
    free: Mutex<Vec<Vec<u8>>>,
    returned: Condvar,
}

/// A buffer; it goes back when the last `Bytes` made of it is dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    data: Vec<u8>,
    home: Arc<Buffers>,
}

impl Buffers {
    /// `count` buffers of `size` bytes each. They take memory when they are first filled.
    pub(super) fn new(count: usize, size: usize) -> Arc<Self> {
        let free = (0..count.max(1)).map(|_| Vec::new()).collect();
        Arc::new(Self { size: size.max(1), free: Mutex::new(free), returned: Condvar::new() })
    }

    /// Waits for a buffer; none when `stopped` says so.
    pub(super) fn take(self: &Arc<Self>, stopped: &dyn Fn() -> bool) -> Option<Buffer> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stopped() {
                return None;
            }
            if let Some(mut data) = free.pop() {
                data.resize(self.size, 0);
                return Some(Buffer { data, home: Arc::clone(self) });
            }
            free = self
                .returned
                .wait_timeout(free, LOOK_EVERY)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Buffer {
    /// The room to fill.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// The first `length` bytes, to be shared.
    pub(super) fn filled(mut self, length: usize) -> Bytes {
        self.data.truncate(length);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        self.home.free.lock().unwrap_or_else(PoisonError::into_inner).push(data);
        self.home.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let buffers = Buffers::new(1, 4);
        let mut buffer = buffers.take(&|| false).expect("one is free");
        buffer.room().copy_from_slice(b"abcd");
        let bytes = buffer.filled(3);
        let (one, other) = (bytes.slice(1..), bytes);
        assert!(buffers.take(&|| true).is_none());
        drop(other);
        assert_eq!(&one[..], b"bc");
        let waiting = Arc::clone(&buffers);
        let taken = std::thread::spawn(move || waiting.take(&|| false).is_some());
        drop(one);
        assert!(taken.join().expect("no panic"));
    }
}
