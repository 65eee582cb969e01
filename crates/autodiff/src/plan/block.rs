//! Blocks: what one task writes, the same part of each value that an instruction stores.

use std::array;

/// The most values one instruction stores.
pub(super) const MAX_STORES: usize = 6;

/// Slices to write, one a store; empty beyond the last one.
pub(super) type Slices<'a, T> = [&'a mut [T]; MAX_STORES];

/// Some consecutive elements of values that share one index space, flattened row-major.
pub(super) struct Block<'a, T> {
    /// Where it begins.
    pub(super) first: usize,
    pub(super) length: usize,
    pub(super) stores: Slices<'a, T>,
}

impl<'a, T> Block<'a, T> {
    /// All `length` elements of the values in `stores`.
    pub(super) fn whole(length: usize, stores: &'a mut Slices<'_, T>) -> Self {
        let all = |store: &'a mut &mut [T]| {
            let length = length.min(store.len());
            &mut store[..length]
        };
        Self { first: 0, length, stores: stores.each_mut().map(all) }
    }

    /// Its first `length` elements, and the others.
    pub(super) fn split(self, length: usize) -> (Self, Self) {
        let mut rest: Slices<'a, T> = array::from_fn(|_| Default::default());
        let mut others = rest.iter_mut();
        let stores = self.stores.map(|store| {
            let (low, high) = store.split_at_mut(length.min(store.len()));
            *others.next().expect("as many stores") = high;
            low
        });
        let first = Self { first: self.first, length, stores };
        (first, Self { first: self.first + length, length: self.length - length, stores: rest })
    }
}
