//! `KubeSeal`: a value encrypted for one secret of one namespace, as the `kubeseal` program does it
//! (`bitnami-labs/sealed-secrets`, strict scope).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use gotemplate::{Func, FuncError, Type};
use rand::rngs::StdRng;
use rand::{RngCore as _, SeedableRng as _};
use rsa::pkcs8::der::asn1::AnyRef;
use rsa::pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, TagNumber, pem};
use rsa::pkcs8::{DecodePublicKey as _, SubjectPublicKeyInfoRef};
use rsa::rand_core;
use rsa::{Oaep, RsaPublicKey};
use sha2::{Digest as _, Sha256};

use crate::context::text::{base64_encode, fail, text};

/// Makes the function; session keys are drawn from `seed`, another one for each call.
pub(super) fn function(seed: [u8; 32]) -> Func {
    let n_calls = AtomicU64::new(0);
    let types = [Type::String, Type::String, Type::String, Type::String];
    Func::new(types, move |args| {
        let key = public_key(&text(args, 0)).map_err(FuncError::new)?;
        let label = format!("{}/{}", text(args, 1), text(args, 2));
        let value = args.get(3).and_then(gotemplate::Value::as_bytes).unwrap_or_default();
        let call = n_calls.fetch_add(1, Ordering::Relaxed);
        match seal(&key, &label, value, random(seed, call)) {
            Some(sealed) => Ok(base64_encode(&sealed).into()),
            None => fail("the key of the certificate is too short"),
        }
    })
    .typed()
}

/// The key of the first certificate of a PEM text.
fn public_key(certificates: &str) -> Result<RsaPublicKey, &'static str> {
    const END: &str = "-----END CERTIFICATE-----";
    let end = certificates.find(END).ok_or("the text holds no certificate in PEM form")?;
    let (_, der) = pem::decode_vec(certificates[..end + END.len()].trim_start().as_bytes())
        .map_err(|_| "the text holds no certificate in PEM form")?;
    let key = subject_public_key(&der).map_err(|_| "the certificate cannot be read")?;
    RsaPublicKey::from_public_key_der(&key).map_err(|_| "the key of the certificate is not RSA")
}

/// The field `subjectPublicKeyInfo` of a certificate (RFC 5280, 4.1).
fn subject_public_key(certificate: &[u8]) -> rsa::pkcs8::der::Result<Vec<u8>> {
    let mut reader = SliceReader::new(certificate)?;
    reader.sequence(|certificate| {
        let signed = AnyRef::decode(certificate)?;
        let mut fields = SliceReader::new(signed.value())?;
        let version = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
        if fields.peek_tag()? == version {
            AnyRef::decode(&mut fields)?;
        }
        for _serial_algorithm_issuer_validity_subject in 0..5 {
            AnyRef::decode(&mut fields)?;
        }
        let key = SubjectPublicKeyInfoRef::decode(&mut fields)?.to_der()?;
        while !certificate.is_finished() {
            AnyRef::decode(certificate)?;
        }
        Ok(key)
    })
}

/// The length of the encrypted session key, that key, and the value encrypted with it. The nonce may
/// be zero because a session key is used once. `None` when the key cannot hold a session key.
fn seal(key: &RsaPublicKey, label: &str, value: &[u8], mut random: StdRng) -> Option<Vec<u8>> {
    let mut session_key = [0; 32];
    random.fill_bytes(&mut session_key);
    let padding = Oaep::new_with_label::<rsa::sha2::Sha256, _>(label);
    let wrapped = key.encrypt(&mut Old(random), padding, &session_key).ok()?;
    let mut sealed = u16::try_from(wrapped.len()).ok()?.to_be_bytes().to_vec();
    sealed.extend(wrapped);
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &session_key).ok()?);
    let mut inside = value.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut inside).ok()?;
    sealed.extend(inside);
    Some(sealed)
}

/// A source of random bytes for one call.
fn random(seed: [u8; 32], call: u64) -> StdRng {
    let digest = Sha256::new()
        .chain_update("KubeSeal")
        .chain_update(seed)
        .chain_update(call.to_be_bytes())
        .finalize();
    StdRng::from_seed(digest.into())
}

/// The same source for a library that knows an older form of it.
struct Old(StdRng);

impl rand_core::RngCore for Old {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core::CryptoRng for Old {}
