//! What is made once and kept: programs by the size of a batch, plans by the number of vectors or the degree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values by a number, each made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Cache<V>(Mutex<BTreeMap<usize, Arc<V>>>);

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V> Cache<V> {
    pub(crate) fn get(&self, key: usize, make: impl FnOnce() -> V) -> Arc<V> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}
