//! Lists of revocations.

use tidegate_shared::bundle::{ListLocation, RevocationRules, WhenStale};
use tidegate_shared::digest::Digest;

use super::{code, short};

/// The list that callers are held against.
pub(crate) fn revocations(rules: &RevocationRules) -> String {
    let RevocationRules {
        location,
        trust,
        refresh,
        keep,
        when_stale,
    } = rules;
    let place = match location {
        ListLocation::Store(store) => format!("in the store {}", code(store)),
        ListLocation::Url(url) => format!("at {}", code(url)),
    };
    let stale = match when_stale {
        WhenStale::Refuse => "refused",
        WhenStale::Allow => "let in",
    };
    format!(
        "a list {place}, signed by {}, asked for every {refresh}; after {keep} without it callers \
         are {stale}",
        short(&Digest::of(trust.as_bytes()))
    )
}
