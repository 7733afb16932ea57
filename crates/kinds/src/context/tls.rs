//! Certificates that templates make up, kept so that a certificate and its key fit together and
//! stay the same from render to render.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Certificates with their keys by name, shared by all renders that get a clone of it.
///
/// It holds private keys and must be stored like a password.
#[derive(Clone, Default)]
pub struct TlsPairs(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    pairs: BTreeMap<String, Pair>,
    /// Names that were asked for: their pairs do not change any more.
    settled: BTreeSet<String>,
}

/// Which half of a pair is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// The certificate: its arguments say what the pair is made of.
    Certificate,
    /// The key: it belongs to the certificate there is, whatever arguments stand beside it.
    Key,
}

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
        f.debug_list().entries(self.lock().pairs.keys()).finish()
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pair(…)")
    }
}

impl TlsPairs {
    pub(crate) fn from_map(pairs: BTreeMap<String, Pair>) -> Self {
        Self(Arc::new(Mutex::new(Known { pairs, ..Known::default() })))
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, Pair> {
        self.lock().pairs.clone()
    }

    /// The pair of a name, whatever it was made of.
    pub(super) fn get(&self, name: &str) -> Option<Pair> {
        self.lock().pairs.get(name).cloned()
    }

    /// Makes the pair of one name that of another one too.
    pub(super) fn name_too(&self, name: &str, pair: &Pair) {
        self.lock().pairs.insert(name.to_owned(), pair.clone());
    }

    /// The pair of a name, made now when there is none, when its certificate is to be made of
    /// something else, or when two thirds of its days are over. What was handed out once stays as
    /// long as this value lives: a certificate and its key fit together. What it is made of is its
    /// signer, empty for itself, and the call that makes it.
    pub(super) fn get_or_make<E>(
        &self,
        name: &str,
        half: Half,
        (signer, call): (&str, &str),
        days: i64,
        now: Timestamp,
        make: impl FnOnce() -> Result<(String, String), E>,
    ) -> Result<Pair, E> {
        let made_from = format!("{signer}{call}");
        {
            let mut known = self.lock();
            let is_settled = !known.settled.insert(name.to_owned());
            let is_good = |pair: &&Pair| {
                let is_same = match half {
                    Half::Certificate => pair.made_from == made_from,
                    Half::Key => pair.made_from.starts_with(signer),
                };
                is_settled || (is_same && now.as_second() < pair.renew_at)
            };
            if let Some(pair) = known.pairs.get(name).filter(is_good) {
                return Ok(pair.clone());
            }
        }
        let (cert, key) = make()?;
        let renew_at = now.as_second().saturating_add(days.saturating_mul(86_400) / 3 * 2);
        let pair = Pair { cert, key, made_from, renew_at };
        self.lock().pairs.insert(name.to_owned(), pair.clone());
        Ok(pair)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
