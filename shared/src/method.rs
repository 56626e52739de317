//! Sets of request methods.

use std::fmt;

use http::Method;
use serde::{Deserialize, Serialize};

static NAMED: [(Method, u16); 7] = [
    (Method::GET, 1),
    (Method::HEAD, 1 << 1),
    (Method::POST, 1 << 2),
    (Method::PUT, 1 << 3),
    (Method::PATCH, 1 << 4),
    (Method::DELETE, 1 << 5),
    (Method::OPTIONS, 1 << 6),
];
const EXTENSION: u16 = 1 << 7;

/// A set of methods: the seven that APIs use, and all extension methods together
/// (RFC 9110 §9.1, §16.1). `CONNECT` and `TRACE` are never members: the gateway refuses them.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MethodSet(u16);

impl MethodSet {
    /// No method.
    pub const EMPTY: Self = Self(0);
    /// Every method that the gateway forwards.
    pub const ANY: Self = Self((1 << 8) - 1);

    /// The set of one method; empty for `CONNECT` and `TRACE`.
    pub fn of(method: &Method) -> Self {
        let named = NAMED.iter().find(|(name, _)| name == method);
        match named {
            Some((_, bit)) => Self(*bit),
            None if matches!(*method, Method::CONNECT | Method::TRACE) => Self::EMPTY,
            None => Self(EXTENSION),
        }
    }

    /// Whether `method` is in the set.
    pub fn contains(self, method: &Method) -> bool {
        !self.intersection(Self::of(method)).is_empty()
    }

    /// Whether the set has no member.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The methods in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The methods of `self` that `other` lacks.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each member as a set of its own, in a fixed order; the extension methods are one.
    pub fn members(self) -> impl Iterator<Item = Self> {
        (0..8)
            .map(move |bit| Self(self.0 & 1 << bit))
            .filter(|member| !member.is_empty())
    }

    /// Whether extension methods are in the set.
    pub fn has_extensions(self) -> bool {
        self.0 & EXTENSION != 0
    }

    /// The named members, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        self.named().cloned()
    }

    /// The names of the named members, in the same order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.named().map(Method::as_str)
    }

    fn named(self) -> impl Iterator<Item = &'static Method> {
        let members = NAMED.iter().filter(move |(_, bit)| self.0 & bit != 0);
        members.map(|(method, _)| method)
    }
}

/// The value of an `Allow` field (RFC 9110 §10.2.1).
impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{method}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_holds_extension_methods_but_never_trace() {
        let purge = Method::from_bytes(b"PURGE").unwrap();
        assert!(MethodSet::ANY.contains(&purge));
        assert!(!MethodSet::of(&Method::GET).contains(&purge));
        assert!(!MethodSet::ANY.contains(&Method::TRACE));
        assert!(!MethodSet::ANY.contains(&Method::CONNECT));
    }

    #[test]
    fn members_add_up_to_the_set() {
        let set = MethodSet::ANY.without(MethodSet::of(&Method::GET));
        assert!(set.has_extensions());
        assert_eq!(set.members().count(), 7);
        let again = set.members().fold(MethodSet::EMPTY, MethodSet::union);
        assert_eq!(again, set);
    }

    #[test]
    fn shows_as_allow_field() {
        let set = MethodSet::of(&Method::POST).union(MethodSet::of(&Method::GET));
        assert_eq!(set.to_string(), "GET, POST");
    }
}
