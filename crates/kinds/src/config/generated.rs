//! Values that the vendor's templates make up: drawn once, then kept.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::context::{Pair, TlsPairs};

/// Made-up values of one application, to be stored by the caller (they hold secrets) and handed in
/// again at the next render.
///
/// A value is kept as long as the vendor's template and the answers it asks for stay the same: a
/// certificate for a host is made anew when the host changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generated {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    entries: BTreeMap<String, Entry>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    certificates: BTreeMap<String, Pair>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    made_from: String,
    value: String,
}

static RANDOM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:RandomString|RandomBytes|randAlphaNum|randAlpha|randAscii|randNumeric|randBytes|randInt|uuidv4|shuffle|genPrivateKey|genCA|genCAWithKey|genSelfSignedCert|genSelfSignedCertWithKey|genSignedCert|genSignedCertWithKey|htpasswd|bcrypt|encryptAES|KubeSeal)\b",
    )
    .expect("the expression is well formed")
});

/// Returns whether a template gives another text each time.
pub(super) fn is_random(template: &str) -> bool {
    RANDOM.is_match(template)
}

impl Generated {
    /// Returns whether nothing was made up.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.certificates.is_empty()
    }

    /// The certificates made so far, for [`Contexts::tls`](crate::context::Contexts::tls).
    pub fn certificates(&self) -> TlsPairs {
        TlsPairs::from_map(self.certificates.clone())
    }

    /// Keeps the certificates that renders have made.
    pub fn keep_certificates(&mut self, pairs: &TlsPairs) {
        self.certificates = pairs.to_map();
    }

    /// The value kept under `key`, if it was made from the same `sources`.
    pub(super) fn get(&self, key: &str, sources: &[&str]) -> Option<&str> {
        let entry = self.entries.get(key)?;
        (entry.made_from == digest(sources)).then_some(&entry.value)
    }

    /// Keeps a value.
    pub(super) fn set(&mut self, key: &str, sources: &[&str], value: &str) {
        let entry = Entry { made_from: digest(sources), value: value.to_owned() };
        self.entries.insert(key.to_owned(), entry);
    }

    /// Forgets the values of items that are no longer there.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.entries.retain(|key, _| is_kept(key));
    }
}

fn digest(sources: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for source in sources {
        hasher.update(u64::try_from(source.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(source);
    }
    hex::encode(hasher.finalize())
}
