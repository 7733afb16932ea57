//! The test key chain, and signatures as the vendor makes them.
//!
//! The vendor signs with Go's `rsa.SignPSS` and `PSSSaltLengthAuto`: the longest salt that the key has room for. Here
//! the salt is derived from the message, so that a fixture is the same whenever it is made.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use kinds::license::ApiVersion;
use md5::Md5;
use rsa::{
    Pss, RsaPrivateKey,
    pkcs8::DecodePrivateKey,
    rand_core::{CryptoRng, Error, RngCore},
    traits::PublicKeyParts,
};
use sha2::{Digest, Sha256};

/// The id under which licences name the root key.
pub const ROOT_KEY_ID: &str = "7465737420726f6f74206b6579000001";

/// The public root key, as `--license-root-key` takes it.
pub fn root_public_pem() -> &'static str {
    include_str!("../../../testdata/keys/root.pub.pem")
}

/// The file of the public root key.
pub fn root_public_path() -> PathBuf {
    crate::testdata().join("keys/root.pub.pem")
}

/// The public key of the application, which the root key signs.
pub(crate) fn app_public_pem() -> &'static str {
    include_str!("../../../testdata/keys/app.pub.pem")
}

/// One of the two private keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Root,
    App,
}

/// Signs `message`, in base64: RSA-PSS over MD5 (v1beta1) or SHA-256 (v1beta2).
pub(crate) fn sign(key: Key, version: ApiVersion, message: &[u8]) -> String {
    let pem = match key {
        Key::Root => include_str!("../../../testdata/keys/root.pem"),
        Key::App => include_str!("../../../testdata/keys/app.pem"),
    };
    let key = RsaPrivateKey::from_pkcs8_pem(pem).expect("the committed key is one");
    let mut salt = Derived { message, block: 0, bytes: Vec::new() };
    // Key, less the digest and the two bytes that the padding needs: 238 and 222 for 2048 bits.
    let signed = match version {
        ApiVersion::V1Beta1 => {
            use md5::Digest as _;
            let padding = Pss::new_with_salt::<Md5>(key.size() - 16 - 2);
            key.sign_with_rng(&mut salt, padding, &Md5::digest(message))
        }
        ApiVersion::V1Beta2 => {
            let padding = Pss::new_with_salt::<rsa::sha2::Sha256>(key.size() - 32 - 2);
            key.sign_with_rng(&mut salt, padding, &Sha256::digest(message))
        }
    };
    STANDARD.encode(signed.expect("the key has room for digest and salt"))
}

/// Bytes derived from a message: no randomness at all, which is all right for keys that guard nothing.
struct Derived<'a> {
    message: &'a [u8],
    block: u64,
    bytes: Vec<u8>,
}

impl RngCore for Derived<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        for byte in dest {
            if self.bytes.is_empty() {
                let block = Sha256::new().chain_update(self.block.to_le_bytes());
                self.bytes = block.chain_update(self.message).finalize().to_vec();
                self.block += 1;
            }
            *byte = self.bytes.pop().unwrap_or_default();
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Derived<'_> {}
