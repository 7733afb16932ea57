//! Certificates that templates make up, kept so that a certificate and its key fit together and
//! stay the same from render to render.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Certificates with their keys by name, shared by all renders that get a clone of it.
///
/// It holds private keys and must be stored like a password.
#[derive(Clone, Default)]
pub struct TlsPairs(Arc<Mutex<BTreeMap<String, Pair>>>);

/// A certificate with its key, both in PEM form.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// The certificate.
    pub(super) cert: String,
    /// The private key.
    pub(super) key: String,
    /// What it was made of.
    made_from: String,
    /// When it is to be made anew, in seconds since 1970.
    renew_at: i64,
}

impl std::fmt::Debug for TlsPairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(…)")
    }
}

impl TlsPairs {
    pub(crate) fn from_map(pairs: BTreeMap<String, Pair>) -> Self {
        Self(Arc::new(Mutex::new(pairs)))
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, Pair> {
        self.lock().clone()
    }

    /// The pair of a name, whatever it was made of.
    pub(super) fn get(&self, name: &str) -> Option<Pair> {
        self.lock().get(name).cloned()
    }

    /// The pair of a name, made now when there is none, it was made of something else, or two thirds
    /// of its days are over.
    pub(super) fn get_or_make<E>(
        &self,
        name: &str,
        made_from: &str,
        days: i64,
        now: Timestamp,
        make: impl FnOnce() -> Result<(String, String), E>,
    ) -> Result<Pair, E> {
        let kept = self.get(name);
        let is_good = |pair: &Pair| pair.made_from == made_from && now.as_second() < pair.renew_at;
        if let Some(pair) = kept.filter(is_good) {
            return Ok(pair);
        }
        let (cert, key) = make()?;
        let renew_at = now.as_second().saturating_add(days.saturating_mul(86_400) / 3 * 2);
        let pair = Pair { cert, key, made_from: made_from.to_owned(), renew_at };
        self.lock().insert(name.to_owned(), pair.clone());
        Ok(pair)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Pair>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
