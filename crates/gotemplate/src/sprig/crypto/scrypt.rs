//! `derivePassword`: the Master Password algorithm, with the scrypt it needs.

use std::num::NonZeroU32;

use aws_lc_rs::{hmac, pbkdf2};

use super::super::Answer;
use super::super::args::{string, text};
use super::shown;
use crate::value::Value;

const SEED: &[u8] = b"com.lyndir.masterpassword";
const N: usize = 32_768;
const R: usize = 8;
const P: usize = 2;

fn templates(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

fn with_length(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [SEED, &length.to_be_bytes(), text].concat()
}

pub(super) fn derive_password(a: &[Value]) -> Answer {
    let counter = match a.first() {
        Some(Value::Uint32(counter)) => *counter,
        _ => 0,
    };
    let (kind, password, user, site) = (text(a, 1), text(a, 2), text(a, 3), text(a, 4));
    let Some(templates) = templates(kind) else {
        return string(format!("cannot find password template {}", shown(kind)));
    };
    let key = scrypt(password, &with_length(user));
    let message = [&with_length(site)[..], &counter.to_be_bytes()].concat();
    let seed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
    let seed = seed.as_ref();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let derived: Vec<u8> = template
        .bytes()
        .zip(&seed[1..])
        .map(|(class, byte)| {
            let from = characters(class);
            from[usize::from(*byte) % from.len()]
        })
        .collect();
    string(derived)
}

fn pbkdf2(password: &[u8], salt: &[u8], out: &mut [u8]) {
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, salt, password, out);
}

/// scrypt (RFC 7914) with the parameters of the algorithm, 64 bytes of key.
fn scrypt(password: &[u8], salt: &[u8]) -> [u8; 64] {
    let mut blocks = vec![0; 128 * R * P];
    pbkdf2(password, salt, &mut blocks);
    let mut memory = vec![0u32; 32 * R * N];
    for block in blocks.chunks_exact_mut(128 * R) {
        mix(block, &mut memory);
    }
    let mut key = [0; 64];
    pbkdf2(password, &blocks, &mut key);
    key
}

fn mix(block: &mut [u8], memory: &mut [u32]) {
    let mut x: Vec<u32> =
        block.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let mut y = vec![0; x.len()];
    for slot in memory.chunks_exact_mut(32 * R) {
        slot.copy_from_slice(&x);
        block_mix(&mut x, &mut y);
    }
    for _ in 0..N {
        let j = x[(2 * R - 1) * 16] as usize & (N - 1);
        for (x, v) in x.iter_mut().zip(&memory[j * 32 * R..(j + 1) * 32 * R]) {
            *x ^= v;
        }
        block_mix(&mut x, &mut y);
    }
    for (bytes, word) in block.chunks_exact_mut(4).zip(&x) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}

fn block_mix(x: &mut [u32], y: &mut [u32]) {
    let mut state = [0u32; 16];
    state.copy_from_slice(&x[(2 * R - 1) * 16..]);
    for i in 0..2 * R {
        for (s, v) in state.iter_mut().zip(&x[i * 16..]) {
            *s ^= v;
        }
        salsa8(&mut state);
        // Even blocks come first, odd ones after them.
        let at = (i / 2 + (i % 2) * R) * 16;
        y[at..at + 16].copy_from_slice(&state);
    }
    x.copy_from_slice(y);
}

/// Salsa20 with eight rounds.
fn salsa8(state: &mut [u32; 16]) {
    let mut x = *state;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
        x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
        x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
        x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
    };
    for _ in 0..4 {
        quarter(0, 4, 8, 12);
        quarter(5, 9, 13, 1);
        quarter(10, 14, 2, 6);
        quarter(15, 3, 7, 11);
        quarter(0, 1, 2, 3);
        quarter(5, 6, 7, 4);
        quarter(10, 11, 8, 9);
        quarter(15, 12, 13, 14);
    }
    for (s, v) in state.iter_mut().zip(x) {
        *s = s.wrapping_add(v);
    }
}
