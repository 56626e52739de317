//! Lists of what differs, and references into them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};

/// Values in the order in which they are first referred to.
///
/// A reference is 0 for the first to a value, which is the next of the list, and else how far
/// back from there the value stands: neighbours that are alike then have the same references.
pub(super) struct Distinct<T> {
    places: HashMap<T, u32, Seedless>,
}

/// Loading a bundle, which builds it again, asks nothing of a host, not even a seed.
type Seedless = BuildHasherDefault<DefaultHasher>;

impl<T: Eq + Hash> Distinct<T> {
    /// None yet, and about so many to come.
    pub(super) fn of_many(values: usize) -> Self {
        Self {
            places: HashMap::with_capacity_and_hasher(values, Seedless::default()),
        }
    }

    pub(super) fn reference(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        next.saturating_sub(*self.places.entry(value).or_insert(next))
    }

    pub(super) fn into_list(self) -> Vec<T> {
        let mut list: Vec<(T, u32)> = self.places.into_iter().collect();
        list.sort_unstable_by_key(|(_, place)| *place);
        list.into_iter().map(|(value, _)| value).collect()
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
