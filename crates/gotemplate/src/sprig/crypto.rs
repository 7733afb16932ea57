//! Keys, certificates, ciphers and password hashes.

mod certs;
mod der;
mod dsa;
mod keys;
mod pem;
mod scrypt;

use std::any::Any;
use std::sync::Arc;

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;

use super::args::{int, string, text};
use super::encoding::{base64, from_base64};
use super::sources::Sources;
use super::{Answer, Registry};
use crate::error::FuncError;
use crate::types::Type::{self, Int, List, String as Text, Uint32};
use crate::value::{Object, Str, Value, lossy};

/// Go's default cost for bcrypt.
const BCRYPT_COST: u32 = 10;

/// The length of a block of AES.
const BLOCK: usize = 16;

pub(super) fn register(to: &mut Registry, sources: &Sources) {
    let from = sources.clone();
    to.typed("bcrypt", &[Text], move |a| string(bcrypt(text(a, 0), &from)));
    let from = sources.clone();
    to.typed("htpasswd", &[Text, Text], move |a| {
        let user = text(a, 0);
        if user.contains(&b':') {
            return string([b"invalid username: ", user].concat());
        }
        string([user, b":", bcrypt(text(a, 1), &from).as_bytes()].concat())
    });
    let from = sources.clone();
    to.typed("encryptAES", &[Text, Text], move |a| encrypt(text(a, 0), text(a, 1), &from));
    to.typed("decryptAES", &[Text, Text], |a| decrypt(text(a, 0), text(a, 1)));
    to.typed("derivePassword", &[Uint32, Text, Text, Text, Text], scrypt::derive_password);
    let from = sources.clone();
    to.typed("genPrivateKey", &[Text], move |a| {
        match keys::PrivateKey::generate(text(a, 0), &from) {
            Ok(key) => string(key.pem()),
            Err(message) => string(message),
        }
    });
    certificates(to, sources);
}

fn certificates(to: &mut Registry, sources: &Sources) {
    let certificate = || Type::Object(Certificate::TYPE.into());
    to.typed("buildCustomCert", &[Text, Text], |a| {
        certs::build_custom(text(a, 0), text(a, 1)).map(Certificate::value).map_err(FuncError)
    });
    let from = sources.clone();
    to.typed("genCA", &[Text, Int], move |a| {
        certs::authority(text(a, 0), int(a, 1), None, &from).map(Certificate::value)
    });
    let from = sources.clone();
    to.typed("genCAWithKey", &[Text, Int, Text], move |a| {
        certs::authority(text(a, 0), int(a, 1), Some(text(a, 2)), &from).map(Certificate::value)
    });
    let from = sources.clone();
    to.typed("genSelfSignedCert", &[Text, List, List, Int], move |a| {
        certs::leaf(&certs::Request::new(a, None), None, &from).map(Certificate::value)
    });
    let from = sources.clone();
    to.typed("genSelfSignedCertWithKey", &[Text, List, List, Int, Text], move |a| {
        certs::leaf(&certs::Request::new(a, Some(4)), None, &from).map(Certificate::value)
    });
    let from = sources.clone();
    to.typed("genSignedCert", &[Text, List, List, Int, certificate()], move |a| {
        certs::leaf(&certs::Request::new(a, None), Some(&a[4]), &from).map(Certificate::value)
    });
    let from = sources.clone();
    to.typed("genSignedCertWithKey", &[Text, List, List, Int, certificate(), Text], move |a| {
        certs::leaf(&certs::Request::new(a, Some(5)), Some(&a[4]), &from).map(Certificate::value)
    });
}

/// Sprig's `certificate`: a certificate and its key, both as PEM.
#[derive(Clone, Debug)]
struct Certificate {
    cert: Str,
    key: Str,
}

impl Certificate {
    const TYPE: &'static str = "sprig.certificate";

    fn value(self) -> Value {
        Value::Object(Arc::new(self))
    }

    /// Returns the certificate in a value of its type.
    fn of(value: &Value) -> Option<&Self> {
        match value {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl Object for Certificate {
    fn type_name(&self) -> &str {
        Self::TYPE
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", Value::String(self.cert.clone())), ("Key", Value::String(self.key.clone()))]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn bcrypt(password: &[u8], sources: &Sources) -> String {
    if password.len() > 72 {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
            .to_owned();
    }
    let mut salt = [0; 16];
    sources.fill(&mut salt);
    match bcrypt::hash_with_salt(password, BCRYPT_COST, salt) {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    }
}

/// The password cut or filled up to the length of a key.
fn aes_key(password: &[u8]) -> Result<UnboundCipherKey, FuncError> {
    let mut key = [0; 32];
    let n = password.len().min(32);
    key[..n].copy_from_slice(&password[..n]);
    UnboundCipherKey::new(&AES_256, &key).map_err(|_| FuncError::new("crypto/aes: invalid key"))
}

fn encrypt(password: &[u8], plain: &[u8], sources: &Sources) -> Answer {
    if plain.is_empty() {
        return string("");
    }
    let padding = BLOCK - plain.len() % BLOCK;
    let mut content = plain.to_vec();
    content.resize(plain.len() + padding, u8::try_from(padding).unwrap_or(0));
    let mut iv = [0; BLOCK];
    sources.fill(&mut iv);
    let failed = |_| FuncError::new("crypto/aes: encryption failed");
    let key = EncryptingKey::cbc(aes_key(password)?).map_err(failed)?;
    let start = EncryptionContext::Iv128(FixedLength::from(iv));
    key.less_safe_encrypt(&mut content, start).map_err(failed)?;
    string(base64(&[&iv[..], &content].concat()))
}

fn decrypt(password: &[u8], text: &[u8]) -> Answer {
    if text.is_empty() {
        return string("");
    }
    let mut bytes = from_base64(text)
        .map_err(|at| FuncError(format!("illegal base64 data at input byte {at}")))?;
    if bytes.len() < BLOCK {
        let n = bytes.len();
        // What follows is the text of the panic of Go's slice expression; the capacity is that of the
        // decoder's buffer.
        let capacity = text.len() / 4 * 3;
        return Err(FuncError(if capacity >= BLOCK {
            let _ = n;
            "runtime error: slice bounds out of range [16:".to_owned() + &format!("{n}]")
        } else {
            format!("runtime error: slice bounds out of range [:16] with capacity {capacity}")
        }));
    }
    let mut content = bytes.split_off(BLOCK);
    if !content.len().is_multiple_of(BLOCK) {
        return Err("crypto/cipher: input not full blocks".into());
    }
    if content.is_empty() {
        return Err("runtime error: index out of range [-1]".into());
    }
    let iv: [u8; BLOCK] = bytes.try_into().unwrap_or([0; BLOCK]);
    let failed = |_| FuncError::new("crypto/aes: decryption failed");
    let key = DecryptingKey::cbc(aes_key(password)?).map_err(failed)?;
    let start = DecryptionContext::Iv128(FixedLength::from(iv));
    let content = key.decrypt(&mut content, start).map_err(failed)?;
    let padding = content.last().map_or(0, |b| usize::from(*b));
    match content.len().checked_sub(padding) {
        Some(n) => string(&content[..n]),
        None => {
            let missing = padding - content.len();
            Err(FuncError(format!("runtime error: slice bounds out of range [:-{missing}]")))
        }
    }
}

/// Returns bytes for a message.
fn shown(bytes: &[u8]) -> String {
    lossy(bytes).into_owned()
}
