//! Go's slices: windows on shared items.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Str, Value, drain};

/// `[]interface {}`: a window on shared items that are never changed in place.
#[derive(Clone, Debug, Default)]
pub struct List(Option<Window>);

#[derive(Clone, Debug)]
struct Window {
    items: Arc<Items>,
    start: usize,
    len: usize,
    capacity: usize,
}

#[derive(Debug)]
pub(super) struct Items(pub(super) Vec<Value>);

impl Drop for Items {
    fn drop(&mut self) {
        drain(std::mem::take(&mut self.0));
    }
}

impl List {
    /// Returns the nil slice, which is not the same as an empty one (`[]` against `null` in JSON).
    pub fn nil() -> Self {
        Self(None)
    }

    /// Returns a slice whose capacity is what `append` one by one leads to, as JSON decoding does.
    pub(crate) fn grown(items: Vec<Value>) -> Self {
        let capacity = match items.len() {
            0 => 0,
            n => n.next_power_of_two(),
        };
        let mut list = Self::from(items);
        if let Some(window) = &mut list.0 {
            window.capacity = capacity;
        }
        list
    }

    /// Reports whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |w| w.len)
    }

    /// Reports whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.as_ref().map_or(0, |w| w.capacity)
    }

    /// Returns item `i`.
    pub fn get(&self, i: usize) -> Option<&Value> {
        static NIL: Value = Value::Nil;
        let window = self.0.as_ref()?;
        (i < window.len).then(|| window.items.0.get(window.start + i).unwrap_or(&NIL))
    }

    /// Returns the items.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// Returns a copy of the items.
    pub fn to_vec(&self) -> Vec<Value> {
        self.iter().cloned().collect()
    }

    /// Returns `list[start:end]`; the caller has checked the bounds against the capacity.
    pub(crate) fn slice(&self, start: usize, end: usize, capacity: usize) -> Self {
        Self(self.0.as_ref().map(|w| Window {
            items: Arc::clone(&w.items),
            start: w.start + start,
            len: end.saturating_sub(start),
            capacity: capacity.saturating_sub(start),
        }))
    }

    pub(super) fn into_items(self) -> Option<Arc<Items>> {
        self.0.map(|w| w.items)
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> Self {
        let len = items.len();
        Self(Some(Window { items: Arc::new(Items(items)), start: 0, len, capacity: len }))
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        items.into_iter().collect::<Vec<_>>().into()
    }
}

/// `[]string`: shared, and `sortAlpha` sorts it in place.
#[derive(Clone, Debug, Default)]
pub struct Strings(Option<StringWindow>);

#[derive(Clone, Debug)]
struct StringWindow {
    items: Arc<Mutex<Vec<Str>>>,
    start: usize,
    len: usize,
}

impl Strings {
    /// Returns the nil slice.
    pub fn nil() -> Self {
        Self(None)
    }

    /// Reports whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |w| w.len)
    }

    /// Reports whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns item `i`.
    pub fn get(&self, i: usize) -> Option<Str> {
        let window = self.0.as_ref()?;
        if i >= window.len {
            return None;
        }
        let items = window.items.lock().unwrap_or_else(PoisonError::into_inner);
        Some(items.get(window.start + i).cloned().unwrap_or_default())
    }

    /// Returns a copy of the items.
    pub fn to_vec(&self) -> Vec<Str> {
        let Some(window) = &self.0 else { return Vec::new() };
        let items = window.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.get(window.start..window.start + window.len).map(<[Str]>::to_vec).unwrap_or_default()
    }

    /// Sorts the window in place: every other value that shares the items sees it.
    pub(crate) fn sort(&self) {
        let Some(window) = &self.0 else { return };
        let mut items = window.items.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = items.get_mut(window.start..window.start + window.len) {
            slice.sort();
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0
            .as_ref()
            .map_or(0, |w| w.items.lock().unwrap_or_else(PoisonError::into_inner).len() - w.start)
    }

    pub(crate) fn slice(&self, start: usize, end: usize) -> Self {
        Self(self.0.as_ref().map(|w| StringWindow {
            items: Arc::clone(&w.items),
            start: w.start + start,
            len: end.saturating_sub(start),
        }))
    }
}

impl From<Vec<Str>> for Strings {
    fn from(items: Vec<Str>) -> Self {
        let len = items.len();
        Self(Some(StringWindow { items: Arc::new(Mutex::new(items)), start: 0, len }))
    }
}
