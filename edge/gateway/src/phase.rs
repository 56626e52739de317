//! The phases, in their fixed order, whatever the order in the policy: accept, route, screen,
//! authenticate, authorise, limit, shape, forward, shape back, record.

pub(crate) mod accept;
pub(crate) mod authenticate;
pub(crate) mod authorise;
pub(crate) mod limit;
pub(crate) mod plan;
pub(crate) mod request;
pub(crate) mod route;
pub(crate) mod screen;
pub(crate) mod shape;

use http::HeaderName;
use http::header;

/// Where a request is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Accept,
    Route,
    Screen,
    Authenticate,
    Authorise,
    Limit,
    Reply,
    Forward,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Route => "route",
            Self::Screen => "screen",
            Self::Authenticate => "authenticate",
            Self::Authorise => "authorise",
            Self::Limit => "limit",
            Self::Reply => "reply",
            Self::Forward => "forward",
        }
    }
}

/// Fields that concern one connection only and are never passed on (RFC 9110 §7.6.1), beside
/// those that `Connection` names. `TE` and `Trailer` are not among them: `TE: trailers` tells an
/// origin that the client takes trailers.
pub const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
