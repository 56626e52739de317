//! The list of what was revoked.

use tidegate_shared::bundle::WhenStale;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Parsed, record};
use crate::source::Spanned;

record! {
    /// The list of tokens, subjects and keys that were revoked before their time.
    struct Revocations {
        /// The key-value store of the platform with the list, by its name; or `url`.
        store: Option<Spanned<String>>,
        /// Where the list is, if not in a store.
        url: Option<Spanned<String>>,
        /// A file of the keys that may sign it.
        trust: Spanned<String>,
        /// How old the list may be, and so how soon a revocation is in force; 30s if absent.
        refresh: Option<Parsed<TimeSpan>>,
        /// How old it may be while it cannot be had anew; 5m if absent.
        keep: Option<Parsed<TimeSpan>>,
        /// What happens to callers while there is none, or only an older one: `refuse` or
        /// `allow`; they are refused if absent.
        when_stale: Option<Parsed<WhenStale>>,
    }
}
