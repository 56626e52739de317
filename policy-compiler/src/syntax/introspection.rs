//! Servers that say what a token is worth.

use tidegate_shared::bundle::{Binding, ClientMethod};
use tidegate_shared::units::Span as TimeSpan;

use super::PlanClaim;
use super::issuer::Dpop;
use super::token_source::From;
use crate::decode::{Parsed, record};
use crate::source::Spanned;

record! {
    /// A server that says what a token is worth.
    struct Introspection {
        /// Where it is asked.
        url: Spanned<String>,
        /// As whom the gateway asks.
        client: IntrospectionClient,
        /// One of these must be in the answer's `aud`; `[]` where the server alone decides whom a
        /// token is for.
        audiences: Option<Vec<Spanned<String>>>,
        /// The exact value of the answer's `iss`.
        issuer: Option<Spanned<String>>,
        /// How long an answer is believed, and a withdrawn token is good; 30s if absent.
        cache: Option<Parsed<TimeSpan>>,
        /// How long it is believed that a token is no good; 5s if absent.
        negative: Option<Parsed<TimeSpan>>,
        /// How much longer an answer is believed while the server fails; 0s if absent.
        keep: Option<Parsed<TimeSpan>>,
        /// Where a request has its token: `header` (if absent), which is `Authorization: Bearer`,
        /// `{ header: NAME }`, `{ cookie: NAME }` or `{ query: NAME }`.
        from: Option<From>,
        /// To what every token must be bound: `dpop`, a key of which each request has a proof;
        /// `certificate`, a client certificate; or `any` of both. A token that the server says is
        /// bound is held to it in any case.
        binding: Option<Parsed<Binding>>,
        /// What proofs of keys must be.
        dpop: Option<Dpop>,
        /// Which plan the bearers of its tokens are on.
        plan: Option<PlanClaim>,
    }
}

record! {
    /// A client of the server.
    struct IntrospectionClient {
        /// Its `client_id`.
        id: Spanned<String>,
        /// The name under which the platform's secret store has its secret.
        secret: Spanned<String>,
        /// How it shows its secret: `basic` (if absent), which is a header field, or `post`, in
        /// the body.
        method: Option<Parsed<ClientMethod>>,
    }
}
