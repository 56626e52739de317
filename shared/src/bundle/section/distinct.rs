//! Lists of what differs, and references into them.

use std::collections::HashMap;
use std::hash::Hash;

use rustc_hash::FxBuildHasher;

/// Values in the order in which they are first referred to.
///
/// A reference is 0 for the first to a value, which is the next of the list, and else how far
/// back from there the value stands: neighbours that are alike then have the same references.
pub(super) struct Distinct<T> {
    list: Vec<T>,
    /// Without a seed: loading a bundle, which builds it again, asks nothing of a host, and what
    /// is hashed has been written by who signs.
    places: HashMap<T, u32, FxBuildHasher>,
}

impl<T: Copy + Eq + Hash> Distinct<T> {
    /// None yet, and about so many to come.
    pub(super) fn of_many(values: usize) -> Self {
        Self {
            list: Vec::with_capacity(values),
            places: HashMap::with_capacity_and_hasher(values, FxBuildHasher),
        }
    }

    pub(super) fn reference(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let place = *self.places.entry(value).or_insert(next);
        if place == next {
            self.list.push(value);
        }
        next.saturating_sub(place)
    }

    pub(super) fn into_list(self) -> Vec<T> {
        self.list
    }
}

/// A list of [`Distinct`] values, as the references are read.
pub(super) struct Listed<'l, T> {
    list: &'l [T],
    next: usize,
}

impl<'l, T> Listed<'l, T> {
    pub(super) fn new(list: &'l [T]) -> Self {
        Self { list, next: 0 }
    }

    /// What a reference leads to.
    pub(super) fn at(&mut self, reference: u32) -> Option<&'l T> {
        let place = self.next.checked_sub(usize::try_from(reference).ok()?)?;
        let value = self.list.get(place)?;
        if reference == 0 {
            self.next = self.next.saturating_add(1);
        }
        Some(value)
    }
}
