//! What routing looked at, for people who ask why.

use http::HeaderName;
use tidegate_shared::host::HostPattern;

/// How a request was routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The host of the policy whose routes were asked.
    pub host: HostPattern,
    /// The routes of every path that matches, in the order in which they were tried. Where one
    /// takes the request, it is the last.
    pub candidates: Vec<Candidate>,
}

/// A route whose path matches a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The path that led to it, by its index in the bundle's section of the host.
    pub path: u32,
    /// The route, by its index there.
    pub route: u32,
    /// Why it does not take the request; `None` where it does.
    pub mismatch: Option<Mismatch>,
}

/// Why a route whose path matches does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch<H = HeaderName, Q = String> {
    /// It serves other methods.
    Method,
    /// Its predicate on this header does not hold.
    Header(H),
    /// Its predicate on this query parameter does not hold.
    Query(Q),
}

impl Mismatch<&HeaderName, &str> {
    pub(super) fn to_owned(self) -> Mismatch {
        match self {
            Self::Method => Mismatch::Method,
            Self::Header(name) => Mismatch::Header(name.clone()),
            Self::Query(name) => Mismatch::Query(name.to_owned()),
        }
    }
}
