//! Streams sound and damaged.

use std::io::Write;

use flate2::{Compression, GzBuilder, write::GzEncoder};
use insta::assert_snapshot;

use super::*;
use crate::limits::Limits;

fn gz(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}

fn limits(total_size: u64, ratio: u64) -> ArchiveLimits {
    ArchiveLimits { total_size, ratio, ..Limits::default().app }
}

fn check_with(stream: &[u8], limits: &ArchiveLimits) -> String {
    let mut out = Vec::new();
    let mut gunzip = Gunzip::new(stream, limits);
    match gunzip.read_to_end(&mut out) {
        Ok(_) if out.len() > 60 => format!("{} bytes", out.len()),
        Ok(_) => format!("{:?}", String::from_utf8_lossy(&out)),
        Err(error) => {
            let again = gunzip.read(&mut [0; 8]).expect_err("a fault stays a fault");
            assert_eq!(error.to_string(), again.to_string());
            error.to_string()
        }
    }
}

fn check(stream: &[u8]) -> String {
    check_with(stream, &limits(1 << 30, 200))
}

#[test]
fn members_in_a_row_are_one_stream() {
    assert_snapshot!(check(&[gz(b"one "), gz(b""), gz(b"two")].concat()), @r#""one two""#);
}

#[test]
fn every_optional_header_field_is_understood() {
    let mut encoder = GzBuilder::new()
        .filename("a name")
        .comment("a comment")
        .extra(vec![1; 300])
        .mtime(7)
        .write(Vec::new(), Compression::fast());
    encoder.write_all(b"data").expect("a vector takes all");
    assert_snapshot!(check(&encoder.finish().expect("a vector takes all")), @r#""data""#);
}

#[test]
fn only_zero_bytes_may_follow() {
    assert_snapshot!(check(&[gz(b"data"), vec![0; 3000]].concat()), @r#""data""#);
    assert_snapshot!(check(&[gz(b"data"), b"garbage".to_vec()].concat()), @"bytes that are not gzip follow the stream at byte 24");
    assert_snapshot!(check(&[gz(b"data"), vec![0, 0, 1]].concat()), @"bytes that are not gzip follow the stream at byte 24");
}

#[test]
fn what_is_not_gzip_is_named() {
    assert_snapshot!(check(b""), @"empty: not a gzip stream");
    assert_snapshot!(check(b"PK\x03\x04"), @"not a gzip stream: it starts with 0x50 0x4b, gzip with 0x1f 0x8b");
    assert_snapshot!(check(b"\x1f\x8b\x07\0\0\0\0\0\0\0"), @"gzip header at byte 0 is damaged: unknown compression method");
}

#[test]
fn a_cut_is_told_from_damage_at_every_byte() {
    let stream = gz(b"some text, some more text, and some text again");
    for at in 1..stream.len() {
        let error = check(&stream[..at]);
        assert_eq!(
            error,
            format!("cut short: the gzip stream ends after {at} bytes, before its end")
        );
    }
}

#[test]
fn a_flipped_bit_in_the_data_or_its_checksum_is_found() {
    let data = b"0123456789abcdef".repeat(3);
    let (stream, sound) = (gz(&data), format!("{:?}", String::from_utf8_lossy(&data)));
    let mut found = 0;
    for bit in 10 * 8..stream.len() * 8 {
        let mut damaged = stream.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let result = check(&damaged);
        let named = result.starts_with("damaged:") || result.starts_with("cut short:");
        // The bits that fill the last byte of the data mean nothing.
        assert!(named || result == sound, "bit {bit}: {result}");
        found += usize::from(named);
    }
    assert!(found > (stream.len() - 10) * 8 - 8);
}

#[test]
fn a_bomb_is_stopped() {
    let bomb = gz(&vec![0; 80 << 20]);
    assert_snapshot!(check_with(&bomb, &limits(1 << 20, 2000)), @"decompresses to more than the allowed 1048576 bytes");
    assert_snapshot!(check_with(&bomb, &limits(1 << 30, 200)), @"decompresses to more than 200 times its size, more than is allowed");
    assert_snapshot!(check_with(&bomb, &limits(1 << 30, 2000)), @"83886080 bytes");
}

/// Text that repeats itself near and far, noise, and runs of one byte, in turns.
fn mixed(size: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(size + 100_000);
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    while data.len() < size {
        let kind = next() % 4;
        for _ in 0..next() % 9_000 {
            let number = next();
            match kind {
                0 => data.extend(number.to_le_bytes()),
                1 => data.extend(format!("line {} of {}\n", number % 100, number % 7).bytes()),
                2 => data.extend([b"name: ", b"value:", b"      "][(number % 3) as usize]),
                _ => data.push(b'-'),
            }
        }
    }
    data
}

fn points(stream: &[u8], data: &[u8]) -> Vec<Point> {
    let mut gunzip = Gunzip::noting(stream, &limits(1 << 30, 200));
    let mut out = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let n = gunzip.read(&mut out).expect("the stream is sound");
        assert_eq!(out[..n], data[at..at + n]);
        at += n;
        if n == 0 {
            break;
        }
    }
    assert_eq!(at, data.len());
    gunzip.points()
}

#[test]
fn a_stream_is_read_on_from_every_noted_place() {
    let data = mixed(40 << 20);
    for level in [0, 1, 6, 9] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(&data).expect("a vector takes all");
        let stream = [encoder.finish().expect("a vector takes all"), gz(b"more")].concat();
        let whole = [&data[..], b"more"].concat();
        let points = points(&stream, &whole);
        // At level 1 zlib makes blocks of any length, so there may be few.
        let least = if level == 1 { 1 } else { 8 };
        assert!((least..=10).contains(&points.len()), "level {level}: {} places", points.len());
        for point in points {
            let from = usize::try_from(point.at - point.steps_back()).expect("it is in memory");
            let mut gunzip = Gunzip::resume(&stream[from..], &point, &limits(1 << 30, 200))
                .expect("it can begin there");
            let mut rest = Vec::new();
            gunzip.read_to_end(&mut rest).expect("the rest is sound");
            let offset = usize::try_from(point.offset).expect("it is in memory");
            assert!(rest == whole[offset..], "level {level}: from {point:?}");
        }
    }
}

#[test]
fn members_are_places_too_and_all_of_them_stay_few() {
    let part = mixed(5 << 20);
    let stream: Vec<u8> = (0..9).flat_map(|_| gz(&part)).collect();
    let data = part.repeat(9);
    let points = points(&stream, &data);
    assert_eq!(points.iter().filter(|it| it.inside.is_none()).count(), 8);

    let mut found = Points::new();
    let noise = mixed(WINDOW + 4096);
    let (before, after) = noise.split_at(WINDOW);
    // A stored block, whose bytes are its content.
    let size = u16::try_from(after.len()).expect("it is small");
    let head = [&[0][..], &size.to_le_bytes(), &(!size).to_le_bytes()].concat();
    let rest = [&head[..], after].concat();
    for at in 0..10_000_u64 {
        let offset = at * (4 << 20);
        if found.is_due(offset, 0) {
            found.note((at, offset), before, 0, &rest, after);
        }
    }
    let found = found.take();
    assert!((32..=64).contains(&found.len()), "{} places", found.len());
    let gaps: Vec<u64> = found.windows(2).map(|it| it[1].offset - it[0].offset).collect();
    assert!(gaps.iter().max() <= gaps.iter().min().map(|it| it * 2).as_ref(), "{gaps:?}");
}
