//! Who signs requests.

use tidegate_shared::message_signature::Component;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Named, Parsed, record};
use crate::source::Spanned;

record! {
    /// Consumers that sign their requests (RFC 9421).
    struct Signatures {
        /// The consumers, with their keys.
        consumers: Named<Spanned<Signer>>,
        /// What every signature must cover; `@method`, `@authority`, `@path` and `@query` if absent.
        components: Option<Spanned<Vec<Parsed<Component>>>>,
        /// How old a signature may be; 60s if absent, at most 1h.
        max_age: Option<Parsed<TimeSpan>>,
        /// How far clocks may differ; 5s if absent.
        leeway: Option<Parsed<TimeSpan>>,
        /// The label that a signature must have.
        label: Option<Spanned<String>>,
        /// The `tag` that a signature must have.
        tag: Option<Spanned<String>>,
        /// Whether a signature must have a `nonce`, so that it is taken once; false if absent.
        once: Option<bool>,
    }
}

record! {
    /// A consumer that signs.
    struct Signer {
        /// A file with its public keys: a JWK set, in which each has its `kid`.
        keys: Option<Spanned<String>>,
        /// Secrets shared with it, for `hmac-sha256`: the `keyid` of each, and the name under which
        /// the platform holds it.
        secrets: Named<Spanned<String>>,
        /// The plan that it is on.
        plan: Option<Spanned<String>>,
    }
}
