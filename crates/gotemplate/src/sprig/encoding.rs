//! Base64, base32 and digests.

use super::Registry;
use super::args::{string, text};
use crate::types::Type::String as Text;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

pub(super) fn register(to: &mut Registry) {
    to.typed("b64enc", &[Text], |a| string(base64(text(a, 0))));
    // The text of an error is what sprig gives as the result.
    to.typed("b64dec", &[Text], |a| match from_base64(text(a, 0)) {
        Ok(bytes) => string(bytes),
        Err(at) => string(format!("illegal base64 data at input byte {at}")),
    });
    to.typed("b32enc", &[Text], |a| string(encode(text(a, 0), BASE32, 5, 8)));
    to.typed("b32dec", &[Text], |a| match from_base32(text(a, 0)) {
        Ok(bytes) => string(bytes),
        Err(at) => string(format!("illegal base32 data at input byte {at}")),
    });
    to.typed("sha1sum", &[Text], |a| {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text(a, 0));
        string(hex::encode(digest))
    });
    to.typed("sha256sum", &[Text], |a| {
        string(hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text(a, 0))))
    });
    to.typed("sha512sum", &[Text], |a| {
        string(hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, text(a, 0))))
    });
    to.typed("adler32sum", &[Text], |a| string(adler32(text(a, 0)).to_string()));
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

/// Standard base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    encode(bytes, BASE64, 6, 4)
}

/// Encodes `bits` bits a character, padded to a multiple of `group` characters.
fn encode(bytes: &[u8], alphabet: &[u8], bits: u32, group: usize) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / bits as usize + group);
    let (mut buffer, mut have) = (0u32, 0);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xffff;
        have += 8;
        while have >= bits {
            have -= bits;
            let index = (buffer >> have) & ((1 << bits) - 1);
            out.push(char::from(alphabet[index as usize]));
        }
    }
    if have > 0 {
        let index = (buffer << (bits - have)) & ((1 << bits) - 1);
        out.push(char::from(alphabet[index as usize]));
    }
    while !out.len().is_multiple_of(group) {
        out.push('=');
    }
    out
}

/// Decodes standard base64; line ends are skipped. The error is where Go's is.
pub(super) fn from_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let mut at = 0;
    loop {
        let mut quantum = [0u8; 4];
        let mut n = 0;
        let mut padded = false;
        while n < 4 {
            let Some(byte) = text.get(at).copied() else {
                return if n == 0 { Ok(out) } else { Err(at - n) };
            };
            at += 1;
            if byte == b'\n' || byte == b'\r' {
                continue;
            }
            if let Some(value) = BASE64.iter().position(|b| *b == byte) {
                quantum[n] = u8::try_from(value).unwrap_or(0);
                n += 1;
                continue;
            }
            if byte != b'=' || n < 2 {
                return Err(at - 1);
            }
            if n == 2 {
                at = skip_lines(text, at);
                if at == text.len() {
                    return Err(text.len());
                }
                if text[at] != b'=' {
                    return Err(at);
                }
                at += 1;
            }
            at = skip_lines(text, at);
            if at < text.len() {
                return Err(at);
            }
            padded = true;
            break;
        }
        let q = quantum;
        out.push(q[0] << 2 | q[1] >> 4);
        if n > 2 {
            out.push(q[1] << 4 | q[2] >> 2);
        }
        if n > 3 {
            out.push(q[2] << 6 | q[3]);
        }
        if padded {
            return Ok(out);
        }
    }
}

fn skip_lines(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count()
}

/// Decodes standard base32; line ends are skipped. The error is where Go's is.
fn from_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let total = text.len();
    let mut out = Vec::with_capacity(total * 5 / 8);
    let mut rest = &text[..];
    let mut end = false;
    while !rest.is_empty() && !end {
        let mut quantum = [0u8; 8];
        let mut len = 8;
        let mut j = 0;
        while j < 8 {
            if rest.is_empty() {
                return Err(total - j);
            }
            let byte = rest[0];
            rest = &rest[1..];
            if byte == b'=' && j >= 2 && rest.len() < 8 {
                if rest.len() + j < 8 - 1 {
                    return Err(total);
                }
                for (k, pad) in rest.iter().enumerate().take(8 - 1 - j) {
                    if *pad != b'=' {
                        return Err(total - rest.len() + k - 1);
                    }
                }
                len = j;
                end = true;
                if matches!(len, 1 | 3 | 6) {
                    return Err(total - rest.len() - 1);
                }
                break;
            }
            match BASE32.iter().position(|b| *b == byte) {
                Some(value) => quantum[j] = u8::try_from(value).unwrap_or(0),
                None => return Err(total - rest.len() - 1),
            }
            j += 1;
        }
        let q = quantum;
        let bytes = [
            q[0] << 3 | q[1] >> 2,
            q[1] << 6 | q[2] << 1 | q[3] >> 4,
            q[3] << 4 | q[4] >> 1,
            q[4] << 7 | q[5] << 2 | q[6] >> 3,
            q[6] << 5 | q[7],
        ];
        out.extend_from_slice(&bytes[..len * 5 / 8]);
    }
    Ok(out)
}
