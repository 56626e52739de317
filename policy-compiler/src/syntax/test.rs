//! The policy's own tests.

use crate::decode::{Json, Named, OneOrMany, Parsed, record};
use crate::source::Spanned;
use tidegate_shared::problem::Problem;

record! {
    /// A request and what must come of it.
    struct PolicyTest {
        /// The name in the report; the request if absent.
        name: Option<Spanned<String>>,
        /// Method and URL: `GET https://api.example.com/v1/things`.
        send: Spanned<String>,
        /// Header fields.
        headers: Named<Spanned<String>>,
        /// Who calls: one credential, or several in one request.
        callers as "as": Option<OneOrMany<Spanned<Caller>>>,
        /// The client's address.
        from: Option<Parsed<std::net::IpAddr>>,
        /// How often to send it; the last answer counts.
        repeat: Option<Spanned<u64>>,
        /// What must come of it.
        expect: Expectation,
    }
}

record! {
    /// Who calls: the test runner makes a fitting credential.
    struct Caller {
        /// A token of this issuer.
        jwt: Option<Spanned<String>>,
        /// A token that this server vouches for.
        introspect: Option<Spanned<String>>,
        /// The token's subject; `test` if absent.
        subject: Option<Spanned<String>>,
        /// The scopes of the token, or of a key that is in a store.
        scopes: Vec<Spanned<String>>,
        /// More claims.
        claims: Option<Json>,
        /// Whether the token has expired.
        expired: Option<Spanned<bool>>,
        /// An API key of this ring.
        api_key: Option<Spanned<String>>,
        /// A client certificate of one of these.
        certificate: Option<Spanned<String>>,
        /// The consumer whose key or certificate it is.
        consumer: Option<Spanned<String>>,
        /// Whether the subject or consumer is on the list of revocations.
        revoked: Option<Spanned<bool>>,
    }
}

record! {
    /// What must come of a request. What is absent is not looked at.
    struct Expectation {
        /// The status of the gateway's own answer.
        status: Option<Spanned<u64>>,
        /// The problem that it refuses with.
        problem: Option<Parsed<Problem>>,
        /// The upstream that the request goes to.
        to: Option<Spanned<String>>,
        /// The path that the origin gets, with the query.
        path: Option<Spanned<String>>,
        /// The route's name.
        route: Option<Spanned<String>>,
        /// Header fields of the answer.
        headers: Named<Spanned<String>>,
    }
}
