//! The root keys that licences are signed under.

use std::collections::BTreeMap;

use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use thiserror::Error;

/// The id of the vendor's production root key.
pub const PRODUCTION_KEY_ID: &str = "bdee56560cfb43c9b28bf98eacafa646";

/// The vendor's production root key. Its staging and development keys, which the original also
/// builds in, are not trusted.
const PRODUCTION_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwdSHE8v64QH/yELBoPBl
GanhS3AD5vMAaqLLFnftwjmDKrxWwqNB9w1GVJWb5gVLvt/UlE/k+HVr5HFdomVI
TMvnvxhD0UvNyGFuUbXBMvQPPW9joR48LcCBLZl+RZTqR5HRhsIbujiExRDnteaq
mU1jG/oVlQkRoyOYrObTeoD0BdcZAr2PdGvgvJvpZduZtrKvjvsSJEBYExoPtko+
8AqhMBAI+qX1/SMix21qpmYSYLNeqN2Pplna0p2MK8yyaHY8KSqTF90ZJF1+P0ZF
MLt6S8/6PIX9WD+vFqmDpW1GCkB+p2OfxsYiAIX1ej98Ck3hoPQnOuiFIovV8aFQ
bQIDAQAB
-----END PUBLIC KEY-----
";

/// Why a text is not a root key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The text is not one public key in PEM form.
    #[error("the text is not an RSA public key in PEM form (`-----BEGIN PUBLIC KEY-----`)")]
    NotAKey,
}

/// The root keys that are trusted.
#[derive(Debug, Clone, Default)]
pub struct RootKeys {
    by_id: BTreeMap<String, RsaPublicKey>,
    for_any_id: Vec<RsaPublicKey>,
}

impl RootKeys {
    /// The keys that are trusted without being asked for: the vendor's production key alone.
    pub fn production() -> Self {
        let key = RsaPublicKey::from_public_key_pem(PRODUCTION_KEY)
            .expect("the built-in key is well formed, a test reads it");
        Self { by_id: BTreeMap::from([(PRODUCTION_KEY_ID.to_owned(), key)]), for_any_id: vec![] }
    }

    /// No key at all; every licence is refused until one is added.
    pub fn none() -> Self {
        Self::default()
    }

    /// Trusts a further key, in PEM form, under whatever id a licence names it.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when the text is not one public key.
    pub fn add_pem(&mut self, pem: &str) -> Result<(), KeyError> {
        let key = RsaPublicKey::from_public_key_pem(pem).map_err(|_| KeyError::NotAKey)?;
        self.for_any_id.push(key);
        Ok(())
    }

    /// The keys that may have signed under `id`.
    pub(super) fn candidates(&self, id: &str) -> impl Iterator<Item = &RsaPublicKey> {
        self.by_id.get(id).into_iter().chain(&self.for_any_id)
    }

    /// Whether the key of this id is trusted: what it has not signed is then forged, and not merely of somebody else.
    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The trusted ids, for a message.
    pub(super) fn names(&self) -> String {
        let mut names: Vec<_> = self.by_id.keys().map(|id| format!("`{id}`")).collect();
        if !self.for_any_id.is_empty() {
            names.push(format!("{} given key(s)", self.for_any_id.len()));
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}
