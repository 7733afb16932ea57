//! The places at which a bundle's stream can be entered, as a file: all of one form, in the stream's order.
//!
//! A file of its own beside the index, for it is mostly bytes that are not text. Without it, or with one that is not
//! sound, a bundle is read from its start.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::store::read_whole;
use crate::gzip::{Inside, Point, WINDOW};

/// Bytes of a place without its window.
const HEAD: usize = 17;
/// Stands for a place where a member begins.
const MEMBER: u8 = u8::MAX;

/// The places, read from their file when they are first asked for: who only looks what is in a bundle needs none.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    read: OnceLock<Arc<[Point]>>,
    file: PathBuf,
}

impl Points {
    /// Those a pass has found.
    pub(super) fn found(points: Vec<Point>) -> Self {
        Self { read: OnceLock::from(Arc::from(points)), file: PathBuf::new() }
    }

    /// Those in a file.
    pub(super) fn kept(file: PathBuf) -> Self {
        Self { read: OnceLock::new(), file }
    }

    /// All of them. None when the file is gone or not sound.
    pub(crate) fn get(&self) -> &Arc<[Point]> {
        self.read.get_or_init(|| {
            let points = read_whole(&self.file).and_then(|it| decode(&it));
            points.unwrap_or_default().into()
        })
    }
}

impl PartialEq for Points {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Points {}

/// The file of `points`.
pub(super) fn encode(points: &[Point]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for point in points {
        bytes.extend(point.at.to_le_bytes());
        bytes.extend(point.offset.to_le_bytes());
        bytes.push(point.inside.as_ref().map_or(MEMBER, |it| it.unused));
        bytes.extend(point.inside.iter().flat_map(|it| &*it.window));
    }
    bytes
}

/// What a file holds, or nothing when it is not one.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<Point>> {
    let mut points: Vec<Point> = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let number = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
        let (at, offset) = (number(0)?, number(8)?);
        bytes = rest;
        let inside = match head[HEAD - 1] {
            MEMBER => None,
            unused => {
                let (window, rest) = bytes.split_first_chunk::<WINDOW>()?;
                bytes = rest;
                Some(Inside { unused, window: Box::new(*window) })
            }
        };
        if points.last().is_some_and(|it| offset < it.offset) {
            return None;
        }
        points.push(Point { at, offset, inside });
    }
    bytes.is_empty().then_some(points)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let inside = (0_u8..4, any::<u8>()).prop_map(|(unused, byte)| Inside {
            unused: unused * 2,
            window: vec![byte; WINDOW].into(),
        });
        let point = (any::<u64>(), any::<u64>(), prop::option::of(inside));
        prop::collection::vec(point, 0..5).prop_map(|mut points| {
            points.sort_by_key(|it| it.1);
            points.into_iter().map(|(at, offset, inside)| Point { at, offset, inside }).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(points in points(), cut in any::<prop::sample::Index>()) {
            let bytes = encode(&points);
            prop_assert_eq!(decode(&bytes), Some(points.clone()));
            // A file that ends early holds fewer, or is none.
            let cut = decode(&bytes[..cut.index(bytes.len() + 1)]);
            prop_assert!(cut.is_none_or(|it| points.starts_with(&it)));
        }

        #[test]
        fn any_bytes_are_read_or_are_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for point in decode(&bytes).unwrap_or_default() {
                prop_assert!(point.inside.is_none());
            }
        }
    }
}
