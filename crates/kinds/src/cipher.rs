//! Encryption of passwords at rest, in the original's form (`pkg/crypto/aes.go`): AES-192-GCM.
//!
//! The key text is base64 of a 24-byte key and a 12-byte nonce. New cipher texts carry their own
//! nonce in front; old ones were made with the key text's nonce and are still read.
//!
//! This is the one place of the crate that draws random bytes: a nonce that a caller could use
//! twice would break the cipher.

use aws_lc_rs::aead::{AES_192_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

const KEY_BYTES: usize = 24;
const NONCE_BYTES: usize = 12;

const KEY_TEXT_BYTES: usize = KEY_BYTES + NONCE_BYTES;

/// Why a text is not an encryption key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CipherError {
    /// The text is not base64.
    #[error("the encryption key is not base64")]
    NotBase64,
    /// The key has another length.
    #[error("the encryption key is {found} bytes long, {KEY_TEXT_BYTES} are allowed")]
    WrongLength {
        /// The length found, in bytes.
        found: usize,
    },
}

/// One encryption key.
pub struct Cipher {
    key: LessSafeKey,
    old_nonce: [u8; NONCE_BYTES],
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(…)")
    }
}

/// Makes a new key text, to be kept by the caller.
pub fn generate_key_text() -> String {
    STANDARD.encode(rand::random::<[u8; KEY_TEXT_BYTES]>())
}

impl Cipher {
    /// Reads a key text.
    ///
    /// # Errors
    ///
    /// [`CipherError`] when the text is not base64 of 36 bytes.
    pub fn from_key_text(text: &str) -> Result<Self, CipherError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| CipherError::NotBase64)?;
        if bytes.len() != KEY_TEXT_BYTES {
            return Err(CipherError::WrongLength { found: bytes.len() });
        }
        let (key, nonce) = bytes.split_at(KEY_BYTES);
        let key = UnboundKey::new(&AES_192_GCM, key).expect("the length was checked");
        let mut old_nonce = [0; NONCE_BYTES];
        old_nonce.copy_from_slice(nonce);
        Ok(Self { key: LessSafeKey::new(key), old_nonce })
    }

    /// Encrypts a text; the result is base64 and differs each time.
    pub fn encrypt(&self, plain: &str) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let mut sealed = plain.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut sealed,
            )
            .expect("a text is far below the cipher's limit of 64 GiB");
        let mut message = nonce.to_vec();
        message.append(&mut sealed);
        STANDARD.encode(message)
    }

    /// Decrypts what [`encrypt`](Self::encrypt) gave, or the old form; `None` when the text was not
    /// encrypted with this key.
    pub fn decrypt(&self, text: &str) -> Option<String> {
        let message = STANDARD.decode(text).ok()?;
        let own_nonce = message
            .split_at_checked(NONCE_BYTES)
            .and_then(|(nonce, sealed)| self.open(nonce.try_into().ok()?, sealed));
        own_nonce.or_else(|| self.open(self.old_nonce, &message))
    }

    fn open(&self, nonce: [u8; NONCE_BYTES], sealed: &[u8]) -> Option<String> {
        let mut buffer = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut buffer).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

/// Decrypts with the first of several keys that fits.
pub fn decrypt_any(ciphers: &[Cipher], text: &str) -> Option<String> {
    ciphers.iter().find_map(|cipher| cipher.decrypt(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(byte: u8) -> Cipher {
        Cipher::from_key_text(&STANDARD.encode([byte; KEY_TEXT_BYTES])).expect("a good key")
    }

    #[test]
    fn a_password_is_encrypted_and_read_back() {
        let sealed = cipher(1).encrypt("sécret");
        assert_eq!(cipher(1).decrypt(&sealed).as_deref(), Some("sécret"));
        assert_eq!(cipher(2).decrypt(&sealed), None);
        assert_eq!(decrypt_any(&[cipher(2), cipher(1)], &sealed).as_deref(), Some("sécret"));
        assert_eq!(cipher(1).decrypt("plain text"), None);
        assert_eq!(cipher(1).decrypt(""), None);
        assert_eq!(cipher(1).decrypt("aGVsbG8="), None);
        assert_eq!(cipher(1).encrypt("").len(), 40);
        assert_ne!(cipher(1).encrypt("a"), cipher(1).encrypt("a"));
        assert!(Cipher::from_key_text(&generate_key_text()).is_ok());
    }

    #[test]
    fn the_old_form_with_the_fixed_nonce_is_read() {
        // Made by Go's crypto/aes and cipher.NewGCM with the key text's own nonce.
        let cipher = Cipher::from_key_text(OLD_KEY).expect("a good key");
        assert_eq!(cipher.decrypt(OLD_SEALED).as_deref(), Some("this is a test value"));
        assert_eq!(cipher.decrypt(NEW_SEALED).as_deref(), Some("this is a test value"));
    }

    #[test]
    fn a_wrong_key_is_refused() {
        assert_eq!(Cipher::from_key_text("*").err(), Some(CipherError::NotBase64));
        insta::assert_snapshot!(Cipher::from_key_text("aGk=").expect_err("too short"), @"the encryption key is 2 bytes long, 36 are allowed");
    }

    const OLD_KEY: &str = "AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kAQYLEBUaHyQpLjM4";
    const OLD_SEALED: &str = "k9Df4ZuTevKzhfDMNCG7EUwv2U9/c/uVmQRZBAIDmgqG7lv4";
    const NEW_SEALED: &str = "yMfGxcTDwsHAv769r2iDW4wQH5QeD2UcMzPVSQTru6/Z6lhUm/U5ilWhXXyi+L6/";
}
