//! RSA-PSS verification with the salt length recovered from the signature, as Go's
//! `PSSSaltLengthAuto` does (RFC 8017, 9.1.2).
//!
//! The vendor signs with the longest salt that fits the key; the usual Rust verifiers accept only
//! a salt as long as the digest. Only public keys are used here.

use md5::Md5;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey};
use sha2::Sha256;

/// The digest of a generation of licences.
#[derive(Debug, Clone, Copy)]
pub(super) enum Digest {
    Md5,
    Sha256,
}

impl Digest {
    fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Md5 => {
                use md5::Digest as _;
                let mut hasher = Md5::new();
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize().to_vec()
            }
            Self::Sha256 => {
                use sha2::Digest as _;
                let mut hasher = Sha256::new();
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize().to_vec()
            }
        }
    }
}

/// Returns whether `signature` is one of `message` under `key`.
pub(super) fn is_valid(
    key: &RsaPublicKey,
    digest: Digest,
    message: &[u8],
    signature: &[u8],
) -> bool {
    if signature.len() != key.size() {
        return false;
    }
    let number = BigUint::from_bytes_be(signature);
    if &number >= key.n() {
        return false;
    }
    let encoded = number.modpow(key.e(), key.n()).to_bytes_be();
    let bits = key.n().bits() - 1;
    let length = bits.div_ceil(8);
    if encoded.len() > length {
        return false;
    }
    let mut padded = vec![0; length - encoded.len()];
    padded.extend_from_slice(&encoded);
    matches(&padded, bits, digest, &digest.of(&[message])).is_some()
}

/// EMSA-PSS-VERIFY; `Some` when the encoded message is consistent with the digest.
fn matches(encoded: &[u8], bits: usize, digest: Digest, hashed: &[u8]) -> Option<()> {
    let ensure = |holds: bool| holds.then_some(());
    let h_len = hashed.len();
    ensure(encoded.len() >= h_len + 2)?;
    let (body, trailer) = encoded.split_at(encoded.len() - 1);
    ensure(trailer == [0xbc])?;
    let (masked, hash) = body.split_at(body.len() - h_len);
    let unused = 8 * encoded.len() - bits;
    ensure(u16::from(*masked.first()?) >> (8 - unused) == 0 || unused == 0)?;
    let mut block = mask(hash, masked.len(), digest);
    block.iter_mut().zip(masked).for_each(|(byte, masked)| *byte ^= masked);
    block[0] &= u8::try_from(0xff_u16 >> unused).ok()?;
    // The salt starts after the first one: everything before it must be zero.
    let one = block.iter().position(|byte| *byte != 0)?;
    ensure(block[one] == 1)?;
    let expected = digest.of(&[&[0; 8], hashed, &block[one + 1..]]);
    ensure(expected == hash)
}

/// MGF1.
fn mask(seed: &[u8], length: usize, digest: Digest) -> Vec<u8> {
    let mut mask = Vec::with_capacity(length + 32);
    let mut counter: u32 = 0;
    while mask.len() < length {
        mask.extend(digest.of(&[seed, &counter.to_be_bytes()]));
        counter += 1;
    }
    mask.truncate(length);
    mask
}
