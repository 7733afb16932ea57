//! Go's `map[string]interface {}`: shared and mutable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Str, Value, drain};

/// `map[string]interface {}`: copies share the entries, so that a `set` sticks.
#[derive(Clone, Debug, Default)]
pub struct Map(Option<Arc<Entries>>);

#[derive(Debug, Default)]
pub(super) struct Entries(Mutex<BTreeMap<Str, Value>>);

impl Entries {
    pub(super) fn take(self) -> Vec<Value> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Str, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        let entries = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        drain(entries.into_values().collect());
    }
}

impl Map {
    /// Returns an empty map.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the nil map: it reads as empty, and writing to it is an error.
    pub fn nil() -> Self {
        Self(None)
    }

    /// Reports whether this is the nil map.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |m| m.lock().len())
    }

    /// Reports whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.as_ref()?.lock().get(key).cloned()
    }

    /// Reports whether `key` has a value.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|m| m.lock().contains_key(key))
    }

    /// Sets `key` to `value`; false when this is the nil map.
    pub fn set(&self, key: impl Into<Str>, value: Value) -> bool {
        let Some(map) = &self.0 else { return false };
        let old = map.lock().insert(key.into(), value);
        // The old value may be a map that has to be locked to be freed: not under our lock.
        drop(old);
        true
    }

    /// Removes `key`.
    pub fn remove(&self, key: &[u8]) {
        if let Some(map) = &self.0 {
            let old = map.lock().remove(key);
            drop(old);
        }
    }

    /// Returns a copy of the entries in the order of their keys.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0.as_ref().map_or_else(Vec::new, |m| {
            m.lock().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
        })
    }

    /// Reports whether both are the same map, not merely equal ones.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    pub(super) fn into_entries(self) -> Option<Arc<Entries>> {
        self.0
    }
}

impl<K: Into<Str>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(k, v)| (k.into(), v)).collect();
        Self(Some(Arc::new(Entries(Mutex::new(entries)))))
    }
}
