//! The server's reader of multipart bodies.

use server::{Event, MultipartError, Reader};

/// See `build.rs`.
mod server {
    include!(concat!(env!("OUT_DIR"), "/server_multipart.rs"));
}

/// Above this the server's own limits on heads and preambles may fall between two chunks.
const COMPARED: usize = 16 * 1024;

/// A body is read to an end or an error, with the same parts and data however it arrives. The first byte decides how.
pub fn multipart(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let chunked = read(body, usize::from(*first) + 1);
    if body.len() <= COMPARED {
        assert_eq!(chunked, read(body, body.len().max(1)));
    }
}

/// Names and data of the parts, and how the body ended.
#[derive(Debug, PartialEq, Eq)]
struct Body {
    parts: Vec<(String, Vec<u8>)>,
    end: Result<(), MultipartError>,
}

fn read(body: &[u8], chunk: usize) -> Body {
    let mut reader = Reader::new("multipart/form-data; boundary=X").expect("a good boundary");
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for chunk in body.chunks(chunk) {
        reader.feed(chunk);
        loop {
            match reader.next() {
                Ok(Some(Event::Part(name))) => parts.push((name, Vec::new())),
                Ok(Some(Event::Data(data))) => {
                    assert!(!data.is_empty(), "an event without data never ends");
                    parts.last_mut().expect("data is of a part").1.extend(data);
                }
                Ok(Some(Event::End)) => return Body { parts, end: Ok(()) },
                Ok(None) => break,
                Err(error) => return Body { parts, end: Err(error) },
            }
        }
    }
    let end = reader.finish();
    Body { parts, end }
}
