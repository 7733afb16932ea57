//! Configs of versions and licences that were read, kept for the next preview: a screen asks for one at every key.

use std::sync::{Arc, Mutex, PoisonError};

use kinds::license::{LicenseError, RootKeys, VerifiedLicense, verify};

use super::shown::{ShowError, VersionConfig};
use crate::context::Context;
use crate::store::StoreError;
use crate::store::versions::VersionRow;

/// The most configs that are kept.
const MAX_CONFIGS: usize = 8;
/// The most bytes of text that the kept configs were read from.
const MAX_BYTES: usize = 32 << 20;
/// The most licences that are kept.
const MAX_LICENSES: usize = 8;

/// What was read and may be asked for again.
#[derive(Debug, Default)]
pub(crate) struct KeptConfigs {
    configs: Mutex<Recent<ConfigKey, VersionConfig>>,
    licenses: Mutex<Recent<String, VerifiedLicense>>,
}

/// The version, and what it is made of: a version whose config is still to be answered is made again under its number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ConfigKey {
    app_id: String,
    sequence: i64,
    tree_sha256: String,
}

impl KeptConfigs {
    /// The licence of this text, verified now or earlier; what does not verify is verified each time.
    pub(crate) fn license(
        &self,
        text: &str,
        keys: &RootKeys,
    ) -> Result<Arc<VerifiedLicense>, LicenseError> {
        let lock = || self.licenses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = lock().get(|key| key == text) {
            return Ok(found);
        }
        let verified = Arc::new(verify(text, keys)?);
        lock().put(text.to_owned(), &verified, text.len(), (MAX_LICENSES, MAX_BYTES));
        Ok(verified)
    }

    fn config(&self, key: &ConfigKey) -> Option<Arc<VersionConfig>> {
        self.configs.lock().unwrap_or_else(PoisonError::into_inner).get(|it| it == key)
    }
}

/// Why a version's config cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// What was stored cannot be read.
    #[error(transparent)]
    Show(#[from] ShowError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The config of a version, read now or earlier; `None` when the version is gone.
pub(crate) async fn version_config(
    shared: &Context,
    row: &VersionRow,
) -> Result<Option<Arc<VersionConfig>>, ReadError> {
    let key = ConfigKey {
        app_id: row.app_id.clone(),
        sequence: row.sequence,
        tree_sha256: row.tree_sha256.clone(),
    };
    if let Some(found) = shared.kept_configs.config(&key) {
        return Ok(Some(found));
    }
    let Some(content) = shared.store.version_content(&row.app_id, row.sequence).await? else {
        return Ok(None);
    };
    let texts = [&content.config, &content.config_screen].into_iter().flatten();
    let bytes = texts.map(String::len).sum::<usize>() + content.config_values.len();
    let config = Arc::new(VersionConfig::read(shared, row, content)?);
    let mut configs = shared.kept_configs.configs.lock().unwrap_or_else(PoisonError::into_inner);
    configs.put(key, &config, bytes, (MAX_CONFIGS, MAX_BYTES));
    Ok(Some(config))
}

/// Values by key, the one that was asked for last at the end.
#[derive(Debug)]
struct Recent<K, V>(Vec<(K, Arc<V>, usize)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K, V> Recent<K, V> {
    fn get(&mut self, is_it: impl Fn(&K) -> bool) -> Option<Arc<V>> {
        let at = self.0.iter().position(|(key, ..)| is_it(key))?;
        let found = self.0.remove(at);
        let value = Arc::clone(&found.1);
        self.0.push(found);
        Some(value)
    }

    /// Keeps a value; those that were not asked for longest go when there are too many or too many bytes.
    fn put(&mut self, key: K, value: &Arc<V>, bytes: usize, (max, max_bytes): (usize, usize))
    where
        K: PartialEq,
    {
        self.0.retain(|(known, ..)| *known != key);
        self.0.push((key, Arc::clone(value), bytes));
        let mut sum: usize = self.0.iter().map(|(_, _, bytes)| *bytes).sum();
        while self.0.len() > max || (sum > max_bytes && !self.0.is_empty()) {
            sum -= self.0.remove(0).2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_longest_goes() {
        let mut recent: Recent<&str, u8> = Recent::default();
        let keys = |recent: &Recent<&str, u8>| recent.0.iter().map(|it| it.0).collect::<String>();
        for (key, bytes) in [("a", 4), ("b", 3), ("c", 2)] {
            recent.put(key, &Arc::new(0), bytes, (3, 10));
        }
        assert_eq!(keys(&recent), "abc");
        assert!(recent.get(|it| *it == "a").is_some() && recent.get(|it| *it == "x").is_none());
        recent.put("d", &Arc::new(0), 1, (3, 10));
        assert_eq!(keys(&recent), "cad");
        recent.put("a", &Arc::new(0), 9, (3, 10));
        assert_eq!(keys(&recent), "da");
        recent.put("e", &Arc::new(0), 11, (3, 10));
        assert_eq!(keys(&recent), "", "what is too large by itself is not kept");
    }
}
